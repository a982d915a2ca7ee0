"""Which pages of other origins may read responses."""

from __future__ import annotations

from weft.engine.endpoint.cors import cors_headers, preflight_headers

SHOP = "https://shop.example"


def test_nothing_is_sent_when_no_origin_is_named_in_the_settings() -> None:
    assert cors_headers(SHOP, ()) == ()
    assert preflight_headers(SHOP, "content-type", ()) == ()


def test_an_allowed_origin_is_echoed() -> None:
    headers = cors_headers(SHOP, ("https://other.example", SHOP))
    assert ("access-control-allow-origin", SHOP) in headers
    assert ("vary", "origin") in headers


def test_another_origin_gets_nothing_that_a_cache_could_mix_up() -> None:
    assert cors_headers("https://evil.example", (SHOP,)) == (("vary", "origin"),)
    assert preflight_headers("https://evil.example", None, (SHOP,)) == (("vary", "origin"),)


def test_a_star_allows_all() -> None:
    assert ("access-control-allow-origin", "*") in cors_headers(SHOP, ("*",))


def test_a_preflight_allows_the_headers_that_are_asked_for() -> None:
    headers = dict(preflight_headers(SHOP, "content-type, authorization", (SHOP,)))
    assert headers["access-control-allow-headers"] == "content-type, authorization"
    assert headers["access-control-allow-methods"] == "GET, POST"


def test_cookies_are_never_let_through() -> None:
    for origins in ((SHOP,), ("*",)):
        assert "access-control-allow-credentials" not in dict(preflight_headers(SHOP, None, origins))
