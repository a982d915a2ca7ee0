"""``python -m weft.aws_lambda module:handler``: what a handler takes and answers, as a tool definition."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from .decorator import TypedHandler


def main(arguments: list[str] | None = None) -> int:
    """Print the tool definitions of handlers; 1 where one cannot be described."""
    parser = argparse.ArgumentParser(
        prog="python -m weft.aws_lambda",
        description="Print what typed handlers take and answer, for a manifest, an S3 object or a check in CI.",
    )
    parser.add_argument("handler", nargs="+", help="module:handler, or Lambda's module.handler")
    parser.add_argument("--name", help="the function's name in Lambda, where it is not the handler's")
    given = parser.parse_args(arguments)
    if given.name and len(given.handler) > 1:
        parser.error("--name goes with one handler")
    sys.path.insert(0, str(Path.cwd()))
    tools = []
    for text in given.handler:
        try:
            tool = _load(text).tool_schema()
        except (ImportError, AttributeError, TypeError) as error:
            sys.stderr.write(f"{text}: {error}\n")
            return 1
        tools.append({**tool, "name": given.name} if given.name else tool)
    sys.stdout.write(json.dumps(tools[0] if len(tools) == 1 else tools, indent=2) + "\n")
    return 0


def _load(text: str) -> TypedHandler:
    module, colon, name = text.partition(":")
    if not colon:
        module, _, name = text.rpartition(".")
    if not module or not name:
        raise AttributeError("it is written module:handler")
    found = getattr(importlib.import_module(module.replace("/", ".")), name)
    if not isinstance(found, TypedHandler):
        raise TypeError(f"it is no handler with @typed, but a {type(found).__name__}")
    return found


if __name__ == "__main__":
    sys.exit(main())
