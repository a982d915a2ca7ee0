"""Titles, versions, and names of shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ..catalog import ShapeName
from ..catalog.reading import is_own_service
from ..names import type_name, unique, words

# Source: AIP-185: v1, v1beta1, v1p1beta1, v2alpha.
_VERSION: Final = re.compile(r"v\d+(p\d+)?((alpha|beta)\d*)?")
_EMPTY_WORDS: Final = frozenset({"api", "service", "services", "server", "grpc", "rpc"})


def suggest_title(services: Sequence[str]) -> str:
    """A title for the upstream that serves *services* (fully-qualified names).

    One service gives its own name (``shop.inventory.v1.InventoryService`` gives ``Inventory``); several give
    the last word of the package that they share. ``""`` if there are none.
    """
    own = sorted(filter(is_own_service, services))
    if not own:
        return ""
    shared = _shared_package(own)
    named = [part for part in shared if not _VERSION.fullmatch(part)]
    name = named[-1] if len(own) > 1 and named else own[0].rpartition(".")[2]
    kept = [word for word in words(name) if word not in _EMPTY_WORDS]
    if not kept and named:
        kept = words(named[-1])
    return " ".join(word.capitalize() for word in kept or words(name)) or name


def suggest_version(services: Sequence[str]) -> str:
    """The version in the package that *services* share (``v1``), or ``""``."""
    found = _shared_package(list(filter(is_own_service, services)))
    return next((part for part in reversed(found) if _VERSION.fullmatch(part)), "")


def shape_names(full_names: Iterable[tuple[str, str]], own_packages: frozenset[str]) -> dict[str, ShapeName]:
    """Names of shapes by fully-qualified names of messages and enums.

    A shape is called after its path without the package: ``shop.v1.Warehouse.Location`` gives
    ``WarehouseLocation``. Of several with one name, the first keeps it, one of *own_packages* before others;
    the others get their package's last word before it.

    Args:
        full_names: Pairs of package and fully-qualified name.
        own_packages: Packages of the upstream's services.
    """
    found: dict[str, ShapeName] = {}
    taken: set[str] = set()
    for package, full in sorted(full_names, key=lambda pair: (pair[0] not in own_packages, pair[1])):
        name: str = type_name(full.removeprefix(f"{package}."))
        if name in taken:
            parts = [part for part in package.split(".") if part and not _VERSION.fullmatch(part)]
            name = unique(type_name(f"{parts[-1]}.{name}") if parts else name, taken)
        taken.add(name)
        found[full] = ShapeName(name)
    return found


def trimmed_values(enum: str, values: Sequence[str]) -> dict[str, str]:
    """The values of *enum* without the prefix that all of them share, if it is the enum's name.

    Empty if one of them does not begin so, or if what is left of one is no name.

    Source: protobuf.dev, "Style Guide", Enums: values are prefixed with the enum's name.
    """
    prefix = "_".join(words(enum)).upper() + "_"
    found = {value: value.removeprefix(prefix) for value in values}
    rests = list(found.values())
    if any(found[value] == value for value in values) or len(set(rests)) < len(rests):
        return {}
    return found if all(rest and not rest[0].isdigit() for rest in rests) else {}


def _shared_package(services: Sequence[str]) -> list[str]:
    packages = [name.split(".")[:-1] for name in services]
    shared: list[str] = []
    for parts in zip(*packages, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared
