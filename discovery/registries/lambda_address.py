"""Where Lambda functions are, and which of them are wanted under which qualifier."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ...schemas.catalog import AssumedRole, LambdaTarget
from .lambda_types import LambdaTypes

WEFT_TAG: Final = "weft"
"""The tag by which a function's owner lets it in (``enabled``) or keeps it out (``disabled``)."""

IMAGE: Final = "image"
"""The runtime of a function that is a container image, which to Lambda has none."""

Beside: TypeAlias = Literal["aliases", "versions"]


@dataclass(frozen=True, slots=True)
class LambdaFilters:
    """Which functions are wanted: those that pass every one of these.

    Attributes:
        names: Globs. A name matches one of those without ``!``, if there are any, and none of those with.
        runtimes: Globs, of which a function's runtime matches one; empty for all. That of a container image
            is ``image``.
        tags: Tags that a function has, each with globs of which the value matches one.
        opt_in: Only functions with the tag ``weft=enabled``. Those with ``weft=disabled`` are never wanted.
    """

    names: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    opt_in: bool = False

    @property
    def need_tags(self) -> bool:
        """Whether a function is wanted only for its tags."""
        return bool(self.tags) or self.opt_in

    def take(self, name: str, runtime: str) -> bool:
        """Whether a function may be wanted, as far as can be told without its tags."""
        refused = [glob.removeprefix("!") for glob in self.names if glob.startswith("!")]
        accepted = [glob for glob in self.names if not glob.startswith("!")]
        return (
            not _matches(name, refused)
            and (not accepted or _matches(name, accepted))
            and (not self.runtimes or _matches(runtime or IMAGE, self.runtimes))
        )

    def take_tagged(self, tags: Mapping[str, str]) -> bool:
        """Whether a function with these tags is wanted."""
        own = tags.get(WEFT_TAG, "").strip().lower()
        if own == "disabled" or (self.opt_in and own != "enabled"):
            return False
        return all(key in tags and _matches(tags[key], globs) for key, globs in self.tags)


def _matches(value: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, glob) for glob in globs)


@dataclass(frozen=True, slots=True)
class LambdaQualifiers:
    """Which version of a function is called, and which others are functions of their own.

    Attributes:
        aliases: The first of these that a function has is called; empty to go by *version*.
        version: ``latest``: what was deployed last, published or not (``$LATEST``). ``newest``: the version that
            was published last.
        beside: What else is a function of its own, named after the alias or version.
    """

    aliases: tuple[str, ...] = ()
    version: Literal["latest", "newest"] = "latest"
    beside: frozenset[Beside] = frozenset()

    @property
    def need_aliases(self) -> bool:
        """Whether it takes the functions' aliases to tell."""
        return bool(self.aliases) or "aliases" in self.beside

    @property
    def need_versions(self) -> bool:
        """Whether it takes their published versions to tell."""
        return (not self.aliases and self.version == "newest") or "versions" in self.beside


@dataclass(frozen=True, slots=True)
class LambdaAddress:
    """Lambda in one region of one account.

    Attributes:
        endpoint: Replaces the regional endpoint URL; ``""`` for AWS's own.
        role: Assumed to list and to call; ``None`` for the credentials that there are.
        profile: Whose credentials they are, in the AWS configuration; ``""`` for the standard chain's.
        manifest: A file with the functions' payload and result schemas; ``None`` for none.
        filters: Which functions are wanted.
        qualifiers: Which versions of them.
        shared: Whether the same is said of other regions or accounts too: what it speaks of may be there.
        types: Where their types are looked for, beside *manifest* and tags.
    """

    region: str
    endpoint: str = ""
    role: AssumedRole | None = None
    profile: str = ""
    manifest: Path | None = None
    filters: LambdaFilters = field(default_factory=LambdaFilters)
    qualifiers: LambdaQualifiers = field(default_factory=LambdaQualifiers)
    shared: bool = False
    types: LambdaTypes = field(default_factory=LambdaTypes, hash=False)

    @property
    def target(self) -> LambdaTarget:
        """The same, as calls take it."""
        return LambdaTarget(region=self.region, endpoint=self.endpoint, role=self.role, profile=self.profile)

    def __str__(self) -> str:
        return lambda_place(
            self.region, endpoint=self.endpoint, role=self.role.arn if self.role else "", profile=self.profile
        )


_PLACE: Final = re.compile(r"lambda:([a-z0-9-]+)(?= |$)")


def lambda_place(region: str, *, endpoint: str = "", role: str = "", profile: str = "") -> str:
    """Where the Lambda of a region is, for people: ``lambda:eu-west-1 arn:aws:iam::123456789012:role/weft``."""
    parts = [f"lambda:{region}", role, f"profile:{profile}" if profile else "", endpoint]
    return " ".join(part for part in parts if part)


def region_of_place(place: str) -> str:
    """The region that `lambda_place` was given; ``""`` for any other text."""
    found = _PLACE.match(place)
    return found[1] if found else ""
