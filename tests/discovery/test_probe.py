"""One round of discovery."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.discovery_fakes import ChangingRegistry, Clock, ScriptedDetector, at, reads
from tests.support.document_server import described, document, serving, text
from weft.discovery import (
    Candidate,
    Detector,
    DiscoverySettings,
    DiscoveryState,
    GrpcAddress,
    LambdaAddress,
    NotThisKind,
    Registry,
    StaticRegistry,
    TryLater,
    Unchanged,
    discover_once,
)
from weft.discovery.detectors.openapi import OpenApiDetector
from weft.schemas.catalog import UpstreamStatus, decode_snapshot, encode_snapshot
from weft.schemas.errors import RegistryError


def states(state: DiscoveryState) -> dict[str, str]:
    return {status.upstream: status.state for status in state.snapshot.statuses}


def reasons(state: DiscoveryState) -> dict[str, str]:
    return {status.upstream: status.reason for status in state.snapshot.statuses}


def functions(state: DiscoveryState) -> list[str]:
    return list(state.snapshot.catalog.functions)


class Rounds:
    """Rounds over the same registries and detectors, each an hour after the one before."""

    def __init__(
        self,
        registry: Registry | Sequence[Candidate],
        *detectors: Detector,
        settings: DiscoverySettings | None = None,
        previous: DiscoveryState | None = None,
    ) -> None:
        self.registry = StaticRegistry(registry) if isinstance(registry, Sequence) else registry
        self.detectors = detectors
        self.settings = settings
        self.state = previous
        self.clock = Clock()
        self.progress: list[UpstreamStatus] = []

    async def run(self, *, after_s: float = 3600) -> DiscoveryState:
        self.clock.now += after_s
        self.state = await discover_once(
            [self.registry],
            self.detectors,
            settings=self.settings,
            previous=self.state,
            on_progress=self.progress.append,
            clock=self.clock,
            random=lambda: 0.5,
        )
        return self.state


# States


async def test_nothing_to_discover_is_an_empty_catalog() -> None:
    state = await Rounds([], OpenApiDetector()).run()
    assert (states(state), functions(state)) == ({}, [])


async def test_an_upstream_that_answers_is_ready() -> None:
    async with serving({"/openapi.json": described("Orders API")}) as server:
        state = await Rounds([at(server.url)], OpenApiDetector()).run()
    (status,) = state.snapshot.statuses
    assert (status.upstream, status.state, status.kind, status.address) == (
        "orders",
        "ready",
        "openapi",
        server.url,
    )
    assert functions(state) == ["orders.get_orders"]


async def test_one_broken_of_three_does_not_stop_the_others() -> None:
    loop = document("Loops", "/loops", components={"schemas": {"A": {"$ref": "#/components/schemas/A"}}})
    async with (
        serving({"/openapi.json": described("Orders API")}) as good,
        serving({"/openapi.json": text('{"openapi": "3.')}) as broken,
        serving({"/openapi.json": text(json.dumps(loop))}) as loops,
    ):
        candidates = [at(good.url), at(broken.url, "broken"), at(loops.url)]
        state = await Rounds(candidates, OpenApiDetector()).run()
    assert states(state) == {"broken": "failed", "loops": "ready", "orders": "ready"}
    assert "broken JSON" in reasons(state)["broken"]


async def test_what_fails_becomes_stale_keeps_its_functions_and_becomes_ready_again() -> None:
    async with serving({"/openapi.json": described("Orders API")}) as server:
        rounds = Rounds([at(server.url)], OpenApiDetector())
        before = functions(await rounds.run())
        server.answers["/openapi.json"] = text("", status=500)
        stale = await rounds.run()
        assert (states(stale), functions(stale)) == ({"orders": "stale"}, before)
        assert reasons(stale)["orders"] == "answers 500"
        server.answers["/openapi.json"] = described("Orders API")
        assert states(await rounds.run()) == {"orders": "ready"}


async def test_an_upstream_that_never_answered_is_failed_under_a_name_of_its_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (status,) = (await Rounds([at(url)], OpenApiDetector()).run()).snapshot.statuses
    assert (status.state, status.reason, status.address) == ("failed", "connection refused", url)
    assert status.upstream.startswith("u_127_0_0_1_")


async def test_an_ignored_upstream_is_never_asked() -> None:
    detector = ScriptedDetector({})
    state = await Rounds([at("http://a", "a", ignored="label")], detector).run()
    assert (states(state), reasons(state), detector.asked) == ({"a": "ignored"}, {"a": "label"}, [])


async def test_an_upstream_that_is_ignored_from_now_on_loses_its_functions() -> None:
    registry = ChangingRegistry([at("http://a")])
    rounds = Rounds(registry, ScriptedDetector({"http://a": reads("a")}))
    await rounds.run()
    registry.listed = [at("http://a", ignored="label")]
    state = await rounds.run()
    assert (states(state), functions(state)) == ({"a": "ignored"}, [])
    registry.listed = [at("http://a")]
    assert states(await rounds.run()) == {"a": "ready"}


async def test_a_candidate_that_is_gone_leaves_the_catalog() -> None:
    registry = ChangingRegistry([at("http://a")])
    rounds = Rounds(registry, ScriptedDetector({"http://a": reads("a")}))
    await rounds.run()
    registry.listed = []
    state = await rounds.run()
    assert (states(state), functions(state)) == ({}, [])


async def test_a_detector_that_raises_is_an_internal_error_of_that_upstream_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = {"http://a": RuntimeError("bug"), "http://b": reads("b")}
    state = await Rounds([at("http://a", "a"), at("http://b")], ScriptedDetector(script)).run()
    assert states(state) == {"a": "failed", "b": "ready"}
    assert reasons(state)["a"].startswith("internal error")
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "detector raised"
    ]


async def test_a_detector_that_ignores_its_deadline_is_cut_off() -> None:
    async def hang(memo: object) -> None:
        await asyncio.sleep(30)

    begun = time.perf_counter()
    settings = DiscoverySettings(timeout_s=0.05)
    state = await Rounds([at("http://a", "a")], ScriptedDetector({"http://a": hang}), settings=settings).run()
    assert reasons(state) == {"a": "no answer within 0.05 s"}
    assert time.perf_counter() - begun < 2


async def test_a_hanging_upstream_is_cut_off_by_the_real_detector() -> None:
    async def hang(request: object) -> Any:
        await asyncio.sleep(30)

    async with serving({"*": hang}) as server:
        settings = DiscoverySettings(timeout_s=0.1)
        state = await Rounds([at(server.url, "a")], OpenApiDetector(), settings=settings).run()
    assert reasons(state) == {"a": "no answer within the time limit"}


async def test_no_more_than_the_allowed_number_is_probed_at_once() -> None:
    under_way, most = 0, 0

    async def counted(memo: object) -> TryLater:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return TryLater("")

    urls = [f"http://a{number}" for number in range(20)]
    detector = ScriptedDetector(dict.fromkeys(urls, counted))
    await Rounds([at(url) for url in urls], detector, settings=DiscoverySettings(concurrency=3)).run()
    assert most == 3


async def test_an_upstream_without_functions_is_ready_and_says_so() -> None:
    async with serving({"/openapi.json": text(json.dumps(document() | {"paths": {}}))}) as server:
        state = await Rounds([at(server.url)], OpenApiDetector()).run()
    assert reasons(state) == {"orders": "it describes no function"}


async def test_progress_is_told_for_each_probe() -> None:
    rounds = Rounds(
        [at("http://a"), at("http://b", "b")],
        ScriptedDetector({"http://a": reads("a"), "http://b": TryLater("")}),
    )
    await rounds.run()
    assert sorted((s.upstream, s.state) for s in rounds.progress) == [("a", "ready"), ("b", "failed")]


async def test_credentials_in_an_address_do_not_reach_the_snapshot() -> None:
    state = await Rounds(
        [at("http://user:secret@a")], ScriptedDetector({"http://user:secret@a": TryLater("")})
    ).run()
    assert b"secret" not in encode_snapshot(state.snapshot)


# Which detectors are asked


@pytest.mark.parametrize(
    ("candidate", "asked"),
    [
        (at("http://a"), ["openapi", "grpc"]),
        (Candidate(GrpcAddress("a:1")), ["grpc"]),
        (Candidate(LambdaAddress("eu-west-1")), ["lambda"]),
    ],
)
async def test_detectors_are_tried_in_order_where_they_apply(candidate: Candidate, asked: list[str]) -> None:
    script = {candidate.key: NotThisKind("no")}
    detectors = [ScriptedDetector(script, name) for name in ("lambda", "grpc", "openapi")]
    state = await Rounds([candidate], *detectors).run()
    assert sorted(asked) == sorted(detector.name for detector in detectors if detector.asked)
    assert list(reasons(state).values()) == ["; ".join("no" for _ in asked)]


async def test_to_be_tried_later_ends_the_search() -> None:
    grpc = ScriptedDetector({}, "grpc")
    await Rounds([at("http://a")], ScriptedDetector({"http://a": TryLater("")}), grpc).run()
    assert grpc.asked == []


async def test_what_it_spoke_last_is_asked_first_with_its_own_memo() -> None:
    memos: list[object] = []

    async def answer(memo: object) -> Any:
        memos.append(memo)
        return Unchanged() if memo else reads("a")

    openapi = ScriptedDetector({"http://a": NotThisKind("")})
    rounds = Rounds([at("http://a")], openapi, ScriptedDetector({"http://a": answer}, "grpc"))
    await rounds.run()
    state = await rounds.run()
    assert (states(state), len(openapi.asked)) == ({"a": "ready"}, 1)
    assert memos == [None, {"of": "a"}]


async def test_an_unchanged_round_keeps_the_catalog_object() -> None:
    async def answer(memo: object) -> Any:
        return Unchanged() if memo else reads("a")

    rounds = Rounds([at("http://a")], ScriptedDetector({"http://a": answer}))
    first = await rounds.run()
    assert (await rounds.run()).snapshot.catalog is first.snapshot.catalog


# When they are asked again


async def test_a_candidate_that_is_not_due_is_left_alone() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    rounds = Rounds([at("http://a")], detector, settings=DiscoverySettings(interval_s=30))
    await rounds.run()
    state = await rounds.run(after_s=29)
    assert (len(detector.asked), states(state)) == (1, {"a": "ready"})
    await rounds.run(after_s=1.1)
    assert len(detector.asked) == 2


async def test_retry_after_is_honoured() -> None:
    detector = ScriptedDetector({"http://a": TryLater("busy", retry_after_s=600)})
    rounds = Rounds([at("http://a")], detector)
    await rounds.run()
    await rounds.run(after_s=599)
    assert len(detector.asked) == 1
    await rounds.run(after_s=2)
    assert len(detector.asked) == 2


async def test_a_clock_that_is_put_back_does_not_postpone_probes() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    rounds = Rounds([at("http://a")], detector)
    await rounds.run()
    await rounds.run(after_s=-100_000)
    assert len(detector.asked) == 2


# Ids


async def test_equal_names_get_numbers_in_the_order_of_the_addresses() -> None:
    script = {"http://b": reads("orders"), "http://a": reads("orders")}
    state = await Rounds([at("http://b"), at("http://a")], ScriptedDetector(script)).run()
    assert {s.address: s.upstream for s in state.snapshot.statuses} == {
        "http://a": "orders",
        "http://b": "orders2",
    }
    assert functions(state) == ["orders.get", "orders2.get"]


async def test_a_configured_name_wins() -> None:
    script = {"http://a": reads("orders"), "http://b": reads("x")}
    state = await Rounds([at("http://a"), at("http://b", "orders")], ScriptedDetector(script)).run()
    assert {s.address: s.upstream for s in state.snapshot.statuses} == {
        "http://a": "orders2",
        "http://b": "orders",
    }


async def test_an_upstream_keeps_its_id_when_another_one_comes() -> None:
    registry = ChangingRegistry([at("http://b")])
    rounds = Rounds(registry, ScriptedDetector({"http://a": reads("orders"), "http://b": reads("orders")}))
    await rounds.run()
    registry.listed = [at("http://a"), at("http://b")]
    state = await rounds.run()
    assert {s.address: s.upstream for s in state.snapshot.statuses} == {
        "http://a": "orders2",
        "http://b": "orders",
    }


async def test_an_upstream_keeps_its_id_when_its_title_changes() -> None:
    detector = ScriptedDetector({"http://a": reads("orders")})
    rounds = Rounds([at("http://a")], detector)
    await rounds.run()
    detector.script["http://a"] = reads("sales", "more")
    assert functions(await rounds.run()) == ["orders.more"]


async def test_a_name_made_of_an_address_is_given_up_for_the_title() -> None:
    detector = ScriptedDetector({"http://a": TryLater("")})
    rounds = Rounds([at("http://a")], detector)
    assert states(await rounds.run()) == {"a": "failed"}
    detector.script["http://a"] = reads("orders")
    assert states(await rounds.run()) == {"orders": "ready"}


async def test_one_place_with_two_names_is_two_upstreams() -> None:
    state = await Rounds(
        [at("http://a", "x"), at("http://a", "y")], ScriptedDetector({"http://a": reads("a")})
    ).run()
    assert functions(state) == ["x.get", "y.get"]


async def test_a_candidate_that_is_listed_twice_counts_once() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    state = await Rounds([at("http://a"), at("http://a")], detector).run()
    assert (states(state), len(detector.asked)) == ({"a": "ready"}, 1)


# After a restart


def restarted(state: DiscoveryState) -> DiscoveryState:
    return DiscoveryState.from_snapshot(decode_snapshot(encode_snapshot(state.snapshot)))


async def test_after_a_restart_what_is_down_is_stale_and_keeps_its_id() -> None:
    candidates = [at("http://a"), at("http://b")]
    detector = ScriptedDetector({"http://a": reads("orders"), "http://b": reads("orders")})
    before = await Rounds(candidates, detector).run()
    detector.script = {"http://a": TryLater("down"), "http://b": TryLater("down")}
    after = await Rounds(candidates, detector, previous=restarted(before)).run()
    assert states(after) == {"orders": "stale", "orders2": "stale"}
    assert after.snapshot.catalog == before.snapshot.catalog


async def test_after_a_restart_two_names_in_one_place_are_told_apart() -> None:
    candidates = [at("http://a", "x"), at("http://a", "y")]
    detector = ScriptedDetector({"http://a": reads("a")})
    before = await Rounds(candidates, detector).run()
    detector.script = {"http://a": TryLater("down")}
    after = await Rounds(candidates, detector, previous=restarted(before)).run()
    assert functions(after) == ["x.get", "y.get"]


async def test_after_a_restart_everything_is_asked_at_once() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    before = await Rounds([at("http://a")], detector).run()
    await Rounds([at("http://a")], detector, previous=restarted(before)).run(after_s=0)
    assert len(detector.asked) == 2


async def test_an_upstream_that_no_registry_names_after_a_restart_is_gone() -> None:
    before = await Rounds([at("http://a")], ScriptedDetector({"http://a": reads("a")})).run()
    after = await Rounds([], ScriptedDetector({}), previous=restarted(before)).run()
    assert states(after) == {}


# Registries


async def test_a_registry_that_fails_keeps_what_it_said_last() -> None:
    registry = ChangingRegistry([at("http://a")])
    rounds = Rounds(registry, ScriptedDetector({"http://a": reads("a")}))
    await rounds.run()
    registry.error = RegistryError("changing", "down")
    assert states(await rounds.run()) == {"a": "ready"}


@pytest.mark.parametrize("error", [RegistryError("changing", "down"), RuntimeError("bug")])
async def test_a_registry_that_fails_from_the_start_does_not_raise(error: Exception) -> None:
    state = await Rounds(ChangingRegistry(error=error), ScriptedDetector({})).run()
    assert state.listings["changing"].problem.startswith("registry changing: ")
    # Nobody else would tell of it.
    assert states(state) == {"changing": "failed"}
    assert not reasons(state)["changing"].startswith("registry")


async def test_after_a_restart_a_silent_registry_leaves_the_snapshot_stale() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    before = await Rounds([at("http://a")], detector).run()
    registry = ChangingRegistry([at("http://a")], error=RegistryError("changing", "down"))
    rounds = Rounds(registry, detector, previous=restarted(before))
    after = await rounds.run()
    assert (states(after), functions(after)) == ({"a": "stale"}, ["a.get"])
    assert reasons(after) == {"a": "registry changing: down"}
    registry.error = None
    assert states(await rounds.run()) == {"a": "ready"}
