"""What a Lambda function is sent: its payload, and what it gets to know of who calls."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ...schemas.catalog import Function, LambdaBinding
from ...schemas.errors import BadArguments
from .lambda_events import encode_event

MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024
"""Invoke: "The maximum payload size is 6 MB for synchronous invocations"; and for a streamed answer."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""Invoke: "and 1 MB for asynchronous invocations"; until October 2025 it was 256 KB."""

_MAX_CLIENT_CONTEXT: Final = 3583  # Invoke: "up to 3,583 bytes of base64-encoded data"

_MAX_NAME: Final = 256  # Invoke: of FunctionName

TRACE_ID: Final = "x-amzn-trace-id"
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function.

    Attributes:
        function: One with a ``LambdaBinding``.
        binding: Its.
        payload: JSON.
        context: The client context, in base64; ``""`` for none.
        trace: ``X-Amzn-Trace-Id``; ``""`` for none.
        headers: Those of the caller that are passed on.
    """

    function: Function
    binding: LambdaBinding
    payload: bytes = field(repr=False)
    context: str = field(repr=False)
    trace: str
    headers: Mapping[str, str] = field(repr=False)


def build_invocation(
    function: Function,
    arguments: Mapping[str, Any],
    *,
    configured: Mapping[str, str],
    forwarded: Mapping[str, str],
) -> Invocation:
    """The call of *function* with *arguments*.

    Args:
        function: One with a ``LambdaBinding``.
        arguments: By the function's own names.
        configured: Headers of the settings.
        forwarded: Headers of the caller; names in lower case. They win.

    Raises:
        BadArguments: There is no payload, or it or the headers are larger than Lambda takes.
    """
    binding = function.binding
    if not isinstance(binding, LambdaBinding):
        raise TypeError(f"{function.id} is no Lambda function")
    sent: Mapping[str, str] = {}
    if binding.proxy is not None:  # an event of API Gateway has headers of its own
        sent = {**{name.lower(): value for name, value in configured.items()}, **forwarded}
    payload = encode_event(function, arguments, sent)
    most = MAX_EVENT_BYTES if binding.invocation == "event" else MAX_PAYLOAD_BYTES
    if len(payload) > most:
        reason = f"the payload has {len(payload):,} bytes; Lambda takes at most {most:,}"
        if binding.invocation == "event":
            reason += " in an event"
        raise BadArguments(function.upstream, function.id, reason=reason)
    # A function that is invoked as an event is not given one by Lambda.
    context = "" if binding.invocation == "event" else client_context(function, configured, forwarded)
    return Invocation(function, binding, payload, context, trace_id(forwarded), forwarded)


def client_context(function: Function, configured: Mapping[str, str], forwarded: Mapping[str, str]) -> str:
    """Headers as a function sees them, base64; raises `BadArguments` where they are too long."""
    custom = {name.lower(): value for name, value in configured.items()} | dict(forwarded)
    custom.pop(TRACE_ID, None)  # Lambda itself gives it to the function
    if not custom:
        return ""
    context = base64.b64encode(msgspec.json.encode({"custom": custom}))
    if len(context) > _MAX_CLIENT_CONTEXT:
        reason = (
            f"the forwarded headers are longer than Lambda takes ({_MAX_CLIENT_CONTEXT} bytes in base64); "
            "forward fewer"
        )
        raise BadArguments(function.upstream, function.id, reason=reason)
    return context.decode()


def trace_id(headers: Mapping[str, str]) -> str:
    """``X-Amzn-Trace-Id`` for a call: the caller's own, else the one that its ``traceparent`` says; or ``""``.

    Source: AWS X-Ray, "Tracing header": W3C's trace ids are X-Ray's, parted after eight digits.
    """
    own = headers.get(TRACE_ID)
    if own is not None:
        return own
    parent = headers.get("traceparent")
    found = _TRACEPARENT.fullmatch(parent) if parent is not None else None
    if found is None:
        return ""
    start, rest, span, flags = found.groups()
    return f"Root=1-{start}-{rest};Parent={span};Sampled={int(flags, 16) & 1}"


def invoke_path(function: Function, binding: LambdaBinding) -> str:
    """Path of the request that invokes a function; raises `BadArguments` where it has no name that can be."""
    name = binding.function_name
    if not name or len(name) > _MAX_NAME:
        reason = "the function's name cannot be called"
        raise BadArguments(function.upstream, function.id, reason=reason)
    quoted = quote(name, safe="-_.~")
    if binding.invocation == "stream":
        return f"/2021-11-15/functions/{quoted}/response-streaming-invocations"
    return f"/2015-03-31/functions/{quoted}/invocations"


def invoke_query(binding: LambdaBinding) -> dict[str, str]:
    """Query parameters of that request."""
    return {"Qualifier": binding.qualifier} if binding.qualifier else {}
