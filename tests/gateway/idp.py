"""An OpenID Connect provider on loopback: discovery, authorization with PKCE, tokens, keys, logout."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.gateway.edge import serving

CLIENT, SECRET = "shop", "s3cret-of-the-client"


@dataclass
class Provider:
    """A provider.

    Attributes:
        claims: Of the person who logs in.
        keys: By their ids; the last one signs.
        refused: Why requests for tokens were refused.
    """

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "ann", "role": "admin"})
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    given: int = 0
    fetched: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self, *, keep: bool = False) -> None:
        """Sign with another key; the earlier ones are gone unless they are kept."""
        if not keep:
            self.keys.clear()
        self.keys[f"k{secrets.token_hex(4)}"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, *, expires_s: float = 60, **claims: Any) -> str:
        """A token of this provider."""
        kid, key = list(self.keys.items())[-1]
        body = {"iss": self.url, "aud": CLIENT, "exp": int(time.time() + expires_s), **self.claims, **claims}
        return jwt.encode(body, key, algorithm="RS256", headers={"kid": kid})

    @property
    def jwks(self) -> str:
        """Its public keys."""
        keys = [
            {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "RS256", "use": "sig"}
            for kid, key in self.keys.items()
        ]
        return json.dumps({"keys": keys})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/.well-known/openid-configuration":
                return web.json_response(
                    {
                        "issuer": self.url,
                        "authorization_endpoint": f"{self.url}/authorize",
                        "token_endpoint": f"{self.url}/token",
                        "end_session_endpoint": f"{self.url}/bye",
                        "jwks_uri": f"{self.url}/keys",
                    }
                )
            case "/keys":
                self.fetched += 1
                return web.Response(text=self.jwks, content_type="application/json")
            case "/authorize":
                return self._authorize(request)
            case "/token":
                return await self._token(request)
            case "/bye":
                return web.Response(text="you are logged out")
        return web.Response(status=404)

    def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"location": f"{asked['redirect_uri']}?{back}"})

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self._codes.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        problems = {
            "client": request.headers.get("authorization") != wanted,
            "code": form.get("grant_type") == "authorization_code" and not asked,
            "pkce": bool(asked) and asked.get("code_challenge") != challenge,
            "redirect": bool(asked) and asked["redirect_uri"] != form.get("redirect_uri"),
        }
        wrong = [name for name, is_wrong in problems.items() if is_wrong]
        if wrong:
            self.refused += wrong
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.given += 1
        found = {"access_token": self.token(), "id_token": self.token(), "refresh_token": "r-1"}
        return web.json_response({**found, "token_type": "Bearer", "expires_in": 60})


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    """A provider until the block ends."""
    provider = Provider()
    provider.rotate()
    async with serving(provider.answer) as url:
        provider.url = url
        yield provider


@dataclass
class Browser:
    """Keeps cookies (and the lines that set them), and follows redirects between the gateway and the provider."""

    session: Any
    cookies: dict[str, str] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    async def get(self, url: str, *, follow: bool = True) -> tuple[int, str, Any]:
        """Status, final URL and text."""
        for _ in range(10):
            self.visited.append(url)
            host = urlsplit(url).netloc
            jar = {name: value for name, value in self.cookies.items() if name.startswith(host)}
            cookie = "; ".join(f"{name.partition('|')[2]}={value}" for name, value in jar.items())
            headers = {"accept": "text/html", **({"cookie": cookie} if cookie else {})}
            async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
                for line in answer.headers.getall("set-cookie", ()):
                    self.lines.append(line)
                    name, _, value = line.partition(";")[0].partition("=")
                    is_gone = "max-age=0" in line.lower() or "1970" in line
                    if is_gone or value in {"", "deleted"}:
                        self.cookies.pop(f"{host}|{name}", None)
                    else:
                        self.cookies[f"{host}|{name}"] = value
                if follow and answer.status in {302, 303, 307}:
                    target = answer.headers["location"]
                    url = target if "://" in target else f"{urlsplit(url).scheme}://{host}{target}"
                    continue
                return answer.status, url, await answer.text()
        raise AssertionError(f"too many redirects: {self.visited}")


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
