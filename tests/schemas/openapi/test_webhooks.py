"""Webhooks and callbacks in the catalog."""

from tests.schemas.openapi.reading import read, ref
from weft.schemas.catalog import ObjectShape, ShapeName, Webhook

EVENT = {"type": "object", "properties": {"id": {"type": "string"}}}


def body(schema: object) -> dict[str, object]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": {}}


def test_a_webhook_has_a_name_and_a_typed_payload() -> None:
    hook = {
        "post": {
            "summary": "An order was made",
            "deprecated": True,
            **body({"$ref": "#/components/schemas/Event"}),
        }
    }
    upstream = read(
        {
            "openapi": "3.1.0",
            "webhooks": {"newOrder": hook, "ping": {"$ref": "#/components/pathItems/ping"}},
            "components": {
                "schemas": {"Event": EVENT},
                "pathItems": {"ping": {"post": {"operationId": "pinged"}}},
            },
        }
    )
    assert upstream.functions == ()
    assert upstream.webhooks == (
        Webhook(name="newOrder", payload=ref("Event"), media_type="application/json", description="An order was made", deprecated=""),
        Webhook(name="pinged"),
    )  # fmt: skip
    assert isinstance(upstream.shapes[ShapeName("Event")], ObjectShape)


def test_a_callback_belongs_to_its_function_and_says_where_it_goes() -> None:
    expression = "{$request.body#/callbackUrl}"
    subscribe = {
        "operationId": "subscribe",
        "responses": {},
        "callbacks": {
            "onEvent": {expression: {"post": body(EVENT)}},
            "shared": {"$ref": "#/components/callbacks/Shared"},
        },
    }
    upstream = read(
        {
            "paths": {"/subscriptions": {"post": subscribe}},
            "components": {
                "callbacks": {"Shared": {"{$request.query.url}": {"put": {"operationId": "shared"}}}}
            },
        }
    )
    first, second = upstream.webhooks
    assert (first.name, second.name) == ("shared", "subscribe_onEvent")
    assert (second.function, second.expression) == ("subscribe", expression)
    assert (first.function, first.method) == ("subscribe", "PUT")
    assert second.payload is not None


def test_webhooks_and_functions_share_no_name() -> None:
    upstream = read(
        {
            "openapi": "3.1.0",
            "paths": {"/a": {"get": {"operationId": "made", "responses": {}}}},
            "webhooks": {"made": {"post": {}}},
        }
    )
    assert [webhook.name for webhook in upstream.webhooks] == ["made2"]


def test_a_broken_webhook_costs_itself() -> None:
    upstream = read({"openapi": "3.1.0", "webhooks": {"a": 1, "b": {"$ref": "#/no"}, "c": {"post": {}}}})
    assert [webhook.name for webhook in upstream.webhooks] == ["c"]
    assert sorted(warning.kind for warning in upstream.warnings) == ["not-an-object", "unresolved-ref"]
