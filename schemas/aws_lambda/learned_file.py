"""The file of what was learned: schemas by place and function, beside the lock file.

It holds types and no values, so it may be committed with the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from ..errors import DocumentError
from .learning import Learned

FILE_NAME: Final = "weft.learned.json"

AllLearned: TypeAlias = dict[str, dict[str, Learned]]
"""By place (``lambda:eu-west-1``), then by function name."""


class _Entry(msgspec.Struct, rename={"payload": "inputSchema", "result": "outputSchema"}):
    samples: int
    payload: dict[str, Any]
    result: dict[str, Any]


class _File(msgspec.Struct):
    version: int
    functions: dict[str, dict[str, _Entry]] = {}


def decode_learned(data: bytes, *, source: str) -> AllLearned:
    """What the file holds.

    Raises:
        DocumentError: It is none of ours.
    """
    try:
        found = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DocumentError(
            source, "", f"no file of what was learned: {error}; delete it to begin anew"
        ) from error
    if found.version != 1:
        raise DocumentError(source, "/version", f"version {found.version} is not read; 1 is")
    return {
        place: {name: Learned(one.samples, one.payload, one.result) for name, one in functions.items()}
        for place, functions in found.functions.items()
    }


def encode_learned(learned: Mapping[str, Mapping[str, Learned]]) -> bytes:
    """The file: places and functions by name, members in the order in which they were seen."""
    file = _File(
        1,
        {
            place: {
                name: _Entry(one.samples, one.payload, one.result) for name, one in sorted(functions.items())
            }
            for place, functions in sorted(learned.items())
        },
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
