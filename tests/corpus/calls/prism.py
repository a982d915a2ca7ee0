"""The second opinion: Prism, which validates requests against a document in another language.

Prism is a program of npm: ``npm install @stoplight/prism-cli``, and its path is given by ``--prism``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from .described import Described
from .wire import Received

_START_S = 90.0
_LEFT_OUT = frozenset({"host", "content-length", "connection", "accept-encoding"})
# What Prism says of the answer that it cannot make, and not of the request.
_OF_THE_ANSWER = (
    "NO_COMPLEX_OBJECT_TEXT",
    "NOT_FOUND",
    "NO_SUCCESS_RESPONSE",
    "SCHEMA_TOO_COMPLEX",
    "NO_RESPONSE",
)


class Prism:
    """A running Prism."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def refusal(self, described: Described, received: Received) -> str | None:
        """Why Prism refuses a request; ``""`` if it takes it, ``None`` if it breaks down over it."""
        try:
            return await self._refusal(described, received)
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _refusal(self, described: Described, received: Received) -> str:
        target = received.target.removeprefix(described.base_path) or "/"
        headers = [(n, v) for n, v in received.headers if n not in _LEFT_OUT]
        async with self._session.request(
            received.method,
            URL(self._url + target, encoded=True),
            headers=headers,
            data=received.body or None,
            allow_redirects=False,
        ) as answer:
            if answer.status < 400:
                return ""
            text = await answer.text()
        try:
            problem = json.loads(text)
        except ValueError:
            return ""
        kind = str(problem.get("type", "")).rpartition("#")[2] if isinstance(problem, dict) else ""
        if not kind or kind in _OF_THE_ANSWER or kind == "UNKNOWN":
            return ""
        found = problem.get("validation")
        if isinstance(found, list):
            # What it says of its own answer is left aside.
            found = [one for one in found if (one.get("location") or [""])[0] != "response"]
            if not found:
                return ""
        return f"{kind}: {json.dumps(found or problem.get('detail'))[:400]}"


@asynccontextmanager
async def prism(program: Path, document: Path) -> AsyncIterator[Prism | None]:
    """Prism for *document*; ``None`` if it cannot read it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(program), "mock", str(document), "--errors", "-h", "127.0.0.1", "-p", str(port),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(30), connector=aiohttp.TCPConnector(force_close=True)
        ) as session:
            yield Prism(f"http://127.0.0.1:{port}", session) if await _listens(process, port) else None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return True
                await asyncio.sleep(0.1)
    return False
