"""HTTP requests into GraphQL requests, or into the HTTP answer that says what is wrong.

Source: GraphQL over HTTP specification, "Request".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ..operation.request import GraphQLRequest

ALLOW: Final = "GET, HEAD, POST, OPTIONS"
PARAMETERS: Final = ("query", "operationName", "variables", "extensions")
# A GET request has four parameters; the rest is for proxies and trackers that add their own.
MAX_QUERY_FIELDS: Final = 100


@dataclass(frozen=True, slots=True)
class HttpProblem:
    """An HTTP answer in place of a GraphQL response.

    Attributes:
        status: HTTP status code, 400 or above.
        message: What is wrong and what to do; for the client to read.
        code: ``extensions.code`` of the GraphQL error in the body.
        headers: To be sent with it.
    """

    status: int
    message: str
    code: str = "BAD_REQUEST"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        """A response map with one request error."""
        return msgspec.json.encode({"errors": [{"message": self.message, "extensions": {"code": self.code}}]})


class _Body(msgspec.Struct):
    """The members of a request's body; others are ignored.

    Source: GraphQL over HTTP specification, "JSON Encoding"; "Request Parameters": null equals absent.
    """

    query: str
    operationName: str | None = None  # noqa: N815 - the name on the wire
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_MAP: Final = msgspec.json.Decoder(dict[str, Any] | None)


@lru_cache(maxsize=256)
def check_head(method: str, content_type: str | None) -> HttpProblem | None:
    """What can be refused before the body is read: the method (405) and the media type (415).

    Only ``application/json`` is accepted: browsers send it across origins after a preflight alone, which
    keeps other sites' forms out.

    Source: GraphQL over HTTP specification, "POST"; "Security".
    """
    if method in {"GET", "HEAD"}:
        return None
    if method != "POST":
        return HttpProblem(
            405, f"{method} is not allowed here; use POST or GET", "METHOD_NOT_ALLOWED", (("allow", ALLOW),)
        )
    media_type, _, parameters = (content_type or "").partition(";")
    if media_type.strip().lower() != "application/json":
        sent = f"`{media_type.strip()}` is not supported" if media_type.strip() else "it is missing"
        return _unsupported(f"`Content-Type` must be `application/json`; {sent}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            return _unsupported(f"the body must be in utf-8, not {value.strip()}")
    return None


def body_too_large(max_body_bytes: int) -> HttpProblem:
    """The answer to a body over the limit."""
    return HttpProblem(413, f"the body is larger than {max_body_bytes} bytes", "BODY_TOO_LARGE")


def _unsupported(message: str) -> HttpProblem:
    # RFC 9110, 15.5.16 and RFC 9110, 12.5.1: Accept names what a request body may be.
    return HttpProblem(415, message, "UNSUPPORTED_MEDIA_TYPE", (("accept", "application/json"),))


def parse_body(body: bytes) -> GraphQLRequest | HttpProblem:
    """The GraphQL request in the body of a POST request, or what keeps it from being well-formed."""
    if not body:
        return HttpProblem(400, "the body is empty; it must be a JSON object with `query`")
    if body.lstrip()[:1] == b"[":
        return HttpProblem(400, "batches of requests are not supported; send one JSON object per request")
    try:
        read = _BODY.decode(body)
    except msgspec.ValidationError as error:
        return HttpProblem(400, f"the request is not well-formed: {_in_words(error)}")
    except RecursionError:
        return HttpProblem(400, "the body is nested too deeply")
    except ValueError as error:  # msgspec.DecodeError, UnicodeDecodeError
        return HttpProblem(400, f"the body is not JSON: {error}")
    return GraphQLRequest(read.query, read.variables or {}, read.operationName, read.extensions or {})


class KnownBodies:
    """Bodies that were read before, and the requests they are: clients repeat themselves to the letter.

    What was asked for lately is kept: two generations, each of up to half of *max_bytes*, of which the older
    goes as a whole when the younger is full.
    """

    def __init__(self, max_bytes: int = 4 * 1024 * 1024, max_body_bytes: int = 16 * 1024) -> None:
        """Keep bodies of up to *max_body_bytes*, and *max_bytes* in all."""
        self._most = max_bytes // 2
        self._max_body_bytes = max_body_bytes
        self._young: dict[bytes, GraphQLRequest] = {}
        self._old: dict[bytes, GraphQLRequest] = {}
        self._bytes = 0

    def parse(self, body: bytes) -> GraphQLRequest | HttpProblem:
        """The request that *body* is, as ``parse_body`` gives it. It is shared: not to be changed."""
        found = self._young.get(body)
        if found is not None:
            return found
        parsed = self._old.get(body) or parse_body(body)
        if isinstance(parsed, GraphQLRequest) and len(body) <= self._max_body_bytes:
            # The text of the query is held a second time, and a dictionary's entry takes a few hundred bytes.
            self._bytes += 3 * len(body) + 500
            if self._bytes > self._most:
                self._old, self._young, self._bytes = self._young, {}, 3 * len(body) + 500
            self._young[body] = parsed
        return parsed


def _in_words(error: msgspec.ValidationError) -> str:
    text = str(error)
    if "missing required field" in text:
        return "`query` is missing"
    expected, _, place = text.partition(" - at ")
    member = place.strip("`").removeprefix("$.")
    return f"`{member}`: {expected}" if member else expected


def parse_query_string(query_string: str) -> GraphQLRequest | HttpProblem:
    """The GraphQL request in the parameters of a GET request, or what keeps it from being well-formed.

    Source: GraphQL over HTTP specification, "GET": ``variables`` and ``extensions`` are JSON; an empty
    ``operationName`` equals none.
    """
    try:
        fields = parse_qsl(
            query_string,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError:
        return HttpProblem(400, "the query string cannot be read: too many fields, or not in utf-8")
    parameters: dict[str, str] = {}
    for name, value in fields:
        if name in PARAMETERS:
            if name in parameters:
                return HttpProblem(400, f"`{name}` is given twice")
            parameters[name] = value
    if "query" not in parameters:
        return HttpProblem(400, "the request is not well-formed: `query` is missing")
    variables = _parse_map(parameters, "variables")
    if isinstance(variables, HttpProblem):
        return variables
    extensions = _parse_map(parameters, "extensions")
    if isinstance(extensions, HttpProblem):
        return extensions
    return GraphQLRequest(parameters["query"], variables, parameters.get("operationName") or None, extensions)


def _parse_map(parameters: Mapping[str, str], name: str) -> dict[str, Any] | HttpProblem:
    text = parameters.get(name)
    if not text:
        return {}
    try:
        return _MAP.decode(text) or {}
    except msgspec.ValidationError as error:
        return HttpProblem(400, f"the request is not well-formed: `{name}`: {error}")
    except RecursionError:
        return HttpProblem(400, f"`{name}` is nested too deeply")
    except ValueError as error:
        return HttpProblem(400, f"`{name}` is not JSON: {error}")
