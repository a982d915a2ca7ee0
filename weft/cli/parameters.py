"""Options that several commands take, and the settings that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ..schemas.errors import ConfigError

if TYPE_CHECKING:
    from ..settings import Settings

ConfigOption: TypeAlias = Annotated[
    Path,
    typer.Option("--config", "-c", help="The configuration file.", metavar="FILE", envvar="WEFT_CONFIG"),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
FreshOption: TypeAlias = Annotated[
    bool, typer.Option("--fresh", help="Look at the upstreams now, rather than read the snapshot.")
]

DEFAULT_CONFIG = Path("weft.yaml")


def read_settings(config: Path) -> Settings:
    """The settings in the file that the option names.

    Raises:
        ConfigError: There is no such file, or it has mistakes.
    """
    from ..settings import load_settings

    if not config.exists():
        raise ConfigError(
            source=str(config),
            key="",
            problem="there is no such file; name the configuration file with `-c FILE` or WEFT_CONFIG",
        )
    return load_settings(config)
