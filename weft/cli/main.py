"""The program ``weft``."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ..schemas.errors import ConfigError, WeftError
from . import call, discover, explain, links, schema, serve, settings, up
from .output import fail

app = typer.Typer(
    name="weft",
    help="One GraphQL API woven from the OpenAPI, gRPC and AWS Lambda functions that services already expose.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 tried and failed, 2 the call or the configuration is wrong.",
)
app.command("up")(up.up)
app.command("discover")(discover.discover)
app.command("serve")(serve.serve)
app.add_typer(schema.app, name="schema")
app.command("links")(links.links)
app.command("explain")(explain.explain)
app.command("call")(call.call)
app.add_typer(settings.app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"weft {version('weft')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of the program itself."""
    del show_version
    logging.basicConfig(
        level=os.environ.get("WEFT_LOG", "ERROR").upper(), format="%(levelname)s %(name)s: %(message)s"
    )


def main() -> None:
    """Run the program, and end the process with its exit code."""
    try:
        app()
    except ConfigError as error:
        for line in str(error).splitlines():
            fail(line)
        sys.exit(2)
    except WeftError as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
