"""``weft up`` as it runs: upstreams come and go beside one that is always served."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.program import answers, ask, assert_stops_whole, running_weft, until, weft
from tests.support.document_server import document
from tests.support.shop import free_ports
from weft.discovery import load_snapshot

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def upstream(port: int, title: str, path: str) -> Iterator[list[str]]:
    """A described server that answers *path* with its title; gives the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = {"/openapi.json": document(title, path), path: title}.get(self.path)
            body = json.dumps(found).encode()
            self.send_response(200 if found else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield asked
        finally:
            server.shutdown()
            serving.join()


@contextlib.contextmanager
def asking_all_the_time(url: str, query: str) -> Iterator[list[object]]:
    """Asks until the block ends; the list holds every answer."""
    got: list[object] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.005):
            try:
                got.append(ask(url, query))
            except OSError as error:
                got.append(error)

    asking = threading.Thread(target=go_on)
    asking.start()
    try:
        yield got
    finally:
        over.set()
        asking.join()


def state_of(folder: Path, port: int) -> str:
    statuses = load_snapshot(folder / ".weft" / "snapshot.json").statuses
    return next(status.state for status in statuses if str(port) in status.address)


def test_upstreams_come_and_go_and_no_request_to_the_others_fails(tmp_path: Path) -> None:
    news, pets = free_ports(2)
    (tmp_path / "weft.yaml").write_text(
        f"upstreams: ['http://127.0.0.1:{news}', 'http://127.0.0.1:{pets}']\n"
        "server: {port: 0, workers: 2}\n"
        "discovery: {interval: 200ms, timeout: 2s}\n"
    )
    with upstream(news, "News", "/news"), running_weft(tmp_path, "up") as up:
        url = up.url
        until(lambda: answers(url))
        with asking_all_the_time(url, "{ news }") as got:
            assert state_of(tmp_path, pets) == "failed"
            with upstream(pets, "Pets", "/pets"):
                # Each worker looks at the snapshot in its own time.
                until(lambda: all(ask(url, "{ pets }") == {"data": {"pets": "Pets"}} for _ in range(20)))
            until(lambda: state_of(tmp_path, pets) == "stale")
            answer = ask(url, "{ news pets }")
        assert answer["data"] == {"news": "News", "pets": None}
        assert [error["extensions"]["upstream"] for error in answer["errors"]] == ["pets"]
        assert got
        assert [one for one in got if one != {"data": {"news": "News"}}] == []
        assert_stops_whole(up)


def test_each_upstream_is_asked_once_at_the_start(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "weft.yaml").write_text(f"upstreams: ['http://127.0.0.1:{port}']\nserver: {{port: 0}}\n")
    with upstream(port, "News", "/news") as asked, running_weft(tmp_path, "up") as up:
        url = up.url
        until(lambda: answers(url))
        assert ask(url, "{ news }") == {"data": {"news": "News"}}
        assert asked.count("/openapi.json") == 1
        assert up.line_with("http://127.0.0.1").split("\t")[1] == "ready"
        assert_stops_whole(up)


def test_first_snapshot_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "weft.yaml").write_text(
        "upstreams: ['http://127.0.0.1:1']\nserver: {port: 0}\ndiscovery: {snapshot: file/snapshot.json}\n"
    )
    done = weft(tmp_path, "up")
    assert done.returncode == 1
    assert "file/snapshot.json cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
