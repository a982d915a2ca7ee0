"""Where the types of Lambda functions come from: each source, and which goes before which.

AWS is one loopback server here. What it is asked and what it answers goes through botocore's own models, so a wrong
path or member would not be understood.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.aws_answers import answering
from tests.support.local_lambda import REGION, local_lambda
from weft.discovery.detectors import Detected
from weft.discovery.detectors.aws_lambda import LambdaDetector
from weft.discovery.registries import Candidate, LambdaAddress, LambdaFilters
from weft.discovery.registries.lambda_types import LambdaTypes, StatedApi, StatedSchema
from weft.schemas.aws_lambda.learned_file import encode_learned
from weft.schemas.aws_lambda.learning import learn
from weft.schemas.catalog import JsonType, LambdaBinding, Upstream

pytestmark = pytest.mark.slow

NAME = "get-thing"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:{NAME}"
SCHEMA_ARN = f"arn:aws:schemas:{REGION}:123456789012:schema/shop/thing"
GLUE_ARN = f"arn:aws:glue:{REGION}:123456789012:schema/shop/thing"


def of(member: str) -> dict[str, Any]:
    return {"type": "object", "properties": {member: {"type": "string"}}, "required": [member]}


def tool(member: str) -> dict[str, Any]:
    return {"inputSchema": of(member), "outputSchema": of(member)}


def openapi(member: str, name: str = "Event") -> dict[str, Any]:
    return {
        "openapi": "3.0.0",
        "info": {"title": "Event", "version": "1.0.0"},
        "paths": {},
        "components": {"schemas": {name: of(member)}},
    }


def api(member: str, *, kind: str = "aws_proxy", **more: Any) -> dict[str, Any]:
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ARN}/invocations"
    return {
        "openapi": "3.0.1",
        "info": {"title": "Things", "version": "1"},
        "paths": {
            "/things": {
                "get": {
                    "operationId": "getThing",
                    "parameters": [{"name": member, "in": "query", "schema": {"type": "string"}}],
                    "responses": {
                        "200": {"description": "ok", "content": {"application/json": {"schema": of("x")}}}
                    },
                    "x-amazon-apigateway-integration": {
                        "type": kind,
                        "uri": uri,
                        "httpMethod": "POST",
                        **more,
                    },
                }
            }
        },
    }


@dataclass
class Aws:
    """What AWS has: one function, and whatever schemas there are."""

    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    registry: dict[str, Any] = field(default_factory=dict)
    glue: dict[str, Any] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    described: Any = None
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        path, target = request.path, request.headers.get("X-Amz-Target", "")
        self.asked.append(f"{request.method} {path} {target}".strip())
        if target == "AWSGlue.GetSchemaVersion":
            arn = (await request.json())["SchemaId"]["SchemaArn"]
            return web.json_response(self.glue[arn], content_type="application/x-amz-json-1.1")
        if path == "/2015-03-31/functions":
            return web.json_response({"Functions": [{"FunctionName": NAME, "FunctionArn": ARN}]})
        if path.startswith("/2017-03-31/tags/"):
            return web.json_response({"Tags": self.tags})
        if path.endswith("/invocations"):
            context = json.loads(base64.b64decode(request.headers["X-Amz-Client-Context"]))
            assert context["custom"]["weft-describe"]
            return web.json_response(self.described)
        if path.startswith("/v1/registries/name/"):
            found = self.registry.get(path.removeprefix("/v1/registries/name/"))
            if found is None:
                headers = {"X-Amzn-ErrorType": "NotFoundException"}
                return web.json_response({"Code": "NotFound", "Message": "none"}, status=404, headers=headers)
            return web.json_response({"Content": json.dumps(found), "Type": "OpenApi3"})
        for known in (self.exports, self.objects):
            if path in known:
                return web.json_response(known[path])
        return web.json_response({}, status=404, headers={"X-Amzn-ErrorType": "NotFoundException"})


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@asynccontextmanager
async def detecting(aws: Aws, learned: Path | None = None) -> AsyncIterator[Any]:
    """Something that detects, with an address of which the endpoint is filled in."""
    async with answering(aws.answer) as url:
        detector = LambdaDetector(attempts=1, learned=learned)

        async def detect(types: LambdaTypes | None = None, manifest: Path | None = None) -> Upstream:
            address = LambdaAddress(REGION, endpoint=url, manifest=manifest, types=types or LambdaTypes())
            deadline = asyncio.get_running_loop().time() + 20
            found = await detector.detect(Candidate(address, name="shop"), memo=None, deadline=deadline)
            assert isinstance(found, Detected), found
            return found.upstream

        yield detect


async def typed(aws: Aws, types: LambdaTypes | None = None) -> Upstream:
    async with detecting(aws) as detect:
        found: Upstream = await detect(types)
        return found


def seen(upstream: Upstream) -> tuple[str, list[str]]:
    """Where the types of the first function came from, and its arguments."""
    function = upstream.functions[0]
    return function.types_from, [argument.name for argument in function.arguments]


async def test_the_first_source_that_knows_a_function_is_taken(tmp_path: Path) -> None:
    aws = Aws(
        tags={"weft:schema": "s3://schemas/thing.json"},
        objects={"/schemas/thing.json": tool("tagged")},
        registry={f"lambda-testevent-schemas/schemas/name/_{NAME}-schema": openapi("event")},
    )
    manifest, document, learned = (tmp_path / name for name in ("manifest.json", "api.json", "learned.json"))
    manifest.write_text(json.dumps({NAME: tool("manifested")}))
    document.write_text(json.dumps(api("gateway")))
    async with detecting(aws, learned) as detect:
        types = LambdaTypes(
            stated=((NAME, StatedSchema(input=of("stated"), output=of("stated"))),),
            apis=(StatedApi(file=document),),
            test_events=True,
        )
        first: Upstream = await detect(types, manifest)
        address = first.target
        learned.write_bytes(
            encode_learned({f"lambda:{REGION} {address.endpoint}": {NAME: learn({"learned": "x"}, {"a": 1})}})  # type: ignore[union-attr]
        )
        found = [seen(await detect(types, manifest))]
        types = replace(types, stated=())
        found.append(seen(await detect(types, manifest)))
        found.append(seen(await detect(types)))
        aws.tags.clear()
        detector_forgets = await detect(types)  # tags that were read one by one are used for a while
        assert seen(detector_forgets)[0] == "tag weft:schema"
    async with detecting(aws, learned) as detect:
        first = await detect(types)
        found.append(seen(first))
        types = replace(types, apis=())
        found.append(seen(await detect(types)))
        learned.write_bytes(
            encode_learned(
                {f"lambda:{REGION} {first.target.endpoint}": {NAME: learn({"learned": "x"}, {"a": 1})}}  # type: ignore[union-attr]
            )
        )
        types = replace(types, test_events=False)
        found.append(seen(await detect(types)))
        learned.unlink()
        found.append(seen(await detect(types)))
    assert found == [
        ("configuration", ["stated"]),
        ("manifest manifest.json", ["manifested"]),
        ("tag weft:schema", ["tagged"]),
        ("API Gateway api.json", ["gateway"]),
        ("saved test events", ["event"]),
        ("1 call (weft call --learn)", ["learned"]),
        ("", ["payload"]),
    ]


async def test_what_the_configuration_leaves_out_is_taken_from_the_next_source() -> None:
    aws = Aws(tags={"schema": "s3://schemas/thing.json"}, objects={"/schemas/thing.json": tool("tagged")})
    upstream = await typed(
        aws, LambdaTypes(stated=((NAME, StatedSchema(output=of("stated"), read_only=False)),))
    )
    assert seen(upstream) == ("configuration, tag schema", ["tagged"])
    (shape,) = upstream.shapes.values()
    assert [member.name for member in shape.fields] == ["stated"]  # type: ignore[union-attr]
    assert upstream.functions[0].effect == "write"


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (openapi("event"), ["event"]),
        (openapi("event", "AWSEvent"), ["event"]),
        ({"$schema": "http://json-schema.org/draft-04/schema#", **of("old")}, ["old"]),
        (tool("tool"), ["tool"]),
    ],
)
async def test_a_registry_of_eventbridge_holds_openapi_or_json_schema(
    content: dict[str, Any], arguments: list[str]
) -> None:
    aws = Aws(tags={"schema": SCHEMA_ARN}, registry={"shop/schemas/name/thing": content})
    assert seen(await typed(aws)) == ("tag schema", arguments)


async def test_a_registry_of_glue_holds_json_schema() -> None:
    answer = {"DataFormat": "JSON", "SchemaDefinition": json.dumps(of("glued"))}
    aws = Aws(tags={"schema": GLUE_ARN}, glue={GLUE_ARN: answer})
    assert seen(await typed(aws)) == ("tag schema", ["glued"])


async def test_a_schema_of_moto_s_glue_is_read() -> None:
    async with local_lambda() as service:
        async with service.client("glue") as glue:
            await glue.create_registry(RegistryName="shop")
            made = await glue.create_schema(
                RegistryId={"RegistryName": "shop"},
                SchemaName="thing",
                DataFormat="JSON",
                Compatibility="NONE",
                SchemaDefinition=json.dumps(
                    {"$schema": "http://json-schema.org/draft-07/schema#", **of("moto")}
                ),
            )
        await service.create(NAME, tags={"schema": made["SchemaArn"]})
        address = LambdaAddress(REGION, endpoint=service.url, filters=LambdaFilters(names=(NAME,)))
        deadline = asyncio.get_running_loop().time() + 20
        found = await LambdaDetector(attempts=1).detect(Candidate(address), memo=None, deadline=deadline)
    assert isinstance(found, Detected)
    assert seen(found.upstream) == ("tag schema", ["moto"])


@pytest.mark.parametrize("kind", ["AVRO", "PROTOBUF"])
async def test_other_formats_of_glue_are_refused_by_name(kind: str) -> None:
    aws = Aws(tags={"schema": GLUE_ARN}, glue={GLUE_ARN: {"DataFormat": kind, "SchemaDefinition": "x"}})
    upstream = await typed(aws)
    (warning,) = upstream.warnings
    assert warning.pointer == f"/{NAME}"
    assert (
        warning.reason
        == f"{GLUE_ARN} holds {kind}, which is not read; accepted: a schema of data format JSON"
    )
    assert isinstance(upstream.functions[0].result, JsonType)


async def test_payload_and_result_may_have_tags_of_their_own() -> None:
    aws = Aws(
        tags={"weft:input-schema": "s3://schemas/in.json", "weft:output-schema": SCHEMA_ARN},
        objects={"/schemas/in.json": of("given")},
        registry={"shop/schemas/name/thing": of("answered")},
    )
    upstream = await typed(aws)
    assert seen(upstream) == ("tag weft:input-schema, weft:output-schema", ["given"])
    (shape,) = upstream.shapes.values()
    assert [member.name for member in shape.fields] == ["answered"]  # type: ignore[union-attr]


async def test_a_function_is_asked_to_describe_itself_once_for_each_of_its_revisions() -> None:
    aws = Aws(tags={"weft:schema": "describe"}, described=tool("own"))
    async with detecting(aws) as detect:
        for _ in range(3):
            assert seen(await detect()) == ("tag weft:schema", ["own"])
    assert len([one for one in aws.asked if one.endswith("/invocations")]) == 1


@pytest.mark.parametrize(
    ("stated", "path"),
    [
        (StatedApi(rest_api="abc", stage="prod"), "/restapis/abc/stages/prod/exports/oas30"),
        (StatedApi(http_api="abc"), "/v2/apis/abc/exports/OAS30"),
    ],
)
async def test_an_api_is_exported_where_the_configuration_says_so(stated: StatedApi, path: str) -> None:
    aws = Aws(exports={path: api("q", payloadFormatVersion="2.0")})
    upstream = await typed(aws, LambdaTypes(apis=(stated,)))
    assert seen(upstream) == (f"API Gateway {stated}", ["q"])
    binding = upstream.functions[0].binding
    assert isinstance(binding, LambdaBinding)
    assert (binding.function_name, binding.arn) == (NAME, ARN)
    assert binding.proxy is not None
    assert (binding.proxy.version, binding.proxy.http.path) == ("2.0", "/things")


async def test_an_api_that_cannot_be_exported_costs_its_types_alone() -> None:
    upstream = await typed(Aws(), LambdaTypes(apis=(StatedApi(http_api="gone"),)))
    (warning,) = upstream.warnings
    assert (warning.kind, warning.pointer) == ("api-unusable", "/gone")
    assert warning.reason == "gone cannot be exported (apigateway:GET): NotFound"
    assert seen(upstream) == ("", ["payload"])


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"kind": "aws", "requestTemplates": {"application/json": "$input.body"}}, "mapping-template"),
        (
            {"uri": {"Fn::Sub": "arn:${AWS::Region}:lambda:${Function.Arn}/invocations"}},
            "integration-unresolved",
        ),
        ({"uri": "https://elsewhere.test/lambda"}, "integration-unresolved"),
    ],
)
async def test_an_integration_that_is_not_understood_is_a_warning(
    more: Mapping[str, Any], kind: str, tmp_path: Path
) -> None:
    document = api("q")
    operation = document["paths"]["/things"]["get"]["x-amazon-apigateway-integration"]
    operation |= {("type" if key == "kind" else key): value for key, value in more.items()}
    other = api("r")["paths"]["/things"]["get"]
    document["paths"]["/others"] = {"get": {**other, "operationId": "getOther"}}
    (tmp_path / "api.json").write_text(json.dumps(document))
    upstream = await typed(Aws(), LambdaTypes(apis=(StatedApi(file=tmp_path / "api.json"),)))
    assert [warning.kind for warning in upstream.warnings] == [kind]
    assert [function.name for function in upstream.functions] == ["getOther"]


async def test_an_integration_without_templates_is_given_the_body(tmp_path: Path) -> None:
    document = api("q", kind="aws")
    operation = document["paths"]["/things"].pop("get")
    operation["requestBody"] = {"content": {"application/json": {"schema": of("amount")}}}
    document["paths"]["/things"]["post"] = operation
    (tmp_path / "api.json").write_text(json.dumps(document))
    upstream = await typed(Aws(), LambdaTypes(apis=(StatedApi(file=tmp_path / "api.json"),)))
    (function,) = upstream.functions
    assert [argument.name for argument in function.arguments] == ["payload"]
    assert function.binding == LambdaBinding(function_name=NAME, arn=ARN, payload="whole")
    assert [warning.kind for warning in upstream.warnings] == ["parameters-unmapped"]


async def test_what_the_configuration_says_of_a_function_that_is_not_there_is_a_warning() -> None:
    upstream = await typed(Aws(), LambdaTypes(stated=(("gone", StatedSchema(input=of("a"))),)))
    assert [(warning.kind, warning.pointer) for warning in upstream.warnings] == [
        ("schema-unmatched", "/gone")
    ]


async def test_a_schema_file_that_is_not_there_costs_its_function_the_types(tmp_path: Path) -> None:
    upstream = await typed(Aws(), LambdaTypes(stated=((NAME, StatedSchema(input=tmp_path / "in.json")),)))
    (warning,) = upstream.warnings
    assert (warning.kind, warning.reason) == (
        "schema-unusable",
        "in.json cannot be read: No such file or directory",
    )


async def test_members_of_saved_test_events_are_not_required() -> None:
    aws = Aws(registry={f"lambda-testevent-schemas/schemas/name/_{NAME}-schema": openapi("event")})
    upstream = await typed(aws, LambdaTypes(test_events=True))
    (argument,) = upstream.functions[0].arguments
    assert (argument.name, argument.required) == ("event", False)
