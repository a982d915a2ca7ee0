"""The upstreams: nginx, which answers HTTP and gRPC from files and counts what it is asked."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .grpc_upstream import write_messages
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
    server {{
        listen 127.0.0.1:{grpc_port} http2 backlog=4096;
        root {folder}/grpc;
        default_type application/grpc;
        http2_max_concurrent_streams 1000;
        error_page 405 =200 $uri;  # a file is not there for POST, says nginx
        location / {{ add_trailer grpc-status 0; }}
        location /grpc.reflection. {{ grpc_pass grpc://127.0.0.1:{reflection_port}; grpc_read_timeout 1h; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Both upstreams, running.

    Attributes:
        port: HTTP's.
        grpc_port: gRPC's.
        program: nginx, which answers both.
        access_log: Where it writes the requests that are to be checked.
    """

    port: int
    grpc_port: int
    program: Program
    access_log: Path

    @property
    def url(self) -> str:
        """HTTP's, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def grpc_address(self) -> str:
        """gRPC's host and port."""
        return f"127.0.0.1:{self.grpc_port}"

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
def upstreams(folder: Path) -> Iterator[Upstream]:
    """Answer what the workloads call until the block ends.

    Args:
        folder: For the files, the configuration and the logs; it is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    write_files(folder / "www")
    write_messages(folder / "grpc")
    ports = {name: free_port() for name in ("port", "grpc_port", "reflection_port")}
    (folder / "www" / "openapi.json").write_text(json.dumps(openapi(f"http://127.0.0.1:{ports['port']}")))
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, checked=CHECKED, **ports))
    # nginx's workers run as another user where it is started by root.
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    reflection = [sys.executable, "-m", "tests.benchmarks.grpc_upstream", str(ports["reflection_port"])]
    nginx = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(config)]
    with (
        running(reflection, log=folder / "reflection.log", ready=answers(ports["reflection_port"])),
        running(nginx, log=folder / "nginx.log", ready=answers(ports["port"])) as program,
    ):
        _asked.pop(ports["port"], None)
        yield Upstream(ports["port"], ports["grpc_port"], program, folder / "access.log")
