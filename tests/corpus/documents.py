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


class Reader:
    """Reads documents below *folder*, each in a process of its own in which everything is imported.

    Args:
        folder: The documents' names are relative to it.
        sdl: A folder that gets each schema as text, or ``None``.
    """

    def __init__(self, folder: Path, sdl: Path | None) -> None:
        self._folder = folder
        self._sdl = sdl
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([f"{__package__}.one"])

    def read(self, path: Path) -> Reading:
        """What became of the document at *path*."""
        name = str(path.relative_to(self._folder))
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, path, name, self.sdl_of(path)))
        process.start()
        theirs.close()
        try:
            if ours.poll(TIMEOUT_S):
                return ours.recv()  # type: ignore[no-any-return]  # what _child sends
            problem = f"took more than {TIMEOUT_S:.0f} s"
        except EOFError:
            problem = "the process ended without an answer"
        finally:
            ours.close()
            process.join(1)
            process.kill()
            process.join()
        return Reading(
            name=name, converted=False, operations=0, covered=0, seconds=TIMEOUT_S, peak_mb=0,
            warnings={}, bytes=path.stat().st_size, error=problem,
        )  # fmt: skip

    def read_all(self, paths: list[Path], *, jobs: int) -> Iterator[Reading]:
        """What became of each of *paths*, as they are done, *jobs* at once."""
        with ThreadPoolExecutor(jobs) as pool:
            for done in as_completed([pool.submit(self.read, path) for path in paths]):
                yield done.result()

    def sdl_of(self, path: Path) -> Path | None:
        """The file that gets the schema of the document at *path*."""
        if self._sdl is None:
            return None
        return self._sdl / (str(path.relative_to(self._folder)).replace("/", "__") + ".graphql")


def _child(pipe: Connection, path: Path, name: str, sdl: Path | None) -> None:
    pipe.send(read_one(path, name, sdl))
    pipe.close()
