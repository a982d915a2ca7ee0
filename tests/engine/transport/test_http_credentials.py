"""Credentials on the wire."""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.engine.transport.http_functions import call, function, parameter
from weft.engine.transport import TransportSettings
from weft.engine.transport.base import TlsFiles
from weft.engine.transport.credentials import Basic, Credential, Secret
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Body, Function, HttpTarget, SecurityScheme, Upstream, UpstreamId
from weft.schemas.errors import UpstreamStatus, UpstreamUnreachable

SCHEMES = (
    SecurityScheme(name="key", kind="apiKey", location="header", parameter="X-Key"),
    SecurityScheme(name="in_query", kind="apiKey", location="query", parameter="key"),
    SecurityScheme(name="in_cookie", kind="apiKey", location="cookie", parameter="session"),
    SecurityScheme(name="basic", kind="basic"),
)


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {"url": request.raw_path, "headers": {n.lower(): v for n, v in request.headers.items()}}
    )


@asynccontextmanager
async def api(
    *, tls: ssl.SSLContext | None = None, files: TlsFiles | None = None, **credentials: Credential
) -> AsyncIterator[HttpTransport]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        upstream = Upstream(id=UpstreamId("shop"), target=HttpTarget(base_url=url, schemes=SCHEMES))
        async with HttpTransport(
            upstream, TransportSettings(credentials=credentials, tls=files)
        ) as transport:
            yield transport
    finally:
        await runner.cleanup()


PLAIN = function("/orders", parameter("query", name="q"))
WITH_BODY = function("/orders", method="POST", body=Body(argument="input"))
WITH_COOKIE = function("/orders", parameter("cookie", name="theme"))


@pytest.mark.parametrize("one", [PLAIN, WITH_BODY, WITH_COOKIE])
async def test_header_and_user_are_sent_with_every_kind_of_call(one: Function) -> None:
    async with api(key=Secret("k"), basic=Basic("u", "p")) as transport:
        headers = (await call(transport, one))["headers"]
    assert (headers["x-key"], headers["authorization"]) == ("k", "Basic dTpw")


async def test_key_in_the_query_stands_beside_the_arguments() -> None:
    async with api(in_query=Secret("a b")) as transport:
        assert (await call(transport, PLAIN, q="x"))["url"] == "/orders?q=x&key=a%20b"
        assert (await call(transport, PLAIN))["url"] == "/orders?key=a%20b"
        assert (await call(transport, WITH_BODY, input=1))["url"] == "/orders?key=a%20b"
        assert (await call(transport, function("/a?v=1")))["url"] == "/a?v=1&key=a%20b"


async def test_key_in_a_cookie_stands_beside_the_arguments() -> None:
    async with api(in_cookie=Secret("c")) as transport:
        assert (await call(transport, WITH_COOKIE, theme="dark"))["headers"][
            "cookie"
        ] == "theme=dark; session=c"
        assert (await call(transport, PLAIN))["headers"]["cookie"] == "session=c"


async def test_no_argument_changes_a_credential() -> None:
    one = function("/orders", parameter("header", "simple", name="x-key"))
    async with api(key=Secret("k")) as transport:
        assert (await call(transport, one, **dict[str, Any]({"x-key": "forged"})))["headers"]["x-key"] == "k"


async def test_other_server_of_an_operation_gets_no_credentials() -> None:
    async with api(key=Secret("k"), in_query=Secret("q"), in_cookie=Secret("c")) as transport:
        elsewhere = transport._base_url.replace("127.0.0.1", "localhost")
        answer = await call(transport, function("/orders", server=elsewhere))
    assert answer["url"] == "/orders"
    assert not {"x-key", "cookie"} & answer["headers"].keys()


async def test_errors_and_reprs_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    credentials: dict[str, Any] = {
        "key": Secret("hush"),
        "in_query": Secret("hush"),
        "basic": Basic("hush", "hush"),
    }
    settings = TransportSettings(credentials=credentials)
    upstream = Upstream(
        id=UpstreamId("shop"), target=HttpTarget(base_url="http://127.0.0.1:9", schemes=SCHEMES)
    )
    async with HttpTransport(upstream, settings) as transport:
        refused = await call(transport, PLAIN)
        prepared = transport._prepare(PLAIN)
    assert isinstance(refused, UpstreamUnreachable | UpstreamStatus)
    seen = f"{refused!r} {refused} {refused.detail} {settings!r} {prepared!r} {caplog.text}"
    assert "hush" not in seen
    assert "aHVzaDpodXNo" not in seen  # hush:hush in base64
    assert "hush" not in msgspec.json.encode(upstream).decode()


def certificate(folder: Path, name: str, *, signed_by: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A certificate for this machine and its key, in ``{name}.pem`` and ``{name}.key``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signed_by[0].subject, signed_by[1]) if signed_by else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signed_by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hush")
            if name == "client"
            else serialization.NoEncryption(),
        )
    )
    return made, key


async def test_client_shows_its_certificate_to_the_upstream_alone(tmp_path: Path) -> None:
    authority = certificate(tmp_path, "ca")
    for name in ("server", "client"):
        certificate(tmp_path, name, signed_by=authority)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server.verify_mode = ssl.CERT_REQUIRED
    trust = TlsFiles(ca=str(tmp_path / "ca.pem"))
    files = TlsFiles(
        certificate=str(tmp_path / "client.pem"),
        key=str(tmp_path / "client.key"),
        key_password="hush",
        ca=str(tmp_path / "ca.pem"),
    )
    async with api(tls=server, files=files) as transport:
        assert (await call(transport, PLAIN))["url"] == "/orders"
    async with api(tls=server, files=trust) as transport:
        assert isinstance(await call(transport, PLAIN), UpstreamUnreachable)
    assert "hush" not in repr(files)


def test_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    certificate(tmp_path, "client")
    files = TlsFiles(
        certificate=str(tmp_path / "client.pem"), key=str(tmp_path / "client.key"), key_password="wrong"
    )
    with pytest.raises(OSError, match=r"PEM|bad|password|decrypt"):
        HttpTransport(
            Upstream(id=UpstreamId("shop"), target=HttpTarget(base_url="https://a")),
            TransportSettings(tls=files),
        )
