"""What all commands print: tables and colours in a terminal, plain text in a pipe, JSON on request.

Results go to standard output; progress, notes and errors go to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

from ..schemas.errors import WeftError

if TYPE_CHECKING:
    from rich.console import Console


class BadCall(WeftError):
    """The command was called in a way that cannot be meant; the message says how it can be."""


STYLES: Final = {"ready": "green", "stale": "yellow", "failed": "red", "ignored": "dim"}


def is_terminal(stream: TextIO) -> bool:
    """Whether *stream* takes colours: a terminal, or whatever ``FORCE_COLOR`` says is one."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


@cache
def console(*, stderr: bool = False) -> Console:
    """The terminal. What is no terminal is written to without: Rich takes 50 ms to import."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def print_rows(headers: Sequence[str], rows: Sequence[Sequence[str]], *, styles: Sequence[str] = ()) -> None:
    """A table in a terminal; in a pipe, lines of fields with a tab between them, headers first."""
    if not is_terminal(sys.stdout):
        for row in (headers, *rows):
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for index, row in enumerate(rows):
        style = styles[index] if index < len(styles) else ""
        table.add_row(
            *(
                f"[{style}]{escape(cell)}[/]" if style and not n else escape(cell)
                for n, cell in enumerate(row)
            )
        )
    console().print(table)


def print_json(value: Any) -> None:
    """*value* as JSON with an indent of two."""
    data = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2)
    sys.stdout.write(data.decode() + "\n")


def note(text: str) -> None:
    """A line for the person at the terminal, on standard error."""
    if not is_terminal(sys.stderr):
        print(text, file=sys.stderr)
        return
    from rich.markup import escape

    console(stderr=True).print(escape(text), style="dim")


def fail(text: str) -> None:
    """An error message, on standard error."""
    if not is_terminal(sys.stderr):
        print(f"error: {text}", file=sys.stderr)
        return
    from rich.markup import escape

    console(stderr=True).print(f"[bold red]error:[/] {escape(text)}")
