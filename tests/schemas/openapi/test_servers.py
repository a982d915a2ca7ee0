from typing import Any

import pytest

from tests.schemas.openapi.reading import URL, kinds, read
from weft.schemas.catalog import HttpBinding, HttpTarget, Upstream

SWAGGER = {"swagger": "2.0", "schemes": ["http", "https"], "host": "api.example:8443", "basePath": "/v2/"}


def base_url(upstream: Upstream) -> str:
    assert isinstance(upstream.target, HttpTarget)
    return upstream.target.base_url


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (["https://api.example/v2/"], "https://api.example/v2"),
        (["/v2"], "https://shop.example/v2"),
        (["v2"], "https://shop.example/v1/v2"),
        (["/"], "https://shop.example"),
        ([""], "https://shop.example"),
        (["//api.example/x?y#z"], "https://api.example/x"),
        (["https://a.example", "https://b.example"], "https://a.example"),
        ([], "https://shop.example"),
    ],
)
def test_first_server_is_resolved_against_the_document(servers: list[str], expected: str) -> None:
    assert base_url(read({"servers": [{"url": url} for url in servers]})) == expected


def test_variables_of_a_server_have_their_defaults() -> None:
    server = {
        "url": "https://{region}.example/{v}",
        "variables": {"region": {"default": "eu"}, "v": {"enum": ["2"]}},
    }
    assert base_url(read({"servers": [server]})) == "https://eu.example/2"


@pytest.mark.parametrize(
    ("server", "configured", "expected"),
    [
        ("https://api.example/v2", "http://orders:8080", "http://orders:8080/v2"),
        ("https://api.example/v2", "http://orders:8080/", "http://orders:8080/v2"),
        ("https://api.example/v2", "http://orders:8080/own/", "http://orders:8080/own"),
        ("/v2", "http://orders:8080", "http://orders:8080/v2"),
        (None, "http://orders:8080/", "http://orders:8080"),
    ],
)
def test_configured_address_wins_over_the_origin(server: str | None, configured: str, expected: str) -> None:
    root: dict[str, Any] = {"servers": [{"url": server}]} if server else {}
    assert base_url(read(root, base_url=configured)) == expected


def test_swagger_has_scheme_host_and_base_path() -> None:
    assert base_url(read(SWAGGER)) == "https://api.example:8443/v2"
    assert base_url(read(SWAGGER, base_url="http://orders")) == "http://orders/v2"
    assert base_url(read({"swagger": "2.0", "basePath": "v2"})) == "https://shop.example/v2"
    assert base_url(read({"swagger": "2.0", "host": "api.example"})) == "https://api.example"
    assert base_url(read({"swagger": "2.0"})) == "https://shop.example"


@pytest.mark.parametrize(
    "server", ["ftp://api.example", "https://{host}/v1", "https://a:b:c/", "/v1", "http://[::1"]
)
def test_server_that_cannot_be_called_is_a_warning(server: str) -> None:
    upstream = read({"servers": [{"url": server}]}, url="file:///tmp/openapi.json")
    assert base_url(upstream) == ""
    assert [kind for kind, _ in kinds(upstream)] == ["no-server"]


def own_server(operation: str, *, configured: str | None = None) -> str:
    root = {
        "servers": [{"url": "https://api.example/v1"}],
        "paths": {"/a": {"get": {"servers": [{"url": operation}]}}},
    }
    binding = read(root, base_url=configured).functions[0].binding
    assert isinstance(binding, HttpBinding)
    return binding.server


def test_operations_own_server_is_in_its_binding() -> None:
    assert own_server("https://up.example/") == "https://up.example"
    assert own_server("https://api.example/v1") == ""


def test_own_server_on_the_main_host_moves_with_the_configured_address() -> None:
    assert own_server("https://api.example/up", configured="http://orders:8080") == "http://orders:8080/up"
    assert own_server("https://up.example", configured="http://orders:8080") == "https://up.example"


def test_server_of_a_path_holds_for_its_operations() -> None:
    root = {"paths": {"/a": {"servers": [{"url": "https://up.example"}], "get": {}}}}
    assert read(root).functions[0].binding.server == "https://up.example"  # type: ignore[union-attr]


def test_upstream_says_what_the_document_says_of_itself() -> None:
    upstream = read({"info": {"title": "Orders", "version": "1.2", "description": "All."}}, url=URL)
    assert (upstream.id, upstream.title, upstream.version, upstream.description) == (
        "shop",
        "Orders",
        "1.2",
        "All.",
    )
