"""Runs the examples of the pages in docs/gateway/ with the real ``weft`` and the real Envoy.

A page is a list of examples. An example is one or more ``yaml`` blocks, and the ``console`` blocks after them up
to the next ``yaml`` block; a ``console`` block in front of the first ``yaml`` block runs with nothing but a port.

``yaml``
    A part of ``weft.yaml``, or, where its first line is a comment such as ``# routes.yaml``, a file of that
    name, which ``gateway.files`` then names by itself. Of ``weft.yaml`` a page shows what matters: the shop of
    ``examples/`` is added as ``upstreams``, and ``gateway.port`` 8080.

``console``
    Each line ``$ …`` is run by bash in the folder of these files, with the real ``curl`` and ``weft``; a line
    ``> …`` goes on with the one before. What follows is its output, both streams of it, and must be what comes.
    White space counts as one blank, ``…`` stands for any text, and a line ``…`` for any lines. With nothing after
    it, the command must succeed. Numbers of ports are those of the page, and are put for the real ones.

``weft up`` runs on the example's files before its commands, and is kept from one example to the next: it follows
its files, so that the next one is a change of a running gateway. Only what it does not follow (see
``NOT_FOLLOWED``) starts another. ``$ weft up`` stands for that start, and shows what it has printed. It is not
run where commands need no gateway (``weft gateway check``), nor where an example starts its own: a command that
ends in ``&`` runs beside the others until the example ends.

Beside the shop (8101 to 8104) some servers run, each for the port by which pages name it: see ``SERVERS``. Another
page's server is one more entry there. ``VARIABLES`` are what commands find in the environment, such as ``$TOKEN``;
``FILES`` what lies in the folder beside the page's own files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from examples.shop.services import PORTS as SHOP_PORTS
from tests.support.shop import RunningShop, free_ports

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted((ROOT / "docs" / "gateway").glob("*.md"))

GATEWAY_PORT: Final = 8080
OTHER_PORTS: Final = (9901, 18000)
"""Ports of the pages that Weft itself listens on: figures, and the control plane."""

NOT_FOLLOWED: Final = ("host", "port", "internal", "metrics_port", "concurrency", "drain", "control", "state")
"""Members of ``gateway`` that hold from the start; so does everything outside of it."""

START_TIMEOUT_S: Final = 60.0
COMMAND_TIMEOUT_S: Final = 60.0
_FILE: Final = re.compile(r"# ([\w./-]+\.(?:yaml|json|pem|txt))\s*$")
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_AWS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "eu-west-1"}


# -- pages


@dataclass(frozen=True)
class Command:
    """One line of a console, and the lines that follow it."""

    text: str
    expected: tuple[str, ...] = ()

    @property
    def is_up(self) -> bool:
        return self.text.split("#")[0].strip() == "weft up"

    @property
    def is_background(self) -> bool:
        return self.text.endswith("&")


@dataclass(frozen=True)
class Example:
    """What stands together in a page.

    Attributes:
        line: In the page, of its first block.
        settings: Of ``weft.yaml``, as far as they are shown.
        files: By name, the others.
    """

    page: str
    line: int
    settings: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def needs_gateway(self) -> bool:
        if any(command.is_up for command in self.commands):
            return True
        alone = ("weft gateway check", "weft gateway render", "weft discover", "cat ")
        own = any(command.is_background for command in self.commands)
        return not own and not all(command.text.startswith(alone) for command in self.commands)


def blocks(text: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and line of each fenced block."""
    for match in _BLOCK.finditer(text):
        yield match[1], match[2], text[: match.start()].count("\n") + 1


def examples(page: Path) -> list[Example]:
    """The examples of a page, in order."""
    found: list[dict[str, Any]] = []
    after_console = True
    for kind, text, line in blocks(page.read_text()):
        if kind == "yaml":
            if after_console:
                found.append({"line": line, "settings": "", "files": {}, "commands": []})
            name = _FILE.match(text.splitlines()[0])
            if name and name[1] != "weft.yaml":
                found[-1]["files"][name[1]] = text
            else:
                found[-1]["settings"] += text
        elif kind == "console":
            if not found:
                found.append({"line": line, "settings": "", "files": {}, "commands": []})
            found[-1]["commands"] += commands(text)
        after_console = kind == "console" if kind in {"yaml", "console"} else after_console
    return [Example(page.stem, **{**one, "commands": tuple(one["commands"])}) for one in found]


def commands(text: str) -> list[Command]:
    """The commands of a console, each with its output."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:].strip(), []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif line.strip():
            found[-1][1].append(" ".join(line.split()))
    return [Command(text, tuple(lines)) for text, lines in found]


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Whether *printed* is what a page says."""
    lines = [" ".join(line.split()) for line in printed.splitlines() if line.strip()]
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


