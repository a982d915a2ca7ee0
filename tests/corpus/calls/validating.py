"""The validating server: holds every request against its document, and answers an example that fits it.

Two readings decide. openapi-core validates the request with the document; and `wire` reads what was sent by
the words of OpenAPI and compares it with what was meant. Where openapi-core refuses a request from which
the second reading gets back exactly what was meant, and that fits its schemas, the fault is openapi-core's.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from aiohttp import web
from jsonschema_path import SchemaPath
from openapi_core import V30RequestValidator, V31RequestValidator
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.styles import style_deserializers
from openapi_core.deserializing.styles.factories import StyleDeserializersFactory
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from .described import Described, DescribedApi
from .examples import Impossible, NotFound
from .wire import Received, body_value, deep_value, parameter_value, path_values, same_bytes, textual
from .xml import encode_xml


@dataclass
class Expected:
    """What one call is to send, and what became of it.

    Attributes:
        parameters: Values meant for each parameter.
        body: Value meant for the body; ``None`` for no body.
        mismatches: Where the second reading got something else.
        refusals: What openapi-core said.
    """

    described: Described
    parameters: dict[tuple[str, str], Any]
    body: Any = None
    received: Received | None = None
    mismatches: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    answered: Any = None
    answer_type: str = ""
    status: int = 0
    impossible: str = ""
    not_found: bool = False


@dataclass
class CoreRequest:
    """A request as openapi-core takes it."""

    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    host_url: str = "http://127.0.0.1"
    path: str = "/"


class Validating:
    """Answers the requests of one document."""

    def __init__(self, api: DescribedApi) -> None:
        self.api = api
        self.current: Expected | None = None
        schemes = (api.root.get("components") or {}).get("securitySchemes") or {}
        self._keys = {one["name"] for one in schemes.values() if one.get("in") == "query"}
        root = api.root
        kind = V30RequestValidator if str(root.get("openapi", "")).startswith("3.0") else V31RequestValidator
        self._spec = SchemaPath.from_dict(root)
        # openapi-core reads `application/json` and leaves its kin as bytes; and it knows deepObject with
        # members that are texts alone. What it lacks is given to it, so that it validates these too.
        kin: dict[str, Callable[[bytes], Any]] = {
            name: json.loads for name in _media_types(root) if name.endswith("+json") or name == "*/*"
        }
        styles = StyleDeserializersFactory(
            kind.schema_casters_factory,
            style_deserializers={**style_deserializers, "deepObject": _deep_object},
        )
        self._validator = kind(
            self._spec, extra_media_type_deserializers=kin, style_deserializers_factory=styles
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: the one that `current` expects, for calls are made one after the other."""
        body = await request.read()
        received = Received(
            request.method,
            request.raw_path,
            [(name.lower(), value) for name, value in request.headers.items()],
            body,
        )
        expected = self.current
        if expected is None:
            return web.Response(status=404)
        expected.received = received
        try:
            self._compare(expected, received)
            expected.refusals = self._refusals(expected.described, received)
            return self._answer(expected, received)
        except Exception as error:  # noqa: BLE001 - it is a finding of the check
            expected.mismatches.append(f"the check fails: {type(error).__name__}: {error}")
            return web.Response(status=500)

    # The second reading.

    def _compare(self, expected: Expected, received: Received) -> None:
        described = expected.described
        if received.method.lower() != described.method:
            expected.mismatches.append(f"method {received.method}")
        if path_values(described, received) is None:
            expected.mismatches.append("path: it is another than the document's")
            return
        for (name, location), value in expected.parameters.items():
            parameter = described.parameters[name, location]
            got = parameter_value(parameter, described, received, value)
            meant = textual(value)
            if parameter.get("style") == "deepObject":
                meant = _without_empty(meant)
            if got is None and meant in ([], {}):
                continue
            if got != meant and not _near(got, meant):
                style = parameter.get("style", "")
                expected.mismatches.append(
                    f"{location} parameter{' ' + style if style else ''}: {name}: sent {str(got)[:80]!r}, meant {str(meant)[:80]!r}"
                )
        sent = {n for n, _ in received.pairs} - self._keys if not expected.parameters else set()
        if sent and "?" not in described.path:
            expected.mismatches.append(f"query: {sorted(sent)[:3]} was not meant")
        if expected.body is None:
            if received.body:
                expected.mismatches.append("body: none was meant")
            return
        content_type = received.header("content-type") or ""
        media = media_of(described.body.get("content") or {}, content_type)
        if media is None:
            expected.mismatches.append(f"content-type: {content_type} is not offered")
            return
        try:
            got = body_value(content_type, media, received, expected.body, self.api)
        except (ValueError, KeyError, LookupError) as error:
            expected.mismatches.append(f"body: {content_type.partition(';')[0]}: {error}")
            return
        if not _same_body(got, expected.body):
            expected.mismatches.append(
                f"body {content_type.partition(';')[0]}: sent {str(got)[:150]!r}, meant {str(expected.body)[:150]!r}"
            )

    # openapi-core.

    def _refusals(self, described: Described, received: Received) -> list[str]:
        content_type = received.header("content-type") or ""
        path = {n: unquote(v) for n, v in (path_values(described, received) or {}).items()}
        for (name, location), parameter in described.parameters.items():
            # openapi-core looks these up as RFC 6570 writes them, and so never finds them by their names.
            sign = (
                {"label": ".", "matrix": ";"}.get(parameter.get("style", "")) if location == "path" else None
            )
            if sign is not None and name in path:
                path[f"{sign}{name}{'*' if parameter.get('explode') else ''}"] = path[name]
        parameters = RequestParameters(
            query=ImmutableMultiDict([(unquote_plus(n), unquote_plus(v)) for n, v in received.pairs]),
            header=Headers(list(received.headers)),
            cookie=ImmutableMultiDict([(n, unquote(v)) for n, v in received.cookies]),
            path=path,
        )
        request = CoreRequest(received.method.lower(), parameters, content_type, received.body or None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                item = self._spec / "paths" / described.path
                operation = item / described.method
                return [_told(error) for error in self._validator._iter_errors(request, operation, item)]
            except OpenAPIError as error:
                return [_told(error)]
            except Exception as error:  # noqa: BLE001 - openapi-core's own fault
                return [f"openapi-core fails: {type(error).__name__}: {str(error)[:150]}"]

    # The answer.

    def _answer(self, expected: Expected, received: Received) -> web.Response:
        status, content = self.api.answer(expected.described)
        expected.status = status
        if not content or status in {204, 205} or received.method == "HEAD":
            # RFC 9110, sections 9.3.2, 15.3.5 and 15.3.6: there is no content, whatever a document says.
            return web.Response(status=status)
        media_type, media = _negotiated(content, received.header("accept") or "*/*")
        schema = (media or {}).get("schema") if isinstance(media, Mapping) else None
        try:
            value = self.api.examples.of(schema if schema is not None else {}, "response")
        except Impossible as error:
            expected.impossible, expected.not_found = str(error), isinstance(error, NotFound)
            return web.Response(status=500)
        expected.answered, expected.answer_type = value, media_type
        essence = media_type.partition(";")[0].strip().lower()
        if "*" in essence:
            essence = "application/json"
        if essence.endswith(("/json", "+json")):
            body = json.dumps(value).encode()
        elif essence.endswith(("/xml", "+xml")):
            body = encode_xml(value, schema or {}, self.api.examples)
        elif essence == "text/event-stream":
            body = b"data: " + json.dumps(value).encode() + b"\n\n"
        elif essence in {"application/x-ndjson", "application/jsonl", "application/stream+json"}:
            items = value if isinstance(value, list) else [value]
            body = b"".join(json.dumps(item).encode() + b"\n" for item in items)
        elif isinstance(value, str):
            encoded = self.api.examples._merged(schema or {}).get("format") == "byte"
            textlike = encoded or essence.startswith("text/") or "yaml" in essence or "javascript" in essence
            body = value.encode() if textlike else base64.b64decode(value) if _is_base64(value) else b"bytes"
        else:
            body = json.dumps(value).encode()
        headers = {"content-type": media_type.replace("*/*", "application/json")}
        return web.Response(status=status, body=body, headers=headers)


def _told(error: BaseException) -> str:
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < 3:
        inner = getattr(cause, "schema_errors", None)
        text = f"{type(cause).__name__}: {str(cause)[:160]}"
        if inner:
            first = next(iter(inner))
            text += f" ({'/'.join(str(p) for p in first.path)}: {first.message[:160]})"
        parts.append(text)
        cause = cause.__cause__
    return " <- ".join(parts)


def _near(got: Any, meant: Any) -> bool:
    """Equal as numbers: ``7.0`` and ``7``."""
    try:
        return float(got) == float(meant)
    except (TypeError, ValueError):
        return isinstance(got, str) and isinstance(meant, str) and got.strip() == meant.strip()


def _same_body(got: Any, meant: Any) -> bool:
    if got == meant or textual(got) == textual(meant):
        return True
    if isinstance(got, dict) and isinstance(meant, dict):
        sent, kept = _without_empty(textual(got)), _without_empty(textual(meant))
        return sent.keys() == kept.keys() and all(_same_body(sent[k], kept[k]) for k in kept)
    if isinstance(got, list) and isinstance(meant, list):
        return len(got) == len(meant) and all(_same_body(a, b) for a, b in zip(got, meant, strict=True))
    return _near(got, meant) or (isinstance(got, str) and isinstance(meant, str) and same_bytes(got, meant))


def _without_empty(value: Any) -> Any:
    """*value* without members and items that hold nothing: pairs and elements have no form for them."""
    match value:
        case dict():
            inner = {k: _without_empty(v) for k, v in value.items()}
            return {k: v for k, v in inner.items() if v not in ([], {})}
        case list():
            return [item for item in (_without_empty(v) for v in value) if item not in ([], {})]
        case _:
            return value


def media_of(content: Mapping[str, Any], content_type: str) -> Any:
    """The media type object that describes *content_type*; ``None`` if there is none."""
    essence = content_type.partition(";")[0].strip().lower()
    exact = {name.strip().lower(): media for name, media in content.items()}
    if content_type.lower() in exact:
        return exact[content_type.lower()]
    for name, media in exact.items():
        offered = name.partition(";")[0].strip()
        if (
            offered == essence
            or offered == "*/*"
            or (offered.endswith("/*") and essence.startswith(offered[:-1]))
        ):
            return media
    return None


def _negotiated(content: Mapping[str, Any], accept: str) -> tuple[str, Any]:
    for wanted in accept.split(","):
        for name, media in content.items():
            if wanted.strip().lower() == name.strip().lower():
                return name, media
    return next(iter(content.items()))


def _is_base64(value: str) -> bool:
    return same_bytes(value, value)


def _deep_object(explode: bool, name: str, schema_type: str, location: Any) -> Any:
    """Style ``deepObject`` of any depth."""
    pairs = list(location.items(multi=True) if hasattr(location, "getlist") else location.items())
    found = deep_value([(n, v) for n, v in pairs if isinstance(v, str)], name)
    if found is None:
        raise KeyError(name)
    return found


def _media_types(node: Any) -> set[str]:
    """Every media type that *node* names."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Mapping):
            content = at.get("content")
            if isinstance(content, Mapping):
                found |= {name.partition(";")[0].strip().lower() for name in content}
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    return found
