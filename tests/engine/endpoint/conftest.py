"""The endpoint on granian, over a graphql-core engine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import Application, EndpointSettings, running

Serve = Callable[..., contextlib.AbstractAsyncContextManager[aiohttp.ClientSession]]


@pytest.fixture
def engine() -> CoreEngine:
    return CoreEngine()


@pytest.fixture
def serve(engine: CoreEngine) -> Serve:
    """Serves the engine under settings of the test's own, and gives a client."""

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        yield engine

    @contextlib.asynccontextmanager
    async def serve(settings: EndpointSettings | None = None) -> AsyncIterator[aiohttp.ClientSession]:
        async with (
            running(Application(lifespan, settings)) as url,
            aiohttp.ClientSession(url, skip_auto_headers={"accept"}) as session,
        ):
            yield session

    return serve


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve() as session:
        yield session
