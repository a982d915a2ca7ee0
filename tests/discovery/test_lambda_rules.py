"""Rules of Lambda's discovery that need no Lambda: filters, lists, shares, what is kept, what is pointed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.support.aws_answers import answering, without_credentials
from weft.discovery.detectors import Detected, NotThisKind, TryLater
from weft.discovery.detectors.aws_lambda import MAX_SCHEMA_BYTES, LambdaDetector
from weft.discovery.detectors.aws_lambda.asking import Kept, Progress, ask_each
from weft.discovery.detectors.aws_lambda.failures import Stop
from weft.discovery.detectors.aws_lambda.listing import ListedFunction, Version, list_functions
from weft.discovery.detectors.aws_lambda.qualifiers import Alias, choose_qualifiers
from weft.discovery.registries import Candidate, LambdaAddress, LambdaFilters, LambdaQualifiers
from weft.schemas.catalog import ReadingWarning, Scalar

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


@pytest.mark.parametrize(
    ("globs", "taken"),
    [
        ((), ["pricing-get", "pricing-x-internal", "orders-get", "Pricing-get"]),
        (("pricing-*",), ["pricing-get", "pricing-x-internal"]),
        (("pricing-*", "!*-internal"), ["pricing-get"]),
        (("!pricing-*",), ["orders-get", "Pricing-get"]),
        (("pricing-*", "orders-*"), ["pricing-get", "pricing-x-internal", "orders-get"]),
    ],
)
def test_a_name_matches_one_glob_and_none_that_is_denied(globs: tuple[str, ...], taken: list[str]) -> None:
    names = ["pricing-get", "pricing-x-internal", "orders-get", "Pricing-get"]
    filters = LambdaFilters(names=globs)
    assert [name for name in names if filters.take(name, "python3.13")] == taken


def test_a_container_image_s_runtime_is_image() -> None:
    filters = LambdaFilters(runtimes=("python3.*", "image"))
    assert [filters.take("a", runtime) for runtime in ("python3.13", "nodejs22.x", "")] == [True, False, True]


@pytest.mark.parametrize(
    ("tags", "opt_in", "taken"),
    [
        ({}, False, True),
        ({"weft": "disabled"}, False, False),
        ({"weft": "Disabled "}, False, False),
        ({}, True, False),
        ({"weft": "enabled"}, True, True),
        ({"weft": "yes"}, True, False),
    ],
)
def test_owners_let_functions_in_and_keep_them_out(tags: dict[str, str], opt_in: bool, taken: bool) -> None:
    assert LambdaFilters(opt_in=opt_in).take_tagged(tags) is taken


def test_every_tag_is_needed_with_one_of_its_values() -> None:
    filters = LambdaFilters(tags=(("team", ("a", "b-*")), ("owner", ("*",))))
    assert filters.take_tagged({"team": "b-1", "owner": "", "more": "x"})
    assert not filters.take_tagged({"team": "b-1"})
    assert not filters.take_tagged({"team": "c", "owner": "me"})


class Pages:
    """A client whose list has given pages."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self._pages = pages
        self.read = 0

    def get_paginator(self, operation: str) -> Pages:
        return self

    async def paginate(self, **options: Any) -> AsyncIterator[dict[str, Any]]:
        for page in self._pages:
            self.read += 1
            yield page


def entry(name: str, version: str = "$LATEST", description: str = "") -> dict[str, Any]:
    arn = f"{ARN}{name}" + (f":{version}" if version != "$LATEST" else "")
    return {"FunctionName": name, "FunctionArn": arn, "Version": version, "Description": description}


async def test_versions_belong_to_their_function_the_newest_first() -> None:
    client = Pages(
        {"Functions": [entry("a"), entry("a", "9", "nine"), entry("a", "10", "ten")], "NextMarker": "m"},
        {"Functions": [], "NextMarker": "n"},
        {"Functions": [entry("a", "11"), entry("b")]},
    )
    first, second = await list_functions(client, versions=True, warnings=[])
    assert first.versions == (Version(11), Version(10, "ten"), Version(9, "nine"))
    assert (first.arn, second.name, second.versions) == (f"{ARN}a", "b", ())


