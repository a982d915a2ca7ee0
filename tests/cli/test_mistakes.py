"""What the program says when it is called in a wrong way: what to change, in a line, and code 2."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Discovered, RunHere
from tests.cli.program import weft

pytestmark = pytest.mark.slow


Refused = Callable[..., str]


@pytest.fixture
def refused(weft_here: RunHere) -> Refused:
    """Runs ``weft``, which is to end with an error; gives its message."""

    def run(folder: Path, *arguments: str, code: int = 2) -> str:
        done = weft_here(folder, *arguments)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        return done.stderr

    return run


# -- the configuration


def test_missing_configuration_says_how_to_name_another(tmp_path: Path) -> None:
    done = weft(tmp_path, "links")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: weft.yaml: there is no such file; name the configuration file with `-c FILE` or WEFT_CONFIG\n"
    )


def test_every_mistake_in_the_configuration_has_file_and_line(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "weft.yaml").write_text("upstreams:\n  - htp://x\nserver: {prt: 1}\n")
    first, second = refused(tmp_path, "config", "check").splitlines()
    assert first.startswith("error: weft.yaml:2: upstreams[0]:")
    assert second.startswith("error: weft.yaml:3: server.prt: unknown key; did you mean `port`?")


def test_configuration_that_is_no_yaml_has_file_and_line(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "weft.yaml").write_text("upstreams:\n  - [\n")
    assert refused(tmp_path, "discover").startswith("error: weft.yaml:3: is no YAML")


def test_link_that_contradicts_the_catalog_is_the_configurations_fault(
    discovered: Discovered, tmp_path: Path, refused: Refused
) -> None:
    shutil.copytree(discovered.folder, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "weft.yaml").open("a") as config:
        config.write("links: [{field: Order.gift, function: products.get_product, keys: {gift_id: id}}]\n")
    assert "gift_id" in refused(tmp_path, "links")


# -- the snapshot


def test_serve_without_a_snapshot_says_what_to_run(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "weft.yaml").write_text("upstreams: []\n")
    assert "run `weft discover` first, or add --wait" in refused(tmp_path, "serve")


def test_damaged_snapshot_says_what_to_run(discovered: Discovered, tmp_path: Path, refused: Refused) -> None:
    shutil.copytree(discovered.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / ".weft" / "snapshot.json").write_text("{}")
    assert "run `weft discover` again" in refused(tmp_path, "links", code=1)


def test_lock_that_cannot_be_read_is_named(discovered: Discovered, tmp_path: Path, refused: Refused) -> None:
    shutil.copytree(discovered.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "weft.lock").write_text("<<<<<<< HEAD")
    assert "weft.lock" in refused(tmp_path, "schema", "export", code=1)


# -- the arguments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("get",), "there are inventory.InventoryService.BatchGetStock, "),
        (("products.list_products", "nope=1"), "its arguments: search, "),
        (("products.list_products", "limit=many"), "limit takes int32, not 'many'"),
        (("products.list_products", "limit"), "'limit' is not name=value"),
        (("products.get_product",), "products.get_product needs product_id=…"),
        (("products.list_products", "-a", "[1]"), "--arguments is not a JSON object"),
    ],
    ids=["unknown function", "unknown argument", "wrong type", "no pair", "missing argument", "no object"],
)
def test_bad_call_names_what_is_right(
    arguments: tuple[str, ...], expected: str, discovered: Discovered, refused: Refused
) -> None:
    assert expected in refused(discovered.folder, "call", *arguments)


def test_query_with_a_syntax_error_has_line_and_column(discovered: Discovered, refused: Refused) -> None:
    message = refused(discovered.folder, "explain", "{ orders {\n  id", code=1)
    assert message == "error: line 2, column 5: Syntax Error: Expected Name, found <EOF>.\n"


def test_every_fault_of_a_query_is_named(discovered: Discovered, refused: Refused) -> None:
    message = refused(discovered.folder, "explain", "{ orders { nope1 nope2 } }", code=1)
    assert [line.partition(": ")[2].partition(":")[0] for line in message.splitlines()] == [
        "line 1, column 12",
        "line 1, column 18",
    ]


def test_file_that_cannot_be_written_is_named(
    discovered: Discovered, tmp_path: Path, refused: Refused
) -> None:
    place = tmp_path / "no folder" / "schema.graphql"
    assert str(place) in refused(discovered.folder, "schema", "export", "-o", str(place)).replace("\n", "")


@pytest.mark.parametrize("command", ["up", "serve"])
def test_port_that_is_taken_is_named(
    command: str, discovered: Discovered, tmp_path: Path, refused: Refused
) -> None:
    shutil.copytree(discovered.folder, tmp_path, dirs_exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "weft.yaml").write_text(f"upstreams: []\nserver: {{port: {port}}}\n")
        message = refused(tmp_path, command)
    assert message.startswith(f"error: weft.yaml: server: cannot listen on 127.0.0.1:{port}: ")
    assert "0 takes one" in message
