"""What the settings say of calls reaches the engine."""

from __future__ import annotations

from typing import Any

import pytest

from weft.app.transports import engine_settings
from weft.engine.execute.retries import RetryRule
from weft.engine.execute.upstream_caller import CacheRule, CallSettings
from weft.schemas.catalog import (
    Catalog,
    FunctionId,
    HttpTarget,
    Snapshot,
    Upstream,
    UpstreamId,
    UpstreamStatus,
)
from weft.settings import ConfigErrors, Settings

URL = "http://127.0.0.1:1"
SHOP = UpstreamId("shop")


def calls_of(entry: dict[str, Any], **sections: Any) -> CallSettings:
    settings = Settings.from_mapping({"upstreams": [{"name": "shop", "url": URL, **entry}], **sections})
    return engine_settings(snapshot(), settings).calls[SHOP]


def snapshot() -> Snapshot:
    upstream = Upstream(id=SHOP, target=HttpTarget(base_url=URL))
    status = UpstreamStatus(upstream=SHOP, address=URL, state="ready")
    return Snapshot(catalog=Catalog.of(upstream), statuses=(status,))


def test_what_is_left_out_has_the_engines_defaults() -> None:
    found = calls_of({})
    assert (found.share, found.cache, found.retries) == (True, CacheRule(), RetryRule())


def test_sharing_is_switched_off_for_one_upstream() -> None:
    assert not calls_of({"share": False}).share


def test_ages_are_configured_for_an_upstream_and_for_a_function() -> None:
    cache = {"max_age": "30s", "stale_if_error": "5m", "stale_while_revalidate": "10s", "override": True}
    functions = {
        "shop.get_it": {"cache": {"max_age": "1m"}},
        "shop.no": {"cache": "off"},
        "other.x": {"cache": "off"},
    }
    found = calls_of({"cache": cache}, functions=functions)
    assert found.cache == CacheRule(
        max_age_s=30, override=True, stale_while_revalidate_s=10, stale_if_error_s=300
    )
    assert found.functions == {
        FunctionId("shop.get_it"): CacheRule(max_age_s=60),
        FunctionId("shop.no"): CacheRule(off=True),
    }


@pytest.mark.parametrize("off", ["off", False, {"off": True}])
def test_cache_and_retries_are_switched_off_by_a_word(off: Any) -> None:
    found = calls_of({"cache": off, "retries": off})
    assert found.cache.off
    assert found.retries.attempts == 0


def test_retries_are_configured() -> None:
    found = calls_of({"retries": {"attempts": 1, "base": "10ms", "max": "1s", "budget": 0.5}})
    assert found.retries == RetryRule(1, 0.01, 1.0, 0.5)


def test_bounds_of_operations_and_of_the_cache_are_configured() -> None:
    server = {"max_calls": 7, "max_answers": "1MB", "max_response": "2MB", "cache": "3MB", "share": False}
    settings = Settings.from_mapping({"upstreams": [URL], "server": server})
    found = engine_settings(snapshot(), settings)
    assert (found.max_calls, found.max_answer_bytes, found.max_response_bytes) == (7, 1_000_000, 2_000_000)
    assert (found.cache_bytes, found.share) == (3_000_000, False)


@pytest.mark.parametrize("off", ["off", 0, False])
def test_the_cache_is_switched_off_by_a_word(off: Any) -> None:
    settings = Settings.from_mapping({"upstreams": [URL], "server": {"cache": off}})
    assert engine_settings(snapshot(), settings).cache_bytes == 0


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"cache": {"override": True}}, "max_age"),
        ({"cache": {"off": True, "max_age": 1}}, "`off` goes alone"),
        ({"cache": {"max_age": "soon"}}, "duration"),
        ({"cache": "on"}, "cache"),
        ({"retries": {"attempts": -1}}, "attempts"),
        ({"retries": {"budget": 2}}, "budget"),
        ({"retries": 3}, "retries"),
        ({"share": "yes"}, "share"),
    ],
)
def test_mistakes_are_told(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        calls_of(entry)
    assert told in str(raised.value)


def test_a_size_that_is_none_is_told() -> None:
    with pytest.raises(ConfigErrors, match=r"server\.cache: is not a size"):
        Settings.from_mapping({"upstreams": [URL], "server": {"cache": "much"}})
