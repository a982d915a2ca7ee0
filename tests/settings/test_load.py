"""The file: what it says, and what it may not say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from weft.schemas.errors import ConfigError
from weft.settings import (
    ConfigErrors,
    LambdaUpstream,
    ServerUpstream,
    Settings,
    load_settings,
)

EXAMPLE = """\
upstreams:
  - http://127.0.0.1:8101
  - grpc://127.0.0.1:8103
  - lambda: {region: eu-west-1, endpoint: http://127.0.0.1:8104, manifest: file, functions: "pricing-*"}
  - {name: products, url: "http://127.0.0.1:8102/", openapi: specs/products.yaml,
     headers: {authorization: "Bearer ${PRODUCTS_TOKEN}"}, forward: [Authorization], timeout: 5s,
     max_concurrency: 32, ignore: false}
server: {host: 127.0.0.1, port: 8080, workers: auto, graphiql: true, introspection: true, timeout: 30s,
         max_depth: 16, max_body: 1MB}
discovery: {interval: 30s, timeout: 10s, concurrency: 16, snapshot: .weft/snapshot.json}
links:
  - {field: Order.product, function: products.get_product, keys: {product_id: productId}}
  - {field: Product.stock, off: true}
bulk:
  - {function: inventory.InventoryService.BatchGetStock, for: inventory.InventoryService.GetStock,
     argument: productIds, items: stocks, key: productId, max: 100}
  - {function: products.list_products, off: true}
names: {lock: weft.lock}
"""
TOKEN = "s3cr3t-token"


def load(folder: Path, text: str, **environment: str) -> Settings:
    file = folder / "weft.yaml"
    file.write_text(text)
    return load_settings(file, environment=environment)


def mistakes(folder: Path, text: str, **environment: str) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        load(folder, text, **environment)
    return list(caught.value.problems)


def mistake(folder: Path, text: str, **environment: str) -> ConfigError:
    (found,) = mistakes(folder, text, **environment)
    return found


def entry(folder: Path, text: str, **environment: str) -> ServerUpstream:
    (found,) = load(folder, f"upstreams:\n  - {text}\n", **environment).upstreams
    assert isinstance(found, ServerUpstream)
    return found


def test_every_key_of_the_example_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, EXAMPLE, PRODUCTS_TOKEN=TOKEN)
    first, second, functions, products = settings.upstreams
    assert isinstance(first, ServerUpstream)
    assert isinstance(second, ServerUpstream)
    assert (first.url, second.url) == ("http://127.0.0.1:8101", "grpc://127.0.0.1:8103")
    assert isinstance(functions, LambdaUpstream)
    assert functions.place.functions == ("pricing-*",)
    assert functions.place.manifest == tmp_path / "file"
    assert isinstance(products, ServerUpstream)
    assert (products.name, products.timeout_s, products.forward) == ("products", 5.0, ("authorization",))
    assert products.openapi == tmp_path / "specs/products.yaml"
    assert settings.server.max_body_bytes == 1_000_000
    assert settings.link_rules[0].keys == {"product_id": "productId"}
    assert settings.bulk_rules[0].answers == "inventory.InventoryService.GetStock"


def test_off_is_a_key_and_no_boolean_of_yaml_1_1(tmp_path: Path) -> None:
    settings = load(tmp_path, EXAMPLE, PRODUCTS_TOKEN=TOKEN)
    assert [rule.off for rule in settings.link_rules] == [False, True]


def test_the_example_says_the_defaults(tmp_path: Path) -> None:
    said = load(tmp_path, EXAMPLE, PRODUCTS_TOKEN=TOKEN)
    unsaid = load(tmp_path, "upstreams: []\nserver:\n")
    assert (said.server, said.discovery, said.names) == (unsaid.server, unsaid.discovery, unsaid.names)


def test_paths_begin_in_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "upstreams: []\ndiscovery: {snapshot: /var/lib/weft.json}\n")
    assert settings.discovery.snapshot == Path("/var/lib/weft.json")
    assert settings.names.lock == tmp_path / "weft.lock"


def test_a_mapping_in_python_says_the_same(tmp_path: Path) -> None:
    mapping = {
        "upstreams": [{"url": "http://a", "timeout": timedelta(milliseconds=500)}],
        "names": {"lock": Path("names.lock")},
    }
    settings = Settings.from_mapping(mapping, tmp_path)
    text = "upstreams: [{url: 'http://a', timeout: 500ms}]\nnames: {lock: names.lock}\n"
    assert settings == load(tmp_path, text)


def test_a_mistake_in_python_names_its_key() -> None:
    with pytest.raises(ConfigErrors, match=r"^settings: server\.port: is not a whole number"):
        Settings.from_mapping({"upstreams": [], "server": {"port": "x"}})


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1.5", 1.5), ("7", 7)]
)
def test_a_duration_is_read_in_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    settings = load(tmp_path, f"upstreams: []\nserver: {{timeout: {written}}}\n")
    assert settings.server.timeout_s == seconds


@pytest.mark.parametrize("written", ["0s", "-1", "soon", "true", "[]", "1e99", "nan"])
def test_what_is_no_duration_is_refused(tmp_path: Path, written: str) -> None:
    found = mistake(tmp_path, f"upstreams: []\nserver: {{timeout: {written}}}\n")
    assert found.key == "server.timeout"
    assert "`30s`" in found.accepted


@pytest.mark.parametrize(("written", "size"), [("32MB", 32_000_000), ("1MiB", 1_048_576), ("900", 900)])
def test_a_size_is_read_in_bytes(tmp_path: Path, written: str, size: int) -> None:
    settings = load(tmp_path, f"upstreams: []\nserver: {{max_body: {written}}}\n")
    assert settings.server.max_body_bytes == size


def test_an_unknown_key_names_the_nearest_and_all_that_are_accepted(tmp_path: Path) -> None:
    found = mistake(tmp_path, "upstreams: []\nserver:\n  host: 0.0.0.0\n  prot: 80\n")
    assert (found.line, found.key) == (4, "server.prot")
    assert found.problem == "unknown key; did you mean `port`?"
    assert found.accepted.startswith("host, port, workers")


def test_an_unknown_key_of_an_upstream_names_those_of_its_form(tmp_path: Path) -> None:
    text = "upstreams:\n  - url: http://a\n    heders: {}\n  - lambda: {region: a, manifst: x}\n"
    server, functions = mistakes(tmp_path, text)
    assert (server.line, server.key) == (3, "upstreams[0].heders")
    assert "`headers`" in server.problem
    assert (functions.line, functions.key) == (4, "upstreams[1].lambda.manifst")
    assert functions.accepted.startswith(
        "region, regions, role, roles, profile, endpoint, manifest, functions,"
    )


def test_all_mistakes_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = "server: {port: eighty}\nupstreams:\n  - ftp://a\n  - 7\nlinks:\n  - {field: Order}\n"
    assert [(found.line, found.key) for found in mistakes(tmp_path, text)] == [
        (1, "server.port"),
        (3, "upstreams[0]"),
        (4, "upstreams[1]"),
        (6, "links[0].field"),
    ]


def test_the_message_has_one_line_for_each_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, "upstreams: [ftp://a]\nserver: {port: 99999}\n")
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        f"{tmp_path}/weft.yaml:1: upstreams[0]: has an unknown scheme `ftp://`; accepted: "
    )
    assert second == f"{tmp_path}/weft.yaml:2: server.port: is too large; accepted: at most 65535"


def test_missing_upstreams_are_a_mistake(tmp_path: Path) -> None:
    found = mistake(tmp_path, "server: {port: 1}\n")
    assert (found.key, found.problem) == ("upstreams", "is missing")


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    found = mistake(tmp_path, "upstreams:\n  - http://a\nserver: {port: 1\nlinks: []\n")
    assert found.line == 4
    assert found.problem.startswith("is no YAML")


def test_a_key_that_stands_twice_names_both_lines(tmp_path: Path) -> None:
    found = mistake(tmp_path, "upstreams: []\nserver: {port: 1}\nserver: {port: 2}\n")
    assert (found.line, found.key, found.problem) == (3, "server", "stands twice; first in line 2")


@pytest.mark.parametrize(
    ("text", "problem"), [("", "is empty"), ("- a", "must be a mapping"), ("\0", "is no YAML")]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert mistake(tmp_path, text).problem.startswith(problem)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"absent\.yaml: cannot be read: No such file"):
        load_settings(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:8101", "has no scheme"),
        ("ftp://a", "unknown scheme `ftp://`"),
        ("http://", "is not a URL"),
        ("http://a:port", "is not a URL"),
        ("http://a?key=1", "has a query or fragment"),
        ("grpc://a", "must be a host and a port"),
        ("grpc://a:1/path", "must be a host and a port"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(tmp_path: Path, url: str, problem: str) -> None:
    assert problem in mistake(tmp_path, f"upstreams:\n  - {url}\n").problem


def test_credentials_in_a_url_are_refused_and_not_repeated(tmp_path: Path) -> None:
    found = mistake(tmp_path, f"upstreams:\n  - http://user:{TOKEN}@a\n")
    assert found.problem == "holds credentials"
    assert TOKEN not in str(found)


def test_placeholders_are_filled_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    found = entry(
        tmp_path,
        '{url: "http://a", headers: {X-A: "A ${TOKEN}", x-b: "${file:token}", x-c: "$${A}"}}',
        TOKEN=TOKEN,
    )
    values = {name: value.get_secret_value() for name, value in found.headers.items()}
    assert values == {"x-a": f"A {TOKEN}", "x-b": "from-file", "x-c": "${A}"}


def test_secrets_do_not_show_in_repr(tmp_path: Path) -> None:
    found = entry(tmp_path, '{url: "http://a", headers: {x-a: "${TOKEN}"}}', TOKEN=TOKEN)
    assert TOKEN not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


def test_an_unset_variable_is_named(tmp_path: Path) -> None:
    text = 'upstreams:\n  - url: http://a\n    headers:\n      x-a: "${TOKEN}"\n'
    found = mistake(tmp_path, text)
    assert (found.line, found.key) == (4, "upstreams[0].headers.x-a")
    assert found.problem == "environment variable TOKEN is not set"


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = mistake(tmp_path, 'upstreams:\n  - {url: "http://a", headers: {x-a: "${file:/no/such}"}}\n')
    assert found.problem == "file /no/such cannot be read: No such file or directory"


@pytest.mark.parametrize("headers", [f"[{TOKEN}]", f"{{x-a: [{TOKEN}]}}", f"Bearer {TOKEN}", "{x-a: ${A}}"])
def test_errors_do_not_print_header_values(tmp_path: Path, headers: str) -> None:
    text = (
        f"upstreams:\n  - url: http://a\n    headers: {headers.replace('${A}', chr(34) + '${A}' + chr(34))}\n"
    )
    found = mistake(tmp_path, text, A=f"{TOKEN}\r\nx-b: c")
    assert TOKEN not in str(found)
    assert found.line == 3


def test_a_name_that_no_header_may_have_is_refused(tmp_path: Path) -> None:
    found = mistake(tmp_path, 'upstreams:\n  - {url: "http://a", headers: {"a b": c}}\n')
    assert found.problem == "is not a header name"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/v3/api-docs", "/v3/api-docs"),
        ("https://b/x.json", "https://b/x.json"),
        ("file:///etc/a.yaml", Path("/etc/a.yaml")),
    ],
)
def test_openapi_is_a_url_a_path_on_the_server_or_a_file(tmp_path: Path, written: str, read: object) -> None:
    assert entry(tmp_path, f'{{url: "http://a", openapi: "{written}"}}').openapi == read


def test_openapi_beside_grpc_is_refused(tmp_path: Path) -> None:
    found = mistake(tmp_path, 'upstreams:\n  - {url: "grpc://a:1", openapi: /x}\n')
    assert (found.key, found.line) == ("upstreams[0]", 2)


def test_one_name_for_two_upstreams_is_refused(tmp_path: Path) -> None:
    text = "upstreams:\n  - {name: a, url: 'http://a'}\n  - {name: a, url: 'http://b'}\n"
    found = mistake(tmp_path, text)
    assert (found.line, found.key) == (3, "upstreams[1].name")


def test_one_place_for_two_upstreams_without_names_is_refused(tmp_path: Path) -> None:
    found = mistake(tmp_path, "upstreams:\n  - http://a\n  - http://a/\n")
    assert (found.line, found.key) == (3, "upstreams[1]")


@pytest.mark.parametrize(
    "link",
    [
        "{field: A.b}",
        "{field: A.b, off: true, function: a.b}",
        "{field: b, function: a.b}",
        "{field: A.b, function: b}",
    ],
)
def test_a_link_says_either_a_function_or_off(tmp_path: Path, link: str) -> None:
    assert mistake(tmp_path, f"upstreams: []\nlinks:\n  - {link}\n").line == 3


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(tmp_path, "upstreams: []\n")
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_bulk_functions_that_answer_lists_say_how_long_they_are(tmp_path: Path) -> None:
    text = (
        "upstreams: []\nbulk:\n  - {function: orders.list, argument: customerId, many: true, per_key: 100}\n"
    )
    (rule,) = load(tmp_path, text).bulk_rules
    assert (rule.many, rule.per_key) == (True, 100)
