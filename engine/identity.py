"""The identity of a call: its arguments in the one form that equal ones have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


def identity_of(arguments: Mapping[str, Any]) -> bytes | None:
    """Bytes that are equal exactly for equal *arguments* of one function.

    ``None`` if they have none; the transport will say what is wrong with them.
    """
    try:
        return _ENCODE(arguments)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None
