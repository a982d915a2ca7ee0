"""The Lambda detector, on the local Lambda service and on servers that answer what AWS would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.aws_answers import answering, aws_error, without_credentials
from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.discovery.detectors import Detected, Detection, NotThisKind, TryLater, Unchanged
from weft.discovery.detectors.aws_lambda import MAX_SCHEMA_BYTES, LambdaDetector
from weft.discovery.registries import Address, Candidate, HttpAddress, LambdaAddress, LambdaFilters
from weft.schemas.catalog import JsonType, LambdaTarget, ListOf, Reference, Scalar, ShapeName, Upstream

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SCHEMA = {
    "inputSchema": {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
    }
}
EXAMPLE_FUNCTIONS = ["apply_discount", "echo", "get_prices", "quote_shipping"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        yield running


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_credentials(monkeypatch, tmp_path)


async def detect(
    address: Address, *, name: str | None = None, memo: Mapping[str, Any] | None = None, timeout_s: float = 20
) -> Detection:
    deadline = asyncio.get_running_loop().time() + timeout_s
    return await LambdaDetector(attempts=1).detect(
        Candidate(address, name=name), memo=memo, deadline=deadline
    )


async def detected(address: LambdaAddress, name: str | None = None) -> Upstream:
    found = await detect(address, name=name)
    assert isinstance(found, Detected)
    return found.upstream


async def warned(service: LocalLambda, region: str, tag: str) -> str:
    """The only warning about the only function of a region, whose schema tag is *tag*."""
    await service.create("get-thing", region=region, tags={"schema": tag})
    upstream = await detected(LambdaAddress(region, endpoint=service.url))
    (function,) = upstream.functions
    assert isinstance(function.result, JsonType)
    (warning,) = upstream.warnings
    assert warning.pointer == "/get-thing"
    return warning.reason


async def test_every_function_is_found(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url))
    assert [function.name for function in upstream.functions] == EXAMPLE_FUNCTIONS
    assert upstream.target == LambdaTarget(region=REGION, endpoint=service.url)


async def test_the_shared_word_names_the_upstream(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url))
    assert (upstream.id, upstream.title) == ("pricing", "Pricing")


async def test_a_configured_name_is_the_upstreams_id(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url), name="money")
    assert upstream.functions[0].id == "money.apply_discount"


async def test_a_tag_leads_to_the_schema(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url))
    get_prices = upstream.functions[2]
    assert upstream.warnings == ()
    assert get_prices.result == Reference(shape=ShapeName("GetPricesResult"))
    assert isinstance(get_prices.arguments[0].type, ListOf)


async def test_a_function_without_a_schema_takes_and_answers_json(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url))
    echo = upstream.functions[1]
    assert [type(argument.type) for argument in echo.arguments] == [JsonType]
    assert isinstance(echo.result, JsonType)


async def test_all_pages_of_the_list_are_read(service: LocalLambda) -> None:
    await service.create(*(f"many-get-{number:03}" for number in range(120)), region="us-east-2")
    upstream = await detected(LambdaAddress("us-east-2", endpoint=service.url))
    assert [function.name for function in upstream.functions] == [f"get_{n:03}" for n in range(120)]


async def test_the_pattern_selects_by_name(service: LocalLambda) -> None:
    address = LambdaAddress(REGION, endpoint=service.url, filters=LambdaFilters(names=("pricing-*-*",)))
    upstream = await detected(address)
    assert [function.name for function in upstream.functions] == [
        "apply_discount",
        "get_prices",
        "quote_shipping",
    ]


async def test_a_region_without_functions_is_an_empty_upstream(service: LocalLambda) -> None:
    upstream = await detected(LambdaAddress("ap-south-1", endpoint=service.url))
    assert (upstream.id, upstream.functions) == ("lambda_ap_south_1", ())


async def test_weft_s_own_tag_wins(service: LocalLambda) -> None:
    await service.put_object("own", "thing.json", json.dumps(SCHEMA).encode())
    tags = {"schema": "v2", "weft:schema": "s3://own/thing.json"}
    await service.create("get-thing", region="us-west-1", tags=tags)
    upstream = await detected(LambdaAddress("us-west-1", endpoint=service.url))
    assert upstream.warnings == ()
    assert upstream.functions[0].arguments[0].type == Scalar(kind="string")


async def test_a_tag_that_is_no_address_is_a_warning(service: LocalLambda) -> None:
    assert "accepted: s3://bucket/key" in await warned(service, "us-east-1", "v2")


async def test_an_address_without_a_key_is_a_warning(service: LocalLambda) -> None:
    assert "accepted: s3://bucket/key" in await warned(service, "ca-central-1", "s3://bucket")


async def test_a_schema_that_is_not_there_is_a_warning(service: LocalLambda) -> None:
    assert "s3:GetObject): NoSuchKey" in await warned(service, "eu-west-2", "s3://shop-schemas/none.json")


async def test_a_schema_that_cannot_be_read_is_a_warning(service: LocalLambda) -> None:
    await service.put_object("broken", "thing.json", b"{]")
    assert "neither JSON nor YAML" in await warned(service, "eu-west-3", "s3://broken/thing.json")


async def test_a_schema_that_is_too_large_is_a_warning(service: LocalLambda) -> None:
    await service.put_object("large", "thing.json", b" " * (MAX_SCHEMA_BYTES + 1))
    assert "larger than" in await warned(service, "eu-north-1", "s3://large/thing.json")


async def test_a_fault_of_one_function_leaves_the_others_their_types(service: LocalLambda) -> None:
    await service.create("things-get-a", region="sa-east-1", tags={"schema": "s3://shop-schemas/none.json"})
    tags = {"schema": "s3://shop-schemas/pricing-get-prices.json"}
    await service.create("things-get-b", region="sa-east-1", tags=tags)
    upstream = await detected(LambdaAddress("sa-east-1", endpoint=service.url))
    first, second = upstream.functions
    assert isinstance(first.result, JsonType)
    assert isinstance(second.result, Reference)


async def test_the_manifest_wins_over_the_tag(service: LocalLambda, tmp_path: Path) -> None:
    manifest = tmp_path / "lambda.yaml"
    manifest.write_text("pricing-get-prices: {outputSchema: {type: boolean}}")
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url, manifest=manifest))
    assert upstream.functions[2].result == Scalar(kind="boolean")
    assert isinstance(upstream.functions[3].result, Reference)


async def test_a_manifest_entry_for_nobody_is_a_warning(service: LocalLambda, tmp_path: Path) -> None:
    manifest = tmp_path / "lambda.yaml"
    manifest.write_text("pricing-get-price: {outputSchema: {type: boolean}}")
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url, manifest=manifest))
    assert [(one.kind, one.pointer) for one in upstream.warnings] == [
        ("manifest-unmatched", "/pricing-get-price")
    ]


async def test_a_manifest_for_several_regions_speaks_of_functions_in_others(
    service: LocalLambda, tmp_path: Path
) -> None:
    manifest = tmp_path / "lambda.yaml"
    manifest.write_text("elsewhere-get: {outputSchema: {type: boolean}}")
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url, manifest=manifest, shared=True))
    assert upstream.warnings == ()


@pytest.mark.parametrize("text", [None, "{]", "- {}"])
async def test_an_unusable_manifest_leaves_the_tags(
    service: LocalLambda, tmp_path: Path, text: str | None
) -> None:
    manifest = tmp_path / "lambda.yaml"
    if text is not None:
        manifest.write_text(text)
    upstream = await detected(LambdaAddress(REGION, endpoint=service.url, manifest=manifest))
    assert [warning.kind for warning in upstream.warnings] == ["manifest-unusable"]
    assert isinstance(upstream.functions[2].result, Reference)


async def test_what_is_as_before_is_unchanged(service: LocalLambda) -> None:
    address = LambdaAddress(REGION, endpoint=service.url)
    first = await detect(address)
    assert isinstance(first, Detected)
    assert await detect(address, memo=first.memo) == Unchanged()


async def test_another_schema_is_a_change(service: LocalLambda) -> None:
    await service.put_object("changing", "thing.json", json.dumps(SCHEMA).encode())
    await service.create("get-thing", region="eu-central-1", tags={"schema": "s3://changing/thing.json"})
    address = LambdaAddress("eu-central-1", endpoint=service.url)
    first = await detect(address)
    assert isinstance(first, Detected)
    await service.put_object("changing", "thing.json", b'{"inputSchema": {"type": "object"}}')
    assert isinstance(await detect(address, memo=first.memo), Detected)


async def test_another_kind_of_address_is_not_this_kind() -> None:
    assert isinstance(await detect(HttpAddress("http://127.0.0.1:1")), NotThisKind)


async def test_being_denied_the_list_names_the_permission() -> None:
    async with answering(aws_error(403, "AccessDeniedException")) as url:
        found = await detect(LambdaAddress(REGION, endpoint=url))
    assert found == TryLater("not allowed to list functions (lambda:ListFunctions)")


async def test_refused_credentials_are_named() -> None:
    async with answering(aws_error(403, "UnrecognizedClientException")) as url:
        found = await detect(LambdaAddress(REGION, endpoint=url))
    assert found == TryLater("AWS does not accept the credentials: UnrecognizedClientException")


async def test_a_throttled_list_is_tried_later() -> None:
    async with answering(aws_error(429, "TooManyRequestsException")) as url:
        found = await detect(LambdaAddress(REGION, endpoint=url))
    assert found == TryLater("AWS throttles ListFunctions")


async def test_missing_credentials_name_the_fix() -> None:
    found = await detect(LambdaAddress(REGION))
    assert isinstance(found, TryLater)
    assert found.reason.startswith("no AWS credentials; set AWS_PROFILE")


async def test_nobody_listening_is_tried_later() -> None:
    found = await detect(LambdaAddress(REGION, endpoint="http://127.0.0.1:1"))
    assert found == TryLater("Lambda cannot be reached: EndpointConnectionError")


async def test_silence_is_tried_later() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(never) as url:
        found = await detect(LambdaAddress(REGION, endpoint=url), timeout_s=0.5)
    assert found == TryLater("no answer within the time limit")


@pytest.mark.parametrize(("status", "body"), [(404, "not found"), (200, "<html>"), (200, "{}")])
async def test_a_server_that_is_not_lambda_is_not_this_kind(status: int, body: str) -> None:
    async def website(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with answering(website) as url:
        assert isinstance(await detect(LambdaAddress(REGION, endpoint=url)), NotThisKind)


def listing_then(refusal: web.Response) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/2015-03-31/functions"):
            return await aws_error(refusal.status, refusal.text or "")(request)
        arn = f"arn:aws:lambda:{REGION}:123456789012:function:get-thing"
        return web.json_response({"Functions": [{"FunctionName": "get-thing", "FunctionArn": arn}]})

    return handler


async def test_being_denied_the_tags_is_a_warning() -> None:
    async with answering(listing_then(web.Response(status=403, text="AccessDeniedException"))) as url:
        upstream = await detected(LambdaAddress(REGION, endpoint=url))
    assert "lambda:ListTags" in upstream.warnings[0].reason


async def test_types_are_not_lost_to_throttling() -> None:
    async with answering(listing_then(web.Response(status=429, text="TooManyRequestsException"))) as url:
        found = await detect(LambdaAddress(REGION, endpoint=url))
    assert found == TryLater("AWS throttles ListTags")
