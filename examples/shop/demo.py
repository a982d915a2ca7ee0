"""The shop, from end to end: four services, Weft in front of them, one query over all four.

Run it with ``make demo``; with ``ARGS=--once`` it exits by itself, with 0 only if the answer was right.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from examples.shop.services import HERE, PORTS, Shop, running_shop

ROOT = HERE.parent.parent
WEFT_PORT = 8080
CALLS = 4


def main() -> int:
    arguments = parse_arguments()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # whoever reads it through a pipe reads along
    # Both end the demo in order, with what it started, also where a shell has it in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ports = {name: port + arguments.port_offset for name, port in PORTS.items()}
    weft_port = WEFT_PORT + arguments.port_offset
    heading("1. four services, which know nothing of Weft")
    try:
        with configuration(arguments.port_offset) as config, running_shop(ports) as shop:
            for name, port in ports.items():
                print(f"   {name:<10} 127.0.0.1:{port}")
            heading("2. weft up: discovers them, and serves one GraphQL API")
            print(indent(config.read_text()))
            with running_weft(config, weft_port):
                right = ask(shop, config, f"http://127.0.0.1:{weft_port}/graphql")
                if not arguments.once:
                    print(f"\nGraphiQL: http://127.0.0.1:{weft_port}/graphql   (Ctrl-C to stop)")
                    wait_for_ctrl_c()
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if right else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="exit after the query, with 0 if the answer was right"
    )
    parser.add_argument("--port-offset", type=int, default=0, help="added to every port, if some are taken")
    return parser.parse_args()


def ask(shop: Shop, config: Path, url: str) -> bool:
    """Print the query, its plan, its answer and its calls; whether both are right."""
    query = (HERE / "query.graphql").read_text().strip()
    heading("3. the query, over four upstreams")
    print(indent(query))
    heading("4. its plan")
    weft = [sys.executable, "-m", "weft", "explain", query, "-c", str(config)]
    print(indent(subprocess.run(weft, cwd=ROOT, check=True, capture_output=True, text=True).stdout))
    before = shop.settle()
    started = time.perf_counter()
    answer = post(url, {"query": query})
    took_ms = (time.perf_counter() - started) * 1000
    calls = shop.calls_since(before)
    heading("5. its answer, through HTTP")
    orders = (answer.get("data") or {}).get("orders") or []
    print(indent(json.dumps(orders[0] if orders else answer, indent=2)))
    print(f"   … {len(orders)} orders in {took_ms:.0f} ms")
    heading(f"6. its upstream calls: {len(calls)}")
    for call in calls:
        print(f"   {call[:110]}{'…' if len(call) > 110 else ''}")
    expected = json.loads((HERE / "expected.json").read_text())
    right = answer == expected and len(calls) == CALLS
    print()
    if answer != expected:
        print("WRONG: the answer is not the one in expected.json")
    if len(calls) != CALLS:
        print(f"WRONG: {len(calls)} upstream calls, not {CALLS}")
    if right:
        print(f"right: {len(orders)} orders over four upstreams in {len(calls)} calls")
    return right


@contextlib.contextmanager
def configuration(port_offset: int) -> Iterator[Path]:
    """The shop's weft.yaml; with other ports, a copy of it."""
    config = HERE / "weft.yaml"
    if not port_offset:
        yield config
        return
    text = config.read_text()
    for port in PORTS.values():
        text = text.replace(str(port), str(port + port_offset))
    with tempfile.TemporaryDirectory() as folder:
        moved = Path(folder) / "weft.yaml"
        moved.write_text(f"{text}server: {{port: {WEFT_PORT + port_offset}}}\n")
        yield moved


@contextlib.contextmanager
def running_weft(config: Path, port: int) -> Iterator[None]:
    """``weft up`` as a process of its own, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "up", "-c", str(config)], cwd=ROOT, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not is_ready(f"http://127.0.0.1:{port}/readyz"):
            if process.poll() is not None:
                raise RuntimeError(f"weft up ended with {process.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError("weft up was not ready within a minute")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def post(url: str, body: dict[str, Any]) -> Any:
    headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


def wait_for_ctrl_c() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            # Not signal.pause(): a signal that comes just before it would be waited for in vain.
            time.sleep(0.2)


def heading(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def indent(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
