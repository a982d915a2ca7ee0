"""The snapshot on disk. All functions block: call them with ``asyncio.to_thread``."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ..schemas.catalog import Snapshot, decode_snapshot, encode_snapshot
from ..schemas.errors import DiscoveryError, DocumentError

# Everybody may read: `weft serve` may run as another user, and a snapshot holds no credential. The umask
# of the process may say less.
_MODE = 0o644


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write *snapshot*, so that a reader sees the old file or the new one, whole, even after a power cut.

    Missing folders are made. A symlink is followed: what it points to is replaced.

    Raises:
        DiscoveryError: The file cannot be written.
    """
    try:
        write_file(path, encode_snapshot(snapshot))
    except OSError as error:
        raise DiscoveryError(f"snapshot {path} cannot be written: {error.strerror}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file as `save_snapshot` does.

    Raises:
        OSError: It cannot be written.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic within one file system only.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def load_snapshot(path: Path) -> Snapshot:
    """The snapshot at *path*.

    Raises:
        DocumentError: There is none, or it cannot be read; the reason says what to do.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(str(path), "", "there is no snapshot yet; run `weft discover`") from error
    except OSError as error:
        raise DocumentError(str(path), "", f"cannot be read: {error.strerror}") from error
    return decode_snapshot(data, source=str(path))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
