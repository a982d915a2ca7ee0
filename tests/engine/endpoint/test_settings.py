"""How the endpoint is set up."""

from __future__ import annotations

import pytest

from weft.engine.endpoint import EndpointSettings


def test_the_header_shortens_the_time_limit() -> None:
    assert EndpointSettings(timeout_s=30).time_limit_s("1500") == 1.5


def test_the_header_does_not_lengthen_the_time_limit() -> None:
    assert EndpointSettings(timeout_s=30).time_limit_s("60000") == 30


@pytest.mark.parametrize("value", [None, "", "0", "-5", "soon", "1e3", "²", "9" * 400])
def test_a_header_that_sets_no_limit_is_ignored(value: str | None) -> None:
    assert EndpointSettings(timeout_s=30).time_limit_s(value) == 30


def test_the_header_can_be_switched_off() -> None:
    assert EndpointSettings(timeout_s=30, header_timeout=False).time_limit_s("1500") == 30


@pytest.mark.parametrize("path", ["graphql", "/", "/graphql/", "", "/a?b"])
def test_a_path_that_no_request_matches_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path must start with a slash"):
        EndpointSettings(path=path)
