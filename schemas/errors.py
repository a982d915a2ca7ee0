"""Every error that Weft raises.

Facts are attributes; the message is built from them and tells the reader which thing to change.
``public_message`` is what a GraphQL client may read: it never holds a URL, a header or a body.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class WeftError(Exception):
    """The root of all errors raised by Weft."""

    @property
    def public_message(self) -> str:
        """What a client of the GraphQL API may read."""
        return str(self)


class ConfigError(WeftError):
    """A setting that cannot be used.

    Attributes:
        source: The file, or a description of where the setting came from.
        line: Line in *source*, counted from 1; 0 where there is none.
        key: Dotted path of the setting, such as ``upstreams[2].url``.
        problem: What is wrong.
        accepted: What would be accepted.
    """

    def __init__(self, *, source: str, key: str, problem: str, accepted: str = "", line: int = 0) -> None:
        self.source = source
        self.line = line
        self.key = key
        self.problem = problem
        self.accepted = accepted
        place = f"{source}:{line}" if line else source
        at = f" {key}:" if key else ""
        hint = f"; accepted: {accepted}" if accepted else ""
        super().__init__(f"{place}:{at} {problem}{hint}")


class SchemaError(WeftError):
    """Something found while a schema is built."""


class DocumentError(SchemaError):
    """A description that cannot be read at all.

    Attributes:
        source: Where the document came from.
        pointer: JSON pointer (RFC 6901) to the fault, or ``""`` for the whole document.
        reason: One line.
    """

    def __init__(self, source: str, pointer: str, reason: str) -> None:
        self.source = source
        self.pointer = pointer
        self.reason = reason
        super().__init__(f"{source}{'#' + pointer if pointer else ''}: {reason}")


class StitchConflict(SchemaError):
    """Two sources claim one schema coordinate.

    Attributes:
        coordinate: A GraphQL schema coordinate, such as ``Product.stock``.
        sources: What claims it.
    """

    def __init__(self, coordinate: str, sources: tuple[str, ...], reason: str) -> None:
        self.coordinate = coordinate
        self.sources = sources
        super().__init__(f"{coordinate}: {reason} ({', '.join(sources)})")


class DiscoveryError(WeftError):
    """Something found while upstreams are discovered."""


class RegistryError(DiscoveryError):
    """A registry (static list, Kubernetes, AWS) could not be read."""

    def __init__(self, registry: str, reason: str) -> None:
        self.registry = registry
        super().__init__(f"registry {registry}: {reason}")


class OperationError(WeftError):
    """A request error of GraphQL: syntax, validation, variables, limits.

    Attributes:
        code: A stable word for programs, such as ``GRAPHQL_PARSE_FAILED``.
        locations: ``(line, column)`` pairs in the document, each counted from 1.
    """

    def __init__(self, message: str, *, code: str, locations: tuple[tuple[int, int], ...] = ()) -> None:
        self.code = code
        self.locations = locations
        super().__init__(message)


@dataclass(eq=False)
class UpstreamError(WeftError):
    """One call that brought no usable answer.

    Inside a batch it is a value in the place of the answer; sibling fields go on.

    Attributes:
        upstream: Id of the upstream.
        function: Id of the function.
    """

    upstream: str
    function: str

    code = "UPSTREAM_ERROR"

    @property
    def summary(self) -> str:
        """What happened, without the function's name, in words a client may read."""
        return "the call failed"

    @property
    def public_message(self) -> str:
        """The function and what happened; never a URL, a header or a body."""
        return f"{self.function}: {self.summary}"

    def __str__(self) -> str:
        return self.public_message


@dataclass(eq=False)
class UpstreamUnreachable(UpstreamError):
    """No connection, or one that broke before the answer.

    Attributes:
        detail: What the operating system or library said; for logs only.
        passes: It may be reached a moment later: nothing has to be configured first.
    """

    detail: str = ""
    passes: bool = True

    code = "UPSTREAM_UNREACHABLE"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return "the upstream cannot be reached"


@dataclass(eq=False)
class UpstreamTimeout(UpstreamError):
    """The answer did not arrive before the deadline."""

    code = "UPSTREAM_TIMEOUT"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return "no answer within the time limit"


@dataclass(eq=False)
class UpstreamStatus(UpstreamError):
    """The upstream answered with an error status.

    Attributes:
        status: HTTP status code (``"404"``), gRPC status name (``"NOT_FOUND"``) or Lambda error kind
            (``"Unhandled"``).
        detail: What the upstream said, cut short; for logs only.
        retry_after_s: How long it asked to be left alone, in seconds; ``None`` if it did not say.
        body: What it said, where the configuration lets the client read it and the description has it.
    """

    status: str = ""
    detail: str = ""
    retry_after_s: float | None = None
    body: Any = field(default=None, repr=False)

    code = "UPSTREAM_STATUS"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return f"the upstream answered with status {self.status}"


@dataclass(eq=False)
class GrpcStatus(UpstreamStatus):
    """A gRPC server answered with an error status: its name is the error's code.

    Attributes:
        details: What the server said of it (``google.rpc.BadRequest`` and the like) as JSON, where the
            configuration lets clients see it.
    """

    details: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Take the status for the code."""
        self.code = self.status


@dataclass(eq=False)
class LambdaStatus(UpstreamStatus):
    """Lambda did not run a function, or the function failed.

    Attributes:
        passes: The same call may well succeed a moment later.
        is_outage: Lambda or the function is at fault, and not the call.
        said: What happened, in words a client may read; ``""`` for nothing but the status.
    """

    passes: bool = False
    is_outage: bool = False
    said: str = ""

    def __post_init__(self) -> None:
        """Take a code that a client can act upon, where there is one."""
        self.code = _LAMBDA_CODES.get(self.status, self.code)

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return self.said or super().summary


@dataclass(eq=False)
class KeyFailed(LambdaStatus):
    """One key of a call for many was answered by an error; it stands among the items of the answer.

    Attributes:
        key: As it was sent.
    """

    key: Any = None


_LAMBDA_CODES = {"TooManyRequests": "UPSTREAM_THROTTLED", "FunctionTimedOut": "UPSTREAM_TIMEOUT"}


@dataclass(eq=False)
class UpstreamAnswer(UpstreamError):
    """The upstream answered something that its description does not allow.

    Attributes:
        reason: What was expected and what came, without the value itself.
    """

    reason: str = ""

    code = "UPSTREAM_ANSWER"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return self.reason or "the answer has another shape than described"


@dataclass(eq=False)
class BadArguments(UpstreamError):
    """The arguments cannot be put on the wire, so no call was made.

    Attributes:
        reason: Which argument, and why.
    """

    reason: str = ""

    code = "BAD_ARGUMENTS"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return self.reason or "the arguments do not fit the function"


@dataclass(eq=False)
class UpstreamCredentials(UpstreamError):
    """The credentials for the call could not be had, so it was not made.

    Attributes:
        detail: What went wrong, without any secret; for logs only.
    """

    detail: str = ""

    code = "UPSTREAM_CREDENTIALS"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return "no access token could be had for the upstream"
