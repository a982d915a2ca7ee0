"""An HTTP server in front of the local Lambda service: it tells what was asked, and refuses what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_HOP_BY_HOP = ("Connection", "Content-Length", "Date", "Server", "Transfer-Encoding")


@dataclass(slots=True)
class Refusal:
    """What is answered in place of the service.

    Attributes:
        what: A glob of what is asked, such as ``lambda GET */tags/*``.
        times: How often, in requests; endless where it is ``None``.
    """

    what: str
    status: int
    kind: str
    times: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AwsProxy:
    """The running proxy.

    Attributes:
        asked: Every request: service, method, and the path, or the operation of services that have one path.
        keys: The access key of each.
        held: Set as soon as a request is held back.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _hold: tuple[str, int] = ("", 0)

    def hold(self, what: str, *, after: int) -> None:
        """Never answer matching requests, but for the first ones."""
        self._hold = (what, after)

    async def pass_or_hold(self, what: str) -> None:
        """Come back if a request is not held back."""
        glob, after = self._hold
        if glob and fnmatch.fnmatchcase(what, glob) and self.count(glob) > after:
            self.held.set()
            await asyncio.Event().wait()

    def refuse(
        self,
        what: str,
        status: int = 403,
        kind: str = "AccessDeniedException",
        *,
        times: int | None = None,
        **headers: str,
    ) -> None:
        """Answer matching requests with an error from now on."""
        self.refusals.append(
            Refusal(
                what, status, kind, times, {name.replace("_", "-"): value for name, value in headers.items()}
            )
        )

    def count(self, what: str) -> int:
        """How many requests match a glob."""
        return sum(fnmatch.fnmatchcase(one, what) for one in self.asked)

    def forget(self) -> None:
        """Forget what was asked, and refuse nothing any more."""
        self.asked.clear()
        self.keys.clear()
        self.refusals.clear()
        self.held.clear()
        self._hold = ("", 0)


@contextlib.asynccontextmanager
async def aws_proxy(behind: str) -> AsyncIterator[AwsProxy]:
    """A proxy before the service at *behind*, a URL."""
    proxy = AwsProxy()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            scope = _SCOPE.search(request.headers.get("Authorization", ""))
            service = scope["service"] if scope else "?"
            operation = request.headers.get("X-Amz-Target", "").partition(".")[2]
            if not operation and (found := re.search(rb"Action=(\w+)", body)):
                operation = found[1].decode()
            what = f"{service} {request.method} {operation or request.path}"
            proxy.asked.append(what)
            proxy.keys.append(scope["key"] if scope else "")
            await proxy.pass_or_hold(what)
            for refusal in proxy.refusals:
                if fnmatch.fnmatchcase(what, refusal.what) and refusal.times != 0:
                    if refusal.times is not None:
                        refusal.times -= 1
                    return _refused(refusal, service)
            headers = request.headers.copy()
            for name in ("Connection", "Content-Length", "Expect", "Transfer-Encoding"):
                headers.popall(name, None)
            url = URL(behind + request.raw_path, encoded=True)
            async with session.request(request.method, url, headers=headers, data=body or None) as passed:
                shown = passed.headers.copy()
                for name in _HOP_BY_HOP:
                    shown.popall(name, None)
                return web.Response(status=passed.status, headers=shown, body=await passed.read())

        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", answer)
        # A request that is held back ends with its connection.
        async with TestServer(app) as server:
            proxy.url = str(server.make_url("/")).rstrip("/")
            yield proxy


def _refused(refusal: Refusal, service: str) -> web.Response:
    if service in {"sts", "ec2"}:
        error = f"<Error><Code>{refusal.kind}</Code><Message>said AWS</Message></Error>"
        text = f"<ErrorResponse>{error}</ErrorResponse>"
        if service == "ec2":
            text = f"<Response><Errors>{error}</Errors></Response>"
        return web.Response(status=refusal.status, text=text, headers=refusal.headers)
    headers = {"X-Amzn-ErrorType": refusal.kind, **refusal.headers}
    body = {"__type": refusal.kind, "message": "said AWS", "Message": "said AWS"}
    return web.json_response(body, status=refusal.status, headers=headers)
