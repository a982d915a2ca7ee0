"""Servers of the pages on who may ask, on limits, on failures and on what is told of requests.

They are added to those of ``gateway_pages``: an OpenID Connect issuer (8130), a service that decides who may ask
(8140), products that fail as a request's headers say (8113), and an OpenTelemetry collector (4318).
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from functools import cache
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.docs.gateway_pages import FILES, SERVERS, VARIABLES, SecondProducts, _Handler

_MESSAGES: Final[Any] = trace_service_pb2  # protobuf makes the classes when it is imported
ISSUER: Final = "https://id.example.com"
PEOPLE: Final = 8130


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _jwks() -> str:
    found = json.loads(RSAAlgorithm.to_jwk(_key().public_key()))
    return json.dumps({"keys": [{**found, "kid": "k1", "alg": "RS256", "use": "sig"}]})


def _token(*, expires_s: int = 600, **claims: Any) -> str:
    body = {"iss": ISSUER, "aud": "shop", "sub": "ann", "exp": int(time.time()) + expires_s, **claims}
    return jwt.encode(body, _key(), algorithm="RS256", headers={"kid": "k1"})


def _unsigned() -> str:
    return jwt.encode({"iss": ISSUER, "aud": "shop", "sub": "ann"}, "", algorithm="none")


class Issuer(_Handler):
    """Logs everybody in as Ann."""

    asked: ClassVar[dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[PEOPLE]}"

    def answer(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        match path:
            case "/.well-known/openid-configuration":
                places = {
                    "authorization_endpoint": "authorize",
                    "token_endpoint": "token",
                    "end_session_endpoint": "bye",
                    "jwks_uri": "keys",
                }
                found = {name: f"{self.url}/{place}" for name, place in places.items()}
                self._say({"issuer": self.url, **found})
            case "/keys":
                self.send(200, _jwks().encode(), {"content-type": "application/json"})
            case "/authorize":
                back = urlencode({"code": "c-1", "state": query["state"][0]})
                self.send(302, b"", {"location": f"{query['redirect_uri'][0]}?{back}"})
            case "/token":
                assert self.body
                token = _token(iss=self.url)
                self._say(
                    {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": 60}
                )
            case _:
                self.send(200, b"logged out\n", {})

    def _say(self, value: Any) -> None:
        self.send(200, json.dumps(value).encode(), {"content-type": "application/json"})


class Decider(_Handler):
    """Lets pass who has the word, and says who it is."""

    def answer(self) -> None:
        if self.headers.get("x-word") == "please":
            self.send(200, b"", {"x-who": "ann"})
        else:
            self.send(403, b"say please\n", {})


class UnsteadyProducts(SecondProducts):
    """Products that fail for a request as often as its ``x-fail`` says, and are late by its ``x-delay`` once."""

    tries: ClassVar[Counter[str]] = Counter()
    lock: ClassVar = threading.Lock()

    def answer(self) -> None:
        request = self.headers.get("x-request-id", "")
        with self.lock:
            UnsteadyProducts.tries[request] += 1
            tried = UnsteadyProducts.tries[request]
        if tried == 1 and "x-delay" in self.headers:
            time.sleep(float(self.headers["x-delay"]))
        if tried <= int(self.headers.get("x-fail", "0")):
            self.send(503, b'{"detail":"not now"}\n', {"content-type": "application/json"})
            return
        super().answer()


class Collector(_Handler):
    """Takes spans, and shows a trace at ``/spans/…``: a line for each service and function."""

    spans: ClassVar[list[Any]] = []

    def answer(self) -> None:
        if self.path.startswith("/spans"):
            trace = self.path.rpartition("/")[2]
            lines: set[str] = set()
            end = time.monotonic() + 15  # Envoy sends its spans every five seconds, each listener its own
            while time.monotonic() < end and len(lines) < 2:
                time.sleep(0.05)
                lines = {line for one, line in Collector.spans if one == trace}
            self.send(200, "".join(f"{line}\n" for line in sorted(lines)).encode(), {})
            return
        message = _MESSAGES.ExportTraceServiceRequest.FromString(self.body)
        for resource in message.resource_spans:
            service = {one.key: one.value.string_value for one in resource.resource.attributes}
            # ``scope_spans``, as it was called in the version of the protocol that xds-protos holds.
            for scope in resource.instrumentation_library_spans:
                for span in scope.spans:
                    tags = {one.key: one.value.string_value for one in span.attributes}
                    line = f"{service['service.name']} {tags.get('weft.function', '-')}"
                    Collector.spans.append((span.trace_id.hex(), line))
        self.send(200, b"", {"content-type": "application/x-protobuf"})


SERVERS.update({PEOPLE: Issuer, 8140: Decider, 8113: UnsteadyProducts, 4318: Collector})
VARIABLES.update(
    {
        "TOKEN": lambda: _token(role="billing", scope="orders:read", org={"plan": "pro"}),
        "GUEST": lambda: _token(sub="bob", role="guest"),
        "EXPIRED": lambda: _token(expires_s=-600),
        "FOR_OTHERS": lambda: _token(aud="bank"),
        "UNSIGNED": _unsigned,
        "MOBILE_KEY": lambda: "key-of-the-mobile-app",
        "PARTNER_KEY": lambda: "key-of-the-partner",
    }
)
FILES.update(
    {
        "jwks.json": _jwks,
    }
)
