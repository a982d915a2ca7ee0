"""Payloads of Lambda functions, and what their answers hold, as their bindings say. Nothing here touches a socket.

Beside the plain ones: a list of inputs in one payload, with results and errors put back by key; and the event
that API Gateway makes of an HTTP request, with the answer that it makes a response of.

Source: Amazon API Gateway developer guide, "Lambda proxy integrations in API Gateway" (1.0) and "Working with
AWS Lambda proxy integrations for HTTP APIs" (2.0).
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from ...schemas.catalog import Function, Json, LambdaBatch, LambdaBinding, ProxyEvent
from ...schemas.errors import BadArguments, KeyFailed, UpstreamAnswer, UpstreamError
from ...schemas.openapi.media import media_kind
from ..numbers import decode_exactly, encode_exactly
from .base import Fetched
from .http_answer import decode_answer, described_kind
from .http_request import build_request, merge_headers

RESULTS: Final = "results"
"""Member of the answer to a batch that holds results, where nothing else is said; `weft.aws_lambda` answers so."""

ERRORS: Final = "errors"
"""Member that holds errors of single inputs: their key, ``errorType`` and ``errorMessage``."""

_BASE_URL: Final = "https://weft.invalid"
"""Stands in for API Gateway's: a request is built, and none is sent."""

_DETAIL_LENGTH: Final = 500


class _ProxyAnswer(msgspec.Struct, rename="camel"):
    """What a function answers for API Gateway."""

    status_code: int | str | None = None
    headers: dict[str, Any] | None = None
    multi_value_headers: dict[str, list[Any]] | None = None
    body: Any = None
    is_base64_encoded: bool | None = None


