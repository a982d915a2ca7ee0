"""Where documents are, and each of them read in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from pathlib import Path

from .one import Reading, read_one

SAMPLE = Path(__file__).parents[3] / "shared" / "corpus" / "openapi"
"""The large sample, where it lies beside the repository."""

SMALL = Path(__file__).parent / "small"
"""Documents that are always there."""

ENDINGS = frozenset({".json", ".yaml", ".yml"})
TIMEOUT_S = 120.0


def default_folder() -> Path:
    """The sample, or the small documents where it is not at hand."""
    return SAMPLE if SAMPLE.is_dir() else SMALL


def documents_in(folder: Path) -> list[Path]:
    """Every document below *folder*, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS and path.is_file())


def read_all(paths: list[Path], folder: Path, *, sdl: Path | None, jobs: int = 1) -> Iterator[Reading]:
    """What became of each of *paths*, as they are done.

    Args:
        paths: Documents.
        folder: Their names are relative to it.
        sdl: A folder that gets each schema as text, or ``None``.
        jobs: Processes at once; 1 for times that can be compared.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.one"])

    def read(number: int, path: Path) -> Reading:
        name = str(path.relative_to(folder))
        ours, theirs = context.Pipe(duplex=False)
        out = sdl / f"{number}.graphql" if sdl else None
        process = context.Process(target=_child, args=(theirs, path, name, out))
        process.start()
        theirs.close()
        try:
            if ours.poll(TIMEOUT_S):
                return ours.recv()  # type: ignore[no-any-return]  # what _child sends
            problem = f"took more than {TIMEOUT_S:.0f} s"
        except EOFError:
            process.join()
            problem = f"the process ended with {process.exitcode}"
        finally:
            if process.is_alive() and not ours.closed:
                process.join(1)
                process.kill()
            process.join()
            ours.close()
        return Reading(
            name=name, converted=False, operations=0, covered=0, seconds=TIMEOUT_S, peak_mb=0,
            warnings={}, bytes=path.stat().st_size, error=problem,
        )  # fmt: skip

    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(read, number, path) for number, path in enumerate(paths)]):
            yield done.result()


def _child(pipe: Connection, path: Path, name: str, sdl: Path | None) -> None:
    pipe.send(read_one(path, name, sdl))
    pipe.close()
