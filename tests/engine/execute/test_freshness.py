"""How long an answer may be used, by its headers."""

from __future__ import annotations

import pytest

from tests.support.calling import headers_of
from weft.engine.execute.freshness import (
    UNSAID,
    Freshness,
    freshness_of,
    merge_not_modified,
    parse_cache_control,
)

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AT = 784111777.0


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({"cache_control": "max-age=60"}, 60),
        ({"cache_control": "public, max-age=60, s-maxage=10"}, 10),
        ({"cache_control": "private, max-age=60"}, 60),
        ({"cache_control": 'MAX-AGE="60"'}, 60),
        ({"cache_control": "max-age=60", "age": "20"}, 40),
        ({"cache_control": "max-age=60", "age": "old"}, 60),
        ({"cache_control": "max-age=60", "age": "90"}, -30),
        ({"cache_control": "max-age=60", "expires": "0"}, 60),
        ({"cache_control": "max-age=60, max-age=5"}, 5),
        ({"cache_control": "max-age=5, MAX-AGE=60"}, 5),
        ({"cache_control": "max-age=99999999999999"}, 2**31),
        ({"cache_control": 'no-cache="x", max-age=60'}, 0),
        ({"cache_control": "no-cache, max-age=60"}, 0),
        ({"cache_control": "max-age=soon"}, 0),
        ({"cache_control": "max-age=-1"}, 0),
        ({"cache_control": "max-age"}, 0),
        ({"expires": "Sun, 06 Nov 1994 08:50:37 GMT", "date": DATE}, 60),
        ({"expires": "Sunday, 06-Nov-94 08:50:37 GMT", "date": DATE}, 60),
        ({"expires": "Sun Nov  6 08:50:37 1994", "date": DATE}, 60),
        ({"expires": "Sun, 06 Nov 1994 08:50:37 GMT"}, 70),
        ({"expires": DATE, "date": DATE}, 0),
        ({"expires": "0", "date": DATE}, 0),
        ({"expires": "-1"}, 0),
    ],
)
def test_an_answer_that_says_so_is_fresh_for_a_time(headers: dict[str, str], fresh_s: float) -> None:
    said = freshness_of(headers_of(**headers), clock=lambda: AT - 10)
    assert said.is_explicit
    assert said.fresh_s == fresh_s


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"etag": '"1"', "last_modified": DATE, "date": DATE},
        {"pragma": "no-cache"},
    ],
)
def test_nothing_is_guessed(headers: dict[str, str]) -> None:
    assert freshness_of(headers_of(**headers)) is UNSAID


def test_public_alone_does_not_say_how_long() -> None:
    assert not freshness_of(headers_of(cache_control="public")).is_explicit


@pytest.mark.parametrize(
    "headers",
    [
        {"cache_control": "no-store, max-age=60"},
        {"cache_control": "max-age=60", "vary": "*"},
        {"cache_control": "max-age=60", "vary": "Accept, Traceparent"},
    ],
)
def test_what_must_not_be_kept_is_not(headers: dict[str, str]) -> None:
    said = freshness_of(headers_of(**headers))
    assert said.no_store
    assert not said.is_worth_keeping


def test_an_answer_may_vary_by_what_its_key_holds() -> None:
    said = freshness_of(headers_of(cache_control="max-age=60", vary="Authorization, Accept-Encoding"))
    assert said.is_worth_keeping


def test_headers_that_come_twice_are_one_list() -> None:
    assert freshness_of([(b"cache-control", b"max-age=60"), (b"cache-control", b"no-store")]).no_store


@pytest.mark.parametrize(
    ("value", "stale"),
    [
        (b"max-age=1, stale-while-revalidate=5, stale-if-error=7", (5, 7)),
        (b"max-age=1, stale-if-error=7, must-revalidate", (0, 0)),
        (b"max-age=1, stale-if-error=7, proxy-revalidate", (0, 0)),
        (b"s-maxage=1, stale-if-error=7", (0, 0)),
        (b"no-cache, stale-if-error=7", (0, 0)),
    ],
)
def test_a_stale_answer_is_used_only_where_it_may(value: bytes, stale: tuple[int, int]) -> None:
    said = freshness_of([(b"cache-control", value)])
    assert (said.refresh_s, said.error_s) == stale


def test_unknown_directives_and_odd_forms_are_passed_over() -> None:
    said = parse_cache_control(b' ,, immutable, community="UCI, max-age=1", max-age = 60 ,=,')
    assert said.max_age_s == 60


def test_an_etag_is_asked_for_before_a_date() -> None:
    assert Freshness(etag='W/"1"', last_modified=DATE).conditions == {"if-none-match": 'W/"1"'}
    assert Freshness(last_modified=DATE).conditions == {"if-modified-since": DATE}
    assert Freshness().conditions == {}


def test_a_304_brings_headers_up_to_date_but_not_those_of_the_body() -> None:
    kept = headers_of(cache_control="max-age=1", content_type="application/json", etag='"1"', age="5")
    came = headers_of(cache_control="max-age=9", content_type="text/html", content_length="0")
    assert merge_not_modified(kept, came) == headers_of(
        content_type="application/json", etag='"1"', cache_control="max-age=9"
    )
