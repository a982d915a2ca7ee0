"""Values of a document as arguments of a GraphQL field.

A value that fits the document must have a place in the schema: what has none is a fault of the schema, and
is told.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
)


class NoPlace(Exception):
    """A value of the document has no place in the schema; the message says where."""


def as_input(value: Any, type_: GraphQLInputType, at: str) -> Any:
    """*value* as a variable of *type_*. Defaults of the schema are put into *value*, for they are sent.

    Raises:
        NoPlace: A member, an enum's value or a required field does not match.
    """
    wanted: Any = type_
    if isinstance(type_, GraphQLNonNull):
        if value is None:
            raise NoPlace(f"{at}: null fits the document")
        return as_input(value, wanted.of_type, at)
    if value is None:
        return None
    match type_:
        case GraphQLList():
            entry = _entry_of(type_)
            if isinstance(value, dict) and entry is not None:
                return [
                    {"key": name, "value": as_input(item, entry.fields["value"].type, f"{at}.{name}")}
                    for name, item in value.items()
                ]
            if not isinstance(value, list):
                raise NoPlace(f"{at}: a list is wanted, the document has {type(value).__name__}")
            items: Any = type_.of_type
            return [as_input(item, items, f"{at}[]") for item in value]
        case GraphQLEnumType():
            for name, known in type_.values.items():
                if known.value == value and type(known.value) is type(value):
                    return name
            raise NoPlace(f"{at}: {type_.name} has no value for {str(value)[:40]!r}")
        case GraphQLInputObjectType():
            return _as_object(value, type_, at)
        case GraphQLScalarType():
            return _as_scalar(value, type_, at)
    raise NoPlace(f"{at}: {type_}")


def _as_scalar(value: Any, type_: GraphQLScalarType, at: str) -> Any:
    try:
        type_.coerce_input_value(value)
    except Exception as error:
        raise NoPlace(f"{at}: {type_.name} does not take a {type(value).__name__}: {error}") from error
    return value


def _as_object(value: Any, type_: GraphQLInputObjectType, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoPlace(f"{at}: {type_.name} is wanted, the document has {type(value).__name__}")
    if getattr(type_, "is_one_of", False):
        reasons: list[str] = []
        best: tuple[int, dict[str, Any]] | None = None
        for name, field in type_.fields.items():
            try:
                made = {name: as_input(value, GraphQLNonNull(_bare(field.type)), f"{at}.{name}")}
            except NoPlace as error:
                reasons.append(str(error))
                continue
            if best is None:
                best = (0, made)
        if best is None:
            raise NoPlace("; ".join(reasons[:2]) or at)
        return best[1]
    names = {field.out_name or name: (name, field) for name, field in type_.fields.items()}
    found: dict[str, Any] = {}
    for member, item in value.items():
        if member not in names:
            raise NoPlace(f"{at}: {type_.name} has no field for {member!r}")
        name, field = names[member]
        found[name] = as_input(item, field.type, f"{at}.{name}")
    for member, (name, field) in names.items():
        needed = isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined
        if needed and member not in value:
            raise NoPlace(f"{at}.{name}: required in the schema, and not in the document")
        if member not in value and field.default_value is not Undefined:
            # GraphQL, "Input Coercion": an absent field is its default, and so is sent.
            value[member] = field.default_value
    return found


def _entry_of(type_: GraphQLList[Any]) -> GraphQLInputObjectType | None:
    """The type of an entry, where lists of *type_* stand for an object whose member names are data."""
    item = _bare(type_.of_type)
    is_entry = isinstance(item, GraphQLInputObjectType) and item.fields.keys() == {"key", "value"}
    return item if is_entry else None


def _bare(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_
