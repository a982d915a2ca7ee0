"""Documents of one shape: each is answered as if it had been prepared for itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.generate import SHOP_TEXTS, RandomOperation, operations, shop_worlds
from tests.support.memory import Answer, MemoryTransport
from tests.support.shop_catalog import SHOP
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.execute.prepared import Preparer
from weft.engine.operation import DocumentLimits, GraphQLRequest
from weft.engine.operation.document import OperationErrors
from weft.engine.operation.shape import shape_of
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

LOOP = asyncio.Runner()
WOVEN = weave(SHOP)
SCHEMA = stitch(SHOP, WOVEN).schema
LITERALS = (
    "1", "0", "-3", "2147483648", "1.5", "1e3", "true", "false", "null", '"k1"', '"k2"', r'"k\u0031"', r'"\uD83D"',
    '"""\n  k1\n"""', "HOME", "NOPE", "[]", '["k1"]', '["k1", "k2"]', '"\\n"', "[null]", "[1]", "[[1]]", "{}",
    '{id: "1", name: "n", tags: [], category: HOME}', '{name: "n", id: "1", tags: ["t"], category: HOME}',
    '{id: "1", id: "2", name: "n", tags: [], category: HOME}', '{id: 1, nope: 2}', '"open', "$v1", "5x", "01",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[None]:
    with LOOP:
        yield


class Twins:
    """One engine that shares what it prepares between documents of a shape, and one that does not."""

    def __init__(self) -> None:
        self.transport = MemoryTransport({})
        self.transport.as_bytes = True
        transports = dict.fromkeys(SHOP.upstreams_by_id, self.transport)
        bounds = EngineSettings(max_calls=100_000)
        self.sharing, self.alone = (Engine(stitch(SHOP, WOVEN), transports, bounds) for _ in range(2))
        self.alone._preparer._share_shapes = False

    def agree_on(self, text: str, variables: Any) -> None:
        request = GraphQLRequest(text, variables)
        expected = LOOP.run(self.alone.execute(request))
        found = LOOP.run(self.sharing.execute(request))
        # Their numbers of calls may differ: one may run a plan compiled where the other does not yet.
        assert msgspec.json.decode(found.body) == msgspec.json.decode(expected.body)


TWINS = Twins()


def variants(text: str, seed: int) -> Iterator[str]:
    """*text* with other literals: some equal where they were, and some not."""
    shape = shape_of(text)
    if shape is None:
        return
    choose = random.Random(seed)
    for _ in range(6):
        by_literal = {one: choose.choice(LITERALS) for one in shape.literals}
        parts, done = [], 0
        for start, end in shape.spans:
            other = choose.choice(LITERALS) if choose.random() < 0.1 else by_literal[text[start:end]]
            parts += [text[done:start], text[start:end] if choose.random() < 0.4 else other]
            done = end
        yield "".join([*parts, text[done:]])


@given(
    operations(SCHEMA, SHOP_TEXTS) | operations(SCHEMA, SHOP_TEXTS, operation_type="mutation"),
    shop_worlds(wrong_percent=5),
    st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@pytest.mark.slow
def test_random_documents_are_answered_alike(
    operation: RandomOperation, answers: dict[str, Answer], seed: int
) -> None:
    TWINS.transport.answers = answers
    for text in (operation.text, *variants(operation.text, seed), operation.text):
        TWINS.agree_on(text, operation.variables)
        TWINS.agree_on(text, operation.variables)


# -- what is shared


def preparer(**more: Any) -> Preparer:
    return Preparer(SCHEMA, DocumentLimits(**more))


def shares(made: Preparer, one: str, other: str) -> bool:
    return made.prepare(one, None).template is made.prepare(other, None).template


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ orders(limit: 1) { id } }", "{ orders(limit: 200) { id } }"),
        ("{ orders(limit: 1) { id } }", "{ orders(limit: null) { id } }"),
        ('{ products(ids: ["a"]) { id } }', '{ products(ids: ["a", "b"]) { id } }'),
        ('{ products(ids: ["a"]) { id } }', '{ products(ids: "a") { id } }'),
        ('{ order(orderId: "1") { id } }', '{ order(orderId: """1""") { id } }'),
        ("{ a: orders(limit: 1) { id } b: orders(limit: 1) { id } }",
         "{ a: orders(limit: 2) { id } b: orders(limit: 2) { id } }"),
        ("query ($c: String) { orders(limit: 1, customerId: $c) { id } }",
         "query ($c: String) { orders(limit: 2, customerId: $c) { id } }"),
    ],
)  # fmt: skip
def test_documents_that_differ_in_literals_share(one: str, other: str) -> None:
    assert shares(preparer(), one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ orders { id @skip(if: true) placedAt } }", "{ orders { id @skip(if: false) placedAt } }"),
        ("query ($n: Int = 1) { orders(limit: $n) { id } }", "query ($n: Int = 2) { orders(limit: $n) { id } }"),
        ("{ a: orders(limit: 1) { id } b: orders(limit: 1) { id } }",
         "{ a: orders(limit: 1) { id } b: orders(limit: 2) { id } }"),
        ("{ orders(limit: 1) { id } }", "{ orders(limit: 1) { placedAt } }"),
        ('{ __type(name: "Order") { name } }', '{ __type(name: "Product") { name } }'),
    ],
)  # fmt: skip
def test_documents_that_differ_in_more_do_not_share(one: str, other: str) -> None:
    assert not shares(preparer(), one, other)


def test_literal_that_does_not_fit_is_refused_where_it_stands() -> None:
    made = preparer()
    made.prepare("{ orders(limit: 1000000) { id }\n products(limit: 2) { id } }", None)
    with pytest.raises(OperationErrors) as raised:
        made.prepare('{ orders(limit: 1) { id }\n products(limit: "x") { id } }', None)
    (error,) = raised.value.errors
    assert str(error) == 'Int cannot represent non-integer value: "x"'
    assert error.locations == ((2, 18),)


def test_fields_of_one_name_need_equal_literals() -> None:
    made = preparer()
    made.prepare("{ orders(limit: 1) { id } orders(limit: 1) { placedAt } }", None)
    with pytest.raises(OperationErrors, match="conflict"):
        made.prepare("{ orders(limit: 1) { id } orders(limit: 2) { placedAt } }", None)


def test_literals_that_are_equal_but_written_otherwise_are_not_shared() -> None:
    """Else the second would be taken for valid, as the first is."""
    made = preparer()
    made.prepare(r'{ order(orderId: "a") { id } order(orderId: "\u0061") { id } }', None)
    with pytest.raises(OperationErrors, match="conflict"):
        made.prepare('{ order(orderId: "b") { id } order(orderId: "c") { id } }', None)


def test_value_in_a_shared_document_obeys_the_bound_on_tokens() -> None:
    made = preparer(max_tokens=40)
    made.prepare('{ products(ids: ["a"]) { id } }', None)
    with pytest.raises(OperationErrors, match="40"):
        made.prepare("{ products(ids: [" + '"a" ' * 40 + "]) { id } }", None)


def test_template_that_is_in_use_goes_last() -> None:
    made = preparer()
    first = made.prepare("{ orders(limit: 1) { id } }", None)
    made.prepare("{ products { id } }", None)
    assert made.prepare("{ orders(limit: 1) { id } }", None) is first
    made._kept.max_bytes = made._kept.bytes
    made.prepare("{ orders { id placedAt } }", None)
    assert made.prepare("{ orders(limit: 2) { id } }", None).template is first.template


# -- what is refused


def test_refused_document_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = preparer()
    with pytest.raises(OperationErrors) as first:
        made.prepare("{ nothing }", None)
    monkeypatch.setattr("weft.engine.execute.prepared.parse_operation", None)
    with pytest.raises(OperationErrors) as second:
        made.prepare("{ nothing }", None)
    assert [(str(e), e.code, e.locations) for e in second.value.errors] == [
        (str(e), e.code, e.locations) for e in first.value.errors
    ]
    assert second.value is not first.value  # raised again, it would hold more frames each time


def test_refusals_of_one_name_are_not_those_of_another() -> None:
    made = preparer()
    with pytest.raises(OperationErrors, match="B"):
        made.prepare("query A { orders { id } }", "B")
    assert made.prepare("query A { orders { id } }", "A").operation.name == "A"
    assert made.prepare("query A { orders { id } }", None).operation.name == "A"


def test_memory_of_refused_documents_is_bounded() -> None:
    made = preparer()
    for number in range(6_000):
        with pytest.raises(OperationErrors):
            made.prepare(f"{{ {number}", None)
    assert made._refused.bytes <= 1024 * 1024
    assert 1_000 < len(made._refused) < 6_000
    assert not len(made._kept)
