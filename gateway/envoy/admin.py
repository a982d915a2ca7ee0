"""Envoy's admin interface, on a Unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from ...schemas.errors import WeftError


class AdminUnreachable(WeftError):
    """Nobody answers on the admin socket."""


class Admin:
    """Asks one Envoy. Use it in ``async with``."""

    def __init__(self, socket: Path, *, timeout_s: float = 5.0) -> None:
        self.socket = socket
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Admin:
        """Open a session; it connects with the first question."""
        connector = aiohttp.UnixConnector(path=str(self.socket))
        self._session = aiohttp.ClientSession("http://envoy", connector=connector, timeout=self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, path: str, *, method: str = "GET") -> tuple[int, str]:
        """Status and text of one answer.

        Raises:
            AdminUnreachable: There is none.
        """
        assert self._session is not None
        try:
            async with self._session.request(method, path) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AdminUnreachable(f"Envoy does not answer on {self.socket}") from error

    async def ask_json(self, path: str) -> Any:
        """One answer in JSON."""
        return msgspec.json.decode((await self.ask(path))[1])

    async def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match *pattern*, a regular expression."""
        from urllib.parse import quote

        found = await self.ask_json(f"/stats?format=json&filter={quote(pattern, safe='')}")
        return {stat["name"]: stat["value"] for stat in found["stats"] if isinstance(stat.get("value"), int)}

    async def is_live(self) -> bool:
        """Whether Envoy takes requests: its listeners are warm."""
        try:
            status, text = await self.ask("/ready")
        except AdminUnreachable:
            return False
        return status == 200 and text.strip() == "LIVE"

    async def until_live(self, *, timeout_s: float) -> bool:
        """Wait until Envoy takes requests; whether it does so in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self.is_live():  # noqa: ASYNC110 - Envoy says nothing by itself
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True
