"""Compiled plans: what they decode, what they leave to the interpreter, and what they look like."""

from __future__ import annotations

import gc
import linecache
import re
from typing import Any

import msgspec
import pytest

from tests.support.shop_engine import ShopEngine
from tests.support.small_catalogs import (
    INT,
    TEXT,
    argument,
    field,
    get,
    key_argument,
    list_of,
    ref,
    shape,
    upstream,
    write,
)
from tests.support.two_ways import both_ways, plan_of
from weft.engine.codegen import compile_plan
from weft.engine.execute.fast import execute_event
from weft.schemas.catalog import (
    Catalog,
    Discriminator,
    EnumShape,
    EnumValue,
    ListOf,
    MapOf,
    Scalar,
    UnionShape,
)
from weft.schemas.errors import UpstreamTimeout


def zoo(*, discriminator: bool, answer: Any) -> ShopEngine:
    """One upstream with a union of cats and dogs, of which cats have an owner."""
    told = Discriminator(property="kind", mapping={"cat": "Cat", "hound": "Dog", "dog": "Dog"})  # type: ignore[dict-item]
    pets = UnionShape(
        name="Pet",  # type: ignore[arg-type]
        members=("Cat", "Dog"),  # type: ignore[arg-type]
        discriminator=told if discriminator else None,
    )
    catalog = Catalog.of(
        upstream(
            "zoo",
            pets,
            shape("Cat", "kind", "name", field("lives", INT), "ownerId"),
            shape("Dog", "kind", "name", field("tricks", ListOf(item=TEXT))),
            shape("Owner", "id", "name"),
            get("zoo.listPets", "/pets", list_of("Pet")),
            get("zoo.petsByName", "/by", MapOf(value=ref("Pet", nullable=True))),
            get("zoo.getOwner", "/owners/{id}", ref("Owner"), key_argument("id")),
        )
    )
    answers: dict[str, Any] = {
        "zoo.listPets": lambda: answer,
        "zoo.petsByName": lambda: answer,
        "zoo.getOwner": lambda id: {"id": id, "name": f"owner {id}"},  # noqa: A006 - the argument's name
    }
    return ShopEngine(answers, catalog=catalog)


CAT = {"kind": "cat", "name": "Tom", "lives": 9, "ownerId": "o1"}
DOG = {"kind": "hound", "name": "Rex", "tricks": ["sit"]}


class TestUnions:
    @pytest.mark.parametrize("discriminator", [True, False])
    async def test_each_object_has_the_fields_of_its_type(self, discriminator: bool) -> None:
        shop = zoo(discriminator=discriminator, answer=[CAT, DOG, CAT])
        both = await both_ways(
            shop, "{ pets { __typename ... on Cat { name n: lives } ... on Dog { name tricks kind } } }"
        )
        tom = {"__typename": "Cat", "name": "Tom", "n": 9}
        rex = {"__typename": "Dog", "name": "Rex", "tricks": ["sit"], "kind": "hound"}
        assert both.response == {"data": {"pets": [tom, rex, tom]}}
        assert both.fast

    @pytest.mark.parametrize("discriminator", [True, False])
    async def test_links_of_one_member_are_followed(self, discriminator: bool) -> None:
        shop = zoo(discriminator=discriminator, answer=[DOG, CAT])
        both = await both_ways(shop, "{ pets { ... on Cat { owner { name } } } }")
        assert both.response == {"data": {"pets": [{}, {"owner": {"name": "owner o1"}}]}}
        assert both.fast
        assert [call for call in both.calls if call[0] == "zoo.getOwner"] == [("zoo.getOwner", {"id": "o1"})]

    @pytest.mark.parametrize("discriminator", [True, False])
    async def test_entries_of_a_map_may_be_of_a_union(self, discriminator: bool) -> None:
        shop = zoo(discriminator=discriminator, answer={"a": CAT, "b": None, "c": DOG})
        both = await both_ways(
            shop, "{ petsByName { key value { ... on Cat { owner { id } } ... on Dog { name } } } }"
        )
        assert both.response["data"]["petsByName"] == [
            {"key": "a", "value": {"owner": {"id": "o1"}}},
            {"key": "b", "value": None},
            {"key": "c", "value": {"name": "Rex"}},
        ]
        assert both.fast

    async def test_the_discriminators_other_words_are_the_shapes_names(self) -> None:
        shop = zoo(discriminator=True, answer=[{**DOG, "kind": "Dog"}, {**DOG, "kind": "dog"}])
        both = await both_ways(shop, "{ pets { ... on Dog { kind } } }")
        assert both.response == {"data": {"pets": [{"kind": "Dog"}, {"kind": "dog"}]}}
        assert both.fast

    async def test_an_unknown_discriminator_is_left_to_the_interpreter(self) -> None:
        shop = zoo(discriminator=True, answer=[{**CAT, "kind": "lion"}, {"kind": "fish"}])
        both = await both_ways(shop, "{ pets { __typename } }")
        assert not both.fast
        assert both.response["data"] == {"pets": None}
        assert both.calls == [("zoo.listPets", {})]

    @pytest.mark.parametrize("answer", [[CAT, 7], [CAT, None], [CAT, {}], "cats"])
    @pytest.mark.parametrize("discriminator", [True, False])
    async def test_what_is_no_member_is_left_to_the_interpreter(
        self, discriminator: bool, answer: Any
    ) -> None:
        both = await both_ways(zoo(discriminator=discriminator, answer=answer), "{ pets { __typename } }")
        assert not both.fast
        assert len(both.calls) == 1


