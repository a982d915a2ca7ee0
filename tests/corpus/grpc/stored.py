"""The descriptors of ``packages``, kept beside this module, so that the tests need none of the packages.

All of them are under the Apache License 2.0. ``fetch`` makes them anew: each distribution is installed into a folder of its own, and read there.
"""

from __future__ import annotations

import base64
import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from . import packages
from .packages import Described

SETS: Final = Path(__file__).parent / "sets"
_INDEX: Final = SETS / "index.json"
NAMES: Final = (*packages.GENERATED, *packages.PROTO_PLUS)
"""All distributions."""


def load(name: str) -> Described:
    """What the distribution described when it was fetched."""
    known = _index()[name]
    data = lzma.decompress((SETS / f"{name}.binpb.xz").read_bytes())
    return Described(name, known["version"], tuple(known["services"]), data)


def fetch(name: str) -> Described:
    """Install the distribution's newest release for itself, read what it describes, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", folder, name], check=True)
        # -S: without the packages of this environment.
        command = [sys.executable, "-S", "-E", packages.__file__, name, folder]
        printed = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    data = base64.b64decode(printed["descriptors"])
    SETS.mkdir(exist_ok=True)
    (SETS / f"{name}.binpb.xz").write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    known = _index() | {name: {"version": printed["version"], "services": printed["services"]}}
    _INDEX.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
    return load(name)


def _index() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_INDEX.read_text()) if _INDEX.exists() else {}
    return found
