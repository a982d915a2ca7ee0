"""Values to JSON."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Any

from .hints import is_named_tuple, is_pydantic, is_struct


def encode(value: Any) -> Any:
    """*value* in the kinds that JSON has.

    Raises:
        TypeError: JSON has no form for it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return encode(value.value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else str(encode(key)): encode(inner) for key, inner in value.items()
        }
    kind = type(value)
    if is_pydantic(kind):
        import pydantic

        return pydantic.TypeAdapter(kind).dump_python(value, mode="json", by_alias=True)
    if is_struct(kind):
        import msgspec

        return msgspec.to_builtins(value, str_keys=True)
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if is_named_tuple(kind):
        return {name: encode(getattr(value, name)) for name in value._fields}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"a result holds a {kind.__name__}, for which JSON has no form")
