"""An engine over the shop's catalog, answered from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import ExecutionResult, execute, parse

from weft.engine.errors import format_error
from weft.engine.execute.engine import CallSettings, Engine, EngineSettings
from weft.engine.execute.resolvers import RUNNING, Running
from weft.engine.execute.retries import RetryRule
from weft.engine.operation import GraphQLRequest
from weft.engine.passes import PASSES, Pass
from weft.schemas.catalog import Catalog
from weft.schemas.links import BulkRule, LinkRule, weave
from weft.schemas.stitch import stitch

from .memory import Answer, MemoryTransport
from .shop_catalog import SHOP
from .shop_data import shop_answers


class ShopEngine:
    """An engine, and the transport that sees all its calls."""

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        catalog: Catalog = SHOP,
        settings: EngineSettings | None = None,
        bulk: Sequence[BulkRule] = (),
        links: Sequence[LinkRule] = (),
        passes: tuple[Pass, ...] = PASSES,
        namespaces: Sequence[str] = (),
    ) -> None:
        """Build the engine.

        Args:
            answers: Replace those of ``shop_data``.
            catalog: What is stitched; *answers* must hold what it has and the shop has not.
            settings: Bounds.
            bulk: Rules about bulk functions.
            links: Rules about links.
            passes: Passes of the plans.
            namespaces: Upstreams in a namespace of their own.
        """
        self.transport = MemoryTransport({**shop_answers(), **(answers or {})})
        stitched = stitch(catalog, weave(catalog, bulk=bulk, links=links), namespaces=namespaces)
        transports = dict.fromkeys(catalog.upstreams_by_id, self.transport)
        if settings is None:  # what fails is seen once
            once = CallSettings(retries=RetryRule(attempts=0))
            settings = EngineSettings(calls=dict.fromkeys(catalog.upstreams_by_id, once))
        self.engine = Engine(stitched, transports, settings, passes=passes)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Every call made so far: the function's id, and its arguments."""
        return self.transport.calls

    def called(self, function: str) -> list[dict[str, Any]]:
        """Arguments of the calls of *function*, in their order."""
        return [arguments for id_, arguments in self.calls if id_ == function]

    async def run(
        self, query: str, variables: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """The response to *query*; *more* goes to ``Engine.execute``."""
        response = await self.engine.execute(GraphQLRequest(query, variables or {}), **more)
        decoded: dict[str, Any] = msgspec.json.decode(response.body)
        return decoded

    async def resolve(self, query: str) -> dict[str, Any]:
        """The response to *query* as graphql-core executes it, with the engine's resolvers."""
        RUNNING.set(Running(self.engine.calls({})))
        outcome = execute(self.engine.executable, parse(query))
        result = outcome if isinstance(outcome, ExecutionResult) else await outcome
        return {"data": result.data, "errors": [format_error(error) for error in result.errors or ()]}
