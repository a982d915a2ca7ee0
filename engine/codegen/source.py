"""Lines of Python, written from checked plans.

All names in them are made here (``f0``, ``v1``); data enters through the namespace, by reference.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

_FILES: Final = count()


class Source:
    """A Python module that is being written."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self._lines: list[str] = []
        self._depth = 0
        self._names = count()

    def name(self, prefix: str) -> str:
        """A name that is used nowhere else."""
        return f"{prefix}{next(self._names)}"

    def hold(self, value: Any, prefix: str) -> str:
        """A name that stands for *value* in the code."""
        name = self.name(prefix)
        self.namespace[name] = value
        return name

    def line(self, text: str) -> None:
        """One line at the present depth."""
        self._lines.append("    " * self._depth + text)

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

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self._lines) + "\n"

    def execute(self) -> dict[str, Any]:
        """The namespace after the code has run. Tracebacks through it show its lines."""
        filename = f"<weft plan {next(_FILES)}>"
        linecache.cache[filename] = (len(self.text), None, self.text.splitlines(keepends=True), filename)
        exec(compile(self.text, filename, "exec"), self.namespace)  # noqa: S102 - written by this package
        return self.namespace
