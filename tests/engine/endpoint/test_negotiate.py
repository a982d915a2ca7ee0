"""Media types and status codes of responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.endpoint.negotiate import (
    EVENT_STREAM,
    LEGACY,
    PAGE,
    RESPONSE,
    Acceptable,
    negotiate,
    response_status,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def media_type(accept: str | None, *, page: bool = False) -> str | None:
    found = negotiate(accept, page=page)
    return found.media_type if found else None


@pytest.mark.parametrize("accept", [None, "", " , "])
def test_no_accept_header_means_legacy_json(accept: str | None) -> None:
    assert media_type(accept) == LEGACY


@pytest.mark.parametrize("accept", [RESPONSE, LEGACY, EVENT_STREAM])
def test_a_named_media_type_is_answered_with(accept: str) -> None:
    assert media_type(accept) == accept


@pytest.mark.parametrize("accept", ["*/*", "application/*", "*", "*/*;q=0.1", "text/plain, */*"])
def test_a_wildcard_means_legacy_json(accept: str) -> None:
    assert media_type(accept) == LEGACY


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (f"{RESPONSE}, {LEGACY};q=0.9", RESPONSE),
        (f"{LEGACY};q=0.9, {RESPONSE}", RESPONSE),
        (f"{RESPONSE};q=0.5, {LEGACY}", LEGACY),
        (f"{LEGACY}, {RESPONSE}", RESPONSE),
        (f"{LEGACY}, */*", LEGACY),
        (f"{RESPONSE}, */*", RESPONSE),
        (f"{RESPONSE};q=0.1, */*;q=0.2", LEGACY),
        (f"{LEGACY};q=0, */*", RESPONSE),
        (f"{RESPONSE};charset=utf-8;q=1, {LEGACY};charset=UTF-8", RESPONSE),
        (f"{RESPONSE};charset=latin1, {LEGACY}", LEGACY),
        (f"{RESPONSE.upper()};Q=1.0", RESPONSE),
        (f"{RESPONSE};q=0.9, {EVENT_STREAM}", EVENT_STREAM),
        (f"{RESPONSE}, {LEGACY}, {EVENT_STREAM}, multipart/mixed", RESPONSE),
        (f"{LEGACY};q=nonsense, {RESPONSE};q=0.1", RESPONSE),
        (f"{LEGACY};q=nan, {RESPONSE};q=0.1", RESPONSE),
    ],
)
def test_the_highest_quality_wins_and_ties_go_to_the_modern_type(accept: str, chosen: str) -> None:
    assert media_type(accept) == chosen


@pytest.mark.parametrize(
    "accept",
    ["text/plain", "image/*", "*/*;q=0", f"{LEGACY};q=0", "nonsense", "text/*", f"{LEGACY};charset=latin1"],
)
def test_nothing_acceptable_is_none(accept: str) -> None:
    assert negotiate(accept) is None


def test_a_browser_gets_the_page_where_it_is_on_offer() -> None:
    assert media_type(BROWSER, page=True) == PAGE


def test_a_browser_gets_json_where_no_page_is_on_offer() -> None:
    assert media_type(BROWSER) == LEGACY


@pytest.mark.parametrize("accept", ["*/*", None, LEGACY])
def test_the_page_is_not_for_clients_that_do_not_name_it(accept: str | None) -> None:
    assert media_type(accept, page=True) == LEGACY


def test_events_may_be_the_second_choice() -> None:
    assert negotiate(f"{RESPONSE}, {EVENT_STREAM};q=0.5") == Acceptable(RESPONSE, events=True)


@pytest.mark.parametrize("accept", ["*/*", "text/*, application/json", f"{LEGACY}, {EVENT_STREAM};q=0", None])
def test_events_are_never_sent_unless_named(accept: str | None) -> None:
    assert negotiate(accept) == Acceptable(LEGACY, events=False)


@pytest.mark.parametrize(
    ("chosen", "is_request_error", "status"),
    [(RESPONSE, True, 400), (RESPONSE, False, 200), (LEGACY, True, 200), (LEGACY, False, 200)],
)
def test_only_the_modern_type_tells_a_request_error_by_its_status(
    chosen: str, is_request_error: bool, status: int
) -> None:
    assert response_status(chosen, is_request_error=is_request_error) == status


@given(st.text(st.sampled_from("*/;,=q.019 atextjsonplic+charset-")), st.booleans())
def test_any_header_is_read(accept: str, page: bool) -> None:
    found = negotiate(accept, page=page)
    assert found is None or found.media_type in {RESPONSE, LEGACY, EVENT_STREAM, PAGE}
