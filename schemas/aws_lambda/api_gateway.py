"""OpenAPI documents of API Gateway: which operation invokes which function, and how.

Each operation with an integration ``aws_proxy`` becomes a function that is called by invoking its Lambda function
with the event that API Gateway would make. One with the integration ``aws`` and no mapping template is called with
its body.

Source: Amazon API Gateway developer guide, "x-amazon-apigateway-integration object".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec.structs import replace

from ..catalog import (
    Argument,
    Function,
    HttpBinding,
    Json,
    JsonType,
    LambdaBinding,
    ProxyEvent,
    ReadingWarning,
    Upstream,
    UpstreamId,
)
from ..openapi.document import Document
from ..openapi.operations import METHODS
from ..openapi.reader import read_openapi
from ..openapi.references import Node, References, Warnings, object_of, pointer_token, text_of
from .descriptions import ProxiedOperation
from .json_schema import reachable

INTEGRATION: Final = "x-amazon-apigateway-integration"
ANY_METHOD: Final = "x-amazon-apigateway-any-method"

_URL: Final = "https://api.invalid/openapi.json"
_FUNCTION: Final = re.compile(
    r"(?:.*functions/)?(arn:[\w-]+:lambda:(?P<region>[\w-]+):\d*:function:(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?)"
    r"(?:/invocations)?"
)


def read_api(
    document: Document, *, source: str
) -> tuple[dict[str, tuple[ProxiedOperation, ...]], list[ReadingWarning]]:
    """The operations of an API by the names of the functions that answer them.

    Args:
        document: What ``parse_document`` gave: an export of API Gateway, or what an API was made of.
        source: Where it came from, for warnings.

    Returns:
        The operations, and what could not be taken as it stands.
    """
    warnings = Warnings()
    upstream = read_openapi(document, upstream=UpstreamId("api"), document_url=_URL)
    functions = {
        (function.binding.method, function.binding.path): function
        for function in upstream.functions
        if isinstance(function.binding, HttpBinding)
    }
    found: dict[str, list[ProxiedOperation]] = {}
    for path, method, integration in _integrations(document, References(document, warnings), warnings):
        function = functions.get((method.upper(), path))
        stated = _FUNCTION.fullmatch(_uri(integration.value))
        if stated is None:
            if "lambda" in str(integration.value.get("uri", "")):
                reason = "its uri does not say the ARN of a function; exports of API Gateway do"
                warnings.add("integration-unresolved", f"{integration.pointer}/uri", reason)
            continue
        if function is None or function.streaming != "none":
            continue
        made = _operation(function, path, integration, stated, upstream, warnings)
        if made is not None:
            found.setdefault(stated["name"], []).append(made)
    notes = [
        ReadingWarning(kind=one.kind, pointer=f"{source}#{one.pointer}", reason=one.reason)
        for one in (*upstream.warnings, *warnings.sorted())
    ]
    ordered = {
        name: tuple(sorted(operations, key=lambda one: one.function.name))
        for name, operations in sorted(found.items())
    }
    return ordered, notes if found else []


def _integrations(
    document: Document, references: References, warnings: Warnings
) -> Iterator[tuple[str, str, Node]]:
    for path, value in object_of(document.root.get("paths")).items():
        pointer = f"/paths/{pointer_token(path)}"
        item = references.follow(value, pointer) if isinstance(value, dict) else None
        if item is None:
            continue
        for method in METHODS:
            operation = item.value.get(method)
            if isinstance(operation, dict) and isinstance(operation.get(INTEGRATION), dict):
                place = f"{item.pointer}/{method}/{INTEGRATION}"
                integration = references.follow(operation[INTEGRATION], place)
                if integration is not None:
                    yield path if path.startswith("/") else f"/{path}", method, integration
        if ANY_METHOD in item.value:
            reason = "a function that takes any method is described by none of them; it stays as it is"
            warnings.add("any-method", f"{item.pointer}/{ANY_METHOD}", reason)


def _uri(integration: Mapping[str, Json]) -> str:
    return text_of(integration, "uri") or text_of(integration, "integrationUri")


def _operation(
    function: Function,
    path: str,
    integration: Node,
    stated: re.Match[str],
    upstream: Upstream,
    warnings: Warnings,
) -> ProxiedOperation | None:
    kind = text_of(integration.value, "type").lower()
    http = function.binding
    assert isinstance(http, HttpBinding)
    name, qualifier = stated["name"], stated["qualifier"] or ""
    if kind == "aws_proxy":
        if "+}" in path:
            warnings.add(
                "greedy-path", integration.pointer, "its path stands for any; it is no operation of its own"
            )
            return None
        version: Literal["1.0", "2.0"] = (
            "2.0" if str(integration.value.get("payloadFormatVersion", "1.0")) == "2.0" else "1.0"
        )
        event = ProxyEvent(http=replace(http, server="", security=None), version=version, resource=path)
        made = replace(
            function,
            binding=LambdaBinding(function_name=name, qualifier=qualifier, proxy=event),
            links=(),
        )
    elif kind == "aws":
        if _has_templates(integration.value, "requestTemplates"):
            reason = "a mapping template makes its payload, which is not known; it is not called so"
            warnings.add("mapping-template", f"{integration.pointer}/requestTemplates", reason)
            return None
        made = _plain(function, http, name, qualifier, integration, warnings)
    else:
        return None
    types = [argument.type for argument in made.arguments]
    shapes = reachable([*types, made.result] if made.result is not None else types, upstream.shapes)
    return ProxiedOperation(made, shapes)


def _plain(
    function: Function,
    http: HttpBinding,
    name: str,
    qualifier: str,
    integration: Node,
    warnings: Warnings,
) -> Function:
    """A function that API Gateway calls with the body alone, and whose result is the body of the answer."""
    body = function.argument(http.body.argument) if http.body is not None else None
    left_out = [argument.name for argument in function.arguments if argument is not body]
    if left_out:
        reason = f"{', '.join(left_out)} reach the function by a mapping template only; left out"
        warnings.add("parameters-unmapped", integration.pointer, reason)
    result = function.result
    responses = object_of(integration.value.get("responses"))
    if any(_has_templates(object_of(one), "responseTemplates") for one in responses.values()):
        reason = "a mapping template makes the answer of its result; that is read as JSON"
        warnings.add("mapping-template", f"{integration.pointer}/responses", reason)
        result = JsonType(nullable=True, reason="a mapping template makes the answer of it")
    arguments: tuple[Argument, ...] = () if body is None else (replace(body, name="payload"),)
    return replace(
        function,
        binding=LambdaBinding(
            function_name=name, qualifier=qualifier, payload="arguments" if body is None else "whole"
        ),
        arguments=arguments,
        result=result,
        links=(),
    )


def _has_templates(value: Mapping[str, Json], member: str) -> bool:
    return any(isinstance(one, str) and one.strip() for one in object_of(value.get(member)).values())
