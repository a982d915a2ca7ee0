"""Reads and writes, told from names."""

from __future__ import annotations

import pytest

from weft.schemas.catalog import effect_of_name


@pytest.mark.parametrize(
    "name",
    [
        "GetStock",
        "listOrders",
        "BatchGetStock",
        "bulk_get_users",
        "pricing-get-price",
        "searchProducts",
        "find_by_name",
        "WatchStock",
        "users-list",
        "HeadObject",
    ],
)
def test_a_verb_of_reading_makes_a_read(name: str) -> None:
    assert effect_of_name(name)[0] == "read"


@pytest.mark.parametrize(
    "name",
    [
        "CreateOrder",
        "cancel_order",
        "Refund",
        "BatchDeleteUsers",
        "getOrCreateUser",
        "find_and_modify",
        "FetchAndLock",
        "delete-list",
        "ResetTestData",
        "update_search_index",
        "users-delete-find",
        "ResolveIncident",
        "TestWebhook",
        "subscribe_user",
        "ExportToBucket",
        "",
        "日本",
    ],
)
def test_whatever_may_write_is_a_write(name: str) -> None:
    assert effect_of_name(name)[0] == "write"


def test_the_reason_names_the_verb() -> None:
    assert effect_of_name("BatchGetStock") == ("read", "the name begins with 'batch get'")
    assert effect_of_name("pricing-get-price") == ("read", "the name holds 'get'")
    assert effect_of_name("Refund") == ("write", "the name holds no verb of reading")
