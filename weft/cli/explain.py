"""``weft explain``: the plan of a query."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from ..schemas.errors import OperationError
from .output import BadCall, fail, print_json
from .parameters import DEFAULT_CONFIG, ConfigOption, FreshOption, JsonOption, read_settings
from .snapshots import current_snapshot


def explain(
    query: Annotated[
        str, typer.Argument(help="A GraphQL document; `-` for standard input, `@FILE` for a file.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    variables: Annotated[
        str, typer.Option("--variables", "-v", metavar="JSON", help="Values of the variables.")
    ] = "{}",
    operation: Annotated[str | None, typer.Option("--operation", "-o", help="Which operation.")] = None,
    code: Annotated[bool, typer.Option("--code", help="Print the compiled Python too.")] = False,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print which upstream calls a query makes, and in which order, without making them.

    Examples:

        weft explain '{ orders { id product { name } } }'

        weft explain @query.graphql --variables '{"limit": 5}'
    """
    from ..app.stitching import stitch_snapshot
    from ..engine.execute.engine import Engine

    settings = read_settings(config)
    stitched = stitch_snapshot(current_snapshot(settings, fresh=fresh), settings)
    engine = Engine(stitched, {})
    values = read_object(variables, "--variables")
    try:
        text = engine.explain(read_text(query), values, operation, code=code)
    except OperationError as error:
        for one in getattr(error, "errors", [error]):
            line, column = next(iter(one.locations), (0, 0))
            fail(f"line {line}, column {column}: {one}" if line else str(one))
        raise typer.Exit(1) from error
    if as_json:
        print_json({"plan": text.splitlines()})
    else:
        sys.stdout.write(text)


def read_text(given: str) -> str:
    """*given* itself, standard input for ``-``, or a file's text for ``@FILE``."""
    if given == "-":
        return sys.stdin.read()
    if given.startswith("@"):
        try:
            with open(given[1:], encoding="utf-8") as file:  # noqa: PTH123 - the name is the user's
                return file.read()
        except OSError as error:
            raise BadCall(f"{given[1:]} cannot be read: {error.strerror}") from error
    return given


def read_object(given: str, option: str) -> dict[str, object]:
    """A JSON object from the command line."""
    try:
        return msgspec.json.decode(given, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise BadCall(f"{option} is not a JSON object: {error}") from error
