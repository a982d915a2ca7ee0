"""What the configuration says of single functions."""

from __future__ import annotations

from tests.support.shop_catalog import SHOP
from weft.schemas.aws_lambda import LambdaDescription, read_functions
from weft.schemas.catalog import Catalog, FunctionId, FunctionRule, UpstreamId, override_functions
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

CANCEL = FunctionId("orders.cancelOrder")


def test_a_write_that_is_said_to_read_is_a_field_of_query() -> None:
    changed = override_functions(SHOP, {CANCEL: FunctionRule(effect="read")})
    assert changed.functions[CANCEL].effect_reason == "configured"
    schema = stitch(changed, weave(changed)).schema
    assert schema.query_type is not None
    assert "cancelOrder" in schema.query_type.fields


def test_a_function_that_is_off_is_left_out() -> None:
    changed = override_functions(SHOP, {CANCEL: FunctionRule(off=True)})
    assert CANCEL not in changed.functions
    assert len(changed.functions) == len(SHOP.functions) - 1


def test_a_rule_without_an_effect_leaves_the_function_as_it_is() -> None:
    assert override_functions(SHOP, {CANCEL: FunctionRule()}).functions[CANCEL] == SHOP.functions[CANCEL]


def test_a_rule_about_a_function_that_is_not_there_changes_nothing() -> None:
    assert override_functions(SHOP, {FunctionId("no.such"): FunctionRule(off=True)}) is SHOP


def test_a_lambda_function_is_repeated_only_if_it_is_said_to_read() -> None:
    names = ("shop-get-prices", "shop-book-table")
    shop = read_functions(
        [LambdaDescription(name) for name in names], upstream=UpstreamId("shop"), region="eu-west-1"
    )
    prices, table = FunctionId("shop.get_prices"), FunctionId("shop.book_table")
    rules = {prices: FunctionRule(effect="write"), table: FunctionRule(effect="read")}
    changed = override_functions(Catalog.of(shop), rules).functions
    assert (changed[prices].idempotent, changed[table].idempotent) == (False, True)
