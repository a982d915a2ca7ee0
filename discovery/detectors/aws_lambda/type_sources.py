"""Where the types of each function come from: the first source that knows it.

In their order: the configuration, the manifest, where a tag of the function points, an OpenAPI document of API
Gateway, the saved test events, what was learned from calls. A function that none of them knows takes and answers
any JSON. A source that cannot be read costs its types alone, and is a warning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from ....engine.transport.aws_clients import error_kind
from ....schemas.aws_lambda import (
    LambdaSchema,
    ProxiedOperation,
    parse_json_schema,
    parse_manifest,
    parse_tool_schema,
    read_api,
    tool_schema,
)
from ....schemas.aws_lambda.learned_file import AllLearned, decode_learned
from ....schemas.catalog import Json
from ....schemas.errors import DocumentError
from ....schemas.openapi import parse_document
from ...registries import LambdaAddress
from ...registries.lambda_types import StatedApi, StatedSchema
from .asking import Kept, Progress, ask_each
from .clients import Clients
from .failures import is_passing
from .listing import ListedFunction
from .schema_pointers import MAX_SCHEMA_BYTES, SchemaFetcher, Unusable, pointers_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_API_BYTES: Final = 16 * 1024 * 1024

_TEST_EVENTS: Final = "lambda-testevent-schemas"
"""The registry where Lambda's console and AWS SAM save test events."""


