"""Type hints, looked at: what kind of type each is, and the members of those that are objects."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

NOTHING: Any = object()
"""Stands for a default that is not there."""


@dataclass(frozen=True)
class Member:
    """A member of an object.

    Attributes:
        name: In JSON.
        attribute: In Python.
        hint: Its type.
        default: What stands for an absent one; ``NOTHING`` where it must be there.
    """

    name: str
    attribute: str
    hint: Any
    default: Any = NOTHING

    @property
    def required(self) -> bool:
        """Whether it must be there."""
        return self.default is NOTHING


def is_pydantic(hint: Any) -> bool:
    """Whether pydantic reads *hint*; pydantic is not imported to find out."""
    module = sys.modules.get("pydantic")
    if module is None or not isinstance(hint, type):
        return False
    return issubclass(hint, module.BaseModel) or hasattr(hint, "__pydantic_core_schema__")


def is_struct(hint: Any) -> bool:
    """Whether *hint* is a Struct of msgspec; msgspec is not imported to find out."""
    module = sys.modules.get("msgspec")
    return module is not None and isinstance(hint, type) and issubclass(hint, module.Struct)


def is_typed_dict(hint: Any) -> bool:
    """Whether *hint* is a TypedDict."""
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__total__")


def is_named_tuple(hint: Any) -> bool:
    """Whether *hint* is a NamedTuple."""
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def is_object(hint: Any) -> bool:
    """Whether values of *hint* are JSON objects."""
    hint, _ = without_annotations(hint)
    origin = typing.get_origin(hint)
    if is_union(hint):
        return all(is_object(one) for one in typing.get_args(hint))
    return (
        is_pydantic(hint)
        or is_struct(hint)
        or is_typed_dict(hint)
        or dataclasses.is_dataclass(hint)
        or hint in (dict, Mapping)
        or origin in (dict, Mapping)
    )


def is_union(hint: Any) -> bool:
    """Whether *hint* is ``A | B``, ``Union`` or ``Optional``."""
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def without_annotations(hint: Any) -> tuple[Any, list[Any]]:
    """*hint* without ``Annotated``, ``Required``, ``NewType`` and the like, and what ``Annotated`` holds."""
    found: list[Any] = []
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            hint, *more = typing.get_args(hint)
            found += more
        elif origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar):
            (hint,) = typing.get_args(hint)
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            return hint, found


@lru_cache(maxsize=1024)
def members_of(hint: type) -> tuple[Member, ...]:
    """The members of a dataclass, TypedDict, NamedTuple or Struct; those of a pydantic model by its aliases.

    Raises:
        TypeError: A hint in it cannot be resolved.
    """
    if is_pydantic(hint) and not dataclasses.is_dataclass(hint):
        fields: Mapping[str, Any] = hint.model_fields  # type: ignore[attr-defined]  # pydantic is not imported
        return tuple(
            Member(
                field.serialization_alias or field.alias or name,
                name,
                field.annotation,
                NOTHING if field.is_required() else None,
            )
            for name, field in fields.items()
        )
    try:
        hints = typing.get_type_hints(hint, include_extras=True)
    except NameError as error:
        raise TypeError(f"{hint.__name__}: {error}; what its hints name must be there at run time") from error
    if is_struct(hint):
        import msgspec

        struct: Any = hint
        return tuple(
            Member(
                field.encode_name,
                field.name,
                hints[field.name],
                NOTHING if field.required else None,
            )
            for field in msgspec.structs.fields(struct)
        )
    if dataclasses.is_dataclass(hint):
        return tuple(
            Member(field.name, field.name, hints[field.name], _default_of(field))
            for field in dataclasses.fields(hint)
            if field.init
        )
    if is_typed_dict(hint):
        optional: frozenset[str] = hint.__optional_keys__  # type: ignore[attr-defined]  # of a TypedDict
        return tuple(
            Member(name, name, inner, None if _may_be_absent(inner, name in optional) else NOTHING)
            for name, inner in hints.items()
        )
    defaults: Mapping[str, Any] = hint._field_defaults  # type: ignore[attr-defined]
    return tuple(Member(name, name, hints[name], defaults.get(name, NOTHING)) for name in hint._fields)  # type: ignore[attr-defined]


def _may_be_absent(hint: Any, stated: bool) -> bool:
    """Whether a TypedDict's member may be absent: where hints are texts, the class itself does not know."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _may_be_absent(typing.get_args(hint)[0], stated)
    if origin in (typing.Required, typing.NotRequired):
        return origin is typing.NotRequired
    return stated


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else NOTHING


def name_of(hint: Any) -> str:
    """The name of a type, for people."""
    return getattr(hint, "__name__", None) or str(hint)
