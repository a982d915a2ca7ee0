"""Lambda: the functions of a region, and what their owners wrote down about their payloads.

A function's schema is looked for in the manifest file of the configuration, then where the function's tag
``weft:schema`` or ``schema`` points: a tag holds at most 256 characters, so it holds an ``s3://`` address.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from botocore.parsers import ResponseParserError

from ...engine.transport.aws_clients import NO_CREDENTIALS, NO_CREDENTIALS_HELP, AwsSession, error_kind
from ...schemas.aws_lambda import (
    LambdaDescription,
    LambdaSchema,
    parse_manifest,
    parse_tool_schema,
    read_functions,
)
from ...schemas.catalog import ReadingWarning, UpstreamId
from ...schemas.errors import DocumentError
from ..registries import Candidate, LambdaAddress
from .base import Detected, Detection, NotThisKind, TryLater, Unchanged

logger = logging.getLogger(__name__)

SCHEMA_TAGS: Final = ("weft:schema", "schema")
"""Tags that point to a function's schema; the first one counts."""

MAX_SCHEMA_BYTES: Final = 1024 * 1024

_ATTEMPTS: Final = 3


class LambdaDetector:
    """Finds the functions of a region; fulfils `Detector`.

    Args:
        max_concurrency: Functions whose tags and schemas are fetched at once. Lambda answers 15 control
            plane requests a second for a whole account, so more than a few are throttled.
    """

    def __init__(self, *, max_concurrency: int = 5) -> None:
        self._max_concurrency = max_concurrency

    @property
    def name(self) -> str:
        """``lambda``."""
        return "lambda"

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """List the functions; see `Detector.detect`.

        A fault of one function's tags or schema costs that function its types, and is a warning. What will
        pass by itself (throttling, a lost connection) is `TryLater`, so that no types are lost to it.
        """
        address = candidate.address
        if not isinstance(address, LambdaAddress):
            return NotThisKind("not an address of Lambda")
        try:
            async with asyncio.timeout_at(deadline):
                return await self._detect(candidate, address, memo)
        except TimeoutError:
            return TryLater("no answer within the time limit")
        except _Stop as stop:
            return stop.detection

    async def _detect(
        self, candidate: Candidate, address: LambdaAddress, memo: Mapping[str, Any] | None
    ) -> Detection:
        warnings: list[ReadingWarning] = []
        manifest = await asyncio.to_thread(_load_manifest, address.manifest, warnings)
        try:
            session = AwsSession(region=address.region, endpoint=address.endpoint)
            listed = await _list_functions(session)
            for name in sorted(manifest.keys() - {one["FunctionName"] for one in listed}):
                reason = "the manifest describes a function that is not in the region"
                warnings.append(ReadingWarning(kind="manifest-unmatched", pointer=f"/{name}", reason=reason))
            wanted = [one for one in listed if fnmatch.fnmatchcase(one["FunctionName"], address.name_pattern)]
            descriptions = await self._describe_all(session, wanted, manifest, warnings)
        except (*NO_CREDENTIALS, ClientError, BotoCoreError, ResponseParserError) as error:
            return _failed(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return TryLater(f"Lambda cannot be reached: {type(error).__name__}")
        upstream = await asyncio.to_thread(
            read_functions,
            descriptions,
            upstream=UpstreamId(candidate.name) if candidate.name else None,
            region=address.region,
            endpoint=address.endpoint,
            warnings=sorted(warnings, key=lambda warning: (warning.pointer, warning.kind)),
        )
        digest = hashlib.sha256(msgspec.json.encode(upstream, order="deterministic")).hexdigest()
        if memo is not None and memo.get("hash") == digest:
            return Unchanged()
        return Detected(upstream, memo={"hash": digest})

    async def _describe_all(
        self,
        session: AwsSession,
        listed: list[dict[str, Any]],
        manifest: Mapping[str, LambdaSchema],
        warnings: list[ReadingWarning],
    ) -> list[LambdaDescription]:
        described = [one for one in listed if one["FunctionName"] in manifest]
        descriptions = [_description(one, {}, manifest[one["FunctionName"]]) for one in described]
        others = [one for one in listed if one["FunctionName"] not in manifest]
        if not others:
            return descriptions
        slots = asyncio.Semaphore(self._max_concurrency)
        async with (
            await session.client("lambda", attempts=_ATTEMPTS) as functions,
            await session.client("s3", attempts=_ATTEMPTS) as s3,
        ):

            async def describe(one: dict[str, Any]) -> LambdaDescription | _Stop:
                async with slots:
                    try:
                        return await _describe(functions, s3, one, warnings)
                    except (*NO_CREDENTIALS, ClientError, BotoCoreError, ResponseParserError) as error:
                        return _Stop(_failed(error))
                    except (aiohttp.ClientError, OSError) as error:
                        return _Stop(TryLater(f"the connection was lost: {type(error).__name__}"))

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(describe(one)) for one in others]
        for task in tasks:
            found = task.result()
            if isinstance(found, _Stop):
                raise found
            descriptions.append(found)
        return descriptions