# -- servers beside the shop


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1, without a log."""

    protocol_version = "HTTP/1.1"
    ports: ClassVar[Mapping[int, int]] = {}

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    @property
    def body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)


class EchoHandler(_Handler):
    """Answers what it was asked: method, path, the headers that a page may care for, body."""

    QUIET: ClassVar = {"host", "user-agent", "accept", "content-length", "content-type", "transfer-encoding"}
    ENVOYS: ClassVar = ("x-envoy-", "x-forwarded-", "x-request-id")

    def answer(self) -> None:
        text = self.body.decode()
        with contextlib.suppress(ValueError):
            text = json.loads(text)
        headers = {name.lower(): value for name, value in self.headers.items()}
        shown = {n: v for n, v in headers.items() if n not in self.QUIET and not n.startswith(self.ENVOYS)}
        said = {"method": self.command, "path": self.path, "headers": shown}
        if text:
            said["body"] = text
        body = json.dumps(said).encode() + b"\n"
        self.send(200, body, {"content-type": "application/json", "x-served-by": "echo"})


class SecondProducts(_Handler):
    """The products of the shop in their second version: names end in ``(v2)``, and a header says so."""

    def answer(self) -> None:
        url = f"http://127.0.0.1:{self.ports[SHOP_PORTS['products']]}{self.path}"
        asked = urllib.request.Request(
            url,
            self.body or None,
            {"content-type": self.headers.get("content-type", "application/json")},
            method=self.command,
        )
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        body = re.sub(rb'"name":"([^"]*)"', rb'"name":"\1 (v2)"', body)
        self.send(status, body, {"content-type": "application/json", "x-version": "v2"})


SERVERS: Final[dict[int, type[_Handler]]] = {8111: SecondProducts, 8120: EchoHandler}
"""By the port of the pages: what answers there."""

VARIABLES: Final[dict[str, Callable[[], str]]] = {}
"""By name: what commands find in the environment."""

# As a cluster has it, cut down to what pages need of it.
_CRDS: Final = """
apiVersion: v1
kind: List
items:
  - apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: httproutes.gateway.networking.k8s.io}
    spec:
      group: gateway.networking.k8s.io
      names: {kind: HTTPRoute}
      versions:
        - name: v1
          schema:
            openAPIV3Schema:
              type: object
              required: [spec]
              properties:
                apiVersion: {type: string}
                kind: {type: string}
                metadata: {type: object}
                spec:
                  type: object
                  properties:
                    rules:
                      type: array
                      items:
                        type: object
                        properties:
                          name: {type: string}
                          backendRefs:
                            type: array
                            items:
                              type: object
                              required: [name]
                              properties:
                                name: {type: string, maxLength: 253}
                                group: {type: string}
                                kind: {type: string}
                                port: {type: integer, format: int32, nullable: true}
                                filters: {type: object, additionalProperties: {type: string}}
"""

FILES: Final[dict[str, Callable[[], str]]] = {"crds.yaml": lambda: _CRDS}
"""By name: what lies in the folder before any example."""


@contextlib.contextmanager
def serving_beside(ports: Mapping[int, int]) -> Iterator[None]:
    """The servers of ``SERVERS``, until the block ends."""
    with contextlib.ExitStack() as stack:
        for port, handler in SERVERS.items():
            bound = type(handler.__name__, (handler,), {"ports": ports})
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", ports[port]), bound))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        yield


# -- running


@dataclass
class Process:
    """A command that runs beside others."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.reader.join(5)


