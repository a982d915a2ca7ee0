"""Schemas where tags point to them: an object in S3, a schema in a registry of EventBridge or Glue, the function itself.

A tag holds at most 256 characters, so it holds no schema itself.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from ....engine.transport.aws_clients import error_kind
from ....schemas.aws_lambda import LambdaSchema, parse_json_schema, parse_tool_schema
from ....schemas.catalog import Json
from .asking import Kept
from .clients import Clients
from .failures import is_passing
from .listing import ListedFunction

SCHEMA_TAGS: Final = ("weft:schema", "schema")
"""Tags that point to a function's schema; the first one counts."""

MAX_SCHEMA_BYTES: Final = 1024 * 1024

INPUT_TAG: Final = "weft:input-schema"
OUTPUT_TAG: Final = "weft:output-schema"
"""Tags that point to a JSON Schema of the payload, and of the result."""

DESCRIBE: Final = "describe"
"""In the place of a pointer: the function describes itself, as those with ``weft.aws_lambda.typed`` do."""

_ACCEPTED: Final = (
    "accepted: s3://bucket/key, or the ARN of a schema in a registry of EventBridge (arn:aws:schemas:…) or Glue "
    "(arn:aws:glue:…), or `describe` for a function with weft.aws_lambda.typed"
)
_LONGEST: Final = 200
_ASKING_TO_DESCRIBE: Final = base64.b64encode(b'{"custom": {"weft-describe": "1"}}').decode()
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-zA-Z-]*):(?P<service>schemas|glue):(?P<region>[a-z0-9-]+):\d*:"
    r"schema/(?P<registry>[^/]+)/(?P<schema>[^/:]+)"
)


class Unusable(Exception):
    """A schema that is pointed to and cannot be had, which the next probe will not change."""


def pointers_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Where the tags of a function point, by tag; empty if they point nowhere."""
    whole = next((tag for tag in SCHEMA_TAGS if tag in tags), None)
    if whole is not None:
        return {whole: tags[whole]}
    return {tag: tags[tag] for tag in (INPUT_TAG, OUTPUT_TAG) if tag in tags}


class SchemaFetcher:
    """Fetches schemas, with the clients of one probe.

    Args:
        clients: Of S3, of the registries, and of Lambda.
        kept: What functions said of themselves.
    """

    def __init__(self, clients: Clients, kept: Kept[Any]) -> None:
        self._clients = clients
        self._kept = kept

    async def fetch_all(self, function: ListedFunction, pointers: Mapping[str, str]) -> LambdaSchema:
        """The schema that the tags of *function* point to; see `pointers_of`.

        Raises:
            Unusable: There is none to be had.
            DocumentError: What is there is none.
            ClientError: Of what will pass.
        """
        for tag in SCHEMA_TAGS:
            if tag in pointers:
                if pointers[tag] == DESCRIBE:
                    return await self._described(function)
                data = await self._fetch(pointers[tag])
                return await asyncio.to_thread(parse_tool_schema, data, source=pointers[tag])
        found: dict[str, Json] = {}
        for tag, pointer in pointers.items():
            data = await self._fetch(pointer)
            found[tag] = await asyncio.to_thread(parse_json_schema, data, source=pointer)
        return LambdaSchema(input_schema=found.get(INPUT_TAG), output_schema=found.get(OUTPUT_TAG))

    async def _fetch(self, pointer: str) -> bytes:
        if pointer.startswith("s3://"):
            return await self._fetch_object(pointer)
        found = _ARN.fullmatch(pointer)
        if found is None:
            raise Unusable(f"its schema tag is {pointer!r}; {_ACCEPTED}")
        return await (self._fetch_event if found["service"] == "schemas" else self._fetch_glue)(found)

    async def _described(self, function: ListedFunction) -> LambdaSchema:
        """What a function says of itself; it is asked again when its code has changed, and now and then."""
        key = f"described {function.arn} {function.revision}"
        found: LambdaSchema = await self._kept.get_or_ask(key, lambda: self._ask_to_describe(function))
        return found

    async def _ask_to_describe(self, function: ListedFunction) -> LambdaSchema:
        client = await self._clients.get("lambda")
        try:
            answer = await client.invoke(
                FunctionName=function.name, Payload=b"{}", ClientContext=_ASKING_TO_DESCRIBE
            )
        except ClientError as error:
            raise _unusable(error, function.name, "lambda:InvokeFunction") from error
        data = await _read(answer["Payload"], function.name)
        if answer.get("FunctionError"):
            raise Unusable(f"it is tagged to describe itself and fails to: {_said(data)}")
        return await asyncio.to_thread(parse_tool_schema, data, source=f"{function.name} of itself")

    async def _fetch_object(self, pointer: str) -> bytes:
        bucket, _, key = pointer.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise Unusable(f"its schema tag is {pointer!r}; {_ACCEPTED}")
        s3 = await self._clients.get("s3")
        try:
            answer = await s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _unusable(error, pointer, "s3:GetObject") from error
        return await _read(answer["Body"], pointer)

    async def _fetch_event(self, arn: re.Match[str]) -> bytes:
        client = await self._clients.get("schemas", arn["region"])
        try:
            answer = await client.describe_schema(RegistryName=arn["registry"], SchemaName=arn["schema"])
        except ClientError as error:
            raise _unusable(error, arn[0], "schemas:DescribeSchema") from error
        return _content(answer.get("Content"), arn[0])

    async def _fetch_glue(self, arn: re.Match[str]) -> bytes:
        client = await self._clients.get("glue", arn["region"])
        try:
            answer = await client.get_schema_version(
                SchemaId={"SchemaArn": arn[0]}, SchemaVersionNumber={"LatestVersion": True}
            )
        except ClientError as error:
            raise _unusable(error, arn[0], "glue:GetSchemaVersion") from error
        kind = answer.get("DataFormat", "JSON")
        if kind != "JSON":
            raise Unusable(
                f"{arn[0]} holds {kind}, which is not read; accepted: a schema of data format JSON"
            )
        return _content(answer.get("SchemaDefinition"), arn[0])


class _FunctionError(msgspec.Struct, rename="camel"):
    error_type: str = ""
    error_message: str = ""


def _said(data: bytes) -> str:
    """What a function that failed said, for the owner of the configuration."""
    try:
        told = msgspec.json.decode(data, type=_FunctionError)
    except msgspec.MsgspecError:
        return "it does not say why"
    return " ".join(f"{told.error_type}: {told.error_message}".split())[:_LONGEST]


async def _read(stream: Any, source: str) -> bytes:
    data = bytearray()
    async with stream as body:
        while piece := await body.read(64 * 1024):
            data += piece
            _check_size(len(data), source)
    return bytes(data)


def _content(text: Any, pointer: str) -> bytes:
    data = str(text or "").encode()
    _check_size(len(data), pointer)
    return data


def _check_size(size: int, pointer: str) -> None:
    if size > MAX_SCHEMA_BYTES:
        raise Unusable(f"{pointer} is larger than {MAX_SCHEMA_BYTES} bytes")


def _unusable(error: ClientError, pointer: str, permission: str) -> ClientError | Unusable:
    """What to raise in place of *error*; itself if it will pass."""
    if is_passing(error):
        return error
    return Unusable(f"{pointer} cannot be read ({permission}): {error_kind(error)}")
