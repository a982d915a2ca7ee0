"""The section `server.websockets`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from weft.app.sockets import make_sockets, takes_sockets, token_expiry
from weft.engine.endpoint import EndpointSettings
from weft.schemas.errors import ConfigError
from weft.settings import Settings

GATEWAY: dict[str, Any] = {"gateway": {}}


def settings(websockets: Any = None, **more: Any) -> Settings:
    server = {} if websockets is None else {"server": {"websockets": websockets}}
    return Settings.from_mapping({"upstreams": [], **server, **more})


@pytest.mark.parametrize(
    ("websockets", "told"),
    [
        ({"port": 8080}, "sockets have one of their own"),
        ({"port": 0}, "port"),
        ({"max_connections": 10}, "no gateway"),
        ({"port": 1, "off": True}, "goes alone"),
        ({"port": 1, "origins": ["shop.example"]}, "is not an origin"),
        ({"port": 1, "origins": ["https://shop.example/"]}, "is not an origin"),
        ({"port": 1, "init_headers": ["X-Weft-Claims"]}, "gateway to set"),
        ({"port": 1, "paths": []}, "paths"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(websockets: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(websockets)
    assert told in str(caught.value)
    assert "websockets" in str(caught.value)


def test_sockets_come_with_the_gateway_or_with_a_port() -> None:
    endpoint, uds = EndpointSettings(), Path("/run/engine0.sock")
    assert make_sockets(settings(), endpoint, None) is None
    alone = make_sockets(settings({"port": 8081, "ping": "5s"}), endpoint, None)
    assert alone is not None
    assert (alone.settings.port, alone.settings.uds, alone.settings.ping_s) == (8081, None, 5)
    behind = make_sockets(settings(**GATEWAY), endpoint, uds)
    assert behind is not None
    assert behind.settings.uds == Path("/run/engine0.ws")
    assert make_sockets(settings("off", **GATEWAY), endpoint, uds) is None
    assert make_sockets(settings("off"), endpoint, None) is None


def test_beside_a_limit_by_cost_sockets_must_be_asked_for() -> None:
    limits = [{"requests": 10, "per": "second", "cost": True, "for": ["graphql"]}]
    assert not takes_sockets(settings(gateway={"limits": limits}))
    assert takes_sockets(settings({}, gateway={"limits": limits}))
    assert takes_sockets(settings(gateway={"limits": [{**limits[0], "cost": False}]}))


@pytest.mark.parametrize(
    ("claims", "expiry"),
    [({"exp": 5}, 5), ({"exp": 5.5}, 5.5), ({}, None), ({"exp": True}, None), ({"exp": "5"}, None),
     ({"exp": -1}, None), ({"exp": 1e300}, None), ([], None)],
)  # fmt: skip
def test_a_socket_lives_as_long_as_its_token(claims: Any, expiry: float | None) -> None:
    header = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert token_expiry({"x-weft-claims": header}) == expiry
    assert token_expiry({}) is None
