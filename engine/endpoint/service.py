"""What the endpoint needs of an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Protocol

from ..operation.request import GraphQLRequest, Response


class Engine(Protocol):
    """Runs operations against the schema that is current."""

    @property
    def sdl(self) -> str:
        """The schema as text. The same object as long as the schema is the same."""
        ...

    @property
    def ready(self) -> bool:
        """Whether a schema is loaded."""
        ...

    def execute(
        self,
        request: GraphQLRequest,
        *,
        headers: Mapping[str, str],
        allow: frozenset[str],
        deadline: float,
    ) -> Awaitable[Response]:
        """Run a query or a mutation.

        Args:
            request: A well-formed request.
            headers: Of the HTTP request; names in lower case.
            allow: Operation types that may run. One of another type is not run: the response then has
                ``not_allowed`` and ``operation_type``.
            deadline: Loop time in seconds at which waiting for upstreams ends.

        Returns:
            The response; request errors and execution errors are inside it. Raises only for bugs.
        """
        ...

    def subscribe(self, request: GraphQLRequest, *, headers: Mapping[str, str]) -> AsyncIterator[Response]:
        """The responses of a subscription, as its events come; a request error is the only item.

        It is called for operations that ``execute`` has told to be subscriptions. The endpoint closes the
        iterator when the client goes away, if it has an ``aclose``.
        """
        ...
