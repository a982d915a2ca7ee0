"""What the gateway costs: a function and a query, directly and through Envoy, in turns.

Run by ``make bench ARGS=--gateway``; docs/performance.md says what is measured.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import jwt

from .install import need_programs
from .load import LoadFailed
from .report import Circumstances, circumstances
from .running import ROOT, NotRunning, Program, free_port, running
from .upstream import upstreams
from .workload import GREETING, workloads

LOAD: Final = Path(__file__).with_name("gateway.lua")
PROGRAM: Final = "from weft.cli import main; main()"
SECRET: Final = "a secret that is long enough for HS256"
BUSY: Final = 32
"""Connections of the runs that tell requests a second; latencies are told by runs with one."""

LIMITS: Final = [{"requests": 10_000_000, "per": "second"}]
JWT: Final = {"issuer": "https://id.example", "jwks": "jwks.json"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run Weft.

    Attributes:
        name: Of the processes.
        gateway: The section ``gateway``; ``None``: ``weft serve`` alone.
    """

    name: str
    gateway: Mapping[str, Any] | None


SETTINGS: Final = (
    Setting("engine", None),
    Setting("direct", {"internal": False}),
    Setting("internal", {"internal": True}),
    Setting("limits", {"internal": True, "limits": LIMITS}),
    Setting("jwt", {"internal": True, "jwt": JWT}),
    Setting("both", {"internal": True, "limits": LIMITS, "jwt": JWT}),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a table.

    Attributes:
        name: For the row.
        setting: Whose processes answer; ``""``: the upstream itself.
        kind: ``function`` or ``graphql``.
    """

    name: str
    setting: str
    kind: str

    @property
    def base(self) -> str:
        """The name of the row that it is compared with."""
        return next(one.name for one in CASES if one.kind == self.kind)


CASES: Final = (
    Case("upstream alone", "", "function"),
    Case("function through Envoy", "direct", "function"),
    Case("… with a local limit", "limits", "function"),
    Case("… with a JWT", "jwt", "function"),
    Case("… with both", "both", "function"),
    Case("engine alone", "engine", "graphql"),
    Case("GraphQL through Envoy, direct calls", "direct", "graphql"),
    Case("GraphQL through Envoy, calls through it too", "internal", "graphql"),
    Case("… with a local limit ", "limits", "graphql"),
    Case("… with a JWT ", "jwt", "graphql"),
    Case("… with both ", "both", "graphql"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load of a case goes."""

    url: str
    method: str
    body: str
    token: str
    program: Program | None
    answer: Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of one case.

    Attributes:
        p50_ms: Of requests one after the other.
        p99_ms: Likewise.
        per_s: Requests a second over many connections.
        envoy_us: CPU of one request in Envoy, over many connections.
        engine_us: CPU of one request in the other processes of Weft.
    """

    p50_ms: float
    p99_ms: float
    per_s: float
    envoy_us: float
    engine_us: float

    @property
    def per_core(self) -> float:
        """Requests a second that one core of Envoy's and the engine's could answer."""
        used = self.envoy_us + self.engine_us
        return 1e6 / used if used else 0.0


@dataclass(slots=True)
class Results:
    """What was measured: a sample for each round, by case."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def median(self, name: str, value: Callable[[Sample], float]) -> float:
        """Over the rounds."""
        return statistics.median(value(one) for one in self.samples[name])

    def against(self, case: Case, value: Callable[[Sample, Sample], float]) -> float:
        """The median of what *value* makes of a sample and the base's of the same round."""
        pairs = zip(self.samples[case.name], self.samples[case.base], strict=True)
        return statistics.median(value(mine, base) for mine, base in pairs)


def report(results: Results, found: Circumstances) -> str:
    """Both tables, in Markdown."""
    head = "| | p50 ms | p99 ms | p50 added | p99 added | CPU µs: Envoy | engine | a second per core | of alone |"
    lines = []
    for kind in ("function", "graphql"):
        lines += ["", head, "| --- |" + " ---: |" * 8]
        for case in (one for one in CASES if one.kind == kind and one.name in results.samples):
            is_base = case.name == case.base
            per_core = results.median(case.name, lambda one: one.per_core)
            cells = [
                case.name.strip(),
                f"{results.median(case.name, lambda one: one.p50_ms):.2f}",
                f"{results.median(case.name, lambda one: one.p99_ms):.2f}",
                "" if is_base else f"{results.against(case, lambda a, b: a.p50_ms - b.p50_ms):+.2f}",
                "" if is_base else f"{results.against(case, lambda a, b: a.p99_ms - b.p99_ms):+.2f}",
                f"{results.median(case.name, lambda one: one.envoy_us):.0f}" if case.setting else "",
                f"{results.median(case.name, lambda one: one.engine_us):.0f}" if case.setting else "",
                f"{per_core:,.0f}" if per_core else "",
                "" if is_base else f"{results.against(case, lambda a, b: a.per_s / b.per_s):.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    told = f"`{found.command}`; {found.machine}; {found.python}; commit {found.commit}; {found.date}"
    return "\n".join([*lines[1:], "", told, ""])


@contextmanager
def targets(folder: Path) -> Iterator[dict[str, Target]]:
    """Everything started, by the case's name, until the block ends."""
    token = jwt.encode({"iss": JWT["issuer"], "sub": "u"}, SECRET, "HS256", {"kid": "k"})
    query = workloads()["posts"]
    with ExitStack() as stack:
        upstream = stack.enter_context(upstreams(folder / "upstream"))
        served = {
            setting.name: stack.enter_context(_weft(setting, upstream.url, folder / setting.name))
            for setting in SETTINGS
        }
        found = {}
        for case in CASES:
            url, program = served.get(case.setting, (upstream.url, None))
            carried = token if case.setting in {"jwt", "both"} else ""
            if case.kind == "graphql":
                found[case.name] = Target(
                    f"{url}/graphql", "POST", query.body, carried, program, query.answer
                )
            else:
                path = "/bench/greet" if case.setting else "/greet"
                found[case.name] = Target(f"{url}{path}", "GET", "", carried, program, GREETING)
        yield found


@contextmanager
def _weft(setting: Setting, upstream: str, folder: Path) -> Iterator[tuple[str, Program]]:
    """Weft with one engine worker and one of Envoy's, discovered and served by its command line."""
    folder.mkdir(parents=True)
    port = free_port()
    # Nothing is shared or kept, so that every request makes its calls.
    one = {"name": "bench", "url": upstream, "openapi": "/openapi.json", "share": False, "cache": "off"}
    settings: dict[str, Any] = {
        "upstreams": [one],
        "server": {"port": port, "workers": 1, "share": False, "cache": "off"},
    }
    if setting.gateway is not None:
        settings["gateway"] = {"expose": ["*"], "drain": "1s", **setting.gateway}
    (folder / "weft.yaml").write_text(json.dumps(settings))
    key = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
    (folder / "jwks.json").write_text(
        json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": key}]})
    )
    weft = [sys.executable, "-c", PROGRAM]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*weft, "discover"], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise NotRunning(f"weft discover failed:\n{done.stdout}{done.stderr}")
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/graphql?query={{__typename}}", timeout=1):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 401  # it wants a token
        except OSError:
            return False

    command = [*weft, "serve" if setting.gateway is None else "up"]
    with running(command, log=folder / "weft.log", ready=ready, cwd=folder, env=env) as program:
        yield url, program


def check(found: Mapping[str, Target]) -> None:
    """Ask every target once.

    Raises:
        LoadFailed: An answer is wrong, or one without a token is none.
    """
    for name, target in found.items():
        status, body = _ask(target, target.token)
        if status != 200 or json.loads(body) != target.answer:
            raise LoadFailed(f"{name}: answered {status} with {body[:200]!r}")
        if target.token and _ask(target, "")[0] != 401:
            raise LoadFailed(f"{name}: a request without a token is answered")


def _ask(target: Target, token: str) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"} if target.body else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = target.body.encode() or None
    request = urllib.request.Request(target.url, data=data, headers=headers, method=target.method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def measure(
    found: Mapping[str, Target], *, rounds: int, seconds: float, tell: Callable[[str], None]
) -> Results:
    """Load the targets in turns, in an order that turns too."""
    results = Results()
    names = list(found)
    for name in names:  # the first second is for connections, and for what is made at the first use
        _load(found[name], connections=BUSY, seconds=1)
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            sample = _sample(found[name], seconds)
            results.samples.setdefault(name, []).append(sample)
            tell(f"round {number + 1}: {name.strip()}: p50 {sample.p50_ms:.2f} ms, {sample.per_s:,.0f}/s")
    return results


def _sample(target: Target, seconds: float) -> Sample:
    alone = _load(target, connections=1, seconds=seconds)
    before = _cpu(target.program)
    busy = _load(target, connections=BUSY, seconds=seconds)
    after = _cpu(target.program)
    envoy, engine = (used - earlier for used, earlier in zip(after, before, strict=True))
    requests = busy["requests"]
    return Sample(
        p50_ms=alone["p50_us"] / 1e3,
        p99_ms=alone["p99_us"] / 1e3,
        per_s=requests / busy["duration_us"] * 1e6,
        envoy_us=envoy / requests * 1e6,
        engine_us=engine / requests * 1e6,
    )


def _cpu(program: Program | None) -> tuple[float, float]:
    """Seconds of CPU so far: of Envoy, and of all else."""
    envoy = engine = 0.0
    for pid in program.pids() if program is not None else ():
        try:
            is_envoy = Path(f"/proc/{pid}/comm").read_text().strip().startswith("envoy")
        except OSError:
            continue
        used = program.cpu_of(pid) if program is not None else 0.0
        envoy, engine = (envoy + used, engine) if is_envoy else (envoy, engine + used)
    return envoy, engine


def _load(target: Target, *, connections: int, seconds: float) -> dict[str, int]:
    args = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout=30"]
    done = subprocess.run(
        [*args, "-s", str(LOAD), target.url, "--", target.method, target.body, target.token],
        capture_output=True,
        text=True,
        check=False,
    )
    result = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not result:
        raise LoadFailed(f"wrk failed: {done.stdout}\n{done.stderr}")
    told: dict[str, int] = json.loads(result[0].removeprefix("RESULT "))
    if told["failed"] or not told["requests"]:
        printed = target.program.tail() if target.program else ""
        raise LoadFailed(f"{target.url}: {told['requests']} answers, {told['failed']} failed\n{printed}")
    return told


def main(
    *,
    rounds: int,
    seconds: float,
    quick: bool,
    command: str,
    file: Path | None,
    tell: Callable[[str], None],
) -> int:
    """Measure, and print the tables; with *quick* only check the answers."""
    need_programs("nginx", "wrk")
    # nginx's workers run as another user, and must be able to read.
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        began = time.monotonic()
        with targets(folder) as found:
            check(found)
            tell(f"all {len(found)} answers are right, after {time.monotonic() - began:.0f} s")
            if quick:
                return 0
            results = measure(found, rounds=rounds, seconds=seconds, tell=tell)
    told = circumstances((), command=command, workers=1, rounds=rounds, seconds=seconds)
    sys.stdout.write(report(results, told))
    if file:
        samples: dict[str, Sequence[Any]] = {
            name: [asdict(one) for one in found] for name, found in results.samples.items()
        }
        file.write_text(json.dumps({"circumstances": asdict(told), "samples": samples}, indent=1))
    return 0
