"""A program that serves CoreEngine from a worker process: ``python -m tests.engine.endpoint.served PORT``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import Application, serve


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[CoreEngine]:
    async with asyncio.TaskGroup() as group:
        group.create_task(say_ready())
        yield CoreEngine()
    say("engine left")


async def say_ready() -> None:
    """Say so once the worker listens, which is after the engine is up."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
            writer.close()
            await writer.wait_closed()
            break
        await asyncio.sleep(0.01)
    say(f"ready on 127.0.0.1:{sys.argv[1]}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_application() -> Application:
    return Application(lifespan)


if __name__ == "__main__":
    serve("tests.engine.endpoint.served:make_application", port=int(sys.argv[1]), stop_timeout_s=5)
