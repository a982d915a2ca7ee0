"""How the endpoint is set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """How GraphQL over WebSocket is served, and within which limits.

    Attributes:
        port: To listen on; 0 for a free one.
        host: Address to listen on.
        uds: Path of a Unix socket, in place of *host* and *port*.
        origins: Origins of pages that may open a socket beside those of the same host; ``("*",)`` for all.
        init_headers: Names of headers that the payload of ``connection_init`` may hold; in lower case.
        max_connections: Sockets of one worker.
        max_operations: Operations under way over one socket.
        max_message_bytes: A larger message closes the socket.
        init_timeout_s: For ``connection_init`` to arrive.
        ping_s: Between two pings on a socket that is otherwise silent.
    """

    port: int = 0
    host: str = "127.0.0.1"
    uds: Path | None = None
    origins: tuple[str, ...] = ()
    init_headers: tuple[str, ...] = ()
    max_connections: int = 1000
    max_operations: int = 100
    max_message_bytes: int = 1024 * 1024
    # graphql-ws waits 3 s; a phone on a bad line takes longer.
    init_timeout_s: float = 10.0
    # Proxies close what is silent for 60 s (nginx), or 300 s (Envoy).
    ping_s: float = 25.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What is served, and within which limits.

    Attributes:
        path: Where GraphQL is served; starts with a slash and ends without one.
        graphiql: Serve GraphiQL to browsers, at ``path``.
        schema: Serve the schema as text, at ``/schema.graphql``.
        max_body_bytes: A larger request body is refused with 413.
        max_upload_bytes: A larger request with files is refused with 413; 0 takes no files at all.
        max_uploads: Files of one request.
        timeout_s: For one query or mutation, from the end of the request's head.
        body_timeout_s: For the request's body to arrive.
        keep_alive_s: Between two comments on an event stream that is otherwise silent.
        cors_origins: Origins whose pages may read responses, such as ``https://shop.example``; ``("*",)``
            for all. Empty: none.
        header_timeout: Let ``x-envoy-expected-rq-timeout-ms`` shorten ``timeout_s``.
    """

    path: str = "/graphql"
    graphiql: bool = True
    schema: bool = True
    max_body_bytes: int = 1024 * 1024
    max_upload_bytes: int = 10 * 1024 * 1024
    max_uploads: int = 10
    timeout_s: float = 30.0
    body_timeout_s: float = 10.0
    # GraphQL over SSE sets no interval; graphql-sse sends one every 12 s.
    keep_alive_s: float = 12.0
    cors_origins: tuple[str, ...] = ()
    header_timeout: bool = True

    def __post_init__(self) -> None:
        """Refuse a path that no request can match.

        Raises:
            ValueError: ``path`` has another form than described.
        """
        if not self.path.startswith("/") or self.path.endswith("/") or "?" in self.path:
            raise ValueError(f"path must start with a slash and not end with one, got {self.path!r}")

    def time_limit_s(self, expected_timeout_ms: str | None) -> float:
        """How long an operation may take.

        Args:
            expected_timeout_ms: The value of ``x-envoy-expected-rq-timeout-ms``, if it was sent.

        Source: Envoy, "x-envoy-expected-rq-timeout-ms": the router's time limit, in milliseconds.
        """
        if self.header_timeout and expected_timeout_ms is not None:
            digits = expected_timeout_ms.strip()
            # Nine digits are over 11 days; zero means no limit.
            if digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) > 0:
                return min(self.timeout_s, int(digits) / 1000)
        return self.timeout_s
