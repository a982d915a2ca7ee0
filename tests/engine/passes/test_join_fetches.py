"""One call for the keys of several fetches of one function."""

from __future__ import annotations

from tests.support.shop_engine import ShopEngine
from tests.support.shop_plans import plan
from weft.engine.passes import PASSES, batch_calls, improve, join_fetches

TWO_ORDERS = '{ a: order(orderId: "o1") { product { id } } b: order(orderId: "o2") { product { name } } }'


def stages(text: str) -> list[list[str]]:
    """The stages of the plan of *text*: the response paths of their fetches."""
    made = improve(plan(text))
    return [[".".join(made.fetches[id_].response_path) for id_ in stage.fetches] for stage in made.stages]


def test_links_to_one_function_at_one_depth_are_one_stage() -> None:
    assert stages(TWO_ORDERS) == [["a"], ["a.product", "b.product"], ["b"]]


def test_such_a_stage_waits_for_both_parents() -> None:
    made = improve(plan(TWO_ORDERS))
    assert [stage.waits_for for stage in made.stages] == [0, 2, 0]
    assert [stage.then for stage in made.stages] == [(1,), (), (1,)]
    assert made.root_stages == (0, 2)


def test_other_depths_share_what_was_found_and_wait_for_nothing() -> None:
    made = improve(plan("{ orders { product { price { product { id } } } } }"))
    assert [fetch.shared for fetch in made.fetches] == [None, 1, None, 1]
    assert [stage.waits_for for stage in made.stages] == [0, 1, 1, 1]


def test_calls_with_other_arguments_are_not_joined() -> None:
    text = '{ a: customer(customerId: "1") { orders(limit: 1) { id } } b: customer(customerId: "2") { orders { id } } }'
    assert len(stages(text)) == 4
    same = text.replace(
        'b: customer(customerId: "2") { orders {', 'b: customer(customerId: "2") { orders(limit: 1) {'
    )
    assert len(stages(same)) == 3


def test_below_different_fields_of_a_mutation_nothing_is_joined() -> None:
    create = (
        'createProduct(input: {id: "p", name: "N", tags: [], category: home}) { stock { product { id } } }'
    )
    made = improve(plan(f"mutation {{ a: {create} b: {create} }}"))
    assert all(fetch.shared is None for fetch in made.fetches)


def test_plan_without_such_fetches_is_the_same_plan() -> None:
    before = plan("{ orders { product { id } customer { id } } }")
    assert join_fetches(before) is before


async def test_answer_is_the_same_with_fewer_calls() -> None:
    joined, apart = ShopEngine(), ShopEngine(passes=(batch_calls,))
    assert PASSES[-1] is join_fetches
    assert await joined.run(TWO_ORDERS) == await apart.run(TWO_ORDERS)
    assert joined.called("products.list_products") == [{"ids": ["p2", "p1"], "limit": 2}]
    assert apart.called("products.list_products") == [
        {"ids": ["p2"], "limit": 1},
        {"ids": ["p1"], "limit": 1},
    ]