class Terminal:
    """A folder, and what is run in it. Use it in ``with``."""

    def __init__(self, folder: Path, shop: RunningShop) -> None:
        self.folder = folder
        names = [GATEWAY_PORT, *OTHER_PORTS, *SERVERS]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.ports |= {SHOP_PORTS[name]: port for name, port in shop.ports.items() if name in SHOP_PORTS}
        self.up: Process | None = None
        self._fixed: Any = None
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Terminal:
        self._running.enter_context(serving_beside(self.ports))
        for name, make in FILES.items():
            self._write(name, make())
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._running.close()

    def run(self, example: Example) -> None:
        """Run an example; an assertion fails where a command prints something else."""
        settings = self._written(example)
        if example.needs_gateway:
            self._bring_to(settings)
        beside: list[Process] = []
        try:
            for command in example.commands:
                if command.is_up:
                    assert self.up is not None
                    self._compare(command, self.up.printed)
                elif command.is_background:
                    beside.append(self._begin(command))
                else:
                    self._compare(command, self._output(command))
        finally:
            for process in reversed(beside):
                process.stop()

    # -- files

    def _written(self, example: Example) -> dict[str, Any]:
        for name, text in example.files.items():
            self._write(name, self.real(text))
        settings: dict[str, Any] = yaml.safe_load(self.real(example.settings)) or {}
        if "upstreams" not in settings:
            settings = {**yaml.safe_load(self.real(_shop_settings())), **settings}
        gateway = settings.setdefault("gateway", {})
        gateway.setdefault("port", self.ports[GATEWAY_PORT])
        objects = [name for name, text in example.files.items() if "apiVersion:" in text]
        if objects:
            gateway.setdefault("files", objects)
        settings.setdefault("server", {"workers": 1})
        self._write("weft.yaml", yaml.safe_dump(settings, sort_keys=False))
        return settings

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    def real(self, text: str) -> str:
        """*text* with real ports in place of a page's."""
        return re.sub(r"\b\d{4,5}\b", lambda found: str(self.ports.get(int(found[0]), found[0])), text)

    def shown(self, text: str) -> str:
        """*text* with a page's ports in place of real ones."""
        back = {str(real): str(port) for port, real in self.ports.items()}
        return re.sub(r"\b\d{4,5}\b", lambda found: back.get(found[0], found[0]), text)

    # -- the gateway

    def _bring_to(self, settings: dict[str, Any]) -> None:
        """Start ``weft up`` on the files that lie there now, or wait until the one that runs has taken them."""
        gateway = settings["gateway"]
        fixed = [{**settings, "gateway": None}, {name: gateway.get(name) for name in NOT_FOLLOWED}]
        if self.up is None or fixed != self._fixed or self.up.process.poll() is not None:
            self._stop()
            self.up = self._start("weft up")
            self._until(lambda: "Ctrl-C to stop" in self._up_text(), "it does not say that it is ready")
            self._fixed = fixed
        self._until(self._is_taken, "the files are not in effect")

    def _up_text(self) -> str:
        assert self.up is not None
        assert self.up.process.poll() is None, self.up.printed
        return self.up.printed

    def _is_taken(self) -> bool:
        written = max(path.stat().st_mtime for path in self.folder.rglob("*.yaml"))
        status = json.loads((self.folder / ".weft/gateway/status.json").read_text())
        assert not (status["problem"] and status["read_at"] > written), status["problem"]
        here = [node for node in status["nodes"] if node["connected"]]
        taken = [node for node in here if node["version"] == status["version"]]
        return status["read_at"] > written and bool(here) and here == taken

    def _until(self, is_done: Callable[[], bool], problem: str) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        while not is_done():
            assert time.monotonic() < end, f"{problem}:\n{self.up.printed if self.up else ''}"
            time.sleep(0.02)

    def _stop(self) -> None:
        if self.up is not None:
            self.up.stop()
        self.up = None

    # -- commands

    @property
    def _environment(self) -> dict[str, str]:
        made = {name: make() for name, make in VARIABLES.items()}
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        own = {"PYTHONPATH": str(ROOT), "PATH": path, "HOME": str(self.folder), "NO_COLOR": "1"}
        return {**_AWS, **own, "COLUMNS": "200", **made}

    def _start(self, text: str) -> Process:
        process = subprocess.Popen(
            ["bash", "-c", f"{self._weft()}\n{text}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Process(process)

    def _begin(self, command: Command) -> Process:
        """Start a command that goes on, and wait until it says what the page says, or listens."""
        process = self._start(self.real(command.text.rstrip("& ")))
        end = time.monotonic() + START_TIMEOUT_S
        while not (
            matches(command.expected, self.shown(process.printed))
            if command.expected
            else _listens(self.ports[GATEWAY_PORT])
        ):
            assert process.process.poll() is None, process.printed
            assert time.monotonic() < end, self.shown(process.printed)
            time.sleep(0.02)
        return process

    def _output(self, command: Command) -> str:
        done = subprocess.run(
            ["bash", "-c", f"{self._weft()}\n{self.real(command.text)}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
        assert command.expected or done.returncode == 0, f"$ {command.text}\n{done.stdout}"
        return done.stdout

    def _compare(self, command: Command, printed: str) -> None:
        printed = self.shown(printed)
        if command.expected:
            assert matches(command.expected, printed), f"$ {command.text}\n{printed}"

    @staticmethod
    def _weft() -> str:
        """The command ``weft`` of this tree."""
        return f'weft() {{ "{sys.executable}" -m weft "$@"; }}'


def _shop_settings() -> str:
    return (ROOT / "examples/shop/weft.yaml").read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