def encode_event(
    function: Function, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> bytes:
    """The payload of a call.

    Args:
        function: One with a ``LambdaBinding``.
        arguments: By the function's own names.
        headers: Of the caller, which an event of API Gateway carries; names in lower case.

    Raises:
        BadArguments: There is no payload for *arguments*.
    """
    binding = _binding(function)
    value: Any
    if binding.proxy is not None:
        value = _proxy_event(function, binding.proxy, arguments, headers or {})
    elif binding.batch is not None:
        value = _batch_event(function, binding.batch, arguments)
    else:
        value = dict(arguments) if binding.payload == "arguments" else arguments.get("payload", {})
    try:
        return encode_exactly(value)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise BadArguments(function.upstream, function.id, reason=f"no JSON: {error}") from error


def unwrap_answer(
    function: Function, data: bytes, *, show_errors: bool = False
) -> Fetched | Json | UpstreamError:
    """What *data*, the result of an invocation that succeeded, means.

    Args:
        function: What was invoked.
        data: Its result; not empty.
        show_errors: Keep the described body of an HTTP error for whoever called.
    """
    binding = _binding(function)
    if binding.proxy is not None:
        return _proxy_answer(function, binding.proxy, data, show_errors=show_errors)
    if binding.batch is not None:
        return _batch_answer(function, binding.batch, data)
    return Fetched(data, is_silent=True)


def _binding(function: Function) -> LambdaBinding:
    if not isinstance(function.binding, LambdaBinding):
        raise TypeError(f"{function.id} is no Lambda function")
    return function.binding


# -- many inputs


def _batch_event(function: Function, batch: LambdaBatch, arguments: Mapping[str, Any]) -> Any:
    others = {name: value for name, value in arguments.items() if name != batch.argument}
    keys = arguments.get(batch.argument)
    if not isinstance(keys, list | tuple):
        raise BadArguments(function.upstream, function.id, reason=f"{batch.argument} is no list of keys")
    inputs = [{**others, batch.key: key} for key in keys]
    return {batch.items: inputs} if batch.items else inputs


def _batch_answer(function: Function, batch: LambdaBatch, data: bytes) -> Fetched | Json | UpstreamError:
    try:
        if data.lstrip()[:1] == b"[":
            return (
                Fetched(data, is_silent=True)
                if not batch.results
                else _misshapen(function, f"no object with {batch.results}")
            )
        told = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        results = told.get(batch.results or RESULTS)
        if results is None:
            return _misshapen(function, f"no list of results in {batch.results or RESULTS}")
        errors = msgspec.json.decode(told[ERRORS], type=list[dict[str, Any]]) if ERRORS in told else []
        if not errors:
            return Fetched(bytes(results), is_silent=True)
        found: Json = decode_exactly(bytes(results))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _misshapen(function, "no list of results")
    if not isinstance(found, list):
        return _misshapen(function, "no list of results")
    failed: list[Any] = [
        KeyFailed(
            function.upstream,
            function.id,
            status="Handled",
            detail=f"{error.get('errorType', '')}: {error.get('errorMessage', '')}"[:_DETAIL_LENGTH],
            said="the function could not answer this key",
            key=error.get(batch.key),
        )
        for error in errors
    ]
    return [*found, *failed]


def _misshapen(function: Function, what: str) -> UpstreamAnswer:
    return UpstreamAnswer(function.upstream, function.id, reason=f"the answer to many keys is {what}")


# -- events of API Gateway


def _http(function: Function) -> Function:
    binding = _binding(function)
    assert binding.proxy is not None
    return msgspec.structs.replace(function, binding=binding.proxy.http)


def _proxy_event(
    function: Function, proxy: ProxyEvent, arguments: Mapping[str, Any], forwarded: Mapping[str, str]
) -> dict[str, Any]:
    request = build_request(_http(function), arguments, _BASE_URL)
    merged = merge_headers(request, settings={}, forwarded=forwarded, base_url=_BASE_URL)
    headers = {name.lower(): value for name, value in merged.items()}
    cookies = headers.get("cookie", "")
    url = urlsplit(request.url)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    parameters = _path_parameters(proxy, url.path)
    body, is_base64 = _event_body(request.body)
    request_id = headers.get("x-request-id") or str(uuid.uuid4())
    now = int(time.time() * 1000)
    if proxy.version == "2.0":
        headers.pop("cookie", None)
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{request.method} {proxy.resource}",
            "rawPath": unquote(url.path),  # an HTTP API decodes the path
            "rawQueryString": url.query,
            "headers": headers,
            "requestContext": {
                "apiId": "weft",
                "domainName": urlsplit(_BASE_URL).netloc,
                "http": {
                    "method": request.method,
                    "path": unquote(url.path),
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": headers.get("user-agent", "weft"),
                },
                "requestId": request_id,
                "routeKey": f"{request.method} {proxy.resource}",
                "stage": "$default",
                "timeEpoch": now,
            },
            "isBase64Encoded": is_base64,
        }
        if cookies:
            event["cookies"] = cookies.split("; ")
        if pairs:
            event["queryStringParameters"] = {
                name: ",".join(values) for name, values in _multi(pairs).items()
            }
        if parameters:
            event["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
        if body is not None:
            event["body"] = body
        return event
    many = _multi(pairs)
    return {
        "resource": proxy.resource,
        "path": url.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
        "multiValueQueryStringParameters": many or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "apiId": "weft",
            "domainName": urlsplit(_BASE_URL).netloc,
            "httpMethod": request.method,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent", "weft")},
            "path": url.path,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTimeEpoch": now,
            "resourcePath": proxy.resource,
            "stage": "weft",
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _path_parameters(proxy: ProxyEvent, path: str) -> dict[str, str]:
    """The values in *path*, as they stand there, of what the route's template names."""
    found: dict[str, str] = {}
    for template, segment in zip(proxy.http.path.split("/"), path.split("/"), strict=False):
        if template.startswith("{") and template.endswith("}"):
            found[template[1:-1]] = segment
    return found


def _event_body(body: bytes | None) -> tuple[str | None, bool]:
    if body is None:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _proxy_answer(
    function: Function, proxy: ProxyEvent, data: bytes, *, show_errors: bool
) -> Fetched | Json | UpstreamError:
    http = _http(function)
    try:
        told = msgspec.json.decode(data, type=_ProxyAnswer)
    except msgspec.MsgspecError:
        told = _ProxyAnswer()
    if told.status_code is None:
        if proxy.version == "1.0":
            # API Gateway answers 502 to its own client: "Malformed Lambda proxy response".
            reason = "the answer is none that API Gateway reads: it has no statusCode"
            return UpstreamAnswer(function.upstream, function.id, reason=reason)
        if data == b"null" and function.result is None:
            return None
        # 2.0 infers it: status 200, application/json, and the answer is the body.
        return decode_answer(http, 200, {"content-type": "application/json"}, data)
    try:
        status = int(told.status_code)
        body = _answer_body(told)
    except (ValueError, binascii.Error):
        reason = "the answer is none that API Gateway reads: its statusCode or body cannot be"
        return UpstreamAnswer(function.upstream, function.id, reason=reason)
    headers = {name.lower(): str(value) for name, value in (told.headers or {}).items()}
    for name, values in (told.multi_value_headers or {}).items():
        if values:
            headers[name.lower()] = ", ".join(map(str, values))
    headers.setdefault("content-type", "application/json")
    if (
        200 <= status < 300
        and body
        and function.result is not None
        and status not in {204, 205}
        and described_kind(http) == "json"
        and media_kind(headers["content-type"]) == "json"
    ):
        return Fetched(body, is_silent=True)
    return decode_answer(http, status, headers, body, show_errors=show_errors)


def _answer_body(told: _ProxyAnswer) -> bytes:
    body = told.body
    if body is None:
        return b""
    if not isinstance(body, str):
        # API Gateway refuses it; local emulators and ALB do not, and what is meant is plain.
        return msgspec.json.encode(body)
    return base64.b64decode(body, validate=True) if told.is_base64_encoded else body.encode()
