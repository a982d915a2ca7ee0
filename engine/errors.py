"""Errors as GraphQL errors: the one place where an exception becomes what a client reads.

A ``WeftError`` gives its ``public_message`` and code. Any other exception gives ``INTERNAL`` with an id
that is found in the log.

Source: GraphQL specification, "Errors": ``message``, ``locations``, ``path``, ``extensions``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

from ..schemas.errors import GrpcStatus, OperationError, UpstreamError, UpstreamStatus, WeftError

logger = logging.getLogger(__name__)


def error_extensions(error: BaseException) -> dict[str, Any]:
    """``extensions`` of a GraphQL error for *error*: ``code``, and where they apply ``upstream`` and ``function``."""
    if isinstance(error, UpstreamError):
        found: dict[str, Any] = {"code": error.code, "upstream": error.upstream, "function": error.function}
        if isinstance(error, GrpcStatus):
            if error.details:
                found["details"] = list(error.details)
        elif isinstance(error, UpstreamStatus):
            found["status"] = int(error.status) if error.status.isdigit() else error.status
            if error.body is not None:
                found["body"] = error.body
        if argument := getattr(error, "argument", ""):
            found["argument"] = argument
        return found
    if isinstance(error, OperationError):
        return {"code": error.code}
    return {"code": "INTERNAL"}


def public_message(error: BaseException) -> str:
    """What a client may read of *error*. An unexpected exception is logged under the id that is returned."""
    if isinstance(error, WeftError):
        return error.public_message
    error_id = uuid.uuid4().hex[:12]
    logger.error("unexpected exception", exc_info=error, extra={"error_id": error_id})
    return f"internal error {error_id}"


def format_error(
    error: BaseException,
    *,
    path: Sequence[str | int] | None = None,
    locations: Sequence[tuple[int, int]] = (),
) -> dict[str, Any]:
    """*error* as the map that stands in ``errors`` of a response.

    Args:
        error: What went wrong.
        path: Response position that became null; ``None`` for a request error.
        locations: ``(line, column)`` pairs in the document, from 1.
    """
    if isinstance(error, GraphQLError):
        if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
            return format_error(
                error.original_error,
                path=error.path if path is None else path,
                locations=[(at.line, at.column) for at in error.locations or ()],
            )
        return dict(error.formatted)
    if isinstance(error, OperationError) and not locations:
        locations = error.locations
    formatted: dict[str, Any] = {"message": public_message(error)}
    if locations:
        formatted["locations"] = [{"line": line, "column": column} for line, column in locations]
    if path is not None:
        formatted["path"] = list(path)
    formatted["extensions"] = error_extensions(error)
    return formatted
