from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .install import need_programs
from .load import LoadFailed, Mode, Sample, run_load
from .running import NotRunning, running
from .workload import Workload

GREET = Workload("greet", "{greet}", {"data": {"greet": "a"}}, 1)

pytestmark = pytest.mark.slow


@contextmanager
def recording(status: int = 200) -> Iterator[tuple[str, list[tuple[str | None, Any]]]]:
    """The URL of a server that keeps each request's Authorization and body."""
    seen: list[tuple[str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.headers["authorization"], json.loads(body)))
            self.send_response(status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/graphql", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def load(url: str, workload: Workload, mode: Mode) -> Sample | None:
    need_programs("wrk")
    return run_load(
        url, workload, mode, connections=4, seconds=1, groups={}, count_calls=lambda: 0, least_operations=0
    )


def test_each_request_carries_an_authorization_of_its_own() -> None:
    with recording() as (url, seen):
        sample = load(url, GREET, "differs")
    tokens = [token or "" for token, _ in seen]
    assert sample is not None
    assert 0 < sample.operations <= len(tokens) == len(set(tokens))
    assert all(re.fullmatch(r"Bearer load-0-\d{9}", token) for token in tokens)
    assert {body["query"] for _, body in seen} == {"{greet}"}


def test_the_same_request_carries_none() -> None:
    with recording() as (url, seen):
        load(url, GREET, "same")
    assert {(token, body["query"]) for token, body in seen} == {(None, "{greet}")}


def test_documents_differ_where_the_workload_has_a_place_for_a_number() -> None:
    with recording() as (url, seen):
        load(url, Workload("documents", "{user(id:@@){name}}", None, 1), "differs")
    documents = [body["query"] for _, body in seen]
    assert len(documents) == len(set(documents)) > 0
    assert all(re.fullmatch(r"\{user\(id:\d{9}\)\{name\}\}", text) for text in documents)


def test_errors_are_a_failure_and_no_sample() -> None:
    with recording(status=503) as (url, _), pytest.raises(LoadFailed, match=r"errors by kind: .'status': "):
        load(url, GREET, "same")


def test_what_a_program_printed_is_told_when_it_does_not_get_ready(tmp_path: Path) -> None:
    args = ["sh", "-c", "echo no luck; exit 1"]
    with (
        pytest.raises(NotRunning, match="no luck"),
        running(args, log=tmp_path / "log", ready=lambda: False),
    ):
        pass


def test_a_program_is_gone_with_all_of_its_children_when_the_block_ends(tmp_path: Path) -> None:
    # The child does not hear the signal that ends its parent.
    args = ["sh", "-c", "(trap '' TERM; exec sleep 60) & exec sleep 60"]
    with running(args, log=tmp_path / "log", ready=lambda: True) as program:
        assert program.cpu_s() >= 0
        assert sum(program.rss_bytes().values()) > 0
    assert program.pids() == []