def things(answer: Any, *members: Any, more: Any = ()) -> ShopEngine:
    catalog = Catalog.of(
        upstream("u", shape("Thing", *members), *more, get("u.listThings", "/t", list_of("Thing")))
    )
    return ShopEngine({"u.listThings": lambda: answer}, catalog=catalog)


class TestMaps:
    async def test_only_the_names_may_be_asked_for(self) -> None:
        shop = things([{"by": {"a": {"deep": [1]}, "b": None}}], field("by", MapOf(value=TEXT)))
        both = await both_ways(shop, "{ things { by { key } } }")
        assert both.response == {"data": {"things": [{"by": [{"key": "a"}, {"key": "b"}]}]}}
        assert both.fast

    async def test_a_map_may_be_read_twice(self) -> None:
        shop = things([{"by": {"a": [1, 2]}}], field("by", MapOf(value=ListOf(item=INT))))
        both = await both_ways(shop, "{ things { by { k: key } again: by { v: value key } } }")
        assert both.response["data"]["things"] == [{"by": [{"k": "a"}], "again": [{"v": [1, 2], "key": "a"}]}]
        assert both.fast


class TestLeaves:
    async def test_an_id_sent_as_a_number_needs_no_interpreter(self) -> None:
        shop = things([{"id": 7, "n": 1}, {"id": "8", "n": "2"}], *_id_and_number())
        both = await both_ways(shop, "{ things { id n } }")
        assert both.response == {"data": {"things": [{"id": "7", "n": 1}, {"id": "8", "n": 2}]}}
        assert both.fast

    async def test_right_values_are_sent_as_they_were_decoded(self) -> None:
        shop = things([{"id": "7", "n": 1}], *_id_and_number())
        plan, _ = plan_of(shop, "{ things { id n } }")
        compiled = compile_plan(plan)
        assert compiled is not None
        assert " for " not in compiled.source
        assert compiled.lenient is not None
        assert " for " in compiled.lenient.source

    async def test_a_number_beyond_what_javascript_holds_is_sent_as_text(self) -> None:
        shop = things([{"id": "a", "n": 2**53}], *_id_and_number())
        both = await both_ways(shop, "{ things { n } }")
        assert both.response == {"data": {"things": [{"n": str(2**53)}]}}
        assert both.fast

    async def test_enum_values_get_their_names(self) -> None:
        values = (EnumValue(value="in-stock"), EnumValue(value="gone"))
        kind = EnumShape(name="State", values=values)  # type: ignore[arg-type]
        shop = things([{"state": "in-stock"}, {"state": "gone"}], field("state", ref("State")), more=(kind,))
        both = await both_ways(shop, "{ things { state } }")
        assert both.response == {"data": {"things": [{"state": "IN_STOCK"}, {"state": "gone"}]}}
        assert both.fast

    async def test_members_of_other_names_are_renamed(self) -> None:
        shop = things(
            [{"first-name": "A", "last_name": None}], "first-name", field("last_name", TEXT, required=False)
        )
        both = await both_ways(shop, "{ things { firstName lastName again: firstName } }")
        assert both.response["data"]["things"] == [{"firstName": "A", "lastName": None, "again": "A"}]
        assert both.fast


