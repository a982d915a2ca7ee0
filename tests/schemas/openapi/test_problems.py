import socket
from typing import Any

import msgspec
import pytest

from weft.schemas.catalog import ReadingWarning
from weft.schemas.openapi import check_document, parse_document
from weft.schemas.openapi.problems import MAX_BYTES, MAX_PROBLEMS

INFO = {"title": "Orders", "version": "1"}


def check(root: dict[str, Any]) -> tuple[ReadingWarning, ...]:
    return check_document(parse_document(msgspec.json.encode(root), source="test"))


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_sound_document_has_no_problems(version: str) -> None:
    assert check({"openapi": version, "info": INFO, "paths": {}}) == ()


def test_problem_has_a_pointer() -> None:
    (problem,) = check({"swagger": "2.0", "info": {"title": "Orders"}, "paths": {}})
    assert (problem.kind, problem.pointer) == ("invalid", "/info")
    assert "'version'" in problem.reason


def test_problems_have_an_end() -> None:
    paths = {f"/{n}": {"get": {"responses": 5}} for n in range(100)}
    assert len(check({"openapi": "3.0.0", "info": INFO, "paths": paths})) == MAX_PROBLEMS


def test_large_document_is_not_checked() -> None:
    root = {"openapi": "3.0.0", "x": "x" * MAX_BYTES}
    assert [problem.kind for problem in check(root)] == ["unchecked"]


@pytest.mark.parametrize("reference", ["http://127.0.0.1:1/x.json", "file:///etc/passwd", "other.yaml#/x"])
def test_nothing_is_fetched(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket or file was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    schema = {"type": "object", "default": 5, "properties": {"a": {"$ref": reference}}}
    check({"openapi": "3.0.0", "info": INFO, "paths": {}, "components": {"schemas": {"A": schema}}})


@pytest.mark.parametrize(
    "rest", [{"paths": 5}, {"info": 5}, {"components": {"schemas": {"A": {"$ref": "#/gone"}}}}]
)
def test_broken_document_is_never_an_exception(rest: dict[str, Any]) -> None:
    check({"openapi": "3.0.0", "info": INFO, "paths": {}, **rest})
