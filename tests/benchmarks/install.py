"""What the benchmarks need beside Python packages, installed where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence


class NotInstalled(RuntimeError):
    """Something is missing, and could not be installed."""


def need_programs(*names: str, packages: Mapping[str, str] | None = None) -> None:
    """Make sure that programs are there; those missing are installed from Debian.

    Args:
        names: The programs'.
        packages: The names of their packages, where they differ.

    Raises:
        NotInstalled: They are missing, and apt-get did not install them.
    """
    missing = [name for name in names if shutil.which(name) is None and not _in_sbin(name)]
    if not missing:
        return
    missing = [(packages or {}).get(name, name) for name in missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotInstalled(
            f"install {' and '.join(missing)}, for example: sudo apt-get install {' '.join(missing)}"
        )
    run(["apt-get", "update", "-qq"])
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def _in_sbin(name: str) -> bool:
    """Debian's nginx lies where only root's path leads."""
    if shutil.which(name, path="/usr/sbin:/sbin") is None:
        return False
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return True


def run(args: Sequence[str], *, cwd: str | os.PathLike[str] | None = None) -> str:
    """What *args* printed to standard output.

    Raises:
        NotInstalled: They failed.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(args, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalled(f"{' '.join(args)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
