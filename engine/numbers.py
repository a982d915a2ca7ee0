"""JSON in which no digit of a number is lost.

A JSON number may have more digits than a float holds. Such a one becomes a ``Decimal``, and is written with
all its digits again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from ..schemas.catalog import Json
from ..schemas.catalog.files import encode_file

_FLOAT_CHARACTERS: Final = 16
"""A number of 15 digits is the same after it was a float: sys.float_info.dig."""


def _number(text: str) -> float | Decimal:
    return float(text) if len(text) <= _FLOAT_CHARACTERS else _exact(text)


def _exact(text: str) -> float | Decimal:
    number = float(text)
    # Most long numbers are floats that were printed with all their digits.
    return number if repr(number) == text else Decimal(text)


_DECODER: Final = msgspec.json.Decoder(float_hook=_number)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=encode_file)

decode_exactly: Final[Callable[[bytes], Json]] = _DECODER.decode
"""Untyped JSON. Raises what ``msgspec.json.decode`` raises."""

encode_exactly: Final[Callable[[object], bytes]] = _ENCODER.encode
"""JSON, decimals as numbers and files as base64. Raises what ``msgspec.json.encode`` raises."""
