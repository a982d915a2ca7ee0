"""``weft explain``: the plan of a query."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from ..app.stitching import stitch_snapshot
from ..engine.execute.engine import Engine
from ..settings import load_settings
from .output import print_json
from .parameters import DEFAULT_CONFIG, ConfigOption, FreshOption, JsonOption
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
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print which upstream calls a query makes, and in which order, without making them.

    Examples:

        weft explain '{ orders { id product { name } } }'

        weft explain @query.graphql --variables '{"limit": 5}'
    """
    settings = load_settings(config)
    stitched = stitch_snapshot(current_snapshot(settings, fresh=fresh), settings)
    engine = Engine(stitched, {})
    text = engine.explain(read_text(query), read_object(variables, "--variables"), operation)
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
            raise typer.BadParameter(f"{given[1:]}: {error.strerror}") from error
    return given


def read_object(given: str, option: str) -> dict[str, object]:
    """A JSON object from the command line."""
    try:
        return msgspec.json.decode(given, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"not a JSON object: {error}", param_hint=option) from error
