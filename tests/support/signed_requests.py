"""An endpoint that takes requests as AWS does: only with a signature that botocore's signer makes too."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from aiohttp import web
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _AsSigned(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer, that signs what a request says is signed."""

    def headers_to_sign(self, request: Any) -> HTTPHeaders:
        found = HTTPHeaders()
        for name, value in request.headers.items():
            found[name.lower()] = value
        return found


def recomputed(request: web.Request, body: bytes, secret_key: str) -> str:
    """The ``Authorization`` that botocore makes for a request that has come, of what it says is signed."""
    credential, signed, _ = request.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    access_key, _, region, service, _ = credential.removeprefix("Credential=").split("/")
    names = signed.removeprefix("SignedHeaders=").split(";")
    headers = {name: request.headers[name] for name in names}
    url = f"{request.scheme}://{request.headers['Host']}{request.raw_path}"
    again = AWSRequest(request.method, url, headers=headers, data=body)
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    auth: Any = _AsSigned(ReadOnlyCredentials(access_key, secret_key, None, None), service, region)
    signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    auth._inject_signature_to_request(again, signature)
    return str(again.headers["Authorization"])


@dataclass
class Verifying:
    """Answers with *handler* what is signed as it should be, and refuses the rest as AWS does.

    Attributes:
        ahead_s: How far its clock is ahead.
        secrets: By access key.
        seen: Headers of all requests.
        paths: Their targets.
    """

    handler: Handler
    ahead_s: float = 0.0
    secrets: dict[str, str] = field(default_factory=lambda: {ACCESS_KEY: SECRET_KEY})
    seen: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.raw_path)
        now = time.time() + self.ahead_s
        date = {"Date": formatdate(now, usegmt=True)}
        body = await request.read()
        authorization = request.headers.get("Authorization", "")
        access_key = authorization.partition("Credential=")[2].partition("/")[0]
        if access_key not in self.secrets:
            kind = "UnrecognizedClientException"
            return _refused(403, kind, "The security token included in the request is invalid.", date)
        if authorization != recomputed(request, body, self.secrets[access_key]):
            return _refused(403, "InvalidSignatureException", "The request signature does not match.", date)
        stamp = datetime.strptime(request.headers["X-Amz-Date"], SIGV4_TIMESTAMP).replace(tzinfo=UTC)
        if abs(stamp.timestamp() - now) > 300:
            return _refused(403, "InvalidSignatureException", "Signature expired: it is too old.", date)
        return await self.handler(request)


def _refused(status: int, kind: str, message: str, headers: dict[str, str]) -> web.Response:
    headers = {"X-Amzn-ErrorType": f"{kind}:http://internal.amazon.com/", **headers}
    return web.json_response({"message": message}, status=status, headers=headers)
