"""One round: every candidate that is due is probed, and the answers become a snapshot."""

from __future__ import annotations

import asyncio
import logging
import random as random_module
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

import msgspec

from ..schemas.catalog import Catalog, Snapshot, Upstream, UpstreamId, UpstreamState, UpstreamStatus
from ..schemas.errors import RegistryError
from ..schemas.names import upstream_name
from .detectors import Detected, Detection, Detector, NotThisKind, TryLater, Unchanged
from .identities import Claim, settle_ids
from .registries import Candidate, GrpcAddress, HttpAddress, LambdaAddress, Registry
from .state import CandidateMemory, DiscoverySettings, DiscoveryState, Listing, identity, public_address
from .timing import back_off_s, next_interval_s

logger = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[UpstreamStatus], None]

KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    HttpAddress: ("openapi", "grpc"),
    GrpcAddress: ("grpc",),
    LambdaAddress: ("lambda",),
}
"""Which detectors apply to which kind of address, by name, in the order in which they are tried."""

# A detector knows best why time ran out, so it may say so itself before it is cut off.
_GRACE_S: Final = 0.25
_INTERNAL: Final = "internal error; the log says more"


@dataclass(frozen=True, slots=True)
class _Round:
    """What everybody in one round needs."""

    detectors: Mapping[str, Detector]
    settings: DiscoverySettings
    slots: asyncio.Semaphore
    clock: Callable[[], float]
    random: Callable[[], float]
    on_progress: Progress | None


async def discover_once(
    registries: Sequence[Registry],
    detectors: Sequence[Detector],
    *,
    settings: DiscoverySettings | None = None,
    previous: DiscoveryState | None = None,
    on_progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
    random: Callable[[], float] = random_module.random,
) -> DiscoveryState:
    """Ask the registries, probe every candidate that is due, and make a snapshot.

    Args:
        registries: Of candidates with equal name and address the first one counts.
        detectors: At most one of each name.
        settings: Limits and intervals.
        previous: What the round before gave, or ``DiscoveryState.from_snapshot``.
        on_progress: Told how each probe ended, as it ends. The status has the id that the upstream had or
            wishes for; it may get another one when all have answered.
        clock: Seconds since the epoch.
        random: A number from 0 up to 1, for jitter.

    Returns:
        The new state. Nothing that a candidate, registry or detector does is raised: it is in the statuses,
        and in the log.
    """
    before = previous or DiscoveryState()
    round_ = _Round(
        detectors={detector.name: detector for detector in detectors},
        settings=settings or DiscoverySettings(),
        slots=asyncio.Semaphore((settings or DiscoverySettings()).concurrency),
        clock=clock,
        random=random,
        on_progress=on_progress,
    )
    listings = await _ask_registries(registries, before, round_)
    candidates = _distinct(candidate for listing in listings.values() for candidate in listing.candidates)
    async with asyncio.TaskGroup() as group:
        tasks = {
            key: group.create_task(_look(candidate, before.memory_of(candidate), round_))
            for key, candidate in candidates.items()
        }
    memories = {key: task.result() for key, task in tasks.items()}
    memories |= _unclaimed(before, listings, memories)
    memories = _settle(candidates, memories)
    # Upstreams of an earlier snapshot say it themselves.
    restored = any(memory.restored for memory in memories.values())
    silent = [] if restored else _statuses_of_silent(listings, round_.clock())
    return DiscoveryState(
        snapshot=await _snapshot_of(memories, before.snapshot, silent), memories=memories, listings=listings
    )


async def _ask_registries(
    registries: Sequence[Registry], before: DiscoveryState, round_: _Round
) -> dict[str, Listing]:
    async with asyncio.TaskGroup() as group:
        tasks = {
            registry.name: group.create_task(
                _ask(registry, before.listings.get(registry.name, Listing()), round_)
            )
            for registry in registries
        }
    return {name: task.result() for name, task in tasks.items()}


async def _ask(registry: Registry, last: Listing, round_: _Round) -> Listing:
    """What *registry* says, or what it said last if it is not due or cannot say."""
    settings = round_.settings
    if round_.clock() < last.next_look:
        return last
    try:
        async with asyncio.timeout(settings.timeout_s):
            candidates = tuple(await registry.candidates())
    except RegistryError as error:
        problem = str(error)
    except TimeoutError:
        problem = f"registry {registry.name}: no answer within {settings.timeout_s:g} s"
    except Exception:
        # A bug in one registry must not stop the others.
        logger.exception("registry raised", extra={"registry": registry.name})
        problem = f"registry {registry.name}: {_INTERNAL}"
    else:
        wait = next_interval_s(settings, random=round_.random)
        return Listing(candidates, next_look=round_.clock() + wait)
    failures = last.failures + 1
    logger.warning("registry failed", extra={"registry": registry.name, "problem": problem})
    wait = back_off_s(failures, settings, retry_after_s=None, random=round_.random)
    return replace(last, problem=problem, failures=failures, next_look=round_.clock() + wait)


