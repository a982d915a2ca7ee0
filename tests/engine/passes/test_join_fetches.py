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


def test_where_each_key_has_a_call_of_its_own_nothing_waits() -> None:
    text = '{ a: order(orderId: "o1") { customer { id } } b: order(orderId: "o2") { customer { name } } }'
    made = improve(plan(text))
    assert [fetch.shared for fetch in made.fetches] == [None, 1, None, 1]
    assert stages(text) == [["a"], ["a.customer"], ["b"], ["b.customer"]]


def test_other_depths_share_what_was_found_and_wait_for_nothing() -> None:
    made = improve(plan("{ orders { product { price { product { id } } } } }"))
    assert [fetch.shared for fetch in made.fetches] == [None, 1, None, 1]
    assert [stage.waits_for for stage in made.stages] == [0, 1, 1, 1]


def test_calls_with_other_arguments_share_nothing() -> None:
    text = """{ a: customer(customerId: "1") { orders(limit: 1) { id } }
                b: customer(customerId: "2") { orders(limit: 1) { id } }
                c: customer(customerId: "3") { orders { id } } }"""
    assert [fetch.shared for fetch in improve(plan(text)).fetches] == [None, 1, None, 1, None, None]


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
    assert join_fetches in PASSES
    assert await joined.run(TWO_ORDERS) == await apart.run(TWO_ORDERS)
    assert joined.called("products.list_products") == [{"ids": ["p2", "p1"], "limit": 2}]
    assert apart.called("products.list_products") == [
        {"ids": ["p2"], "limit": 1},
        {"ids": ["p1"], "limit": 1},
    ]
