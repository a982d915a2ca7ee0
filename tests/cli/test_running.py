"""Commands that go on until they are stopped."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Discovered
from tests.cli.program import answers, ask, assert_stops_whole, running_weft, until, weft
from tests.support.shop import QUERY

pytestmark = pytest.mark.slow


def settings(folder: Path, discovered: Discovered, server: str = "{port: 0}", **sections: str) -> None:
    """The shop's configuration in *folder*, with other sections, and its snapshot."""
    shutil.copytree(discovered.folder, folder, dirs_exist_ok=True)
    config = folder / "weft.yaml"
    upstreams = config.read_text().partition("server:")[0]
    config.write_text(
        "\n".join([upstreams, f"server: {server}", *(f"{k}: {v}" for k, v in sections.items())])
    )


def test_two_workers_serve_the_snapshot_on_a_free_port(discovered: Discovered, tmp_path: Path) -> None:
    settings(tmp_path, discovered, "{port: 0, workers: 2}")
    with running_weft(tmp_path, "serve") as serving:
        until(lambda: answers(serving.url))
        assert len(ask(serving.url, QUERY)["data"]["orders"]) == 50
        assert "2 worker(s)" in serving.line_with("GraphQL at")
        assert_stops_whole(serving, signal.SIGINT)


def test_killed_parent_takes_workers_and_discovery_with_it(discovered: Discovered, tmp_path: Path) -> None:
    settings(tmp_path, discovered)
    with running_weft(tmp_path, "up") as serving:
        until(lambda: answers(serving.url))
        assert len(serving.group) >= 3
        assert serving.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not serving.group, timeout_s=5)


def test_serve_waits_for_a_snapshot(discovered: Discovered, tmp_path: Path) -> None:
    settings(tmp_path, discovered)
    (tmp_path / ".weft" / "snapshot.json").rename(tmp_path / "later.json")
    with running_weft(tmp_path, "serve", "--wait") as serving:
        url = serving.url
        until(lambda: answers(url, "/healthz"))
        assert not answers(url)
        (tmp_path / "later.json").rename(tmp_path / ".weft" / "snapshot.json")
        until(lambda: answers(url))
        assert_stops_whole(serving)


def test_interrupted_watch_exits_with_130(discovered: Discovered, tmp_path: Path) -> None:
    settings(tmp_path, discovered)
    with running_weft(tmp_path, "discover", "--watch") as watching:
        watching.line_with("watching")
        assert watching.stop(signal.SIGINT) == 130
    assert not any("Traceback" in line for line in watching.lines)


def test_discover_exits_with_1_only_if_nothing_is_ready(discovered: Discovered, tmp_path: Path) -> None:
    settings(tmp_path, discovered)
    config = tmp_path / "weft.yaml"
    config.write_text(config.read_text().replace("upstreams:", "upstreams:\n  - http://127.0.0.1:1"))
    assert weft(tmp_path, "discover").returncode == 0
    assert weft(tmp_path, "discover", "--strict").returncode == 1
    config.write_text("upstreams: [http://127.0.0.1:1]")
    done = weft(tmp_path, "discover")
    assert done.returncode == 1
    assert "failed" in done.stdout
