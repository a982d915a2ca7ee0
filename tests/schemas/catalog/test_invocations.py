"""What the way in which a Lambda function is invoked makes of it."""

from __future__ import annotations

import pytest

from weft.schemas.aws_lambda import LambdaDescription, LambdaSchema, read_functions
from weft.schemas.catalog import (
    Catalog,
    FunctionId,
    FunctionRule,
    Invocation,
    Json,
    JsonType,
    LambdaBinding,
    Reference,
    Upstream,
    UpstreamId,
    override_functions,
)
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

PRICES = FunctionId("shop.get_prices")
OUTPUT: Json = {"type": "object", "properties": {"accepted": {"type": "string"}}}


def read(invocation: Invocation | None = None, *more: LambdaDescription) -> Upstream:
    schema = LambdaSchema(output_schema=OUTPUT, invocation=invocation)
    described = LambdaDescription("get-prices", schema=schema)
    return read_functions([described, *more], upstream=UpstreamId("shop"), region="eu-west-1")


def overridden(upstream: Upstream, invocation: Invocation) -> Upstream:
    rules = {PRICES: FunctionRule(invocation=invocation)}
    return override_functions(Catalog.of(upstream), rules).upstreams_by_id[upstream.id]


@pytest.mark.parametrize("configured", [False, True])
def test_an_event_is_a_write_that_is_not_repeated(configured: bool) -> None:
    upstream = overridden(read(), "event") if configured else read("event")
    (function,) = upstream.functions
    assert isinstance(function.binding, LambdaBinding)
    assert function.binding.invocation == "event"
    assert (function.effect, function.idempotent, function.streaming) == ("write", False, "none")
    assert function.effect_reason.startswith("an event, ")
    assert function.result == Reference(shape=next(name for name in upstream.shapes if "Accepted" in name))
    schema = stitch(Catalog.of(upstream), weave(Catalog.of(upstream))).schema
    assert schema.mutation_type is not None
    assert str(schema.mutation_type.fields["getPrices"].type) == "AcceptedEvent"


def test_a_stream_keeps_its_type_and_is_a_subscription() -> None:
    plain, streaming = read().functions[0], read("stream").functions[0]
    assert streaming.result == plain.result
    assert streaming.streaming == "server"
    catalog = Catalog.of(read("stream"))
    assert stitch(catalog, weave(catalog)).schema.subscription_type is not None


def test_a_request_is_what_a_function_is_anyway() -> None:
    assert read("request") == read()
    assert overridden(read(), "request") == read()


def test_an_event_that_is_configured_as_a_request_answers_any_json() -> None:
    (function,) = overridden(read("event"), "request").functions
    assert isinstance(function.result, JsonType)


def test_events_of_an_upstream_answer_one_type_whatever_its_own_are_called() -> None:
    own: Json = {"type": "object", "title": "AcceptedEvent", "properties": {"x": {"type": "string"}}}
    more = [
        LambdaDescription("accepted-event", schema=LambdaSchema(output_schema=own)),
        LambdaDescription("send-mail", schema=LambdaSchema(invocation="event")),
    ]
    upstream = read("event", *more)
    results = {one.name: one.result for one in upstream.functions}
    assert results["get_prices"] == results["send_mail"]
    assert results["get_prices"] != results["accepted_event"]
    catalog = Catalog.of(upstream)
    stitch(catalog, weave(catalog))


def test_other_functions_are_left_as_they_are() -> None:
    catalog = Catalog.of(read())
    rule = FunctionRule(invocation="stream")
    assert override_functions(catalog, {FunctionId("no.such"): rule}) is catalog
