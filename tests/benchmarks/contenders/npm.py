"""npm packages of contenders, installed once into `.bench/` at the repository's top."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..install import need_programs, run
from ..running import ROOT

CACHE: Final = ROOT / ".bench"


class NpmFolder:
    """A folder beside this module with a ``package.json``, and its copy with the packages installed."""

    def __init__(self, name: str) -> None:
        self.source = Path(__file__).with_name(name)
        self.folder = CACHE / name

    def install(self) -> None:
        """Copy the sources, and install what ``package.json`` says unless that is done.

        Raises:
            NotInstalled: npm failed, or there is none.
        """
        need_programs("node", "npm", packages={"node": "nodejs"})
        wanted = (self.source / "package.json").read_text()
        done = self.folder / ".installed"
        self.folder.mkdir(parents=True, exist_ok=True)
        for source in self.source.iterdir():
            if source.is_file():
                shutil.copy(source, self.folder)
        if not done.exists() or done.read_text() != wanted:
            run(["npm", "install", "--no-audit", "--no-fund"], cwd=self.folder)
            done.write_text(wanted)

    def versions(self) -> Mapping[str, str]:
        """The installed versions of the packages that ``package.json`` names, and node's."""
        names = json.loads((self.source / "package.json").read_text())["dependencies"]
        found = {
            name: str(
                json.loads((self.folder / "node_modules" / name / "package.json").read_text())["version"]
            )
            for name in names
        }
        return {"node": run(["node", "--version"]).strip().removeprefix("v"), **found}
