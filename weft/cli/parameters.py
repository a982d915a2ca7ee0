"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ConfigOption: TypeAlias = Annotated[
    Path,
    typer.Option("--config", "-c", help="The configuration file.", metavar="FILE", envvar="WEFT_CONFIG"),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
FreshOption: TypeAlias = Annotated[
    bool, typer.Option("--fresh", help="Look at the upstreams now, rather than read the snapshot.")
]

DEFAULT_CONFIG = Path("weft.yaml")
