"""Responses beyond their bodies: headers, errors that are described, and where answers lead.

Source: OpenAPI 3.1, "Response Object", "Header Object", "Link Object"; Swagger 2.0, "Headers Object".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..catalog import DeclaredLink, Function, FunctionId, HttpBinding, Json, Scalar, ScalarKind
from .media import media_kind
from .references import Node, object_of, pointer_token, text_of
from .shapes import ShapeReader

# OpenAPI 3.1, "Runtime Expressions"; only a member of the answer itself is something that a link can take.
_MEMBER: Final = re.compile(r"\$response\.body#/([^/]+)")


def responses_of(
    operation: Mapping[str, Json], pointer: str, reader: ShapeReader
) -> Iterator[tuple[str, Node]]:
    """Every response of an operation with its status, references followed."""
    for code, value in object_of(operation.get("responses")).items():
        if not code.startswith("x-"):
            node = reader.references.follow(value, f"{pointer}/responses/{pointer_token(code)}")
            if node is not None:
                yield code, node


def described_headers(responses: list[tuple[str, Node]], reader: ShapeReader) -> dict[str, ScalarKind]:
    """Headers of successful answers, by lower-case name; those that are no scalars are texts."""
    found: dict[str, ScalarKind] = {}
    for code, node in responses:
        if not _is_success(code):
            continue
        for name, value in object_of(node.value.get("headers")).items():
            place = f"{node.pointer}/headers/{pointer_token(name)}"
            header = reader.references.follow(value, place)
            if header is None or name.lower() in found:
                continue
            schema = header.value.get("schema", header.value)  # Swagger 2.0 has no schema between
            type_ = reader.type_of(schema, f"{header.pointer}/schema", name)
            found[name.lower()] = type_.kind if isinstance(type_, Scalar) else "string"
    return found


def described_errors(responses: list[tuple[str, Node]], *, swagger: bool) -> tuple[str, ...]:
    """Statuses of errors whose body is described, in JSON: ``404``, ``4XX``, ``default``."""
    found: list[str] = []
    for code, node in responses:
        if _is_success(code) or code[:1] in {"1", "3"}:
            continue
        content = object_of(node.value.get("content"))
        if any(media_kind(name) == "json" for name in content) or (swagger and "schema" in node.value):
            found.append(code.upper() if code != "default" else code)
    return tuple(sorted(found))


def declared_links(
    responses: list[tuple[str, Node]], reader: ShapeReader, *, functions: Mapping[str, Function]
) -> tuple[DeclaredLink, ...]:
    """The ``links`` of successful responses that can be followed; others are warnings.

    Args:
        responses: Of one operation.
        reader: Follows references and keeps warnings.
        functions: By ``operationId``, and by pointer such as ``#/paths/~1a/get``.
    """
    found: dict[str, DeclaredLink] = {}
    for code, node in responses:
        if not _is_success(code) and code != "default":
            continue
        for name, value in object_of(node.value.get("links")).items():
            pointer = f"{node.pointer}/links/{pointer_token(name)}"
            link = reader.references.follow(value, pointer)
            if link is None or name in found:
                continue
            made = _link(name, link, functions)
            if isinstance(made, DeclaredLink):
                found[name] = made
            else:
                reader.warnings.add("link", pointer, made)
    return tuple(found.values())


def _link(name: str, link: Node, functions: Mapping[str, Function]) -> DeclaredLink | str:
    stated = text_of(link.value, "operationId") or text_of(link.value, "operationRef")
    target = functions.get(stated)
    if target is None:
        return f"the link leads to no operation of the document ({stated[:60]!r})"
    if not isinstance(target.binding, HttpBinding):
        return "the link leads to no operation that can be called"
    keys: dict[str, str] = {}
    for parameter, expression in object_of(link.value.get("parameters")).items():
        location, dot, bare = parameter.partition(".")
        places = {"path", "query", "header", "cookie"}
        argument = next(
            (
                p.argument
                for p in target.binding.parameters
                if p.name == parameter
                or (dot and location in places and (p.location, p.name) == (location, bare))
            ),
            None,
        )
        if argument is None:
            return f"{target.name} has no parameter {parameter[:60]!r}"
        member = _MEMBER.fullmatch(expression) if isinstance(expression, str) else None
        if member is None:
            return (
                f"parameter {parameter[:60]!r} takes no member of the answer; only $response.body#/… is read"
            )
        keys[argument] = member.group(1).replace("~1", "/").replace("~0", "~")
    if not keys:
        return "the link takes nothing from the answer"
    if link.value.get("requestBody") is not None:
        return "the link sends a body, which is not read"
    return DeclaredLink(
        name=name, target=FunctionId(target.id), keys=keys, description=text_of(link.value, "description")
    )


def _is_success(code: str) -> bool:
    return code[:1] == "2"