@dataclass(frozen=True, slots=True)
class FoundTypes:
    """The types of one function, and where they were found, for people."""

    source: str
    schema: LambdaSchema | None = None
    operations: tuple[ProxiedOperation, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether both payload and result are described."""
        return (
            self.schema is not None
            and self.schema.input_schema is not None
            and self.schema.output_schema is not None
        )

    def completed_by(self, other: FoundTypes) -> FoundTypes:
        """These, and from *other* what they say nothing of. Operations have no part that could be taken."""
        own, more = self.schema, other.schema
        if own is None or more is None or self is other:
            return self
        return FoundTypes(
            f"{self.source}, {other.source}",
            LambdaSchema(
                name=own.name or more.name,
                description=own.description or more.description,
                input_schema=_first(own.input_schema, more.input_schema),
                output_schema=_first(own.output_schema, more.output_schema),
                invocation=own.invocation or more.invocation,
                batch=own.batch or more.batch,
                read_only=_first(own.read_only, more.read_only),
                idempotent=_first(own.idempotent, more.idempotent),
            ),
        )


def _first(own: T, more: T) -> T:
    return more if own is None else own


class Warn(Protocol):
    """Takes what could not be read."""

    def __call__(self, kind: str, pointer: str, reason: str) -> None:
        """Note that *reason* holds at *pointer*."""
        ...


@dataclass(frozen=True, slots=True)
class TypeSearch:
    """One search for the types of a region's functions.

    Attributes:
        address: Where they are, and what the configuration says of their types.
        clients: Of the probe.
        slots: Bounds questions about single functions.
        progress: Counts them.
        warn: Takes what could not be read.
        kept: What functions said of themselves, exports and test events, which are asked for now and then only.
        learned: The file of what was learned from calls; ``None`` for none.
    """

    address: LambdaAddress
    clients: Clients
    slots: asyncio.Semaphore
    progress: Progress
    warn: Warn
    kept: Kept[Any]
    learned: Path | None = None

    async def find(
        self,
        functions: Sequence[ListedFunction],
        tags: Mapping[str, Mapping[str, str]],
        *,
        known: Collection[str],
    ) -> dict[str, FoundTypes]:
        """The types of *functions*, by their names; of those without there is nothing.

        Args:
            functions: Those that are wanted.
            tags: Of functions, by ARN.
            known: Names of all functions of the region.

        Raises:
            Exception: One of `AWS_FAILURES`, for what will pass.
        """
        stated = await asyncio.to_thread(self._stated, known)
        # What the configuration says in part, the next source completes.
        found = {name: types for name, types in stated.items() if types.is_complete}
        for name, types in (await asyncio.to_thread(self._manifest, known)).items():
            found.setdefault(name, types)
        pointers = {
            one.name: pointed
            for one in functions
            if one.name not in found and (pointed := pointers_of(tags.get(one.arn, {})))
        }
        revisions = {one.name: one for one in functions}
        fetcher = SchemaFetcher(self.clients, self.kept)
        found |= await self._each(
            pointers, lambda name: _pointed(fetcher, revisions[name], pointers[name]), "schema-unusable"
        )
        for name, types in (await self._apis()).items():
            found.setdefault(name, types)
        if self.address.types.test_events:
            missing = [one.name for one in functions if one.name not in found]
            found |= await self._each(missing, self._test_events, "test-events-unusable")
        for name, types in (await asyncio.to_thread(self._learned)).items():
            found.setdefault(name, types)
        return found | {
            name: types.completed_by(found[name]) if name in found else types
            for name, types in stated.items()
        }

    async def _each(
        self, names: Collection[str], find: Callable[[str], Awaitable[FoundTypes | None]], fault: str
    ) -> dict[str, FoundTypes]:
        async def ask(name: str) -> FoundTypes | None:
            try:
                return await find(name)
            except (Unusable, DocumentError) as error:
                self._refuse(fault, f"/{name}", str(error))
                return None

        asked = await ask_each(names, ask, slots=self.slots, progress=self.progress)
        return {name: types for name, types in asked.items() if types is not None}

    def _refuse(self, kind: str, pointer: str, reason: str) -> None:
        logger.warning(
            "types not read", extra={"address": str(self.address), "at": pointer, "reason": reason}
        )
        self.warn(kind, pointer, reason)

    # -- the configuration

    def _stated(self, known: Collection[str]) -> dict[str, FoundTypes]:
        found: dict[str, FoundTypes] = {}
        for name, stated in self.address.types.stated:
            if name not in known:
                if not self.address.shared:
                    reason = "the configuration describes a function that is not in the region"
                    self.warn("schema-unmatched", f"/{name}", reason)
                continue
            try:
                found[name] = FoundTypes("configuration", _stated_schema(name, stated))
            except (OSError, Unusable, DocumentError) as error:
                self._refuse("schema-unusable", f"/{name}", _reason(error))
        return found

    def _manifest(self, known: Collection[str]) -> dict[str, FoundTypes]:
        path = self.address.manifest
        if path is None:
            return {}
        try:
            manifest = parse_manifest(path.read_bytes(), source=path.name)
        except OSError as error:
            reason = f"the manifest {path.name} cannot be read: {error.strerror or type(error).__name__}"
            self._refuse("manifest-unusable", "", reason)
            return {}
        except DocumentError as error:
            self._refuse("manifest-unusable", "", str(error))
            return {}
        for name in sorted(manifest.keys() - set(known) if not self.address.shared else ()):
            reason = "the manifest describes a function that is not in the region"
            self.warn("manifest-unmatched", f"/{name}", reason)
        return {name: FoundTypes(f"manifest {path.name}", schema) for name, schema in manifest.items()}

    # -- API Gateway

    async def _apis(self) -> dict[str, FoundTypes]:
        found: dict[str, FoundTypes] = {}
        for api in self.address.types.apis:
            try:
                data = await self._export(api) if api.file is not None else await self._kept_export(api)
                operations, notes = await asyncio.to_thread(_read_api, data, str(api))
            except (Unusable, DocumentError) as error:
                self._refuse("api-unusable", f"/{api}", str(error))
                continue
            for note in notes:
                self.warn(note.kind, note.pointer, note.reason)
            if not operations:
                self.warn("api-unmatched", f"/{api}", "no operation of it names a function in an integration")
            for name, ones in operations.items():
                before = found.get(name)
                together = (*before.operations, *ones) if before is not None else ones
                found[name] = FoundTypes(
                    before.source if before is not None else f"API Gateway {api}", operations=together
                )
        return found

    async def _kept_export(self, api: StatedApi) -> bytes:
        found: bytes = await self.kept.get_or_ask(f"api {api}", lambda: self._export(api))
        return found

    async def _export(self, api: StatedApi) -> bytes:
        if api.file is not None:
            try:
                data = await asyncio.to_thread(api.file.read_bytes)
            except OSError as error:
                raise Unusable(_reason(error)) from error
            _check_size(len(data), str(api), MAX_API_BYTES)
            return data
        try:
            if api.rest_api:
                client = await self.clients.get("apigateway")
                answer = await client.get_export(
                    restApiId=api.rest_api,
                    stageName=api.stage,
                    exportType="oas30",
                    parameters={"extensions": "integrations"},
                    accepts="application/json",
                )
            else:
                client = await self.clients.get("apigatewayv2")
                answer = await client.export_api(
                    ApiId=api.http_api,
                    Specification="OAS30",
                    OutputType="JSON",
                    IncludeExtensions=True,
                    **({"StageName": api.stage} if api.stage else {}),
                )
            return await _read_body(answer["body"], str(api))
        except ClientError as error:
            if is_passing(error):
                raise
            raise Unusable(f"{api} cannot be exported (apigateway:GET): {error_kind(error)}") from error

    # -- samples

    async def _test_events(self, name: str) -> FoundTypes | None:
        found: FoundTypes | None = await self.kept.get_or_ask(
            f"test events {name}", lambda: self._ask_for_test_events(name)
        )
        return found

    async def _ask_for_test_events(self, name: str) -> FoundTypes | None:
        client = await self.clients.get("schemas")
        try:
            answer = await client.describe_schema(RegistryName=_TEST_EVENTS, SchemaName=f"_{name}-schema")
        except ClientError as error:
            if is_passing(error):
                raise
            if error_kind(error) in {"NotFound", "ResourceNotFound"}:
                return None
            raise Unusable(
                f"its test events cannot be read (schemas:DescribeSchema): {error_kind(error)}"
            ) from error
        data = str(answer.get("Content") or "").encode()
        _check_size(len(data), f"{_TEST_EVENTS}/_{name}-schema")
        schema = await asyncio.to_thread(parse_tool_schema, data, source=f"{_TEST_EVENTS}/_{name}-schema")
        # Every member of an example would be required: it is a hint of names and types.
        return FoundTypes(
            "saved test events", LambdaSchema(input_schema=_without_required(schema.input_schema))
        )

    def _learned(self) -> dict[str, FoundTypes]:
        path = self.learned
        if path is None or not path.exists():
            return {}
        try:
            learned: AllLearned = decode_learned(path.read_bytes(), source=path.name)
        except (OSError, DocumentError) as error:
            self._refuse("learned-unusable", "", _reason(error))
            return {}
        return {
            name: FoundTypes(
                f"{one.samples} call{'s' if one.samples > 1 else ''} (weft call --learn)", one.schema
            )
            for name, one in learned.get(str(self.address), {}).items()
        }


async def _pointed(
    fetcher: SchemaFetcher, function: ListedFunction, pointers: Mapping[str, str]
) -> FoundTypes:
    schema = await fetcher.fetch_all(function, pointers)
    return FoundTypes(f"tag {', '.join(pointers)}", schema)


def _stated_schema(name: str, stated: StatedSchema) -> LambdaSchema:
    entry: dict[str, Json] = {
        "inputSchema": _json_schema(stated.input),
        "outputSchema": _json_schema(stated.output),
        "batch": stated.batch,
    }
    if stated.read_only is not None:
        entry["annotations"] = {"readOnlyHint": stated.read_only}
    return tool_schema(entry, source=f"schemas.{name}")


def _json_schema(stated: Json | Path) -> Json:
    if not isinstance(stated, Path):
        return stated
    data = stated.read_bytes()
    _check_size(len(data), stated.name)
    return parse_json_schema(data, source=stated.name)


def _read_api(data: bytes, source: str) -> tuple[dict[str, tuple[ProxiedOperation, ...]], list[Any]]:
    return read_api(parse_document(data, source=source), source=source)


async def _read_body(body: Any, source: str) -> bytes:
    if isinstance(body, bytes):
        _check_size(len(body), source, MAX_API_BYTES)
        return body
    data = bytearray()
    async with body:
        while piece := await body.read(64 * 1024):
            data += piece
            _check_size(len(data), source, MAX_API_BYTES)
    return bytes(data)


def _check_size(size: int, source: str, most: int = MAX_SCHEMA_BYTES) -> None:
    if size > most:
        raise Unusable(f"{source} is larger than {most} bytes")


def _without_required(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_without_required(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_required(one)
        for name, one in schema.items()
        if name not in {"required", "examples"} or not isinstance(one, list)
    }


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        name = Path(str(error.filename)).name if error.filename else "a file"
        return f"{name} cannot be read: {error.strerror or type(error).__name__}"
    return str(error)
