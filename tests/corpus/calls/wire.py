"""What a request holds, decoded by the words of OpenAPI alone: the second reading of every call.

Values are compared as texts where the wire has texts, so that ``7`` and ``"7"`` in a query are the same.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import unquote, unquote_plus

from .described import Described
from .xml import decode_xml

_DEFAULT_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_DELIMITERS = {"spaceDelimited": r"%20|\+", "pipeDelimited": r"%7[Cc]|\|", "form": ",", "simple": ","}


@dataclass(frozen=True)
class Received:
    """A request as it came. *target* is still encoded; *headers* have names in lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n == name.lower()), None)

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Of the query, still encoded."""
        query = self.target.partition("?")[2]
        return [(n, v) for n, _, v in (p.partition("=") for p in query.split("&") if p)]

    @property
    def cookies(self) -> list[tuple[str, str]]:
        stated = self.header("cookie") or ""
        return [(n.strip(), v) for n, _, v in (p.partition("=") for p in stated.split(";") if p.strip())]


def textual(value: Any) -> Any:
    """*value* with its leaves as texts, and without nulls."""
    match value:
        case dict():
            return {k: textual(v) for k, v in value.items() if v is not None}
        case list():
            return [textual(v) for v in value if v is not None]
        case str():
            return value
        case _:
            return json.dumps(value)


def path_values(described: Described, received: Received) -> dict[str, str] | None:
    """The raw text of each placeholder; ``None`` if the path is another than the document's."""
    template = described.base_path + (
        described.path if described.path.startswith("/") else f"/{described.path}"
    )
    template = template.partition("#")[0]
    path = received.target if "?" in template else received.raw_path
    parts = re.split(r"\{([^{}/]+)\}", template)
    pattern = "".join(f"(?P<p{at}>[^/&]*?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    pattern += r"(&.*)?" if "?" in template else ""
    found = re.fullmatch(pattern, path) or re.fullmatch(pattern, unquote(path))
    if found is None:
        return None
    return {name: found[f"p{2 * at + 1}"] for at, name in enumerate(parts[1::2])}


def parameter_value(parameter: Mapping[str, Any], described: Described, received: Received, like: Any) -> Any:
    """The value of a parameter on the wire, with texts as leaves.

    Args:
        parameter: Parameter object.
        described: Its operation.
        received: The request.
        like: What was meant to be sent: whether a list or an object is to be read.
    """
    name, location = parameter["name"], parameter["in"]
    style = parameter.get("style") or _DEFAULT_STYLES[location]
    explode = parameter.get("explode", style == "form")
    pairs: list[tuple[str, str]] = []
    raw: str | None = None
    match location:
        case "path":
            raw = (path_values(described, received) or {}).get(name)
        case "header":
            raw = received.header(name)
        case "cookie":
            pairs = received.cookies
        case _:
            pairs = received.pairs
    decode = (lambda text: text) if location == "header" else unquote
    if parameter.get("content"):
        if location in {"query", "cookie"}:
            raw = next((v for n, v in pairs if unquote(n) == name), None)
        if raw is None:
            return None
        text = decode(raw)
        return textual(json.loads(text)) if "json" in next(iter(parameter["content"])) else text
    if location in {"query", "cookie"}:
        return _from_pairs(pairs, name, style, explode, like)
    if raw is None:
        return None
    if style == "label":
        return _split(raw.removeprefix("."), r"\." if explode else ",", explode, like, decode)
    if style == "matrix":
        text = raw.removeprefix(";")
        if explode and isinstance(like, list):
            return [decode(p.partition("=")[2]) for p in text.split(";")]
        if explode and isinstance(like, dict):
            return {decode(k): decode(v) for k, _, v in (p.partition("=") for p in text.split(";"))}
        return _split(text.partition("=")[2], ",", False, like, decode)
    return _split(raw, ",", explode, like, decode)


def _from_pairs(pairs: list[tuple[str, str]], name: str, style: str, explode: bool, like: Any) -> Any:
    if style == "deepObject":
        return deep_value([(unquote_plus(n), unquote_plus(v)) for n, v in pairs], name)
    if isinstance(like, dict) and explode:
        known = {unquote(n): unquote_plus(v) for n, v in pairs}
        return {
            member: _nested(known[member], item) for member, item in textual(like).items() if member in known
        }
    values = [v for n, v in pairs if unquote_plus(n) == name]
    if isinstance(like, list) and explode:
        return [_nested(unquote_plus(v), like[0] if like else "") for v in values] or None
    if not values:
        return None
    return _split(values[0], _DELIMITERS.get(style, ","), False, like, unquote_plus)


def _nested(text: str, like: Any) -> Any:
    """An object or list inside a pair, which OpenAPI leaves open: JSON is what is read."""
    if isinstance(like, dict | list):
        try:
            return textual(json.loads(text))
        except ValueError:
            return text
    return text


def deep_value(pairs: list[tuple[str, str]], name: str) -> Any:
    """The value of *name* in pairs such as ``name[a][0]=b``; ``None`` if there is none."""
    found: Any = None
    for key, value in pairs:
        base, bracket, rest = key.partition("[")
        if base != name or not bracket:
            if key == name:
                return value
            continue
        found = _put(found, re.findall(r"\[([^\]]*)\]", bracket + rest), value)
    return _lists(found)


def _put(into: Any, steps: list[str], value: str) -> Any:
    if not steps:
        return value
    into = {} if into is None else into
    step, rest = steps[0], steps[1:]
    step = step or f"#{len(into)}"
    into[step] = _put(into.get(step), rest, value)
    return into


def _lists(value: Any) -> Any:
    """Objects whose keys are positions as lists."""
    if not isinstance(value, dict):
        return value
    inner = {k: _lists(v) for k, v in value.items()}
    if inner and all(re.fullmatch(r"#\d+|\d+", k) for k in inner):
        return list(inner.values())
    return inner


def _split(raw: str, delimiter: str, explode: bool, like: Any, decode: Any) -> Any:
    if isinstance(like, list):
        return [_nested(decode(p), like[0] if like else "") for p in re.split(delimiter, raw)] if raw else []
    if isinstance(like, dict):
        parts = re.split(delimiter, raw)
        if explode:
            return {decode(k): decode(v) for k, _, v in (p.partition("=") for p in parts)}
        return {decode(k): decode(v) for k, v in zip(parts[::2], parts[1::2], strict=False)}
    return decode(raw)


def body_value(content_type: str, media: Mapping[str, Any], received: Received, like: Any, api: Any) -> Any:
    """The body's value; forms with texts as leaves, everything else as it is.

    Raises:
        ValueError: The body is not what its media type says.
    """
    essence = content_type.partition(";")[0].strip().lower()
    body = received.body
    if essence.endswith(("/json", "+json")):
        return json.loads(body)
    if essence == "application/x-www-form-urlencoded":
        return _form(body.decode(), media.get("encoding") or {}, like)
    if essence.startswith("multipart/"):
        return _multipart(content_type, body, like)
    if essence.endswith(("/xml", "+xml")):
        return decode_xml(body, media.get("schema") or {}, api.examples)
    if isinstance(like, str):
        stated = api.examples._merged(media.get("schema") or {})
        if essence.startswith("text/") or "yaml" in essence or stated.get("format") == "byte":
            return body.decode()
        return base64.b64encode(body).decode()
    return json.loads(body)


def _form(text: str, encodings: Mapping[str, Any], like: Any) -> Any:
    pairs = [(n, v) for n, _, v in (p.partition("=") for p in text.split("&") if p)]
    found: dict[str, Any] = {}
    for name, item in like.items() if isinstance(like, dict) else ():
        encoding = encodings.get(name) or {}
        style = encoding.get("style", "form")
        explode = encoding.get("explode", style == "form")
        if style != "deepObject" and isinstance(item, dict):
            raw = next((v for n, v in pairs if unquote_plus(n) == name), None)
            found[name] = None if raw is None else textual(json.loads(unquote_plus(raw)))
        else:
            found[name] = _from_pairs(pairs, name, style, explode, item)
    return {k: v for k, v in found.items() if v is not None}


def _multipart(content_type: str, body: bytes, like: Any) -> Any:
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True) or b""
        assert isinstance(payload, bytes)
        value: Any
        wanted = like.get(name) if isinstance(like, dict) else None
        if "json" in part.get_content_type():
            value = textual(json.loads(payload))
        elif part.get_filename() is not None:
            value = base64.b64encode(payload).decode()
        else:
            value = payload.decode()
        if isinstance(wanted, list) and not isinstance(value, list):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def same_bytes(one: Any, other: Any) -> bool:
    """Whether two base64 texts hold the same bytes."""
    try:
        return base64.b64decode(str(one), validate=True) == base64.b64decode(str(other), validate=True)
    except (ValueError, binascii.Error):
        return False
