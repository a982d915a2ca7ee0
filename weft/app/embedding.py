"""Weft inside another Python program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import strawberry

from ..engine.endpoint.rsgi import Application
from ..engine.endpoint.server import running
from ..engine.execute.engine import Engine
from ..engine.execute.schema import WeftSchema
from ..engine.operation import GraphQLRequest
from ..schemas.catalog import Snapshot
from ..settings import Settings
from .serving import endpoint_settings, make_engine


def stitch(
    snapshot: Snapshot, settings: Settings, *, handwritten: strawberry.Schema | None = None
) -> WeftSchema:
    """One GraphQL schema over everything in *snapshot*.

    Args:
        snapshot: What ``discover`` found.
        settings: The same as were discovered with: they hold headers, links and bounds.
        handwritten: A Strawberry schema that is merged in: its root fields, its types, and its extra
            fields on generated types.

    Returns:
        A Strawberry schema, for Strawberry's views and test clients. Use it in ``async with``: it owns the
        connections to the upstreams.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog.
        StitchConflict: The hand-written schema defines what is generated too.
    """
    return WeftSchema(make_engine(snapshot, settings, handwritten=handwritten), handwritten=handwritten)


async def execute(
    schema: WeftSchema,
    query: str,
    variables: Mapping[str, Any] | None = None,
    *,
    operation_name: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The response map of one query or mutation: ``data``, and ``errors`` where there are any.

    Args:
        schema: An entered schema.
        query: The document.
        variables: Values of its variables.
        operation_name: Which operation, if it has several.
        headers: Of whoever asks; each upstream is sent those it is configured to get.
    """
    request = GraphQLRequest(query, variables or {}, operation_name)
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    response = await schema.engine.execute(request, headers=lower)
    return msgspec.json.decode(response.body, type=dict[str, Any])


def serve(
    schema: WeftSchema, settings: Settings, *, host: str | None = None, port: int | None = None
) -> AbstractAsyncContextManager[str]:
    """Serve an entered *schema* over HTTP in the running event loop; the block gets the URL.

    Args:
        schema: An entered schema; it stays open when the block ends.
        settings: Its ``server`` section holds the bounds, and the address unless one is given here.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Engine]:
        yield schema.engine

    server = settings.server
    return running(
        Application(lifespan, endpoint_settings(settings)),
        host or server.host,
        server.port if port is None else port,
    )