def _distinct(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if found.setdefault(identity(candidate), candidate) is not candidate:
            logger.debug("candidate listed twice", extra={"candidate": identity(candidate)})
    return found


async def _look(candidate: Candidate, memory: CandidateMemory, round_: _Round) -> CandidateMemory:
    """What is known of *candidate* after this round."""
    if candidate.ignored:
        status = _status(candidate, memory, "ignored", candidate.ignored, round_.clock())
        if memory.status is None or memory.status.state != "ignored":
            _tell(status, memory.status, round_)
        else:
            status = memory.status
        # Its id is kept, so that it is called the same once it is wanted again.
        return CandidateMemory(id=memory.id, status=status, next_probe=float("inf"))
    if not _is_due(memory, round_.clock()):
        return memory
    async with round_.slots:
        detector, detection = await _detect(candidate, memory, round_)
    after = _after(candidate, memory, detector, detection, round_)
    assert after.status is not None
    _tell(after.status, memory.status, round_)
    return after


def _is_due(memory: CandidateMemory, now: float) -> bool:
    if memory.status is None or memory.restored or memory.status.state == "ignored":
        return True
    # A clock that was put back must not postpone everything.
    return now >= memory.next_probe or now < memory.status.checked_at


async def _detect(candidate: Candidate, memory: CandidateMemory, round_: _Round) -> tuple[str, Detection]:
    """The first answer that settles the matter, and the name of the detector that gave it."""
    names = [name for name in KINDS[type(candidate.address)] if name in round_.detectors]
    # What it spoke last is asked first.
    names.sort(key=lambda name: name != memory.detector)
    timeout_s = round_.settings.timeout_s
    deadline = asyncio.get_running_loop().time() + timeout_s
    refusals: list[str] = []
    for name in names:
        known = memory if name == memory.detector else CandidateMemory()
        try:
            async with asyncio.timeout_at(deadline + _GRACE_S):
                detection = await round_.detectors[name].detect(
                    candidate, memo=known.memo if known.upstream else None, deadline=deadline
                )
        except TimeoutError:
            return name, TryLater(f"no answer within {timeout_s:g} s")
        except Exception:
            # A bug in one detector must not stop the other candidates.
            logger.exception(
                "detector raised", extra={"candidate": public_address(candidate), "detector": name}
            )
            return name, TryLater(_INTERNAL)
        match detection:
            case NotThisKind(reason=reason):
                refusals.append(reason)
            case Unchanged() if known.upstream is None:
                logger.error("detector knows of no change to nothing", extra={"detector": name})
                return name, TryLater(_INTERNAL)
            case _:
                return name, detection
    return "", NotThisKind("; ".join(refusals) or "nothing here reads this kind of address")


def _after(
    candidate: Candidate, memory: CandidateMemory, detector: str, detection: Detection, round_: _Round
) -> CandidateMemory:
    now = round_.clock()
    upstream: Upstream | None
    match detection:
        case Detected(upstream=upstream, memo=memo):
            pass
        case Unchanged():
            upstream, memo = memory.upstream, memory.memo or {}
        case NotThisKind(reason=reason) | TryLater(reason=reason):
            return _after_failure(candidate, memory, detection, reason, round_)
        case _ as never:
            assert_never(never)
    assert upstream is not None
    known = replace(memory, detector=detector, upstream=upstream, memo=memo)
    reason = "" if upstream.functions else "it describes no function"
    return replace(
        known,
        status=_status(candidate, known, "ready", reason, now),
        failures=0,
        next_probe=now + next_interval_s(round_.settings, random=round_.random),
        restored=False,
    )


def _after_failure(
    candidate: Candidate,
    memory: CandidateMemory,
    detection: NotThisKind | TryLater,
    reason: str,
    round_: _Round,
) -> CandidateMemory:
    now = round_.clock()
    failures = memory.failures + 1
    state: UpstreamState = "failed" if memory.upstream is None else "stale"
    wait = back_off_s(
        failures,
        round_.settings,
        retry_after_s=detection.retry_after_s if isinstance(detection, TryLater) else None,
        random=round_.random,
    )
    return replace(
        memory,
        status=_status(candidate, memory, state, " ".join(reason.split()), now),
        failures=failures,
        next_probe=now + wait,
        restored=False,
    )


def _status(
    candidate: Candidate, memory: CandidateMemory, state: UpstreamState, reason: str, now: float
) -> UpstreamStatus:
    suggested = memory.upstream.id if memory.upstream else candidate.provisional_name
    return UpstreamStatus(
        upstream=UpstreamId(candidate.name or memory.id or suggested),
        state=state,
        kind=memory.detector if state != "ignored" else "",
        address=public_address(candidate),
        reason=reason,
        checked_at=now,
    )


def _tell(status: UpstreamStatus, last: UpstreamStatus | None, round_: _Round) -> None:
    extra = {"upstream": status.upstream, "state": status.state, "reason": status.reason}
    if last is not None and last.state == status.state:
        logger.debug("upstream probed", extra=extra)
    elif status.state in {"ready", "ignored"}:
        logger.info("upstream changed its state", extra=extra)
    else:
        logger.warning("upstream changed its state", extra=extra)
    if round_.on_progress is not None:
        round_.on_progress(status)


def _unclaimed(
    before: DiscoveryState, listings: Mapping[str, Listing], claimed: Mapping[str, CandidateMemory]
) -> dict[str, CandidateMemory]:
    """Upstreams of an earlier process's snapshot that may belong to a registry which has not spoken yet."""
    silent = [listing.problem for listing in listings.values() if listing.problem and not listing.candidates]
    if not silent:
        return {}
    ids = {memory.id for memory in claimed.values()}
    return {
        key: replace(memory, status=msgspec.structs.replace(memory.status, state="stale", reason=silent[0]))
        for key, memory in before.memories.items()
        if memory.restored and memory.id not in ids and memory.status is not None
    }


def _settle(
    candidates: Mapping[str, Candidate], memories: Mapping[str, CandidateMemory]
) -> dict[str, CandidateMemory]:
    """The memories with every upstream under the id that it is to have."""
    claims = [
        Claim(
            identity=key,
            configured=candidates[key].name if key in candidates else None,
            had=memory.id,
            wish=memory.upstream.id
            if memory.upstream
            else candidates[key].provisional_name
            if key in candidates
            else key,
            answered=memory.upstream is not None,
        )
        for key, memory in memories.items()
    ]
    ids = settle_ids(claims)
    return {key: _under(memory, ids[key]) for key, memory in memories.items()}


def _under(memory: CandidateMemory, name: UpstreamId) -> CandidateMemory:
    upstream, status = memory.upstream, memory.status
    if upstream is not None and upstream.id != name:
        upstream = upstream.renamed(name)
    if status is not None and status.upstream != name:
        status = msgspec.structs.replace(status, upstream=name)
    # A name made of an address is given up for a better one as soon as the upstream answers.
    kept = name if upstream is not None or memory.id is not None else None
    return replace(memory, id=kept, upstream=upstream, status=status)


def _statuses_of_silent(listings: Mapping[str, Listing], now: float) -> list[UpstreamStatus]:
    """A failed one for every registry that never said which candidates there are: nobody else would speak of it."""
    return [
        UpstreamStatus(
            upstream=UpstreamId(upstream_name(name)),
            state="failed",
            address=name,
            reason=" ".join(listing.problem.removeprefix(f"registry {name}: ").split()),
            checked_at=now,
        )
        for name, listing in sorted(listings.items())
        if listing.problem and not listing.candidates
    ]


async def _snapshot_of(
    memories: Mapping[str, CandidateMemory], before: Snapshot, silent: Sequence[UpstreamStatus]
) -> Snapshot:
    upstreams = sorted(
        (memory.upstream for memory in memories.values() if memory.upstream), key=lambda found: found.id
    )
    statuses = sorted(
        [*(memory.status for memory in memories.values() if memory.status), *silent],
        key=lambda found: found.upstream,
    )
    catalog = before.catalog
    if [id(upstream) for upstream in upstreams] != [id(upstream) for upstream in catalog.upstreams]:
        catalog = Catalog.of(*upstreams)
    # Encoding all of a large catalog takes tens of milliseconds; the hash stays with the catalog.
    await asyncio.to_thread(lambda: catalog.content_hash)
    return Snapshot(catalog=catalog, statuses=tuple(statuses))
