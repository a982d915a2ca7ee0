"""Parameters: what an operation takes in its path, query, header and cookies.

Source: OpenAPI 3.1, "Parameter Object"; Swagger 2.0, "Parameter Object" for ``collectionFormat``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from ..catalog import Argument, JsonType, Parameter, ParameterLocation, Scalar, Type
from ..catalog.bindings import ParameterStyle
from ..names import type_name
from .annotations import default_of, deprecation_of, description_of
from .media import ranked
from .naming import operation_type_name
from .references import Node, object_of, pointer_token, text_of
from .shapes import ShapeReader

_LOCATIONS: Final = ("path", "query", "header", "cookie")
_STYLES: Final = frozenset(get_args(ParameterStyle))
_ALLOWED: Final = {
    "path": frozenset({"simple", "label", "matrix"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}
_COLLECTION_STYLES: Final[dict[str, ParameterStyle]] = {
    "ssv": "spaceDelimited", "tsv": "tabDelimited", "pipes": "pipeDelimited",
}  # fmt: skip
# OpenAPI 3.1, "Parameter Object": definitions of these headers shall be ignored; the transport sets them.
# The others frame the message: they are the connection's to set (RFC 9110, section 7.6.1).
_IGNORED_HEADERS: Final = frozenset(
    {"accept", "content-type", "authorization", "connection", "content-length", "expect", "host",
     "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
PLACEHOLDER: Final = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True, slots=True)
class Stated:
    """One parameter of a document, its references followed."""

    node: Node
    name: str
    location: str

    @property
    def owner(self) -> str:
        """The component that it is, for the names of its shapes; ``""`` if it stands at its operation."""
        prefix, _, name = self.node.pointer.rpartition("/")
        return name if prefix in {"/components/parameters", "/parameters"} else ""


def stated_parameters(places: Sequence[tuple[object, str]], reader: ShapeReader) -> list[Stated]:
    """The parameters listed at *places*; a later one replaces an earlier one of its name and location.

    Args:
        places: Pairs of a ``parameters`` value and its pointer: the path's, then the operation's.
        reader: Follows references and keeps warnings.
    """
    found: dict[tuple[str, str], Stated] = {}
    for value, pointer in places:
        for at, item in enumerate(value if isinstance(value, list) else []):
            node = reader.references.follow(item, f"{pointer}/{at}")
            if node is None:
                continue
            name, location = node.value.get("name"), text_of(node.value, "in")
            if not isinstance(name, str) or not name or not location:
                reader.warnings.add("bad-parameter", f"{pointer}/{at}", "a parameter without name or place")
                continue
            found[name, location] = Stated(node, name, location)
    return list(found.values())


def read_parameters(
    stated: Sequence[Stated], *, path: str, pointer: str, function: str, reader: ShapeReader, swagger: bool
) -> tuple[list[Argument], list[Parameter]]:
    """Arguments and parameters of an operation, by location and in the document's order.

    Placeholders of the path that nobody describes become strings; what is described for a place that the
    path does not have is passed by. Both are warnings.
    """
    places = set(PLACEHOLDER.findall(path))
    arguments: list[Argument] = []
    parameters: list[Parameter] = []
    names: set[str] = set()
    described: set[str] = set()
    for location in _LOCATIONS:
        for one in stated:
            if one.location != location or _ignored(one):
                continue
            if location == "path":
                if one.name not in places:
                    reader.warnings.add(
                        "unused-path-parameter", one.node.pointer, f"{path} has no {{{one.name}}}"
                    )
                    continue
                described.add(one.name)
            argument = _argument_name(one.name, location, names)
            names.add(argument)
            built = _read_one(one, argument, function, reader, swagger=swagger)
            arguments.append(built[0])
            parameters.append(built[1])
    for name in dict.fromkeys(PLACEHOLDER.findall(path)):
        if name not in described:
            reader.warnings.add(
                "missing-path-parameter", pointer, f"{{{name}}} is not described; it is a string"
            )
            argument = _argument_name(name, "path", names)
            names.add(argument)
            arguments.append(Argument(name=argument, type=Scalar(kind="string"), required=True))
            parameters.append(
                Parameter(argument=argument, name=name, location="path", style="simple", explode=False)
            )
    for one in stated:
        if one.location not in {*_LOCATIONS, "body", "formData"}:
            reader.warnings.add(
                "bad-parameter", one.node.pointer, f"parameters have no place {one.location!r}"
            )
    return arguments, parameters


def _ignored(one: Stated) -> bool:
    return one.location == "header" and one.name.lower() in _IGNORED_HEADERS


def _argument_name(name: str, location: str, taken: set[str]) -> str:
    wanted = name if name not in taken else f"{name}_{location}"
    while wanted in taken:
        wanted = f"{wanted}_{location}"
    return wanted


def _read_one(
    one: Stated, argument: str, function: str, reader: ShapeReader, *, swagger: bool
) -> tuple[Argument, Parameter]:
    value, pointer = one.node
    hint = type_name(one.owner) if one.owner else operation_type_name(function, one.name)
    content_type = ""
    type_: Type
    content = object_of(value.get("content"))
    schema = object_of(value.get("schema"))
    if swagger:
        schema = {k: v for k, v in value.items() if k != "required"}
        type_ = reader.type_of(schema, pointer, hint, member=one.name)
    elif "schema" in value:
        type_ = reader.type_of(value["schema"], f"{pointer}/schema", hint, member=one.name)
    elif content:
        content_type = ranked(content)[0]
        schema = object_of(object_of(content[content_type]).get("schema"))
        type_ = reader.type_of(
            schema, f"{pointer}/content/{pointer_token(content_type)}/schema", hint, member=one.name
        )
    else:
        reader.warnings.add("bad-parameter", pointer, "a parameter without schema or content; it is a string")
        type_ = Scalar(kind="string")
    if isinstance(type_, JsonType) and not type_.reason and one.location != "query" and not content:
        # A path, header or cookie without a type is text on the wire.
        type_ = Scalar(kind="string", nullable=type_.nullable)
    about = reader.annotations([Node(schema, f"{pointer}/schema")])
    location: ParameterLocation = _location(one.location)
    style, explode = swagger_style(one) if swagger else _style(one, reader)
    return (
        Argument(
            name=argument,
            type=type_,
            required=location == "path" or value.get("required") is True,
            default=default_of(about, type_),
            description=description_of(value) or description_of(about, one.name),
            deprecated=deprecation_of(value),
        ),
        Parameter(
            argument=argument,
            name=one.name,
            location=location,
            style=style,
            explode=explode,
            allow_reserved=value.get("allowReserved") is True,
            content_type=content_type,
        ),
    )


def _location(stated: str) -> ParameterLocation:
    match stated:
        case "path" | "query" | "header":
            return stated
        case _:
            return "cookie"


def _style(one: Stated, reader: ShapeReader) -> tuple[ParameterStyle, bool]:
    default: ParameterStyle = "form" if one.location in {"query", "cookie"} else "simple"
    stated = one.node.value.get("style", default)
    style = default
    if isinstance(stated, str) and stated in _STYLES and stated in _ALLOWED[one.location]:
        style = next(known for known in get_args(ParameterStyle) if known == stated)
    else:
        reason = f"style {str(stated)[:40]!r} does not fit in {one.location}; {default} is used"
        reader.warnings.add("bad-style", f"{one.node.pointer}/style", reason)
    explode = one.node.value.get("explode")
    return style, explode if isinstance(explode, bool) else style == "form"


def swagger_style(one: Stated) -> tuple[ParameterStyle, bool]:
    """``collectionFormat`` as a style; without one it is ``csv``."""
    plain: ParameterStyle = "simple" if one.location in {"path", "header"} else "form"
    stated = one.node.value.get("collectionFormat")
    if stated == "multi":
        return plain, one.location == "query"
    return _COLLECTION_STYLES.get(str(stated), plain), False


def form_parameters(stated: Sequence[Stated]) -> list[Stated]:
    """The ``formData`` parameters of Swagger 2.0."""
    return [one for one in stated if one.location == "formData"]


def body_parameter(stated: Sequence[Stated]) -> Stated | None:
    """The ``body`` parameter of Swagger 2.0."""
    return next((one for one in stated if one.location == "body"), None)