def _id_and_number() -> list[Any]:
    return [field("id", Scalar(kind="id")), field("n", Scalar(kind="int64"))]


class TestMutations:
    def shop(self, calls: list[str], *, fails: str = "") -> ShopEngine:
        def made(name: str, answer: Any) -> Any:
            def answered(**_: Any) -> Any:
                calls.append(name)
                return UpstreamTimeout("u", f"u.{name}") if name == fails else answer

            return answered

        catalog = Catalog.of(
            upstream(
                "u",
                shape("Thing", "id", field("n", INT)),
                write("u.make", "/make", ref("Thing"), argument("tag", TEXT)),
                write("u.drop", "/drop", None),
            )
        )
        return ShopEngine(
            {"u.make": made("make", {"id": "a", "n": 1}), "u.drop": made("drop", None)}, catalog=catalog
        )

    async def test_they_are_compiled_and_run_in_order(self) -> None:
        calls: list[str] = []
        both = await both_ways(
            self.shop(calls), 'mutation { a: make(tag: "1") { id } drop b: make(tag: "1") { n } }'
        )
        assert both.fast
        assert both.response == {"data": {"a": {"id": "a"}, "drop": True, "b": {"n": 1}}}
        assert calls == ["make", "drop", "make"] * 2

    async def test_equal_writes_are_each_made_once_also_where_the_compiled_way_is_left(self) -> None:
        calls: list[str] = []
        both = await both_ways(
            self.shop(calls, fails="drop"),
            'mutation { a: make(tag: "1") { id } b: make(tag: "1") { id } drop c: make(tag: "1") { id } }',
        )
        assert not both.fast
        assert both.response["errors"][0]["path"] == ["drop"]
        assert calls == ["make", "make", "drop", "make"] * 2


async def test_code_of_a_plan_that_is_gone_is_forgotten() -> None:
    shop = ShopEngine()
    plan, _ = plan_of(shop, "{ orders { product { name } } }")

    def compiled_files() -> set[str]:
        return {name for name in linecache.cache if name.startswith("<weft plan")}

    compiled = compile_plan(plan)
    mine = compiled_files()
    del compiled
    gc.collect()
    assert len(compiled_files()) < len(mine)


async def test_events_of_a_subscription_are_compiled() -> None:
    shop = ShopEngine()
    plan, values = plan_of(shop, "subscription { watchStock { available product { name } } }")
    event: Any = {"productId": "p1", "available": 3, "warehouse": "north", "reserved": {}}
    outcome = await execute_event(plan, compile_plan(plan), values, shop.engine.calls({}), event)
    assert isinstance(outcome, bytes)
    assert msgspec.json.decode(outcome) == {
        "data": {"watchStock": {"available": 3, "product": {"name": "Lamp"}}}
    }


def test_the_code_for_a_link_is_what_one_would_write_by_hand() -> None:
    catalog = Catalog.of(
        upstream(
            "blog",
            shape("Post", field("id", INT), field("userId", INT), "title", "body"),
            shape("User", field("id", INT), "name", "email"),
            get("blog.listPosts", "/posts", list_of("Post")),
            get("blog.listUsers", "/users", list_of("User"), argument("id", ListOf(item=INT))),
            get("blog.getUser", "/users/{id}", ref("User"), key_argument("id", INT)),
        )
    )
    plan, _ = plan_of(ShopEngine(catalog=catalog), "{ posts { id userId title user { id name email } } }")
    compiled = compile_plan(plan)
    assert compiled is not None
    assert re.sub(r"(?<=[a-zA-Z_])\d+\b", "", compiled.source) == (
        """\
def keys_of(state):
    keys = {v.a: None for v in state[0] or ()}
    keys.pop(None, None)
    return list(keys)
def add(answer, found):
    for v in answer or ():
        k = v.a
        if k in found:
            found[k] = v
def finish(state):
    linked = state[1]
    get = linked.get
    d = state[0]
    if d is not None:
        for v in d:
            v.a = get(v.a)
    return Response(Response(state[0]))
"""
    )
