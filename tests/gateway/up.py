"""``weft up`` as a test runs it: the shop behind the engine, the engine behind Envoy."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.gateway.edge import Answer, Echo, echoes
from tests.support.shop import RunningShop, free_ports, start_shop
from weft.app.discovering import discover, write_snapshot
from weft.app.gateway import Running, running_gateway
from weft.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
SECRET = "a secret that is long enough for HS256"
JWKS = json.dumps(
    {
        "keys": [
            {
                "kty": "oct",
                "alg": "HS256",
                "kid": "k",
                "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
            }
        ]
    }
)


@dataclass
class Up:
    """A gateway that runs, with the shop behind it."""

    shop: RunningShop
    running: Running
    settings: Settings
    url: str
    metrics: str
    session: aiohttp.ClientSession
    v2: Echo

    async def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Answer:
        body = {"query": query, "variables": variables}
        return await self.request("/graphql", method="POST", json=body, headers=headers)

    async def tell(self, **changes: Any) -> None:
        """Other members of the section ``gateway``, in effect when it returns."""
        settings = yaml.safe_load(self.shop.config.read_text())
        settings["gateway"] |= changes
        self.shop.config.write_text(yaml.safe_dump(settings))
        assert await self.running.control.refresh(), self.running.control.problem
        assert await self.running.control.publisher.until_acknowledged()

    async def request(self, path: str, *, method: str = "GET", **options: Any) -> Answer:
        async with self.session.request(method, self.url + path, **options) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))


@contextlib.asynccontextmanager
async def running_up(folder: Path, config: str) -> AsyncIterator[Up]:
    """A gateway that runs until the block ends.

    Args:
        folder: For its files.
        config: What stands in weft.yaml beside the upstreams, with ``PORT``, ``METRICS``, ``ACCESS`` and ``V2``.
    """
    port, metrics = free_ports(2)
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    async with contextlib.AsyncExitStack() as stack:
        shop = stack.enter_context(start_shop(folder))
        (v2,) = await stack.enter_async_context(echoes("v2"))
        text = re.sub(r"server: .*\n", "", shop.config.read_text()) + config
        for name, value in (
            ("PORT", port),
            ("METRICS", metrics),
            ("ACCESS", folder / "access.log"),
            ("V2", v2.url),
        ):
            text = text.replace(name, str(value))
        shop.config.write_text(text)
        (folder / "jwks.json").write_text(JWKS)
        settings = load_settings(shop.config)
        write_snapshot(settings, await discover(settings))
        running = await stack.enter_async_context(running_gateway(shop.config, settings, port=port))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Up(
            shop,
            running,
            settings,
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{metrics}/metrics",
            session,
            v2,
        )
    for name, earlier in before.items():
        if earlier is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = earlier


def weft(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments, "-c", str(up.shop.config)],
        cwd=up.shop.config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
