"""Access rules and costs, held against operations before any call is made."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.support.shop_engine import ShopEngine
from weft.engine.execute.engine import EngineSettings
from weft.engine.execute.guard import GuardSettings, claims_of
from weft.engine.operation import GraphQLRequest, Response
from weft.engine.plan.access import AccessRule
from weft.engine.plan.cost import CostRule


def claims(**values: Any) -> dict[str, str]:
    return {"x-weft-claims": base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")}


def shop(*rules: AccessRule, trusted: bool = True, cost: CostRule | None = None) -> ShopEngine:
    return ShopEngine(settings=EngineSettings(guard=GuardSettings(rules, trusted=trusted, cost=cost)))


async def ask(
    shop: ShopEngine, query: str, headers: Mapping[str, str] | None = None
) -> tuple[Response, list[str]]:
    async with shop.engine as engine:
        response = await engine.execute(GraphQLRequest(query), headers=headers)
    errors = msgspec.json.decode(response.body).get("errors", [])
    return response, [error["extensions"]["code"] for error in errors]


READ = AccessRule(fields=("Order.*",), claims={"scope": ("orders:read", "admin")})


async def test_a_caller_with_the_claim_is_answered() -> None:
    response, codes = await ask(shop(READ), "{ orders { id } }", claims(scope="openid orders:read"))
    assert (codes, response.is_private) == ([], True)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "UNAUTHENTICATED"),
        (claims(sub="ann"), "FORBIDDEN"),
        (claims(scope="orders:reader"), "FORBIDDEN"),
        ({"x-weft-claims": "not base64!"}, "UNAUTHENTICATED"),
    ],
)
async def test_another_caller_is_refused_before_any_call(headers: dict[str, str], code: str) -> None:
    one = shop(READ)
    response, codes = await ask(one, "{ orders { id placedAt } products { id } }", headers)
    assert codes == [code, code]
    assert response.is_request_error
    assert one.calls == []


async def test_fields_outside_of_the_rules_are_open() -> None:
    assert (await ask(shop(READ), "{ products { id } }"))[1] == []


async def test_fragments_do_not_get_around_a_rule() -> None:
    query = "query A { ...F } fragment F on Query { orders { ...G } } fragment G on Order { id }"
    assert (await ask(shop(READ), query))[1] == ["UNAUTHENTICATED"]


async def test_a_skipped_field_is_refused_too() -> None:
    query = "{ orders { id @skip(if: true) } products { id } }"
    assert (await ask(shop(READ), query))[1] == ["UNAUTHENTICATED"]


async def test_a_rule_of_a_function_holds_for_links_that_lead_to_it() -> None:
    rule = AccessRule(functions=("products.*",), claims={"role": ("clerk",)})
    assert (await ask(shop(rule), "{ orders { product { name } } }"))[1] == ["UNAUTHENTICATED"]
    assert (await ask(shop(rule), "{ orders { product { name } } }", claims(role=["clerk"])))[1] == []
    assert (await ask(shop(rule), "{ orders { id } }"))[1] == []


async def test_all_rules_of_a_field_must_hold() -> None:
    both = (READ, AccessRule(fields=("Order.id",), claims={"org.id": ("o1",)}))
    assert (await ask(shop(*both), "{ orders { id } }", claims(scope="admin")))[1] == ["FORBIDDEN"]
    assert (await ask(shop(*both), "{ orders { id } }", claims(scope="admin", org={"id": "o1"})))[1] == []


async def test_headers_of_callers_that_come_past_the_gateway_say_nothing() -> None:
    found = await ask(shop(READ, trusted=False), "{ orders { id } }", claims(scope="admin"))
    assert found[1] == ["UNAUTHENTICATED"]


async def test_the_same_document_is_refused_to_one_and_answered_to_another() -> None:
    one = shop(READ)
    async with one.engine as engine:
        request = GraphQLRequest("{ orders { id } }")
        refused = await engine.execute(request)
        answered = await engine.execute(request, headers=claims(scope="admin"))
    assert (refused.is_request_error, answered.is_request_error) == (True, False)


def test_a_clients_key_is_a_claim() -> None:
    assert claims_of({"x-weft-client": "mobile", **claims(sub="ann")}) == {"sub": "ann", "client": "mobile"}


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ products { id } }", 1),
        ("{ a: products { id } b: products { name } }", 2),
        # 20 items, which the function gives by default: one call for each key of a function that takes one.
        ("{ orders { customer { name } } }", 21),
        ("{ orders(limit: 3) { customer { name } } }", 4),
        # A bulk function takes all keys in one call.
        ("{ orders(limit: 50) { product { name } } }", 2),
        ("{ __typename }", 0),
    ],
)
async def test_an_operation_costs_the_calls_it_is_expected_to_make(query: str, cost: int) -> None:
    response, codes = await ask(shop(cost=CostRule()), query)
    assert (response.cost, codes) == (cost, [])


async def test_functions_weigh_what_is_said() -> None:
    rule = CostRule(weights={"orders.get*": 5, "orders.*": 2})
    assert (await ask(shop(cost=rule), "{ orders(limit: 3) { customer { name } } }"))[0].cost == 2 + 3 * 5


async def test_what_costs_too_much_is_not_executed() -> None:
    one = shop(cost=CostRule(max_cost=20))
    response, codes = await ask(one, "{ orders(limit: 21) { customer { name } } }")
    assert (codes, one.calls, response.cost) == (["OPERATION_TOO_COSTLY"], [], 0)
