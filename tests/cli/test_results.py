"""What the commands print: for pipes, for terminals, and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_client_schema, build_schema

from tests.cli.conftest import Discovered
from tests.cli.program import environment, plain, weft, weft_in_terminal
from tests.support.shop import QUERY

pytestmark = pytest.mark.slow

SHOP = ["inventory", "orders", "pricing", "products"]


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


# -- discover


def test_discover_prints_tab_separated_fields_into_a_pipe(discovered: Discovered) -> None:
    states, functions, warnings = discovered.done.stdout.split("\n\n")
    header, *upstreams = rows(states)
    assert header == ["UPSTREAM", "STATE", "KIND", "FUNCTIONS", "WARNINGS", "ADDRESS", "REASON"]
    assert [row[:3] for row in upstreams] == [
        ["inventory", "ready", "grpc"],
        ["orders", "ready", "openapi"],
        ["pricing", "ready", "lambda"],
        ["products", "ready", "openapi"],
    ]
    assert {len(row) for row in rows(functions)} == {6}
    assert rows(warnings)[0] == ["UPSTREAM", "KIND", "WHERE", "WHAT"]
    assert "\x1b" not in discovered.done.stdout
    assert discovered.done.stderr == ""


def test_discover_counts_the_functions_it_lists(discovered: Discovered) -> None:
    states, functions, _ = discovered.done.stdout.split("\n\n")
    counted = {row[0]: int(row[3]) for row in rows(states)[1:]}
    listed = [row[0].partition(".")[0] for row in rows(functions)[1:]]
    assert counted == {name: listed.count(name) for name in SHOP}


def test_discover_writes_snapshot_and_lock(discovered: Discovered) -> None:
    assert json.loads(discovered.snapshot.read_bytes())
    assert (discovered.folder / "weft.lock").stat().st_size


def test_discover_tells_programs_all_of_it(discovered: Discovered) -> None:
    done = weft(discovered.folder, "discover", "--json")
    told = json.loads(done.stdout)
    assert [upstream["upstream"] for upstream in told["upstreams"]] == SHOP
    assert {"content_hash", "upstreams", "functions", "warnings"} == told.keys()
    assert done.stderr == ""


def test_discover_shows_progress_and_a_coloured_table_in_a_terminal(discovered: Discovered) -> None:
    code, text = weft_in_terminal(discovered.folder, "discover")
    assert code == 0
    assert "\x1b[32m" in text
    assert "looking at upstreams" in text
    lines = [line for line in plain(text).splitlines() if " ready " in line and "127.0.0.1" in line]
    assert {line.split()[0] for line in lines} == set(SHOP)
    assert "\t" not in plain(text)


# -- links


def test_links_have_evidence_and_their_bulk_functions(discovered: Discovered) -> None:
    found, bulk = weft(discovered.folder, "links").stdout.split("\n\n")
    links = {row[0]: row for row in rows(found)}
    assert links["Product.price"][2:4] == ["pricing.get_prices", "inferred"]
    assert all(row[4] for row in rows(found))
    assert "pricing.get_prices" in {row[0] for row in rows(bulk)}


def test_links_of_one_type_as_json(discovered: Discovered) -> None:
    told = json.loads(weft(discovered.folder, "links", "--type", "Order", "--json").stdout)
    assert {link["shape"] for link in told["links"]} == {"Order"}


def test_reader_that_goes_away_leaves_no_traceback(discovered: Discovered) -> None:
    command = f"{sys.executable} -m weft links | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=discovered.folder,
        env=environment(discovered.folder),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\t")[0] == "FIELD"
    assert done.stderr == ""


# -- schema export


def test_schema_is_exported_as_text_and_as_introspection(discovered: Discovered, tmp_path: Path) -> None:
    text = weft(discovered.folder, "schema", "export").stdout
    file = tmp_path / "schema.json"
    done = weft(discovered.folder, "schema", "export", "--format", "json", "--output", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr.replace("\n", "")
    introspection = json.loads(file.read_text())
    exported = build_client_schema(introspection.get("data", introspection))
    assert build_schema(text).type_map.keys() == exported.type_map.keys()


# -- explain


def test_plan_is_printed_and_nothing_called(discovered: Discovered) -> None:
    done = weft(discovered.folder, "explain", "-", given=QUERY)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "query"
    assert done.stdout.splitlines()[-1] == "4 calls"


def test_plan_takes_a_file_and_variables(discovered: Discovered, tmp_path: Path) -> None:
    file = tmp_path / "query.graphql"
    file.write_text("query ($n: Int) { orders(limit: $n) { id } }")
    done = weft(discovered.folder, "explain", f"@{file}", "--variables", '{"n": 3}', "--json")
    assert json.loads(done.stdout)["plan"][0] == "query"


# -- call


def test_call_finds_a_function_by_its_end_and_prints_json(discovered: Discovered) -> None:
    done = weft(discovered.folder, "call", "GetStock", "productId=p-1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["productId"] == "p-1"


def test_call_reads_lists_and_numbers(discovered: Discovered) -> None:
    done = weft(discovered.folder, "call", "products.list_products", "ids=p-1,p-2", "limit=2")
    assert [product["id"] for product in json.loads(done.stdout)] == ["p-1", "p-2"]


def test_call_that_fails_says_why_and_exits_with_1(discovered: Discovered) -> None:
    done = weft(discovered.folder, "call", "products.get_product", "product_id=nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "UPSTREAM_STATUS" in done.stderr
    assert "404" in done.stderr


# -- config


def test_right_configuration_is_said_to_be_right(discovered: Discovered) -> None:
    done = weft(discovered.folder, "config", "check")
    assert (done.returncode, done.stdout) == (0, "")
    assert "4 upstream(s)" in done.stderr


def test_config_schema_is_a_json_schema(tmp_path: Path) -> None:
    schema = json.loads(weft(tmp_path, "config", "schema").stdout)
    assert "upstreams" in schema["properties"]
