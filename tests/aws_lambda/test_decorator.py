"""``typed``: what it makes of handlers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from weft.aws_lambda import EventError, TypedHandler, typed
from weft.aws_lambda.__main__ import main

ROOT = Path(__file__).parents[2]


@dataclass
class Ask:
    id: str
    count: int = 1


@dataclass
class Price:
    """What it costs."""

    id: str
    amount: float


@typed
def plain(ask: Ask) -> Price:
    """The price.

    Of one thing.
    """
    return Price(ask.id, ask.count * 2.0)


@typed(batch=True, key="id", max_keys=3)
def many(items: list[Ask]) -> list[Price | Exception]:
    return [ValueError("none") if one.id == "bad" else Price(one.id, one.count) for one in reversed(items)]


@typed(batch=True)
def each(id: str, divisor: int = 1) -> float:  # noqa: A002 - the member's name
    return 1 / divisor


@typed(batch=True, key="id")
def mapped(items: list[Ask]) -> dict[str, float]:
    return {one.id: one.count for one in items if one.id != "unknown"}


def test_an_object_is_the_whole_event() -> None:
    assert plain({"id": "a", "count": 2, "more": 1}) == {"id": "a", "amount": 4.0}


def test_other_parameters_are_members_of_the_event() -> None:
    @typed
    def add(one: int, /, other: int = 2, *, third: int = 3) -> int:
        return one + other + third

    assert add({"one": 1}) == 6
    assert add({"one": 1, "other": 0, "third": 0}) == 1
    with pytest.raises(EventError, match="one: it must be there"):
        add({})


def test_an_async_handler_is_run() -> None:
    @typed
    async def handler(ask: Ask) -> str:
        return ask.id

    assert handler({"id": "a"}) == "a"


def test_the_context_is_handed_on_to_who_asks_for_it() -> None:
    @typed
    def handler(ask: Ask, context: Any) -> str:
        return f"{ask.id} {context.aws_request_id}"

    assert handler({"id": "a"}, SimpleNamespace(aws_request_id="r")) == "a r"


def test_the_handler_itself_stays_at_hand() -> None:
    assert plain.handler(Ask("a")) == Price("a", 2.0)
    assert plain.__name__ == "plain"


def test_an_invocation_that_asks_for_it_is_answered_by_the_description() -> None:
    context = SimpleNamespace(client_context=SimpleNamespace(custom={"weft-describe": "1"}))
    described = plain({}, context)
    assert described == plain.tool_schema()
    assert described["description"] == "The price.\n\nOf one thing."
    assert described["inputSchema"]["$defs"]["Ask"]["required"] == ["id"]
    assert plain({"id": "a"}, SimpleNamespace(client_context=None)) == {"id": "a", "amount": 2.0}


# -- many inputs


def test_many_inputs_are_answered_with_their_keys() -> None:
    assert many({"items": [{"id": "a"}, {"id": "b", "count": 2}]}) == {
        "results": [{"id": "b", "amount": 2}, {"id": "a", "amount": 1}]
    }


def test_a_bad_input_costs_its_own_position() -> None:
    assert many({"items": [{"id": "a"}, {"id": "b", "count": "x"}, 3]}) == {
        "results": [{"id": "a", "amount": 1}],
        "errors": [
            {
                "id": "b",
                "errorType": "EventError",
                "errorMessage": "items[1].count: a whole number is expected, a text is there",
            },
            {
                "id": None,
                "errorType": "EventError",
                "errorMessage": "items[2]: an object (Ask) is expected, a number is there",
            },
        ],
    }


def test_an_exception_in_the_place_of_a_result_is_that_input_s() -> None:
    assert many({"items": [{"id": "bad"}]}) == {
        "results": [],
        "errors": [{"id": "bad", "errorType": "ValueError", "errorMessage": "none"}],
    }


def test_a_handler_of_one_input_is_called_for_each() -> None:
    assert each({"items": [{"id": "a"}, {"id": "b", "divisor": 0}, {"id": "c", "divisor": 2}]}) == {
        "results": [{"id": "a", "value": 1.0}, {"id": "c", "value": 0.5}],
        "errors": [{"id": "b", "errorType": "ZeroDivisionError", "errorMessage": "division by zero"}],
    }


def test_results_may_be_a_mapping_by_key() -> None:
    assert mapped({"items": [{"id": "a"}, {"id": "unknown"}]}) == {"results": [{"id": "a", "value": 1}]}


def test_one_input_is_answered_as_it_is_without_a_batch() -> None:
    assert many({"id": "a"}) == {"id": "a", "amount": 1}
    assert each({"id": "a", "divisor": 4}) == {"id": "a", "value": 0.25}
    assert mapped({"id": "unknown"}) is None
    with pytest.raises(ValueError, match="none"):
        many({"id": "bad"})
    with pytest.raises(EventError, match=r"^id: a text is expected"):
        many({"id": 3})


def test_more_inputs_than_are_taken_at_once_are_refused() -> None:
    with pytest.raises(EventError, match="4 inputs are too many, 3 are taken at once"):
        many({"items": [{"id": str(number)} for number in range(4)]})


def test_results_that_say_not_whose_they_are_are_refused() -> None:
    @typed(batch=True, key="id")
    def handler(items: list[Ask]) -> list[float]:
        return [1.0]

    with pytest.raises(TypeError, match="1 results came for 2 inputs, and some hold no 'id'"):
        handler({"items": [{"id": "a"}, {"id": "b"}]})


def test_the_description_of_a_batch_has_the_key_among_the_results_members() -> None:
    described = each.tool_schema()
    assert described["batch"] == {"key": "id", "items": "items", "results": "results", "max": 100}
    assert described["outputSchema"]["properties"] == {"id": {"type": "string"}, "value": {"type": "number"}}


# -- faults of the handler itself


def untyped() -> list[tuple[Any, str]]:
    @typed
    def no_hint(event) -> int:  # type: ignore[no-untyped-def]
        return 1

    @typed
    def no_result(ask: Ask):  # type: ignore[no-untyped-def]
        return 1

    @typed
    def no_json(ask: Ask) -> complex:
        return 1j

    @typed(batch=True)
    def no_key(a: str, b: str) -> str:
        return a

    @typed(batch=True, key="name")
    def wrong_key(items: list[Ask]) -> list[Price]:
        return []

    @typed(batch=True)
    def no_list(items: list[Ask]) -> Price:
        return Price("", 0)

    return [
        (no_hint, "no_hint: parameter 'event' has no type hint"),
        (no_result, "no_result: say what it answers"),
        (no_json, "JSON is not read as complex"),
        (no_key, "no_key: say which member is the key"),
        (wrong_key, "wrong_key: an input has no member 'name'; it has id, count"),
        (no_list, "no_list: a handler of many inputs answers a list, or a mapping by key"),
    ]


@pytest.mark.parametrize(("handler", "said"), untyped(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_handler_that_cannot_be_described_says_why(handler: TypedHandler, said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("(", r"\(")):
        handler.tool_schema()


# -- the command


def test_the_command_prints_the_tool_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "priced.py").write_text(
        "from weft.aws_lambda import typed\n@typed(effect='read')\ndef handler(id: str) -> float: return 1.0\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["priced:handler", "--name", "get-price"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["name"], printed["annotations"]) == ("get-price", {"readOnlyHint": True})
    assert main(["priced.handler"]) == 0
    assert main(["priced:none"]) == 1
    assert "priced:none: module 'priced' has no attribute 'none'" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_but_the_standard_library_is_needed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "weft/aws_lambda", tmp_path / "weft/aws_lambda")
    code = (
        "from dataclasses import dataclass\n"
        "from weft.aws_lambda import typed\n"
        "@dataclass\n"
        "class Ask: id: str\n"
        "@typed\n"
        "def handler(ask: Ask) -> str: return ask.id\n"
        "import sys\n"
        "print(handler({'id': 'a'}), 'asyncio' in sys.modules, handler.tool_schema()['name'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("a False handler\n", "")
