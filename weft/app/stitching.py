"""A snapshot and the settings to one schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..schemas.catalog import Snapshot, override_functions, with_webhooks
from ..schemas.errors import ConfigError
from ..schemas.links import Weave, weave
from ..schemas.stitch import Stitched, decode_lock, encode_lock, stitch
from ..settings import Settings, entries_by_upstream

if TYPE_CHECKING:
    import strawberry


def configured(snapshot: Snapshot, settings: Settings) -> Snapshot:
    """*snapshot* with what the configuration says of single functions, and with what upstreams send if it is received."""
    catalog = override_functions(snapshot.catalog, settings.function_rules)
    if settings.server.hooks is not None:
        catalog = with_webhooks(catalog)
    return snapshot if catalog is snapshot.catalog else Snapshot(catalog=catalog, statuses=snapshot.statuses)


def weave_snapshot(snapshot: Snapshot, settings: Settings) -> Weave:
    """The links and bulk functions of *snapshot*, as the configuration has them.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog.
    """
    catalog = configured(snapshot, settings).catalog
    entries = entries_by_upstream(settings, snapshot.statuses)
    apart = {upstream for upstream, entry in entries.items() if entry.apart}
    return weave(catalog, links=settings.link_rules, bulk=settings.bulk_rules, apart=apart)


def stitch_snapshot(
    snapshot: Snapshot, settings: Settings, *, handwritten: strawberry.Schema | None = None
) -> Stitched:
    """The schema of *snapshot*, with the names that the lock file keeps.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog, or the lock file cannot
            be read.
        StitchConflict: The hand-written schema defines what is generated too.
    """
    locked = load_lock(settings.names.lock)
    catalog = configured(snapshot, settings).catalog
    entries = entries_by_upstream(settings, snapshot.statuses)
    relaxed = {upstream for upstream, entry in entries.items() if entry.nullability == "relaxed"}
    return stitch(
        catalog,
        weave_snapshot(snapshot, settings),
        locked=locked,
        handwritten=handwritten,
        relaxed=relaxed,
        namespaces=settings.names.namespaced(catalog.upstreams_by_id),
    )


def load_lock(path: Path) -> dict[str, str]:
    """The names in the lock file; none if there is no such file.

    Raises:
        ConfigError: The file cannot be read.
        DocumentError: It is no lock file.
    """
    try:
        return decode_lock(path.read_bytes(), source=str(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(
            source=str(path), key="names.lock", problem=f"cannot be read: {error.strerror}", accepted="a file"
        ) from error


def save_lock(path: Path, stitched: Stitched) -> bool:
    """Keep the schema's names; whether the file changed.

    Raises:
        ConfigError: The file cannot be written.
    """
    data = encode_lock(stitched.names)
    try:
        if path.exists() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(
            source=str(path),
            key="names.lock",
            problem=f"cannot be written: {error.strerror}",
            accepted="a file in a folder that can be written to",
        ) from error
    return True
