"""The detector: the functions of a region of an account become an upstream."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ....engine.transport.aws_clients import AwsSession
from ....schemas.aws_lambda import LambdaDescription, read_functions
from ....schemas.catalog import LambdaTarget, ReadingWarning, UpstreamId
from ...registries import Candidate, LambdaAddress
from ..base import Detected, Detection, NotThisKind, TryLater, Unchanged
from .asking import Kept, Progress, ask_each
from .clients import ATTEMPTS, Clients
from .failures import AWS_FAILURES, Stop, detection_of, is_about_credentials
from .listing import ListedFunction, list_functions
from .qualifiers import Alias, NoAliases, choose_qualifiers, list_aliases
from .tags import TagReader, Tags
from .type_sources import TypeSearch

_MAX_PLACES: Final = 1000
"""Regions of accounts that something is kept of between two probes."""


@dataclass(slots=True)
class _Place:
    """What is kept of one region of one account between two probes."""

    session: AwsSession
    tags: TagReader
    aliases: Kept[tuple[Alias, ...] | NoAliases]
    said: Kept[Any]


@dataclass(slots=True)
class _Probe:
    """What one probe needs and finds."""

    address: LambdaAddress
    place: _Place
    slots: asyncio.Semaphore
    progress: Progress
    warnings: list[ReadingWarning] = field(default_factory=list)

    def warn(self, kind: str, pointer: str, reason: str) -> None:
        self.warnings.append(ReadingWarning(kind=kind, pointer=pointer, reason=reason))


class LambdaDetector:
    """Finds the functions of a region of an account; fulfils `Detector`.

    Args:
        max_concurrency: Questions about single functions at once. Lambda answers 15 requests of its control
            plane a second for a whole account, so more than a few are throttled.
        max_age_s: How long an answer about a single function (its aliases, and its tags where they are refused
            in bulk) is used, in the mean.
        attempts: Tries of one question that is throttled or not answered.
        learned: The file of what was learned from calls; ``None`` for none.
    """

    def __init__(
        self,
        *,
        max_concurrency: int = 5,
        max_age_s: float = 300.0,
        attempts: int = ATTEMPTS,
        learned: Path | None = None,
    ) -> None:
        self._learned = learned
        self._attempts = attempts
        self._max_concurrency = max_concurrency
        self._max_age_s = max_age_s
        self._places: dict[LambdaTarget, _Place] = {}

    @property
    def name(self) -> str:
        """``lambda``."""
        return "lambda"

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """List the functions; see `Detector.detect`.

        A fault of one function's schema costs that function its types, and is a warning. What will pass by
        itself (throttling, a lost connection) is `TryLater`, so that no types are lost to it. A probe that runs
        out of time leaves what it was told of single functions to the next.
        """
        address = candidate.address
        if not isinstance(address, LambdaAddress):
            return NotThisKind("not an address of Lambda")
        progress = Progress()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._detect(candidate, address, memo, progress)
        except TimeoutError:
            return TryLater(str(progress))
        except Stop as stop:
            return stop.detection
        except AWS_FAILURES as error:
            if is_about_credentials(error):
                # They may be others the next time, and botocore reads them once for a session.
                self._places.pop(address.target, None)
            return detection_of(error)
        except ValueError as error:
            # Endpoint URLs that botocore cannot read.
            return TryLater(f"Lambda cannot be reached: {type(error).__name__}")

    async def _detect(
        self, candidate: Candidate, address: LambdaAddress, memo: Mapping[str, Any] | None, progress: Progress
    ) -> Detection:
        slots = asyncio.Semaphore(self._max_concurrency)
        probe = _Probe(address, self._place_of(address), slots, progress)
        async with AsyncExitStack() as stack:
            clients = Clients(probe.place.session, stack, attempts=self._attempts)
            search = TypeSearch(
                address, clients, slots, progress, probe.warn, probe.place.said, self._learned
            )
            descriptions = await _describe_all(probe, clients, search)
        upstream = await asyncio.to_thread(
            read_functions,
            descriptions,
            upstream=UpstreamId(candidate.name) if candidate.name else None,
            region=address.region,
            endpoint=address.endpoint,
            warnings=sorted(probe.warnings, key=lambda warning: (warning.pointer, warning.kind)),
        )
        upstream = msgspec.structs.replace(upstream, target=address.target)
        digest = hashlib.sha256(msgspec.json.encode(upstream, order="deterministic")).hexdigest()
        if memo is not None and memo.get("hash") == digest:
            return Unchanged()
        return Detected(upstream, memo={"hash": digest})

    def _place_of(self, address: LambdaAddress) -> _Place:
        place = self._places.get(address.target)
        if place is None:
            if len(self._places) >= _MAX_PLACES:
                self._places.clear()
            place = self._places[address.target] = _Place(
                session=AwsSession.of(address.target),
                tags=TagReader(max_age_s=self._max_age_s, complete=not address.endpoint),
                aliases=Kept(self._max_age_s),
                said=Kept(self._max_age_s),
            )
        return place


async def _describe_all(probe: _Probe, clients: Clients, search: TypeSearch) -> list[LambdaDescription]:
    """Every function that is wanted, under every qualifier that is."""
    address = probe.address
    client = await clients.get("lambda")
    listed = await list_functions(client, versions=address.qualifiers.need_versions, warnings=probe.warnings)
    wanted = [one for one in listed if address.filters.take(one.name, one.runtime)]
    tags = await probe.place.tags.read(
        clients,
        [one.arn for one in wanted],
        slots=probe.slots,
        progress=probe.progress,
    )
    wanted = _select(probe, wanted, tags)
    aliases = await _aliases_of(probe, client, wanted) if address.qualifiers.need_aliases else {}
    chosen = {
        one.name: choose_qualifiers(one, aliases.get(one.name, ()), address.qualifiers, probe.warnings)
        for one in wanted
    }
    # What is called under no qualifier is asked nothing more.
    called = [one for one in wanted if chosen[one.name]]
    types = await search.find(called, tags.by_arn, known={one.name for one in listed})
    return [
        LambdaDescription(
            function_name=one.name,
            arn=one.arn,
            description=one.description,
            runtime=one.runtime,
            qualifier=qualified.qualifier,
            beside=qualified.beside,
            note=qualified.note,
            tags=tags.by_arn.get(one.arn, {}),
            schema=found.schema if (found := types.get(one.name)) is not None else None,
            # What API Gateway invokes is one of them: the others have no such types.
            operations=found.operations if found is not None and not qualified.beside else (),
            types_from=found.source if found is not None else "",
        )
        for one in called
        for qualified in chosen[one.name]
    ]


def _select(probe: _Probe, functions: Sequence[ListedFunction], tags: Tags) -> list[ListedFunction]:
    """Those of *functions* that are wanted for their tags."""
    filters = probe.address.filters
    unread = [one for one in functions if one.arn in tags.refused]
    if unread:
        why = tags.refused[unread[0].arn]
        whose = unread[0].name if len(unread) == 1 else f"{len(unread)} functions, such as {unread[0].name}"
        if filters.need_tags and len(unread) == len(functions):
            raise Stop(
                TryLater(f"`opt_in` and `tags` need the functions' tags, which cannot be read ({why})")
            )
        left_out = ", so they are left out" if filters.need_tags else ""
        pointer = f"/{unread[0].name}" if len(unread) == 1 else ""
        probe.warn("tags-unreadable", pointer, f"the tags of {whose} cannot be read ({why}){left_out}")
    return [
        one
        for one in functions
        if (filters.take_tagged(tags.by_arn[one.arn]) if one.arn in tags.by_arn else not filters.need_tags)
    ]


async def _aliases_of(
    probe: _Probe, client: Any, functions: Sequence[ListedFunction]
) -> dict[str, tuple[Alias, ...]]:
    """The aliases of each function."""
    kept = probe.place.aliases
    kept.forget_others({one.name for one in functions})

    async def ask(name: str) -> tuple[Alias, ...] | NoAliases:
        return await kept.get_or_ask(name, lambda: list_aliases(client, name))

    asked = await ask_each([one.name for one in functions], ask, slots=probe.slots, progress=probe.progress)
    found: dict[str, tuple[Alias, ...]] = {}
    for name, answer in asked.items():
        if not isinstance(answer, NoAliases):
            found[name] = answer
        elif probe.address.qualifiers.aliases:
            # Without its aliases nobody knows what to call: the last good functions are better than none.
            raise Stop(TryLater(f"the aliases of {name} cannot be read ({answer.reason})"))
        else:
            probe.warn("aliases-unreadable", f"/{name}", f"its aliases cannot be read ({answer.reason})")
    return found
