"""The settings as discovery takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.discovery import Candidate, GrpcAddress, HttpAddress, LambdaAddress
from weft.schemas.catalog import UpstreamId, UpstreamStatus
from weft.settings import Settings, discovery_settings, entries_by_upstream, static_candidates


def settings(*upstreams: Any, **more: Any) -> Settings:
    return Settings.from_mapping(
        {"upstreams": list(upstreams), **more}, Path("/base"), environment={"T": "t0ken"}
    )


def candidate(upstream: Any) -> Candidate:
    (found,) = static_candidates(settings(upstream))
    return found


def test_an_http_url_is_an_http_address() -> None:
    found = candidate({"name": "a", "url": "http://a/api/", "openapi": "a.yaml"})
    assert (found.name, found.address) == ("a", HttpAddress("http://a/api", openapi=Path("/base/a.yaml")))


def test_grpcs_means_tls() -> None:
    assert candidate("grpc://a:1").address == GrpcAddress("a:1")
    assert candidate("grpcs://a:1").address == GrpcAddress("a:1", tls=True)


def test_lambda_is_a_region_with_a_manifest() -> None:
    found = candidate({"lambda": {"region": "eu-west-1", "manifest": "m.json", "functions": "a-*"}})
    assert found.address == LambdaAddress("eu-west-1", manifest=Path("/base/m.json"), name_pattern="a-*")


def test_headers_are_in_the_clear_and_not_in_repr() -> None:
    found = candidate({"url": "http://a", "headers": {"Authorization": "Bearer ${T}"}})
    assert found.headers == {"authorization": "Bearer t0ken"}
    assert "t0ken" not in repr(found)


def test_an_ignored_upstream_says_why() -> None:
    assert candidate({"url": "http://a", "ignore": True}).ignored == "`ignore: true` in the settings"


def test_the_discovery_section_is_taken_over() -> None:
    found = discovery_settings(settings(discovery={"interval": "1m", "timeout": 3, "concurrency": 2}))
    assert (found.interval_s, found.timeout_s, found.concurrency) == (60, 3, 2)


def test_each_upstream_of_a_snapshot_finds_its_entry() -> None:
    said = settings({"name": "orders", "url": "http://a"}, "http://b", {"name": "c", "url": "http://a"})
    statuses = [
        UpstreamStatus(upstream=UpstreamId(name), state="ready", address=address)
        for name, address in [("orders", "http://a"), ("shop", "http://b"), ("other", "http://z")]
    ]
    first, second, _ = said.upstreams
    assert entries_by_upstream(said, statuses) == {"orders": first, "shop": second}
