"""What a schema says of a value beside its type: description, deprecation, default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from ..catalog import Json, Type
from ..names import words
from .references import text_of


def description_of(view: Mapping[str, Json], name: str = "") -> str:
    """``description``, else a ``title`` that says more than *name*."""
    found = text_of(view, "description")
    if found:
        return found
    title = text_of(view, "title")
    return title if title and words(title) != words(name) else ""


def deprecation_of(view: Mapping[str, Json]) -> str | None:
    """The reason of a deprecation, ``""`` where none is given, ``None`` for what is not deprecated."""
    stated = view.get("deprecated")
    if isinstance(stated, str):
        return stated.strip()
    if stated is not True:
        return None
    return text_of(view, "x-deprecated-message") or text_of(view, "x-deprecation-message")


def default_of(view: Mapping[str, Json], type_: Type, *, required: bool = False) -> Any | UnsetType:
    """``default``, or ``UNSET``; a null default counts only where null may stand.

    What is *required* and can have but one value has that value: nobody needs to give it.
    """
    if "default" not in view:
        only = type_.constraints.const if required and type_.constraints is not None else None
        return UNSET if only is None else only
    default = view["default"]
    return UNSET if default is None and not type_.nullable else default
