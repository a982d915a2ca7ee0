"""Lines of Python, written from checked plans.

All names in them are made here (``f0``, ``v1``); data enters through the namespace, by reference.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar

_FILES: Final = count()
_T = TypeVar("_T")

Lines: TypeAlias = list[tuple[int, str]]
"""Lines, each with its depth."""


class Source:
    """A Python module that is being written."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self._lines: Lines = []
        self._depth = 0
        self._names = count()
        self._held: dict[tuple[int, str], str] = {}

    def name(self, prefix: str) -> str:
        """A name that is used nowhere else."""
        return f"{prefix}{next(self._names)}"

    def hold(self, value: Any, prefix: str) -> str:
        """A name that stands for *value* in the code; the same one for the same value."""
        at = (id(value), prefix)
        name = self._held.get(at)
        if name is None:
            name = self._held[at] = self.name(prefix)
            self.namespace[name] = value
        return name

    def line(self, text: str) -> None:
        """One line at the present depth."""
        self._lines.append((self._depth, text))

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """*head* and a colon; what is written inside is its body."""
        self.line(f"{head}:")
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    def apart(self, write: Callable[[], _T]) -> tuple[_T, Lines]:
        """What *write* gives, and the lines that it wrote; they are not in the module until they are pasted."""
        kept, self._lines = self._lines, []
        depth, self._depth = self._depth, 0
        try:
            return write(), self._lines
        finally:
            self._lines, self._depth = kept, depth

    def paste(self, lines: Lines) -> None:
        """Lines that were written apart, at the present depth."""
        self._lines.extend((self._depth + depth, text) for depth, text in lines)

    @property
    def text(self) -> str:
        """All lines."""
        return "".join("    " * depth + text + "\n" for depth, text in self._lines)

    def execute(self, kept: str) -> dict[str, Any]:
        """The namespace after the code has run.

        Tracebacks through it show its lines, as long as the function *kept* of it lives.
        """
        text = self.text
        filename = f"<weft plan {next(_FILES)}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), self.namespace)  # noqa: S102 - written by this package
        weakref.finalize(self.namespace[kept], linecache.cache.pop, filename, None)
        return self.namespace
