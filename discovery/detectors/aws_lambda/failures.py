"""How a probe ends that AWS, or the way to it, does not let go on."""

from __future__ import annotations

from typing import Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoRegionError,
    PaginationError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from ....engine.transport.aws_clients import NO_CREDENTIALS, NO_CREDENTIALS_HELP, error_kind
from ..base import Detection, NotThisKind, TryLater

AWS_FAILURES: Final = (
    *NO_CREDENTIALS,
    ClientError,
    BotoCoreError,
    ResponseParserError,
    aiohttp.ClientError,
    OSError,
)
"""What calls of AWS raise; ``detection_of`` takes each."""

NOT_LAMBDA: Final = "it answers, but not as Lambda does"


class Stop(Exception):
    """The probe ends with *detection*."""

    def __init__(self, detection: Detection) -> None:
        self.detection = detection
        super().__init__(repr(detection))


def detection_of(error: Exception) -> NotThisKind | TryLater:
    """What a call that failed with one of `AWS_FAILURES` says about the candidate."""
    match error:
        case ProfileNotFound():
            return TryLater(f"{error}; profiles are in ~/.aws/config, or the file that AWS_CONFIG_FILE names")
        case _ if isinstance(error, NO_CREDENTIALS):
            return TryLater(NO_CREDENTIALS_HELP)
        case NoRegionError():
            return TryLater("no region; give the upstream one, such as eu-west-1")
        case ResponseParserError():
            return NotThisKind(NOT_LAMBDA)
        case PaginationError():
            return TryLater("its list has no end: a page names itself as the next")
        case ClientError():
            return _detection_of_answer(error)
        case _:
            # The message names the URL, which the configuration has said anyway.
            return TryLater(f"Lambda cannot be reached: {type(error).__name__}")


def _detection_of_answer(error: ClientError) -> NotThisKind | TryLater:
    code = str(error.response.get("Error", {}).get("Code", ""))
    operation = error.operation_name
    kind = error_kind(error)
    if operation == "AssumeRole" and kind == "AccessDenied":
        return TryLater(
            "not allowed to assume the role (sts:AssumeRole): its trust policy must name these credentials, "
            "and the external id if it asks for one"
        )
    # 403: who refuses does not say why, as a proxy on the way may.
    if operation == "ListFunctions" and (code.startswith("AccessDenied") or code == "403"):
        return TryLater("not allowed to list functions (lambda:ListFunctions)")
    if code == "404":
        return NotThisKind(NOT_LAMBDA)
    if kind == "AccessDenied":
        return TryLater(f"AWS does not accept the credentials: {code}")
    if kind == "TooManyRequests":
        return TryLater(f"AWS throttles {operation}", retry_after_s=retry_after_s(error))
    return TryLater(f"{operation} failed: {kind}")


def is_about_credentials(error: Exception) -> bool:
    """Whether other credentials may be answered otherwise."""
    if isinstance(error, ClientError):
        return error_kind(error) == "AccessDenied"
    return isinstance(error, NO_CREDENTIALS)


def is_passing(error: ClientError) -> bool:
    """Whether the same question may be answered later: throttling, or a fault of AWS."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error_kind(error) == "TooManyRequests" or status >= 500


def retry_after_s(error: ClientError) -> float | None:
    """How long AWS asked to be left alone; ``None`` if it did not say.

    Source: Lambda API reference, ``TooManyRequestsException``: the header ``Retry-After``, in seconds.
    """
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        seconds = float(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None
