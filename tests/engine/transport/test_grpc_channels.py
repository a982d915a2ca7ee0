"""Channels: certificates, authority, several addresses, messages that are too large, reconnecting."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.transport import TransportSettings
from weft.engine.transport.base import ChannelSettings, TlsFiles
from weft.engine.transport.grpc import GrpcTransport
from weft.engine.transport.grpc_channel import target_of
from weft.schemas.catalog import FunctionId, UpstreamId
from weft.schemas.errors import ConfigError, UpstreamUnreachable
from weft.schemas.grpc import read_descriptors

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package zoo;
service Zoo { rpc GetPet(Key) returns (Pet); }
message Key { string pet_id = 1; }
message Pet { string pet_id = 1; string by = 2; }
""")


class Authority:
    """A certificate authority, and certificates of it, as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ca {folder.name}")])
        self.ca = self._write("ca.pem", self._certificate(self._name, self._key, ca=True))

    def issue(self, name: str, *hosts: str) -> tuple[str, str]:
        """The files of a certificate for *hosts* and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key, hosts=hosts)
        data = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self._folder / f"{name}.key"
        path.write_bytes(data)
        return self._write(f"{name}.pem", certificate), str(path)

    def _certificate(
        self, subject: x509.Name, key: Any, *, ca: bool = False, hosts: tuple[str, ...] = ()
    ) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: Any) -> str:
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.asynccontextmanager
async def serving(
    name: str = "", *, tls: grpc.ServerCredentials | None = None, port: int = 0
) -> AsyncIterator[tuple[int, Counter[str]]]:
    """A server's port, and what it has seen."""
    seen: Counter[str] = Counter()

    async def get_pet(request: Any, context: Any) -> Any:
        seen["calls"] += 1
        if identity := context.peer_identities():
            seen[f"peer {identity[0].decode()}"] += 1
        return {"petId": request.pet_id, "by": name}

    api = GrpcApi(DESCRIPTORS, {"Zoo.GetPet": get_pet})
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    api.add_to(server)
    address = f"127.0.0.1:{port}"
    found = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
    await server.start()
    try:
        yield found, seen
    finally:
        await server.stop(None)


def server_tls(authority: Authority, *hosts: str, clients: bool = False) -> grpc.ServerCredentials:
    certificate, key = authority.issue("server", *hosts)
    pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
    ca = Path(authority.ca).read_bytes() if clients else None
    return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=clients)


async def call(
    address: str,
    *,
    files: TlsFiles | None = None,
    timeout_s: float = 5.0,
    times: int = 1,
    **settings: Any,
) -> Any:
    """The answer, or those of several calls; over TLS where *files* are given."""
    upstream = read_descriptors(
        DESCRIPTORS, ["zoo.Zoo"], upstream=UpstreamId("zoo"), address=address, tls=files is not None
    )
    function = upstream.functions_by_id[FunctionId("zoo.Zoo.GetPet")]
    found = []
    async with GrpcTransport(upstream, TransportSettings(tls=files, **settings)) as transport:
        for _ in range(times):
            deadline = asyncio.get_running_loop().time() + timeout_s
            found.append(await transport.call(function, {"petId": "p"}, deadline=deadline, headers={}))
    return found if times > 1 else found[0]


async def test_a_server_is_trusted_by_the_configured_authority_alone(authority: Authority) -> None:
    async with serving(tls=server_tls(authority, "127.0.0.1")) as (port, _):
        answer = await call(f"127.0.0.1:{port}", files=TlsFiles(ca=authority.ca))
        assert answer["petId"] == "p"
        assert isinstance(await call(f"127.0.0.1:{port}", files=TlsFiles()), UpstreamUnreachable)


async def test_a_server_sees_the_clients_certificate(authority: Authority) -> None:
    certificate, key = authority.issue("weft", "weft.internal")
    async with serving(tls=server_tls(authority, "127.0.0.1", clients=True)) as (port, seen):
        files = TlsFiles(ca=authority.ca, certificate=certificate, key=key)
        assert (await call(f"127.0.0.1:{port}", files=files))["petId"] == "p"
        assert seen["peer weft.internal"] == 1
        without = await call(f"127.0.0.1:{port}", files=TlsFiles(ca=authority.ca))
        assert isinstance(without, UpstreamUnreachable)


async def test_a_certificate_of_another_name_is_trusted_under_the_authority_that_is_set(
    authority: Authority,
) -> None:
    async with serving(tls=server_tls(authority, "zoo.example")) as (port, _):
        files = TlsFiles(ca=authority.ca)
        assert isinstance(await call(f"127.0.0.1:{port}", files=files), UpstreamUnreachable)
        channel = ChannelSettings(authority="zoo.example")
        assert (await call(f"127.0.0.1:{port}", files=files, channel=channel))["petId"] == "p"


@pytest.mark.parametrize(
    ("files", "key"),
    [
        (TlsFiles(ca="/nowhere/ca.pem"), "tls.ca"),
        (TlsFiles(certificate="/nowhere/c.pem"), "tls.key"),
        (TlsFiles(certificate="/nowhere/c.pem", key="/nowhere/k.pem", key_password="x"), "tls.key_password"),
    ],
)
async def test_certificates_that_cannot_be_used_are_a_config_error(files: TlsFiles, key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        await call("127.0.0.1:1", files=files)
    assert raised.value.key == key


@pytest.mark.parametrize(("balance", "servers"), [("round_robin", 2), ("pick_first", 1)])
async def test_calls_are_spread_over_the_addresses(balance: Any, servers: int) -> None:
    async with serving("a") as (first, _), serving("b") as (second, _):
        address = f"127.0.0.1:{first},127.0.0.1:{second}"
        channel = ChannelSettings(balance=balance)
        answers = await call(address, channel=channel, times=20)
    assert len({answer["by"] for answer in answers}) == servers


async def test_an_address_that_is_down_is_passed_over() -> None:
    async with serving("a") as (first, _), serving("b") as (second, _):
        pass
    async with serving("up") as (port, _):
        address = f"127.0.0.1:{first},127.0.0.1:{port},127.0.0.1:{second}"
        answers = await call(address, times=4)
    assert [answer["by"] for answer in answers] == ["up"] * 4


@pytest.mark.slow
async def test_a_server_that_comes_back_is_found_again(unused_tcp_port: int) -> None:
    upstream = read_descriptors(
        DESCRIPTORS,
        ["zoo.Zoo"],
        upstream=UpstreamId("zoo"),
        address=f"127.0.0.1:{unused_tcp_port}",
        tls=False,
    )
    function = upstream.functions_by_id[FunctionId("zoo.Zoo.GetPet")]

    async with GrpcTransport(upstream, TransportSettings()) as transport:

        async def once() -> Any:
            deadline = asyncio.get_running_loop().time() + 2
            return await transport.call(function, {}, deadline=deadline, headers={})

        async with serving("before", port=unused_tcp_port):
            assert (await once())["by"] == "before"
        assert isinstance(await once(), UpstreamUnreachable)
        async with serving("after", port=unused_tcp_port), asyncio.timeout(10):
            answer = await once()
            while isinstance(answer, UpstreamUnreachable):
                await asyncio.sleep(0.05)
                answer = await once()
        assert answer["by"] == "after"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("zoo:9000", "zoo:9000"),
        ("dns:///zoo:9000", "dns:///zoo:9000"),
        ("10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("10.0.0.1:1, 10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("unix:/run/zoo.sock", "unix:/run/zoo.sock"),
    ],
)
def test_addresses_are_said_as_grpc_takes_them(address: str, target: str) -> None:
    assert target_of(address) == target
