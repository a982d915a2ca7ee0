"""``weft config``: the configuration file."""

from __future__ import annotations

import typer

from .output import note, print_json
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings

app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read the configuration file, and say what is wrong with it.

    Examples:

        weft config check -c weft.yaml
    """
    settings = read_settings(config)
    note(f"{config} is right: {len(settings.upstreams)} upstream(s)")


@app.command("schema")
def print_json_schema() -> None:
    """Print the JSON Schema of the configuration file, for editors.

    Examples:

        weft config schema > weft.schema.json
    """
    from ..settings import settings_json_schema

    print_json(settings_json_schema())
