"""``weft schema``: the schema, for frontend teams and their tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .output import BadCall, note
from .parameters import DEFAULT_CONFIG, ConfigOption, FreshOption, read_settings
from .snapshots import current_snapshot

app = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)


class Format(StrEnum):
    """How the schema is written."""

    sdl = "sdl"
    json = "json"


@app.command()
def export(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="`sdl`: as text. `json`: the answer to introspection.")
    ] = Format.sdl,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")
    ] = None,
    fresh: FreshOption = False,
) -> None:
    """Print the schema.

    Examples:

        weft schema export > schema.graphql

        weft schema export --format json -o schema.json
    """
    from ..app.stitching import stitch_snapshot
    from ..schemas.sdl import introspection_json, print_sdl

    settings = read_settings(config)
    schema = stitch_snapshot(current_snapshot(settings, fresh=fresh), settings).schema
    text = print_sdl(schema) if form is Format.sdl else introspection_json(schema)
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadCall(f"{output} cannot be written: {error.strerror}") from error
        note(f"wrote {output}")


@app.callback()
def group() -> None:
    """Hold the commands about the schema."""
