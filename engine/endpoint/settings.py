"""How the endpoint is set up."""

from __future__ import annotations

from dataclasses import dataclass


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
