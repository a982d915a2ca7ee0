"""The HTTP upstream: nginx, which serves files and counts what it is asked."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .running import Program, answers, free_port, running
from .workload import openapi, write_files

CHECKED: Final = "Bearer checked-"
"""Requests whose Authorization starts so are written to the access log. The load's are not."""

_CONFIG: Final = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_authorization $checked {{ default 0; "~^{checked}" 1; }}
    log_format checked "$http_authorization $request_uri";
    access_log {folder}/access.log checked if=$checked;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/www;
        location = /users {{ try_files /users_all =404; }}
        location = /status {{ stub_status; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The running upstream."""

    port: int
    program: Program
    access_log: Path

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> int:
        """Requests answered so far, without those of this method."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=5) as response:
            total = int(response.read().split(b"\n")[2].split()[2])
        _asked[self.port] = _asked.get(self.port, 0) + 1
        return total - _asked[self.port]

    def checked(self, tokens: int, calls: int) -> dict[str, list[str]]:
        """The logged requests' paths by the token they carried, once there are *tokens* times *calls*.

        Nginx writes a line after it has answered. The log is emptied.
        """
        until = time.monotonic() + 2
        while True:
            lines = self.access_log.read_text().splitlines()
            if len(lines) >= tokens * calls or time.monotonic() > until:
                break
            time.sleep(0.01)
        with self.access_log.open("w"):
            pass
        found: dict[str, list[str]] = {}
        for line in lines:
            authorization, _, path = line.rpartition(" ")
            found.setdefault(authorization, []).append(path)
        return found


_asked: dict[int, int] = {}


@contextmanager
def http_upstream(folder: Path) -> Iterator[Upstream]:
    """Serve the workloads' files until the block ends.

    Args:
        folder: For the files, the configuration and the log; it is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    write_files(folder / "www")
    port = free_port()
    (folder / "www" / "openapi.json").write_text(json.dumps(openapi(f"http://127.0.0.1:{port}")))
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, checked=CHECKED))
    # nginx's workers run as another user where it is started by root.
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    args = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(config)]
    with running(args, log=folder / "nginx.log", ready=answers(port)) as program:
        _asked.pop(port, None)
        upstream = Upstream(port, program, folder / "access.log")
        yield upstream
