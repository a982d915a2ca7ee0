"""Schemas where tags point to them: an object in S3, or a schema in a registry of EventBridge or Glue.

A tag holds at most 256 characters, so it holds no schema itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from ....engine.transport.aws_clients import error_kind
from ....schemas.aws_lambda import LambdaSchema, parse_tool_schema
from .clients import Clients
from .failures import is_passing

SCHEMA_TAGS: Final = ("weft:schema", "schema")
"""Tags that point to a function's schema; the first one counts."""

MAX_SCHEMA_BYTES: Final = 1024 * 1024

_TOOL: Final = frozenset({"inputSchema", "outputSchema", "invocation"})
_EVENTS: Final = ("AWSEvent", "Event")
"""Names of the payload's schema in EventBridge's registries: of events, and of Lambda's saved test events."""

_ACCEPTED: Final = (
    "accepted: s3://bucket/key, or the ARN of a schema in a registry of EventBridge (arn:aws:schemas:…) or Glue "
    "(arn:aws:glue:…)"
)
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-zA-Z-]*):(?P<service>schemas|glue):(?P<region>[a-z0-9-]+):\d*:"
    r"schema/(?P<registry>[^/]+)/(?P<schema>[^/:]+)"
)


class Unusable(Exception):
    """A schema that is pointed to and cannot be had, which the next probe will not change."""


def pointer_of(tags: Mapping[str, str]) -> str | None:
    """Where the tags of a function point; ``None`` if they point nowhere."""
    return next((tags[tag] for tag in SCHEMA_TAGS if tag in tags), None)


class SchemaFetcher:
    """Fetches schemas, with the clients of one probe.

    Args:
        clients: Of S3 and of the registries.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def fetch(self, pointer: str) -> LambdaSchema:
        """The schema at *pointer*.

        Raises:
            Unusable: There is none to be had.
            DocumentError: What is there is none.
            ClientError: Of what will pass.
        """
        if pointer.startswith("s3://"):
            data = await self._fetch_object(pointer)
            return await asyncio.to_thread(parse_tool_schema, data, source=pointer)
        found = _ARN.fullmatch(pointer)
        if found is None:
            raise Unusable(f"its schema tag is {pointer!r}; {_ACCEPTED}")
        data = await (self._fetch_event if found["service"] == "schemas" else self._fetch_glue)(found)
        return await asyncio.to_thread(_parse_registered, data, pointer, found["schema"])

    async def _fetch_object(self, pointer: str) -> bytes:
        bucket, _, key = pointer.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise Unusable(f"its schema tag is {pointer!r}; {_ACCEPTED}")
        s3 = await self._clients.get("s3")
        try:
            answer = await s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _unusable(error, pointer, "s3:GetObject") from error
        data = bytearray()
        async with answer["Body"] as body:
            while piece := await body.read(64 * 1024):
                data += piece
                _check_size(len(data), pointer)
        return bytes(data)

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
            raise Unusable(f"{arn[0]} holds {kind}; accepted: JSON Schema")
        return _content(answer.get("SchemaDefinition"), arn[0])


def _parse_registered(data: bytes, pointer: str, name: str) -> LambdaSchema:
    """A schema of a registry: a tool definition, or a schema of the payload alone, in JSON Schema or OpenAPI."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        found = None
    if not isinstance(found, dict) or not _TOOL.isdisjoint(found):
        return parse_tool_schema(data, source=pointer)
    if "openapi" not in found:
        return LambdaSchema(input_schema=found)
    components = found.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    if not isinstance(schemas, dict) or not schemas:
        raise Unusable(f"{pointer} describes no schema: components.schemas is empty")
    event = next((one for one in (*_EVENTS, name) if one in schemas), None)
    if event is None and len(schemas) > 1:
        raise Unusable(f"{pointer} holds several schemas; call the payload's {' or '.join(_EVENTS)}")
    event = event or next(iter(schemas))
    return LambdaSchema(
        input_schema={"$ref": f"#/components/schemas/{_escaped(event)}", "components": components}
    )


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


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
