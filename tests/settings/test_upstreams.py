"""The settings as discovery takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weft.discovery import Candidate, GrpcAddress, HttpAddress, LambdaAddress
from weft.discovery.registries import LambdaFilters
from weft.engine.transport.base import ChannelSettings, TlsFiles
from weft.schemas.catalog import FunctionId, UpstreamId, UpstreamStatus
from weft.schemas.catalog.reading import ReadOptions
from weft.settings import ConfigErrors, Settings, discovery_settings, entries_by_upstream, static_candidates
from weft.settings.upstreams import forwarded_headers, plain_headers


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
    filters = LambdaFilters(names=("a-*",))
    assert found.address == LambdaAddress("eu-west-1", manifest=Path("/base/m.json"), filters=filters)


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


def test_a_grpc_server_is_read_and_connected_to_as_its_section_says() -> None:
    found = candidate(
        {
            "url": "grpcs://10.0.0.1:1,10.0.0.2:2",
            "grpc": {
                "descriptors": "protos",
                "services": ["zoo.v1"],
                "tls": {"ca": "ca.pem", "certificate": "/etc/c.pem"},
                "authority": "zoo.example",
                "balance": "pick_first",
                "keepalive": "1m",
                "enums": "trimmed",
                "maps": "json",
                "list_streams": False,
                "field_masks": False,
            },
        }
    )
    assert found.address == GrpcAddress(
        "10.0.0.1:1,10.0.0.2:2",
        tls=True,
        files=TlsFiles(ca="/base/ca.pem", certificate="/etc/c.pem"),
        descriptors=Path("/base/protos"),
        options=ReadOptions(
            services=("zoo.v1",),
            trim_enum_prefixes=True,
            maps="json",
            list_streams=False,
            field_masks=False,
        ),
        channel=ChannelSettings(authority="zoo.example", balance="pick_first", keepalive_s=60.0),
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"url": "http://a", "grpc": {}}, "for gRPC servers only"),
        ({"url": "grpc://a:1", "grpc": {"tls": {"ca": "x"}}}, "for TLS only"),
        ({"url": "grpcs://a:1", "grpc": {"tls": {"key": "x"}}}, "`key` goes with `certificate`"),
        ({"url": "grpc://a:1,b:2"}, "no IP addresses"),
        ({"url": "grpc://10.0.0.1:1,10.0.0.2"}, "no IP addresses"),
        ({"url": "grpc://10.0.0.1:1,10.0.0.2:0"}, "without a port"),
        ({"url": "grpc://10.0.0.1:1,[::1]:2"}, "mixes IPv4 and IPv6"),
        ({"url": "grpc://a:1", "grpc": {"balance": "random"}}, "balance"),
    ],
)
def test_what_cannot_be_of_a_grpc_server_is_said(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        settings(entry)
    assert said in str(raised.value)


def test_functions_of_lambda_are_given_headers() -> None:
    entry = {"lambda": {"region": "eu-west-1"}, "headers": {"X-Team": "${TEAM}"}, "forward": ["X-Tenant"]}
    (found,) = Settings.from_mapping({"upstreams": [entry]}, environment={"TEAM": "shop"}).upstreams
    assert plain_headers(found) == {"x-team": "shop"}
    assert forwarded_headers(found) == ("x-tenant",)
    assert "shop" not in repr(found)


def test_how_a_function_is_invoked_is_one_of_three_ways() -> None:
    found = settings(functions={"a.b": {"invocation": "stream"}})
    assert found.function_rules[FunctionId("a.b")].invocation == "stream"
    with pytest.raises(ConfigErrors, match="invocation"):
        settings(functions={"a.b": {"invocation": "async"}})
