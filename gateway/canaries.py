"""Weights that were set while the gateway runs: ``weft canary set reviews v2=10``.

They lie in a file beside the snapshot, which the control plane follows, and win over the configuration's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from ..schemas.errors import ConfigError
from .objects.base import Object
from .objects.weft import CanarySpec

Weights = Mapping[str, Mapping[str, int]]
"""By the name of a canary, the percentage of each version."""


def load_weights(path: Path) -> dict[str, dict[str, int]]:
    """The weights in the file; none if there is no such file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, int]])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(source=str(path), key="", problem=f"cannot be read: {error}") from error


def save_weights(path: Path, weights: Weights) -> None:
    """Replace the file as a whole.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=2))
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(source=str(path), key="", problem=f"cannot be written: {error.strerror}") from error


def find_canary(objects: Iterable[Object], name: str) -> Object:
    """The canary called *name*, or the one for the upstream or function *name*.

    Raises:
        ConfigError: There is none.
    """
    canaries = [one for one in objects if isinstance(one.spec, CanarySpec)]
    for one in canaries:
        if name in {one.name, one.spec.target_ref.name}:
            return one
    known = ", ".join(one.name for one in canaries) or "one in `gateway.canaries`"
    raise ConfigError(source="canary", key=name, problem="there is no such canary", accepted=known)


def weigh(canary: Object, weights: Mapping[str, int]) -> Object:
    """*canary* with other weights.

    Raises:
        ConfigError: It has no such version, or they are no percentages.
    """
    spec = canary.spec
    assert isinstance(spec, CanarySpec)
    try:
        return dataclasses.replace(canary, spec=spec.with_weights(dict(weights)))
    except ValueError as error:
        raise ConfigError(source="canary", key=canary.name, problem=str(error)) from error


def with_weights(objects: Iterable[Object], weights: Weights) -> tuple[Object, ...]:
    """*objects* with the weights that were set; those for canaries that are gone are left out.

    Raises:
        ConfigError: A canary has no such version any more.
    """
    return tuple(
        weigh(one, weights[one.name]) if isinstance(one.spec, CanarySpec) and one.name in weights else one
        for one in objects
    )
