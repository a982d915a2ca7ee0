"""``weft serve`` over a large snapshot: how it starts, and what its workers survive."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import RunningWeft, answers, ask, assert_stops_whole, running_weft, until
from tests.support.large_catalog import large_catalog
from weft.discovery import save_snapshot
from weft.schemas.catalog import Catalog, Snapshot, UpstreamStatus

pytestmark = pytest.mark.slow


def write(folder: Path, catalog: Catalog, server: str) -> None:
    """A configuration, and a snapshot of *catalog* for it."""
    places = {upstream.id: upstream.target.base_url for upstream in catalog.upstreams}  # type: ignore[union-attr]
    statuses = tuple(UpstreamStatus(upstream=id_, state="ready", address=url) for id_, url in places.items())
    save_snapshot(folder / ".weft" / "snapshot.json", Snapshot(catalog=catalog, statuses=statuses))
    upstreams = "".join(f"  - {{name: {id_}, url: '{url}'}}\n" for id_, url in places.items())
    (folder / "weft.yaml").write_text(f"upstreams:\n{upstreams}server: {server}\n")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[RunningWeft]:
    """Two workers over a snapshot of 20 functions."""
    write(tmp_path, large_catalog(20, upstreams=2), "{port: 0, workers: 2}")
    with running_weft(tmp_path, "serve", WEFT_LOG="error") as running:
        until(lambda: answers(running.url))
        yield running


def test_start_with_a_thousand_functions_takes_little(tmp_path: Path) -> None:
    """Seconds of the processor, for the clock depends on what else the machine does: see bench_startup."""
    write(tmp_path, large_catalog(), "{port: 0, workers: 2}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running_weft(tmp_path, "serve") as running:
        until(lambda: answers(running.url))
        assert _has(running.url, "accountBatch")
        assert_stops_whole(running)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3.0


def test_worker_that_is_stopped_as_it_starts_stops(tmp_path: Path) -> None:
    """granian and uvloop each have a moment in which a signal would be lost."""
    write(tmp_path, large_catalog(20, upstreams=2), "{port: 0, workers: 2}")
    for _ in range(3):
        with running_weft(tmp_path, "serve") as running:
            url = running.url
            while not answers(url):
                pass
            assert_stops_whole(running)


def test_worker_that_dies_is_replaced(serving: RunningWeft) -> None:
    before = set(serving.group)
    workers = before - {serving.process.pid}
    assert len(workers) == 2
    os.kill(min(workers), signal.SIGKILL)
    until(lambda: len(set(serving.group) - before) == 1)
    until(lambda: answers(serving.url))
    for _ in range(20):
        assert ask(serving.url, "{ __typename }") == {"data": {"__typename": "Query"}}
    assert_stops_whole(serving)


def test_bad_snapshot_leaves_the_workers_as_they_are(serving: RunningWeft, tmp_path: Path) -> None:
    workers = set(serving.group)
    (tmp_path / "bad").write_bytes(b"{")
    (tmp_path / "bad").replace(tmp_path / ".weft" / "snapshot.json")
    until(lambda: sum("snapshot not usable" in line for line in serving.lines) == 2)
    assert set(serving.group) == workers
    assert ask(serving.url, "{ __typename }") == {"data": {"__typename": "Query"}}
    save_snapshot(tmp_path / ".weft" / "snapshot.json", Snapshot(catalog=large_catalog(30, upstreams=3)))
    until(lambda: all(_has(serving.url, "auditBatch") for _ in range(10)))
    assert_stops_whole(serving)


def test_bad_snapshot_at_the_start_waits_for_a_better_one(tmp_path: Path) -> None:
    write(tmp_path, large_catalog(20, upstreams=2), "{port: 0, workers: 2}")
    good = (tmp_path / ".weft" / "snapshot.json").read_bytes()
    (tmp_path / ".weft" / "snapshot.json").write_bytes(good[:1000])
    with running_weft(tmp_path, "serve", WEFT_LOG="error") as running:
        until(lambda: answers(running.url, "/healthz"))
        assert not answers(running.url)
        (tmp_path / "good").write_bytes(good)
        (tmp_path / "good").replace(tmp_path / ".weft" / "snapshot.json")
        until(lambda: answers(running.url))
        assert_stops_whole(running)


def _has(url: str, field: str) -> bool:
    found = ask(url, "{ __schema { queryType { fields { name } } } }")
    return any(one["name"] == field for one in found["data"]["__schema"]["queryType"]["fields"])
