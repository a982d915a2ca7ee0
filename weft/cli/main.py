"""The program ``weft``."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from ..schemas.errors import ConfigError, WeftError
from . import call, canary, discover, explain, gateway, links, schema, serve, settings, status, up
from .output import BadCall, fail

app = typer.Typer(
    name="weft",
    help="One GraphQL API woven from the OpenAPI, gRPC and AWS Lambda functions that services already expose.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 tried and failed, 2 the call or the configuration is wrong, 130 interrupted.",
)
app.command("up")(up.up)
app.command("discover")(discover.discover)
app.command("serve")(serve.serve)
app.add_typer(schema.app, name="schema")
app.command("links")(links.links)
app.command("explain")(explain.explain)
app.command("call")(call.call)
app.add_typer(settings.app, name="config")
app.add_typer(gateway.app, name="gateway")
app.add_typer(canary.app, name="canary")
app.command("status")(status.status)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
    from ..app.logs import configure_logging

    configure_logging("ERROR")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # `weft up` runs on: its table is not for its end


def main() -> None:
    """Run the program, and end the process with its exit code."""
    code = _run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone: nothing is left to say, nor to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or 1
    sys.exit(code)


def _run() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (ConfigError, BadCall) as error:
        for line in str(error).splitlines():
            fail(line)
        return 2
    except WeftError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    return 0
