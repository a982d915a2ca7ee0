"""Envoys that others run: from a file that holds everything, or told by ``weft gateway``."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest

from tests.engine.transport.http1.certificates import make_authority
from tests.gateway.edge import echoes, shop_catalog
from tests.support.shop import free_ports
from weft.app.fleet import joining_bootstrap, rendered, running_control
from weft.discovery.store import save_snapshot
from weft.gateway.control import ControlPlane
from weft.gateway.envoy.binary import find_envoy
from weft.gateway.envoy.process import EnvoyProcess, EnvoySettings
from weft.schemas.catalog import Snapshot
from weft.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


@dataclass
class Fleet:
    """A configuration for an upstream that runs.

    Attributes:
        sockets: A folder whose path is short.
    """

    folder: Path
    config: Path
    port: int
    session: aiohttp.ClientSession
    sockets: Path

    def configure(self, gateway: dict[str, Any]) -> None:
        value = {"upstreams": [], "gateway": {"port": self.port, "expose": ["*"], **gateway}}
        self.config.write_text(json.dumps(value))

    async def status(self, path: str) -> int:
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return 0

    @contextlib.asynccontextmanager
    async def envoy(self, bootstrap: dict[str, Any], name: str = "a") -> AsyncIterator[EnvoyProcess]:
        """An Envoy that somebody else started with *bootstrap*."""
        folder = self.sockets / name
        folder.mkdir()
        bootstrap["admin"]["address"]["pipe"]["path"] = str(folder / "admin.sock")
        async with EnvoyProcess(EnvoySettings(find_envoy(), folder, drain_s=0.1), bootstrap) as envoy:
            assert await envoy.admin.until_live(timeout_s=20)
            yield envoy


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="weft-") as sockets:
        async with echoes("v1") as (echo,), aiohttp.ClientSession() as session:
            one = Fleet(tmp_path, tmp_path / "weft.yaml", port, session, Path(sockets))
            one.configure({})
            settings = load_settings(one.config)
            save_snapshot(settings.discovery.snapshot, Snapshot(catalog=shop_catalog(echo.url), statuses=()))
            yield one


async def acknowledged(plane: ControlPlane) -> None:
    assert await plane.refresh(), plane.problem
    assert await plane.publisher.until_acknowledged()


async def test_a_rendered_file_is_all_that_an_envoy_needs(fleet: Fleet) -> None:
    (metrics,) = free_ports(1)
    fleet.configure(
        {"metrics_port": metrics, "canaries": {"shop": {"versions": {"v2": "http://127.0.0.1:1"}}}}
    )
    settings = load_settings(fleet.config)
    bootstrap = rendered(fleet.config, settings, admin=fleet.sockets / "a" / "admin.sock").bootstrap
    assert "dynamic_resources" not in bootstrap
    async with fleet.envoy(bootstrap):
        assert [await fleet.status(path) for path in ("/shop/items/1", "/shop/items", "/no")] == [
            200,
            200,
            404,
        ]
        async with fleet.session.get(f"http://127.0.0.1:{metrics}/metrics") as answer:
            assert "envoy_vhost_route_upstream_rq" in await answer.text()


async def test_envoys_of_a_fleet_take_what_is_configured_as_it_changes(fleet: Fleet) -> None:
    (control,) = free_ports(1)
    fleet.configure({"control": {"port": control}})
    settings = load_settings(fleet.config)
    joining = joining_bootstrap(settings, node="edge-1")
    async with running_control(fleet.config, settings) as plane, fleet.envoy(joining) as envoy:
        assert await fleet.status("/shop/items") == 200
        fleet.configure(
            {"control": {"port": control}, "expose": [], "routes": [{"path": "/new", "upstream": "shop"}]}
        )
        await acknowledged(plane)
        assert [await fleet.status(path) for path in ("/shop/items", "/new")] == [404, 200]
        (node,) = plane.status()["nodes"]
        assert (node["node"], node["connected"], node["version"]) == (
            "edge-1",
            True,
            plane.status()["version"],
        )
        assert plane.status()["control"] == f"127.0.0.1:{control}"
        await plane.publisher.__aexit__()  # the control plane is gone, and Envoy has all that it had
        assert await fleet.status("/new") == 200
        assert await envoy.admin.is_live()
        await plane.publisher.__aenter__()
        fleet.configure({"control": {"port": control}})
        await acknowledged(plane)
        assert await fleet.status("/shop/items") == 200


async def test_control_plane_and_envoys_prove_who_they_are(fleet: Fleet) -> None:
    (control,) = free_ports(1)
    authority = make_authority(fleet.folder)
    files = {
        "cert": str(authority.chain_file),
        "key": str(authority.chain_file),
        "ca": str(authority.ca_file),
    }
    fleet.configure({"control": {"host": "localhost", "port": control, **files}})
    settings = load_settings(fleet.config)
    async with running_control(fleet.config, settings) as plane:
        async with fleet.envoy(joining_bootstrap(settings, node="edge-1")):
            assert await fleet.status("/shop/items") == 200
        for credentials in (None, grpc.ssl_channel_credentials(authority.ca_file.read_bytes())):
            target = f"localhost:{control}"
            channel = (
                grpc.aio.secure_channel(target, credentials)
                if credentials
                else grpc.aio.insecure_channel(target)
            )
            async with channel:
                stranger = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources", bytes, bytes)
                with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
                    await stranger(iter([b""])).read()
        assert [node.node for node in plane.publisher.nodes] == ["edge-1"]
