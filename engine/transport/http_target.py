"""The request target of plain functions, compiled once: what most calls of most upstreams are.

A plain function has no body, and parameters in the path (style ``simple``) and in the query (style ``form``)
alone. Whatever is not plain, a function or one argument, is left to ``http_request``, which this must agree
with to the letter.

Source: OpenAPI 3.1.1, "Style Values"; RFC 6570 for the percent-encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from ...schemas.catalog import HttpBinding, Parameter

WriteTarget: TypeAlias = Callable[[Mapping[str, Any]], str | None]
"""From a call's arguments to path and query, percent-encoded; ``None`` where an argument is not plain."""

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]+").fullmatch
_PLAIN_PATH: Final = re.compile(r"/[!-~]*").fullmatch
_PLACEHOLDER: Final = re.compile(r"\{([^{}/]+)\}")
_WHOLE: Final = {int}
_TEXT: Final = {str}


def compile_target(binding: HttpBinding, prefix: str) -> WriteTarget | None:
    """What writes the target of *binding*'s calls; ``None`` if it is no plain function.

    Args:
        binding: The function's.
        prefix: The server's path, percent-encoded.
    """
    path = binding.path.partition("#")[0]
    if binding.body is not None or not _PLAIN_PATH(path) or "?" in path or "?" in prefix:
        return None
    in_path = {p.name: p for p in binding.parameters if p.location == "path"}
    in_query = [p for p in binding.parameters if p.location == "query"]
    if len(in_path) + len(in_query) != len(binding.parameters):
        return None
    if not all(_is_plain(p) for p in binding.parameters):
        return None
    if not prefix.startswith("/") and prefix:
        return None
    pieces = _PLACEHOLDER.split(prefix + path) if "{" not in prefix else []
    names = pieces[1::2]
    if not pieces or set(names) != set(in_path):
        return None
    # A value that is a whole segment could be "." or "..", which servers resolve.
    holes = tuple(in_path[name].argument for name in names)
    texts = tuple(pieces[0::2])
    write_query = _compile_query(in_query)
    if not holes:
        return _without_path(texts[0], write_query)
    return _with_path(texts, holes, write_query)


def _is_plain(parameter: Parameter) -> bool:
    style = "simple" if parameter.location == "path" else "form"
    return not parameter.content_type and not parameter.allow_reserved and parameter.style == style


def _without_path(path: str, write_query: WriteTarget | None) -> WriteTarget:
    if write_query is None:
        return lambda _: path

    def write(arguments: Mapping[str, Any]) -> str | None:
        query = write_query(arguments)
        return f"{path}?{query}" if query else (path if query is not None else None)

    return write


def _with_path(
    texts: tuple[str, ...], holes: tuple[str, ...], write_query: WriteTarget | None
) -> WriteTarget:
    first, rest = texts[0], tuple(zip(holes, texts[1:], strict=True))

    def write(arguments: Mapping[str, Any]) -> str | None:
        path = first
        for argument, text in rest:
            value = arguments.get(argument)
            kind = value.__class__
            if kind is int:
                path += str(value)
            elif kind is str and _UNRESERVED(value) and value[0] != ".":  # type: ignore[arg-type, index]
                path += value  # type: ignore[operator]  # it is a text
            else:
                return None
            path += text
        if write_query is None:
            return path
        query = write_query(arguments)
        return f"{path}?{query}" if query else (path if query is not None else None)

    return write


def _compile_query(parameters: list[Parameter]) -> WriteTarget | None:
    if not parameters:
        return None
    parts = [
        (p.argument, start, f"&{start}" if p.explode else ",")
        for p in parameters
        for start in [quote(p.name, safe="") + "="]
    ]

    def write(arguments: Mapping[str, Any]) -> str | None:
        query = ""
        for argument, start, between in parts:
            value = arguments.get(argument)
            if value is None:
                continue
            kind = value.__class__
            if kind is int:
                text = str(value)
            elif kind is str:
                text = value if _UNRESERVED(value) else quote(value, safe="")
            elif kind is bool:
                text = "true" if value else "false"
            elif kind is list:
                kinds = {item.__class__ for item in value}
                if kinds == _WHOLE:
                    text = between.join(map(str, value))
                elif kinds == _TEXT:
                    text = between.join([i if _UNRESERVED(i) else quote(i, safe="") for i in value])
                elif not value:
                    continue
                else:
                    return None
            else:
                return None
            query = f"{query}&{start}{text}" if query else start + text
        return query

    return write