async def test_a_list_has_an_end() -> None:
    client = Pages(
        *({"Functions": [entry(f"f{page}-{n}") for n in range(5)], "NextMarker": "m"} for page in range(9))
    )
    warnings: list[ReadingWarning] = []
    found = await list_functions(client, versions=False, warnings=warnings, most=12)
    assert (len(found), client.read) == (12, 3)
    assert [one.reason for one in warnings] == [
        "the region has more than 12 functions; the others are not read"
    ]


@pytest.mark.parametrize("page", [{}, {"Functions": [{}]}, {"Functions": [{"FunctionName": "a"}]}])
async def test_what_lists_no_functions_is_not_lambda(page: dict[str, Any]) -> None:
    with pytest.raises(Stop) as caught:
        await list_functions(Pages(page), versions=False, warnings=[])
    assert isinstance(caught.value.detection, NotThisKind)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ({}, "version 1"),
        ({"2": 0.1}, "90 % to version 1, 10 % to version 2"),
        ({"2": 0.005}, "99.5 % to version 1, 0.5 % to version 2"),
        ({"2": 1.0}, "0 % to version 1, 100 % to version 2"),
    ],
)
def test_an_alias_says_where_its_calls_go(weights: dict[str, float], shares: str) -> None:
    assert Alias("live", "1", weights=weights).shares == shares


def test_of_many_versions_the_newest_are_functions() -> None:
    function = ListedFunction("a", f"{ARN}a", versions=tuple(Version(n) for n in range(70, 0, -1)))
    warnings: list[ReadingWarning] = []
    found = choose_qualifiers(function, (), LambdaQualifiers(beside=frozenset({"versions"})), warnings)
    assert [one.qualifier for one in found] == ["", *(str(n) for n in range(70, 20, -1))]
    assert [(one.kind, one.reason) for one in warnings] == [
        ("old-versions", "20 older versions are left out; the newest 50 are read")
    ]


async def test_an_answer_is_kept_for_a_while() -> None:
    asked: list[str] = []

    async def ask() -> str:
        asked.append("a")
        return "told"

    kept: Kept[str] = Kept(1000, random=lambda: 0.5)
    assert [await kept.get_or_ask("a", ask) for _ in range(3)] == ["told"] * 3
    assert len(asked) == 1
    kept.forget_others({"b"})
    await kept.get_or_ask("a", ask)
    assert len(asked) == 2
    for_no_time: Kept[str] = Kept(0)
    for _ in range(2):
        await for_no_time.get_or_ask("a", ask)
    assert len(asked) == 4


async def test_the_first_failure_ends_the_questions() -> None:
    asked: list[str] = []

    async def ask(key: str) -> str:
        asked.append(key)
        if key == "b":
            raise OSError(key)
        return key

    progress = Progress()
    with pytest.raises(OSError, match="b"):
        await ask_each("abcd", ask, slots=asyncio.Semaphore(1), progress=progress)
    assert asked == ["a", "b"]
    assert str(progress).startswith("no answer within the time limit (discovery.timeout); 1 of 4 questions")


# Schemas in registries: moto has no registry of EventBridge, so these are answers of ours, in AWS's form.

TEXT = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


async def types_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, pointer: str, content: web.Response
) -> Detected | TryLater:
    without_credentials(monkeypatch, tmp_path)

    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/2015-03-31/functions"):
            listed = {"FunctionName": "put-thing", "FunctionArn": f"{ARN}put-thing"}
            return web.json_response({"Functions": [listed]})
        if request.path.startswith("/2017-03-31/tags"):
            return web.json_response({"Tags": {"weft:schema": pointer}})
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith("ResourceGroupsTagging"):
            return web.json_response({"__type": "UnknownOperationException"}, status=400)
        assert (
            request.path == "/v1/registries/name/shop/schemas/name/thing"
            or target == "AWSGlue.GetSchemaVersion"
        )
        return content

    async with answering(answer) as url:
        deadline = asyncio.get_running_loop().time() + 20
        candidate = Candidate(LambdaAddress("eu-west-1", endpoint=url))
        found = await LambdaDetector(attempts=1).detect(candidate, memo=None, deadline=deadline)
    assert isinstance(found, Detected | TryLater), found
    return found


