"""The clients of one probe: each is opened when it is first needed; and the pages that they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from ....engine.transport.aws_clients import AwsSession

ATTEMPTS: Final = 4
"""Tries of one question. Between them botocore waits up to 1, 2 and 4 seconds, as long as is drawn by lot."""


MAX_PAGES: Final = 1000
"""Pages that are read of one list; a page may be empty and name a next one."""


async def pages_of(client: Any, operation: str, **options: Any) -> AsyncIterator[Mapping[str, Any]]:
    """The pages of a list, as many as are read of one.

    Args:
        client: Of the service.
        operation: By the client's name, such as ``list_functions``.
        options: Of the operation.
    """
    count = 0
    async for page in client.get_paginator(operation).paginate(**options):
        yield page
        count += 1
        if count >= MAX_PAGES:
            return


class Clients:
    """Clients of one session.

    Args:
        session: Makes them.
        stack: Closes them.
        attempts: Tries of one question.
    """

    def __init__(self, session: AwsSession, stack: AsyncExitStack, *, attempts: int = ATTEMPTS) -> None:
        self._session = session
        self._stack = stack
        self._attempts = attempts
        self._opening = asyncio.Lock()
        self._open: dict[tuple[str, str], Any] = {}

    async def get(self, service: str, region: str = "") -> Any:
        """The client of *service*, in another region than the session's where one is given."""
        key = (service, region)
        async with self._opening:
            if key not in self._open:
                # Adaptive: once AWS throttles a client, that client sends less.
                client = await self._session.client(
                    service, attempts=self._attempts, mode="adaptive", region=region
                )
                self._open[key] = await self._stack.enter_async_context(client)
        return self._open[key]
