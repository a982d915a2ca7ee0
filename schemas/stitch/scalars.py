"""The scalars beside GraphQL's own five.

Text scalars are checked on the way in and pass as they are on the way out: a client that sends a wrong
date is told so at the argument, and a value of an upstream is kept to the letter.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import ipaddress
import re
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from graphql import (
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
    ValueNode,
)
from graphql.utilities import value_from_ast_untyped

from ..catalog import ScalarKind, UploadedFile

_SAFE_INTEGER: Final = 2**53 - 1
_MOST_DIGITS: Final = 1000
"""Before the decimal point, or noughts after it: 1E+999999999 would be written out in full."""

_DURATION: Final = re.compile(
    r"-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?|-?\d+(\.\d+)?s"
)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d|:60)?(\.\d+)?(Z|z|[+-]\d\d:\d\d)?")
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|z|[+-]\d\d:\d\d)?"
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def _text_out(name: str) -> Callable[[Any], str]:
    def coerce_output_value(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, uuid.UUID | decimal.Decimal):
            return str(value)
        raise GraphQLError(f"{name} is text")

    return coerce_output_value


def _text_in(name: str, accepted: str, fits: Callable[[str], object]) -> Callable[[Any], str]:
    def coerce_input_value(value: Any) -> str:
        if isinstance(value, str):
            try:
                if fits(value):
                    return value
            except (ValueError, ArithmeticError):
                pass  # the same answer as for a value that does not fit
        raise GraphQLError(f"{name} takes {accepted}")

    return coerce_input_value


def _text(
    name: str, accepted: str, fits: Callable[[str], object], url: str | None = None
) -> GraphQLScalarType:
    return GraphQLScalarType(
        name,
        coerce_output_value=_text_out(name),
        coerce_input_value=_text_in(name, accepted, fits),
        description=accepted[0].upper() + accepted[1:] + ".",
        specified_by_url=url,
    )


def _is_date(value: str) -> bool:
    # date.fromisoformat alone takes 20260131 and 2026-W05-6 too.
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value) and datetime.date.fromisoformat(value))


def _is_uuid(value: str) -> bool:
    return len(value) == 36 and str(uuid.UUID(value)) == value.lower()


def _is_date_time(value: str) -> bool:
    return bool(_DATE_TIME.fullmatch(value) and datetime.date.fromisoformat(value[:10]))


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return False
    return True


def _is_uri(value: str) -> bool:
    urlsplit(value)  # ValueError for what is none
    return not re.search(r"\s", value)


def _integer_out(value: Any) -> int | str:
    if isinstance(value, str):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise GraphQLError("BigInt is a whole number")
    return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)


def _integer_in(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,40}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise GraphQLError("BigInt takes a whole number, or a text that holds one")


def _integer_literal(node: ValueNode) -> int:
    if isinstance(node, IntValueNode | StringValueNode):
        return _integer_in(node.value if isinstance(node, StringValueNode) else int(node.value))
    raise GraphQLError("BigInt takes a whole number, or a text that holds one", node)


def _decimal_out(value: Any) -> str:
    if isinstance(value, str | int | float | decimal.Decimal) and not isinstance(value, bool):
        return str(decimal.Decimal(str(value)))
    raise GraphQLError("Decimal is a number")


def _decimal_in(value: Any) -> decimal.Decimal:
    if isinstance(value, str | int | float | decimal.Decimal) and not isinstance(value, bool):
        try:
            found = decimal.Decimal(str(value))
        except decimal.InvalidOperation:
            pass  # the same answer as for a value of another type
        else:
            if found.is_finite() and abs(found.adjusted()) <= _MOST_DIGITS:
                return found
    raise GraphQLError(f"Decimal takes a number of up to {_MOST_DIGITS} digits, or a text that holds one")


def _decimal_literal(node: ValueNode) -> decimal.Decimal:
    if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        return _decimal_in(node.value)
    raise GraphQLError("Decimal takes a number, or a text that holds one", node)


def _secret_in(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise GraphQLError("Password takes text")


def _json_literal(node: ValueNode) -> Any:
    return value_from_ast_untyped(node)


BIG_INT: Final = GraphQLScalarType(
    "BigInt",
    coerce_output_value=_integer_out,
    coerce_input_value=_integer_in,
    coerce_input_literal=_integer_literal,
    description=(
        "A whole number of any size. Beyond ±(2^53 - 1), where JavaScript would round it, it is sent as text."
    ),
)
DECIMAL: Final = GraphQLScalarType(
    "Decimal",
    coerce_output_value=_decimal_out,
    coerce_input_value=_decimal_in,
    coerce_input_literal=_decimal_literal,
    description="A decimal number, sent as text so that no digit is lost.",
)
PASSWORD: Final = GraphQLScalarType(
    "Password",
    coerce_output_value=_text_out("Password"),
    coerce_input_value=_secret_in,
    description="Text that is a secret: no error shows it.",
)
JSON: Final = GraphQLScalarType(
    "JSON",
    coerce_output_value=lambda value: value,
    coerce_input_value=lambda value: value,
    coerce_input_literal=_json_literal,
    description="Any JSON value.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
)
_DATE_TIME_TYPE: Final = _text(
    "DateTime",
    "a date and time as of RFC 3339, such as 2026-01-31T12:00:00Z",
    _is_date_time,
    "https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
)


def _upload_in(value: Any) -> str | UploadedFile:
    if isinstance(value, UploadedFile) or (isinstance(value, str) and _is_base64(value)):
        return value
    raise GraphQLError("Upload takes a file of a multipart request, or bytes in base64 as of RFC 4648")


UPLOAD: Final = GraphQLScalarType(
    "Upload",
    coerce_output_value=_text_out("Upload"),
    coerce_input_value=_upload_in,
    description="A file, sent beside the operation in a multipart request; or bytes in base64.",
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
)

SCALARS: Final[dict[ScalarKind, GraphQLScalarType]] = {
    "string": GraphQLString,
    "password": PASSWORD,
    "boolean": GraphQLBoolean,
    "int32": GraphQLInt,
    "int64": BIG_INT,
    "uint64": BIG_INT,
    "float": GraphQLFloat,
    "decimal": DECIMAL,
    "id": GraphQLID,
    "date": _text("Date", "a date as of RFC 3339, such as 2026-01-31", _is_date),
    "date-time": _DATE_TIME_TYPE,
    "time": _text("Time", "a time as of RFC 3339, such as 12:00:00Z", _TIME.fullmatch),
    "duration": _text("Duration", "a duration as of ISO 8601 (PT90S) or protobuf (90s)", _DURATION.fullmatch),
    "uuid": _text("UUID", "a UUID as of RFC 9562", _is_uuid, "https://www.rfc-editor.org/rfc/rfc9562"),
    "uri": _text("URI", "a URI or URI reference as of RFC 3986", _is_uri),
    "email": _text("Email", "an e-mail address", _EMAIL.fullmatch),
    "ipv4": _text("IPv4", "an IPv4 address", ipaddress.IPv4Address),
    "ipv6": _text("IPv6", "an IPv6 address", ipaddress.IPv6Address),
    "byte": _text("Base64", "bytes in base64 as of RFC 4648", _is_base64),
}  # fmt: skip
SCALARS["binary"] = SCALARS["byte"]
