"""Functions whose description says that one invocation answers many keys."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from weft.schemas.aws_lambda import (
    BatchSchema,
    LambdaDescription,
    LambdaSchema,
    parse_manifest,
    read_functions,
)
from weft.schemas.catalog import Catalog, FunctionId, Json, LambdaBatch, LambdaBinding, Upstream, UpstreamId
from weft.schemas.errors import DocumentError
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

TEXT: Json = {"type": "string"}


def of(*required: str, **properties: Any) -> dict[str, Any]:
    members = {**dict.fromkeys(required, TEXT), **properties}
    return {"type": "object", "properties": members, "required": list(required)}


PRICE = of("product_id", amount={"type": "number"})


def read(**schemas: LambdaSchema) -> Upstream:
    descriptions = [
        LambdaDescription(name.replace("_", "-"), schema=schema) for name, schema in schemas.items()
    ]
    return read_functions(descriptions, upstream=UpstreamId("shop"), region="eu-west-1")


PRODUCT = LambdaSchema(input_schema=of("id"), output_schema=of("id", "name"))
SINGLE = LambdaSchema(
    input_schema=of("product_id", currency=TEXT),
    output_schema=PRICE,
    batch=BatchSchema("product_id", items="items", results="results", max_keys=10),
)


def test_a_function_of_one_input_gets_a_hidden_one_of_many_beside_it() -> None:
    upstream = read(get_price=SINGLE)
    many = upstream.functions_by_id[FunctionId("shop.get_price_batch")]
    assert many.hidden
    assert many.binding == LambdaBinding(
        function_name="get-price",
        batch=LambdaBatch(argument="product_ids", key="product_id", items="items", results="results"),
    )
    assert [argument.name for argument in many.arguments] == ["product_ids", "currency"]


def test_links_to_the_one_go_to_the_many() -> None:
    catalog = Catalog.of(read(get_price=SINGLE, get_product=PRODUCT))
    woven = weave(catalog)
    (link,) = [link for link in woven.links if link.shape == "Product"]
    assert (link.shape, link.field, link.function) == ("Product", "price", "shop.get_price")
    assert link.bulk is not None
    assert (link.bulk.function, link.bulk.key, link.bulk.max_keys, link.bulk.origin) == (
        "shop.get_price_batch", "product_id", 10, "declared",
    )  # fmt: skip
    fields = stitch(catalog, woven).schema.query_type.fields  # type: ignore[union-attr]
    assert sorted(fields) == ["price", "product"]


def test_a_function_that_is_switched_off_is_not_reached_through_the_other() -> None:
    upstream = read(get_price=SINGLE, get_product=PRODUCT)
    kept = [one for one in upstream.functions if one.name != "get_price"]
    catalog = Catalog.of(msgspec.structs.replace(upstream, functions=tuple(kept)))
    assert [link.field for link in weave(catalog).links] == ["product"]


def test_a_function_of_many_keys_says_which_one_it_stands_in_for() -> None:
    prices = LambdaSchema(
        input_schema={"type": "object", "properties": {"wanted": {"type": "array", "items": TEXT}}},
        output_schema=of(found={"type": "array", "items": PRICE}),
        batch=BatchSchema("product_id", argument="wanted", results="found", max_keys=7, answers="get-price"),
    )
    single = LambdaSchema(input_schema=of("product_id"), output_schema=PRICE)
    woven = weave(Catalog.of(read(get_price=single, get_prices_now=prices, get_product=PRODUCT)))
    (link,) = [link for link in woven.links if link.shape == "Product"]
    assert link.function == "shop.get_price"
    assert link.bulk is not None
    assert (link.bulk.function, link.bulk.items, link.bulk.argument, link.bulk.max_keys) == (
        "shop.get_prices_now", ("found",), "wanted", 7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (LambdaSchema(input_schema=of("id"), output_schema=PRICE), "its payload has no member 'product_id'"),
        (LambdaSchema(input_schema=of("product_id"), output_schema=of("a")), "its result has no member"),
        (
            LambdaSchema(input_schema=of("product_id"), output_schema=PRICE, invocation="event"),
            "it is invoked as event",
        ),
    ],
)
def test_a_batch_that_cannot_be_is_a_warning(schema: LambdaSchema, said: str) -> None:
    upstream = read(get_price=dataclasses.replace(schema, batch=BatchSchema("product_id")))
    assert [function.name for function in upstream.functions] == ["get_price"]
    (warning,) = [one for one in upstream.warnings if one.kind == "batch-unusable"]
    assert warning.pointer == "/get-price/batch"
    assert warning.reason.startswith(said)


def test_a_description_that_contradicts_itself_is_a_note() -> None:
    wrong = LambdaSchema(
        input_schema=of("id"), output_schema=PRICE, batch=BatchSchema("product_id", argument="ids")
    )
    woven = weave(Catalog.of(read(get_price=wrong)))
    assert woven.bulk == ()
    assert woven.notes == (
        "shop.get_price: its description's batch is not used, for shop.get_price has no list argument ids",
    )


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        ("id", BatchSchema("id")),
        ("{key: id, max: 5, items: items}", BatchSchema("id", items="items", max_keys=5)),
    ],
)
def test_a_manifest_says_batch(batch: str, found: BatchSchema) -> None:
    manifest = parse_manifest(f"a: {{batch: {batch}}}".encode(), source="manifest")
    assert manifest["a"].batch == found


@pytest.mark.parametrize(
    ("batch", "pointer"),
    [
        ("3", "/a/batch"),
        ("{max: 5}", "/a/batch"),
        ("{key: id, max: 0}", "/a/batch/max"),
        ("{key: id, most: 5}", "/a/batch"),
    ],
)
def test_a_batch_that_is_none_is_refused_with_its_place(batch: str, pointer: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_manifest(f"a: {{batch: {batch}}}".encode(), source="manifest")
    assert caught.value.pointer == pointer


def test_annotations_say_whether_a_function_reads() -> None:
    manifest = parse_manifest(
        b"a: {inputSchema: {}, annotations: {readOnlyHint: true, idempotentHint: false}}", source="manifest"
    )
    (function,) = read(price=manifest["a"]).functions
    assert (function.effect, function.effect_reason, function.idempotent) == (
        "read", "says its description", False,
    )  # fmt: skip
