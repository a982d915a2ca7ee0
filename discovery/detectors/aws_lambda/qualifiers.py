"""Aliases and versions: which of a function's is called, and which are functions of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from ....engine.transport.aws_clients import error_kind
from ....schemas.catalog import ReadingWarning
from ...registries import LambdaQualifiers
from .clients import pages_of
from .failures import is_passing
from .listing import ListedFunction, Version

MAX_ALIASES: Final = 1000
"""Aliases that are read of one function."""

MAX_VERSIONS: Final = 50
"""Published versions of one function, the newest, that are functions of their own."""


@dataclass(frozen=True, slots=True)
class Alias:
    """One alias.

    Attributes:
        version: The version that it leads to.
        weights: Versions that take a share of its calls, and their shares from 0 to 1; *version* has the rest.
    """

    name: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def shares(self) -> str:
        """Where its calls go, for people: ``version 3``, or ``90 % to version 3, 10 % to version 4``."""
        if not self.weights:
            return f"version {self.version}"
        rest = max(0.0, 1.0 - sum(self.weights.values()))
        parts = [(self.version, rest), *sorted(self.weights.items())]
        return ", ".join(f"{_percent(share)} % to version {version}" for version, share in parts)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class NoAliases:
    """Aliases that may not be read, and why."""

    reason: str


async def list_aliases(client: Any, function_name: str) -> tuple[Alias, ...] | NoAliases:
    """The aliases of a function, by name; none for a function that is gone by now.

    Raises:
        ClientError: Of what will pass.
    """
    found: list[Alias] = []
    try:
        async for page in pages_of(client, "list_aliases", FunctionName=function_name):
            found += [_alias(one) for one in page.get("Aliases") or ()]
            if len(found) >= MAX_ALIASES:
                break
    except ClientError as error:
        kind = error_kind(error)
        if is_passing(error):
            raise
        return () if kind == "ResourceNotFound" else NoAliases(f"lambda:ListAliases: {kind}")
    return tuple(sorted(found, key=lambda alias: alias.name))


def _alias(one: Mapping[str, Any]) -> Alias:
    weights = (one.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(
        name=str(one.get("Name", "")),
        version=str(one.get("FunctionVersion", "")),
        description=one.get("Description") or "",
        weights={str(version): float(share) for version, share in weights.items()},
    )


@dataclass(frozen=True, slots=True)
class Qualified:
    """A function under one qualifier.

    Attributes:
        qualifier: Version or alias; ``""`` for none.
        beside: Whether it is a function of its own beside the one that goes by the name alone.
        note: What is said of the qualifier, for people; ``""`` for nothing.
    """

    qualifier: str = ""
    beside: bool = False
    note: str = ""


def choose_qualifiers(
    function: ListedFunction,
    aliases: Sequence[Alias],
    wanted: LambdaQualifiers,
    warnings: list[ReadingWarning],
) -> list[Qualified]:
    """Under which qualifiers a function is called, the main one first.

    Args:
        function: Which.
        aliases: All of its aliases.
        wanted: What the configuration says.
        warnings: Told of a function that has nothing to call.
    """
    found: list[Qualified] = []
    by_name = {alias.name: alias for alias in aliases}
    if wanted.aliases:
        alias = next((by_name[name] for name in wanted.aliases if name in by_name), None)
        if alias is not None:
            found.append(Qualified(alias.name, note=_said(alias)))
        else:
            names = " or ".join(repr(name) for name in wanted.aliases)
            has = f"it has {', '.join(by_name)}" if by_name else "it has none"
            reason = f"left out: there is no alias {names} ({has})"
            warnings.append(ReadingWarning(kind="no-alias", pointer=f"/{function.name}", reason=reason))
    elif wanted.version == "newest":
        if function.versions:
            newest = function.versions[0]
            found.append(Qualified(str(newest.number), note=_said_of_version(newest)))
        else:
            reason = "left out: no version of it was published (`version: newest`)"
            warnings.append(ReadingWarning(kind="no-version", pointer=f"/{function.name}", reason=reason))
    else:
        found.append(Qualified())
    taken = {one.qualifier for one in found}
    if "aliases" in wanted.beside:
        found += [
            Qualified(alias.name, beside=True, note=_said(alias))
            for alias in aliases
            if alias.name not in taken
        ]
    if "versions" in wanted.beside:
        others = [version for version in function.versions if str(version.number) not in taken]
        if len(others) > MAX_VERSIONS:
            reason = f"{len(others) - MAX_VERSIONS} older versions are left out; the newest {MAX_VERSIONS} are read"
            warnings.append(ReadingWarning(kind="old-versions", pointer=f"/{function.name}", reason=reason))
        found += [
            Qualified(str(version.number), beside=True, note=_said_of_version(version))
            for version in others[:MAX_VERSIONS]
        ]
    return found


def _said(alias: Alias) -> str:
    said = f"Alias `{alias.name}`: {alias.shares}."
    return f"{said} {alias.description}" if alias.description else said


def _said_of_version(version: Version) -> str:
    return f"Version {version.number}." + (f" {version.description}" if version.description else "")