class _Stop(Exception):
    """The probe ends with *detection*."""

    def __init__(self, detection: Detection) -> None:
        self.detection = detection
        super().__init__(repr(detection))


class _Unusable(Exception):
    """A schema that is pointed to and cannot be had, which the next probe will not change."""


async def _list_functions(session: AwsSession) -> list[dict[str, Any]]:
    client = await session.client("lambda", attempts=_ATTEMPTS)
    found: list[dict[str, Any]] = []
    async with client as functions:
        async for page in functions.get_paginator("list_functions").paginate():
            if "Functions" not in page:
                raise _Stop(NotThisKind("it answers, but not as Lambda does"))
            found += page["Functions"]
    return found


async def _describe(
    functions: Any, s3: Any, one: dict[str, Any], warnings: list[ReadingWarning]
) -> LambdaDescription:
    name = one["FunctionName"]
    tags: dict[str, str] = {}
    schema: LambdaSchema | None = None
    try:
        tags = await _tags(functions, one["FunctionArn"])
        pointer = next((tags[tag] for tag in SCHEMA_TAGS if tag in tags), None)
        if pointer is not None:
            data = await _fetch(s3, pointer)
            schema = await asyncio.to_thread(parse_tool_schema, data, source=pointer)
    except (_Unusable, DocumentError) as error:
        logger.warning("schema not read", extra={"function": name, "reason": str(error)})
        warnings.append(ReadingWarning(kind="schema-unusable", pointer=f"/{name}", reason=str(error)))
    return _description(one, tags, schema)


async def _tags(functions: Any, arn: str) -> dict[str, str]:
    try:
        answer = await functions.list_tags(Resource=arn)
    except ClientError as error:
        _pass_if_transient(error)
        raise _Unusable(f"its tags cannot be read (lambda:ListTags): {error_kind(error)}") from error
    return dict(answer.get("Tags", {}))


async def _fetch(s3: Any, pointer: str) -> bytes:
    bucket, _, key = pointer.removeprefix("s3://").partition("/")
    if not pointer.startswith("s3://") or not bucket or not key:
        raise _Unusable(f"its schema tag is {pointer!r}; accepted: s3://bucket/key")
    too_large = f"{pointer} is larger than {MAX_SCHEMA_BYTES} bytes"
    try:
        answer = await s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        _pass_if_transient(error)
        raise _Unusable(f"{pointer} cannot be read (s3:GetObject): {error_kind(error)}") from error
    data = bytearray()
    async with answer["Body"] as body:
        while piece := await body.read(64 * 1024):
            data += piece
            if len(data) > MAX_SCHEMA_BYTES:
                raise _Unusable(too_large)
    return bytes(data)


def _pass_if_transient(error: ClientError) -> None:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if error_kind(error) == "TooManyRequests" or status >= 500:
        raise error


def _description(
    one: Mapping[str, Any], tags: Mapping[str, str], schema: LambdaSchema | None
) -> LambdaDescription:
    return LambdaDescription(
        function_name=one["FunctionName"],
        arn=one["FunctionArn"],
        description=one.get("Description", ""),
        runtime=one.get("Runtime", ""),
        tags=tags,
        schema=schema,
    )


def _load_manifest(path: Path | None, warnings: list[ReadingWarning]) -> dict[str, LambdaSchema]:
    if path is None:
        return {}
    try:
        return parse_manifest(path.read_bytes(), source=path.name)
    except OSError as error:
        reason = f"the manifest {path.name} cannot be read: {error.strerror or type(error).__name__}"
    except DocumentError as error:
        reason = str(error)
    logger.warning("manifest not read", extra={"manifest": path.name, "reason": reason})
    warnings.append(ReadingWarning(kind="manifest-unusable", pointer="", reason=reason))
    return {}


def _failed(error: Exception) -> Detection:
    """How a probe ends that AWS, or the way to it, does not let go on."""
    if isinstance(error, NO_CREDENTIALS):
        return TryLater(NO_CREDENTIALS_HELP)
    if isinstance(error, NoRegionError):
        return TryLater("no region; give the upstream one, such as eu-west-1")
    if isinstance(error, ResponseParserError):
        return NotThisKind("it answers, but not as Lambda does")
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        operation = error.operation_name
        kind = error_kind(error)
        if code.startswith("AccessDenied") and operation == "ListFunctions":
            return TryLater("not allowed to list functions (lambda:ListFunctions)")
        if code == "404":
            return NotThisKind("it answers, but not as Lambda does")
        if kind == "AccessDenied":
            return TryLater(f"AWS does not accept the credentials: {code}")
        if kind == "TooManyRequests":
            return TryLater(f"AWS throttles {operation}")
        return TryLater(f"{operation} failed: {kind}")
    # The message names the URL, which the configuration has said anyway.
    return TryLater(f"Lambda cannot be reached: {type(error).__name__}")