EVENTBRIDGE = "arn:aws:schemas:eu-central-1:123456789012:schema/shop/thing"
GLUE = "arn:aws:glue:eu-west-1:123456789012:schema/shop/thing"
OPENAPI = (
    '{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": '
    '{"Event": {"type": "object", "required": ["id"], "properties": {"id": {"$ref": "#/components/schemas/Id"}}},'
    ' "Id": {"type": "string"}}}}'
)
SCHEMA = '{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pointer", "content"),
    [
        (EVENTBRIDGE, {"Content": OPENAPI, "Type": "OpenApi3"}),
        (EVENTBRIDGE, {"Content": SCHEMA, "Type": "JSONSchemaDraft4"}),
        (EVENTBRIDGE, {"Content": f'{{"inputSchema": {SCHEMA}}}', "Type": "JSONSchemaDraft4"}),
        (GLUE, {"SchemaDefinition": SCHEMA, "DataFormat": "JSON"}),
    ],
    ids=["EventBridge, OpenAPI", "EventBridge, JSON Schema", "EventBridge, a tool definition", "Glue"],
)
async def test_a_tag_leads_to_a_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, pointer: str, content: dict[str, str]
) -> None:
    found = await types_of(monkeypatch, tmp_path, pointer, web.json_response(content))
    assert isinstance(found, Detected)
    assert found.upstream.warnings == ()
    (function,) = found.upstream.functions
    assert [(one.name, one.type) for one in function.arguments] == [("id", Scalar(kind="string"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pointer", "content", "reason"),
    [
        (GLUE, {"SchemaDefinition": "{}", "DataFormat": "AVRO"}, "holds AVRO, which is not read"),
        (EVENTBRIDGE, {"Content": "{]"}, "neither JSON nor YAML"),
        (EVENTBRIDGE, {"Content": '{"openapi": "3.0.0"}'}, "none of the components is named"),
        (EVENTBRIDGE, {"Content": " " * (MAX_SCHEMA_BYTES + 1)}, "larger than"),
        (
            EVENTBRIDGE,
            {"Content": '{"openapi": "3.0.0", "components": {"schemas": {"A": {}, "B": {}}}}'},
            "none of the components is named Input, Request, Payload, Event, AWSEvent",
        ),
        ("arn:aws:schemas:eu-west-1:1:schema/shop", {}, "arn:aws:schemas:…"),
        ("arn:aws:sns:eu-west-1:1:shop", {}, "accepted: s3://bucket/key, or the ARN"),
    ],
)
async def test_a_registry_s_schema_that_cannot_be_used_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, pointer: str, content: dict[str, str], reason: str
) -> None:
    found = await types_of(monkeypatch, tmp_path, pointer, web.json_response(content))
    assert isinstance(found, Detected)
    (warning,) = found.upstream.warnings
    assert (warning.kind, warning.pointer) == ("schema-unusable", "/put-thing")
    assert reason in warning.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (403, "ForbiddenException", "(schemas:DescribeSchema): Forbidden"),
        (404, "NotFoundException", "(schemas:DescribeSchema): NotFound"),
    ],
)
async def test_a_registry_that_refuses_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, status: int, kind: str, reason: str
) -> None:
    refusal = web.json_response({"Message": ""}, status=status, headers={"X-Amzn-ErrorType": kind})
    found = await types_of(monkeypatch, tmp_path, EVENTBRIDGE, refusal)
    assert isinstance(found, Detected)
    assert reason in found.upstream.warnings[0].reason


@pytest.mark.slow
async def test_a_registry_that_is_throttled_is_tried_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    headers = {"X-Amzn-ErrorType": "TooManyRequestsException"}
    refusal = web.json_response({"Message": ""}, status=429, headers=headers)
    found = await types_of(monkeypatch, tmp_path, EVENTBRIDGE, refusal)
    assert found == TryLater("AWS throttles DescribeSchema")
