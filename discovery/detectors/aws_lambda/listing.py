"""The functions of a region, as ListFunctions gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ....schemas.catalog import ReadingWarning
from ..base import NotThisKind
from .clients import MAX_PAGES, pages_of
from .failures import NOT_LAMBDA, Stop

MAX_FUNCTIONS: Final = 10_000
"""Functions that are read of one region of one account, and versions of them."""

_LATEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version."""

    number: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class ListedFunction:
    """One function.

    Attributes:
        arn: Without a qualifier.
        runtime: Such as ``python3.11``; ``""`` for a container image.
        versions: The published ones, the newest first; empty where they were not asked for.
        revision: Another one after each change of its code or settings.
    """

    name: str
    arn: str
    description: str = ""
    runtime: str = ""
    versions: tuple[Version, ...] = ()
    revision: str = ""


@dataclass(slots=True)
class _Found:
    """One function, as its entries in the list come."""

    first: Mapping[str, Any]
    latest: Mapping[str, Any] | None = None
    versions: list[Version] = field(default_factory=list)


async def list_functions(
    client: Any, *, versions: bool, warnings: list[ReadingWarning], most: int = MAX_FUNCTIONS
) -> list[ListedFunction]:
    """All functions, in the order of their names.

    Args:
        client: Of Lambda.
        versions: List their published versions too. That takes no further question for each function, but a
            list that is as much longer.
        warnings: Told where the list was cut off.
        most: Entries that are read.

    Raises:
        Stop: It is not Lambda that answers.
    """
    found: dict[str, _Found] = {}
    options = {"FunctionVersion": "ALL"} if versions else {}
    entries = pages = 0
    async for page in pages_of(client, "list_functions", **options):
        if "Functions" not in page:
            raise Stop(NotThisKind(NOT_LAMBDA))
        for entry in page["Functions"][: most - entries]:
            _take(entry, found)
        entries += len(page["Functions"])
        pages += 1
        if entries >= most or pages >= MAX_PAGES:
            if page.get("NextMarker") or entries > most:
                what = "versions of functions" if versions else "functions"
                reason = f"the region has more than {min(entries, most)} {what}; the others are not read"
                warnings.append(ReadingWarning(kind="list-cut-off", pointer="", reason=reason))
            break
    return [_listed(name, one) for name, one in sorted(found.items())]


def _take(entry: Mapping[str, Any], found: dict[str, _Found]) -> None:
    name, arn = entry.get("FunctionName"), entry.get("FunctionArn")
    if not isinstance(name, str) or not isinstance(arn, str):
        raise Stop(NotThisKind(NOT_LAMBDA))
    one = found.setdefault(name, _Found(entry))
    version = str(entry.get("Version") or _LATEST)
    if version == _LATEST:
        one.latest = entry
    elif version.isascii() and version.isdigit():
        one.versions.append(Version(int(version), entry.get("Description") or ""))


def _listed(name: str, one: _Found) -> ListedFunction:
    entry = one.latest or one.first
    return ListedFunction(
        name=name,
        # arn:aws:lambda:region:account:function:name, and then the version where versions are listed.
        arn=":".join(entry["FunctionArn"].split(":")[:7]),
        description=entry.get("Description") or "",
        runtime=entry.get("Runtime") or "",
        revision=f"{entry.get('CodeSha256') or ''} {entry.get('LastModified') or ''}",
        versions=tuple(sorted(one.versions, key=lambda version: -version.number)),
    )
