"""Many keys in few calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.shop_catalog import SHOP, argument, function, http
from tests.support.shop_engine import ShopEngine
from weft.engine.execute.calls import Calls
from weft.engine.execute.loaders import Loaders, chunks, put_back
from weft.schemas.catalog import FunctionId, ListOf, Scalar
from weft.schemas.errors import UpstreamAnswer, UpstreamStatus
from weft.schemas.links import BulkFunction, weave

IDS = argument("ids", ListOf(item=Scalar(kind="string")))
NUMBERS = argument("ids", ListOf(item=Scalar(kind="int32")))


def bulk(**more: Any) -> BulkFunction:
    return BulkFunction(FunctionId("u.list"), "ids", **{"items": (), "key": "id", **more})


def listing(ids: Any = IDS) -> Any:
    return function("u.list", http("GET", "/list"), ListOf(item=Scalar(kind="string")), ids)


class TestChunks:
    def test_no_chunk_has_more_than_max_keys(self) -> None:
        assert chunks(["a", "b", "c", "d", "e"], bulk(max_keys=2)) == [["a", "b"], ["c", "d"], ["e"]]

    def test_keys_that_fit_are_one_chunk(self) -> None:
        assert chunks(["a", "b"], bulk(max_keys=2)) == [["a", "b"]]

    def test_no_keys_are_no_chunk(self) -> None:
        assert chunks([], bulk()) == []

    def test_bytes_count_each_key_percent_encoded_and_its_name(self) -> None:
        # `&ids=` is five bytes, and a key of one byte takes three at most
        assert chunks(["a", "b", "c"], bulk(max_key_bytes=16)) == [["a", "b"], ["c"]]
        assert chunks(["a", "é"], bulk(max_key_bytes=18)) == [["a"], ["é"]]

    def test_key_that_is_too_long_goes_alone(self) -> None:
        assert chunks(["a", "b" * 99, "c"], bulk(max_key_bytes=30)) == [["a"], ["b" * 99], ["c"]]


class TestPutBack:
    def test_items_go_by_key_and_not_by_order(self) -> None:
        answer: Any = [{"id": "b"}, {"id": "a"}]
        assert put_back(bulk(), listing(), ["a", "b"], answer) == {"a": {"id": "a"}, "b": {"id": "b"}}

    def test_keys_without_an_item_are_left_out(self) -> None:
        assert put_back(bulk(), listing(), ["a", "b"], [{"id": "b"}]) == {"b": {"id": "b"}}

    def test_items_that_nobody_asked_for_are_left_out(self) -> None:
        assert put_back(bulk(), listing(), ["a"], [{"id": "c"}, {"id": "a"}, None, "a", {"x": 1}]) == {
            "a": {"id": "a"}
        }

    def test_keys_are_equal_however_they_are_written(self) -> None:
        assert put_back(bulk(), listing(NUMBERS), [7], [{"id": "7"}]) == {7: {"id": "7"}}
        assert put_back(bulk(), listing(), ["7"], [{"id": 7}]) == {"7": {"id": 7}}

    def test_items_are_found_inside_the_answer(self) -> None:
        answer: Any = {"data": {"items": [{"id": "a"}]}}
        assert put_back(bulk(items=("data", "items")), listing(), ["a"], answer) == {"a": {"id": "a"}}

    @pytest.mark.parametrize("answer", [None, {}, {"data": None}, {"data": {}}])
    def test_absent_list_is_no_items(self, answer: Any) -> None:
        assert put_back(bulk(items=("data", "items")), listing(), ["a"], answer) == {}

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ("no", "the answer is no object"),
            ([], "the answer is no object"),
            ({"data": []}, "data is no object"),
            ({"data": {"items": "a"}}, "data.items is no list"),
        ],
    )
    def test_answer_of_another_shape_is_an_error_for_every_key(self, answer: Any, reason: str) -> None:
        found = put_back(bulk(items=("data", "items")), listing(), ["a", "b"], answer)
        assert found.keys() == {"a", "b"}
        for error in found.values():
            assert isinstance(error, UpstreamAnswer)
            assert error.reason == reason


class TestLoaders:
    """The shop's ``Order.product`` through ``products.list_products``."""

    def loaders(self, **answers: Any) -> tuple[Loaders, ShopEngine]:
        shop = ShopEngine({"products." + name: answer for name, answer in answers.items()})
        return Loaders(self.calls(shop)), shop

    def calls(self, shop: ShopEngine) -> Calls:
        return shop.engine.calls({})

    async def load(self, loaders: Loaders, *keys: str) -> Any:
        link = next(link for link in weave(SHOP).links if f"{link.shape}.{link.field}" == "Order.product")
        bulk_function = SHOP.functions[FunctionId("products.list_products")]
        return await loaders.load(link, bulk_function, keys, {}, batched=True)

    async def test_loads_of_different_branches_join_into_one_call(self) -> None:
        loaders, shop = self.loaders()
        first, second = await asyncio.gather(self.load(loaders, "p1", "p2"), self.load(loaders, "p2", "p3"))
        assert [first["p1"]["name"], first["p2"]["name"], second["p3"]["name"]] == ["Lamp", "Tent", "Mug"]
        assert shop.calls == [("products.list_products", {"ids": ["p1", "p2", "p3"], "limit": 3})]

    async def test_no_key_is_asked_for_twice(self) -> None:
        loaders, shop = self.loaders()
        await self.load(loaders, "p1")
        assert (await self.load(loaders, "p1", "p2"))["p1"]["name"] == "Lamp"
        assert [arguments["ids"] for _, arguments in shop.calls] == [["p1"], ["p2"]]

    async def test_no_keys_are_no_call(self) -> None:
        loaders, shop = self.loaders()
        assert await self.load(loaders) == {}
        assert shop.calls == []

    async def test_error_of_a_bulk_call_stands_in_the_place_of_every_key(self) -> None:
        error = UpstreamStatus("products", "products.list_products", status="500")
        loaders, _ = self.loaders(list_products=lambda **_: error)
        assert await self.load(loaders, "p1", "p2") == {"p1": error, "p2": error}

    async def test_bulk_function_that_finds_nothing_leads_to_null(self) -> None:
        error = UpstreamStatus("products", "products.list_products", status="404")
        loaders, _ = self.loaders(list_products=lambda **_: error)
        assert await self.load(loaders, "p1") == {"p1": None}

    async def test_waiter_that_is_cancelled_takes_no_other_with_it(self) -> None:
        slow = SlowProducts()
        loaders, _ = self.loaders(list_products=slow)
        leaves = asyncio.create_task(self.load(loaders, "p1"))
        stays = asyncio.create_task(self.load(loaders, "p1"))
        await slow.asked.wait()
        leaves.cancel()
        await asyncio.wait([leaves])
        slow.answered.set()
        assert await stays == {"p1": {"id": "p1"}}
        assert slow.calls == 1

    async def test_key_that_was_given_up_is_asked_for_anew(self) -> None:
        slow = SlowProducts()
        loaders, _ = self.loaders(list_products=slow)
        leaves = asyncio.create_task(self.load(loaders, "p1"))
        await slow.asked.wait()
        leaves.cancel()
        await asyncio.wait([leaves])
        slow.answered.set()
        assert await self.load(loaders, "p1") == {"p1": {"id": "p1"}}
        assert slow.calls == 2


class SlowProducts:
    """Answers any products once it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        self.calls = 0

    async def __call__(self, ids: list[str], **_: Any) -> Any:
        self.calls += 1
        self.asked.set()
        await self.answered.wait()
        return [{"id": id_} for id_ in ids]
