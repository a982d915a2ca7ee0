"""A program that serves CoreEngine from a worker process: ``python -m tests.engine.endpoint.served PORT``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator

from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import Application, serve


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[CoreEngine]:
    say(f"ready on 127.0.0.1:{sys.argv[1]}")
    yield CoreEngine()
    say("engine left")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_application() -> Application:
    return Application(lifespan)


if __name__ == "__main__":
    serve("tests.engine.endpoint.served:make_application", port=int(sys.argv[1]), stop_timeout_s=5)
