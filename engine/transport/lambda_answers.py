"""What Lambda answers: a result, an error of the function, or a refusal to run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError, create_parser

from ...schemas.catalog import Function, Json
from ...schemas.errors import LambdaStatus, UpstreamAnswer, UpstreamError
from .aws_clients import error_kind
from .base import Fetched
from .http_answer import parse_retry_after
from .lambda_events import unwrap_answer
from .lambda_requests import Invocation

_DETAIL_LENGTH: Final = 500

_LASTING: Final = frozenset(
    {
        "EC2AccessDenied", "ENILimitReached", "InvalidRuntime", "InvalidSecurityGroupID", "InvalidSubnetID",
        "InvalidZipFile", "KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound",
        "SubnetIPAddressLimitReached",
    }
)  # fmt: skip
"""Kinds with a status of 5xx that somebody has to mend."""

_PASSING: Final = frozenset(
    {
        "CodeArtifactUserPending", "EFSMountConnectivity", "EFSMountTimeout", "ResourceConflict",
        "S3FilesMountConnectivity", "S3FilesMountTimeout", "SnapStartNotReady",
        "SnapStartRegenerationFailure", "SnapStartTimeout", "TooManyRequests",
    }
)  # fmt: skip
"""Kinds with a status of 4xx that pass: a function that is being made ready, and throttling."""

_SAID: Final = {
    "AccessDenied": "Lambda did not accept the credentials",
    "RequestTooLarge": "the payload is larger than Lambda takes",
    "SerializedRequestEntityTooLarge": "the payload is larger than Lambda takes",
    "ResourceNotFound": "the function, or its version, is not there",
    "TooManyRequests": "the function is called more often than it may be",
}

_PARSER: Final[Any] = create_parser("rest-json")


class _FunctionError(msgspec.Struct):
    errorType: str | None = ""  # noqa: N815 - Lambda's own word
    errorMessage: str | None = ""  # noqa: N815 - Lambda's own word


def read_answer(
    invocation: Invocation, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> Fetched | Json | UpstreamError:
    """What an invocation was answered.

    Args:
        invocation: What was sent.
        status: HTTP status code.
        headers: Names in lower case.
        body: As a whole.
    """
    function = invocation.function
    failed = header(headers, b"x-amz-function-error")
    if failed:
        return function_error(function, failed.decode("latin-1"), body)
    if not 200 <= status < 300:
        return service_error(function, status, headers, body)
    if invocation.binding.invocation == "event":
        request_id = header(headers, b"x-amzn-requestid")
        return {"accepted": True, "requestId": request_id.decode("latin-1") or None}
    if not body:
        return UpstreamAnswer(
            function.upstream, function.id, reason="JSON was expected, 0 bytes came that are none"
        )
    return unwrap_answer(function, body)


def function_error(function: Function, kind: str, data: bytes) -> LambdaStatus:
    """The error of a function that ran.

    Args:
        function: Which.
        kind: ``Handled`` or ``Unhandled``.
        data: The function's, or Lambda's, description of it. It is for logs only.
    """
    try:
        told = msgspec.json.decode(data, type=_FunctionError)
    except msgspec.MsgspecError:
        return failed_function(function, kind, "", "")
    return failed_function(function, kind, told.errorType or "", told.errorMessage or "")


def failed_function(function: Function, kind: str, type_: str, message: str) -> LambdaStatus:
    """The error of a function that ran, of what is known of it."""
    detail = f"{type_}: {message}"[:_DETAIL_LENGTH] if type_ or message else ""
    status, said = kind, ""
    if type_ == "Sandbox.Timedout" or "Task timed out after" in message:
        # The sandbox's words; its type is there since 2024.
        status, said = "FunctionTimedOut", "the function has reached its own time limit"
    elif type_ == "Function.ResponseSizeTooLarge" or "payload size exceeded maximum allowed" in message:
        status, said = "ResponseSizeTooLarge", "the function's answer is larger than Lambda lets through"
    return LambdaStatus(
        function.upstream, function.id, status=status, detail=detail, said=said, is_outage=True
    )


def service_error(
    function: Function, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> LambdaStatus:
    """Lambda's refusal to run a function."""
    plain = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    try:
        answer = _PARSER.parse({"status_code": status, "headers": plain, "body": body, "context": {}}, None)
    except (ResponseParserError, AttributeError, TypeError, ValueError):
        # All but the first: JSON, or bytes, that botocore does not expect.
        answer = {"Error": {"Code": str(status)}}
    error = ClientError(answer, "Invoke")
    retry_after_s = parse_retry_after(header(headers, b"retry-after"))
    return refusal(function, error_kind(error), str(error), status=status, retry_after_s=retry_after_s)


def refusal(
    function: Function, kind: str, detail: str, *, status: int, retry_after_s: float | None = None
) -> LambdaStatus:
    """An error of *kind*, with HTTP's *status* for kinds that are not known."""
    passes = kind in _PASSING or status == 429 or (status >= 500 and kind not in _LASTING)
    return LambdaStatus(
        function.upstream,
        function.id,
        status=kind,
        detail=detail[:_DETAIL_LENGTH],
        retry_after_s=retry_after_s,
        passes=passes,
        is_outage=status >= 500,
        said=_SAID.get(kind, ""),
    )


def header(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """The value of a header; empty where it is not there."""
    for name, value in headers:
        if name == wanted:
            return value
    return b""
