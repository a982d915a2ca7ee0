"""Requests signed for AWS, by botocore's own signer.

botocore's ``add_auth`` takes 51 µs for a call of Lambda (``python -m tests.benchmarks.bench_lambda``), of which the
signature itself is 3: it sorts and copies headers in ``email.message`` several times, and derives the signing key
for every request. Here the canonical request is written once, from parts that are the same for every call of a
function, and the key is derived once a day: 8 µs. What is hashed, and with which key, stays botocore's.

Source: AWS IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import quote

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth

_MOST_KEYS: Final = 64
_UNRESERVED: Final = "-_.~"


class FrozenCredentials(Protocol):
    """What botocore's ``get_frozen_credentials`` gives."""

    @property
    def access_key(self) -> str:
        """Who signs."""
        ...

    @property
    def secret_key(self) -> str:
        """With what."""
        ...

    @property
    def token(self) -> str | None:
        """Goes with credentials that expire."""
        ...


class _Auth(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer. It derives a key only if date, region or secret have changed."""

    def __init__(self, service: str, region: str) -> None:
        super().__init__(None, service, region)
        self._kept: dict[tuple[bytes, str], bytes] = {}

    def _sign(self, key: bytes, msg: str, hex: bool = False) -> Any:  # noqa: A002 - botocore's name
        if hex:  # the signature itself; all else are steps of the derivation
            return super()._sign(key, msg, hex=True)
        found = self._kept.get((key, msg))
        if found is None:
            if len(self._kept) >= _MOST_KEYS:
                self._kept.clear()
            derived: Any = super()._sign(key, msg)
            found = self._kept[key, msg] = derived
        return found

    def canonical_path(self, path: str) -> str:
        """*path* as it is signed."""
        return str(self._normalize_url_path(path))


@dataclass(frozen=True, slots=True)
class SignedTarget:
    """Where requests of one kind go.

    Attributes:
        target: Path and query, percent-encoded, as they stand in the request line.
        canonical: The first lines of their canonical requests.
    """

    target: str
    canonical: str


class _Dated:
    """As much of botocore's request as its signer asks for once the canonical request is there."""

    __slots__ = ("context",)

    def __init__(self, timestamp: str) -> None:
        self.context = {"timestamp": timestamp}


class Signer:
    """Signs requests to one service in one region.

    Args:
        service: As it stands in the credential's scope.
        region: As it stands there.
        now: Seconds since the epoch.

    Attributes:
        ahead_s: How far the clock of AWS is ahead of this machine's, as far as is known.
    """

    def __init__(self, service: str, region: str, *, now: Callable[[], float] = time.time) -> None:
        self.ahead_s = 0.0
        self._now = now
        self._auth = _Auth(service, region)

    def correct_clock(self, theirs: float, *, tolerance_s: float) -> bool:
        """Sign by the clock of AWS from now on, if it differs; whether it does.

        Args:
            theirs: What their clock says, in seconds since the epoch.
            tolerance_s: A difference that AWS does not mind.
        """
        ahead_s = theirs - self._now()
        if abs(ahead_s - self.ahead_s) <= tolerance_s:
            return False
        self.ahead_s = ahead_s
        return True

    def target(self, method: str, path: str, query: Mapping[str, str]) -> SignedTarget:
        """What is the same in all requests to *path* (percent-encoded) with *query* (not encoded)."""
        pairs = sorted(
            (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in query.items()
        )
        encoded = "&".join(f"{name}={value}" for name, value in pairs)
        return SignedTarget(
            target=f"{path}?{encoded}" if encoded else path,
            canonical=f"{method}\n{self._auth.canonical_path(path)}\n{encoded}\n",
        )

    def sign(
        self, target: SignedTarget, headers: Mapping[str, str], body: bytes, credentials: FrozenCredentials
    ) -> dict[str, str]:
        """The headers of a request, those among them that show who sends it.

        Args:
            target: Where it goes.
            headers: All that are signed, ``host`` too: names in lower case, values without spaces at their
                ends and without two in a row.
            body: What is sent.
            credentials: Whose name it is sent in.
        """
        auth = self._auth
        timestamp = time.strftime(SIGV4_TIMESTAMP, time.gmtime(self._now() + self.ahead_s))
        signed = {**headers, "x-amz-date": timestamp}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join([f"{name}:{signed[name]}\n" for name in names])
        joined = ";".join(names)
        canonical = f"{target.canonical}{lines}\n{joined}\n{sha256(body).hexdigest()}"
        request = _Dated(timestamp)
        auth.credentials = credentials
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={joined}, Signature={signature}"
        )
        return signed
