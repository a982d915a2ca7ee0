"""Values that settings are written in: durations, sizes, URLs, secrets."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, SecretStr, StrictStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"(\d{1,9})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_BYTES: Final = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_PLACEHOLDER: Final = re.compile(r"\$(\$?)\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# RFC 9110, section 5.6.2: token.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.5: a field value holds no control characters but the tab.
_NOT_IN_HEADERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_UPSTREAM_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

URL_SCHEMES: Final = ("http", "https", "grpc", "grpcs")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What settings are read against.

    Attributes:
        base: Folder that relative paths begin in.
        environment: Where ``${NAME}`` is looked up; ``repr`` hides it.
    """

    base: Path = field(default_factory=Path)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @classmethod
    def of(cls, info: ValidationInfo) -> Surroundings:
        """Those that a validation was given."""
        return info.context if isinstance(info.context, cls) else cls()


def problem(text: str, accepted: str = "", *, at: tuple[int | str, ...] = ()) -> PydanticCustomError:
    """What a validator of ours raises; neither text may hold a secret.

    Args:
        text: What is wrong.
        accepted: What would be accepted.
        at: Where in the value that was validated.
    """
    # The template is fixed and the texts go in as context, so that braces in them are left alone.
    return PydanticCustomError("weft", "{problem}", {"problem": text, "accepted": accepted, "at": at})


def parse_duration(value: object) -> float:
    """Seconds: of ``30s``, ``500ms``, ``2m``, ``1h``, a number of seconds, or a ``timedelta``.

    Raises:
        PydanticCustomError: It is none of these, or not above zero.
    """
    accepted = "a duration above zero, such as `30s`, `500ms`, `2m`, or a number of seconds"
    seconds: float | None = None
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds is None:
        raise problem("is not a duration", accepted)
    if not 0 < seconds < 1e9:
        raise problem("must be above zero", accepted)
    return seconds


def parse_size(value: object) -> int:
    """Bytes: of ``32MB`` (millions), ``1MiB`` (1024 squared), or a number of bytes.

    Raises:
        PydanticCustomError: It is none of these, or not above zero.
    """
    accepted = "a size above zero, such as `32MB`, `512KiB`, or a number of bytes"
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        size = int(found[1]) * _BYTES[found[2]]
    else:
        raise problem("is not a size", accepted)
    if size <= 0:
        raise problem("must be above zero", accepted)
    return size


def parse_workers(value: object) -> int | Literal["auto"]:
    """A number of processes, or ``auto``.

    Raises:
        PydanticCustomError: It is neither.
    """
    if value == "auto":
        return "auto"
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1024:
        raise problem(
            "is not a number of processes", "`auto` for one a core, or a whole number from 1 to 1024"
        )
    return value


def parse_room(value: object) -> int:
    """Bytes, as `parse_size` reads them; ``off``, false and 0 give 0.

    Raises:
        PydanticCustomError: It is none of these.
    """
    if value is False or value == 0 or value == "off":
        return 0
    try:
        return parse_size(value)
    except PydanticCustomError as error:
        raise problem("is not a size", "a size such as `64MB`, a number of bytes, or `off`") from error


def parse_path(value: object, info: ValidationInfo) -> Path:
    """A path; a relative one begins in the folder of the settings' file.

    Raises:
        PydanticCustomError: It is no text, or empty.
    """
    if not isinstance(value, str | Path) or not str(value):
        raise problem("is not a path", "a file's path, relative to the folder of the settings' file")
    return Surroundings.of(info).base / value


def parse_url(value: object) -> str:
    """A URL that an upstream may have, without a trailing slash.

    Raises:
        PydanticCustomError: Another scheme, no host, credentials, a query, or text that is no URL.
    """
    accepted = "http://…, https://…, grpc://host:port (plain text) or grpcs://host:port (TLS)"
    if not isinstance(value, str):
        raise problem("is not a URL", accepted)
    scheme, separator, _ = value.partition("://")
    if not separator:
        raise problem("has no scheme", accepted)
    if scheme not in URL_SCHEMES:
        shown = scheme if _VARIABLE.fullmatch(scheme) else "…"
        raise problem(f"has an unknown scheme `{shown}://`", accepted)
    if scheme in {"grpc", "grpcs"} and "," in value:
        return _parse_addresses(value)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise problem("is not a URL", accepted) from error
    if "@" in parts.netloc:
        raise problem("holds credentials", "a URL without them; give an `authorization` header in `headers`")
    if not parts.hostname or any(c.isspace() for c in value):
        raise problem("is not a URL", accepted)
    if parts.query or parts.fragment:
        raise problem(
            "has a query or fragment", "the URL where the API begins; `openapi` may say where its document is"
        )
    if scheme in {"grpc", "grpcs"} and (port is None or parts.path.strip("/")):
        raise problem("must be a host and a port", f"{scheme}://host:port")
    return value.rstrip("/")


def _parse_addresses(value: str) -> str:
    """A gRPC URL with several addresses: numbers, for names are looked up one by one."""
    scheme, _, rest = value.rstrip("/").partition("://")
    accepted = f"{scheme}://ip:port,ip:port, or one {scheme}://host:port, of which all addresses are used"
    versions = set()
    for one in rest.split(","):
        host, _, port = one.rpartition(":")
        try:
            versions.add(ipaddress.ip_address(host.strip("[]")).version)
            number = int(port) if port.isascii() and port.isdigit() else 0
        except ValueError as error:
            raise problem("has several addresses that are no IP addresses", accepted) from error
        if not 0 < number < 65536:
            raise problem("has an address without a port", accepted)
    if len(versions) > 1:
        raise problem("mixes IPv4 and IPv6 addresses", accepted)
    return f"{scheme}://{rest}"


def parse_header_name(value: object) -> str:
    """A header's name, in lower case.

    Raises:
        PydanticCustomError: HTTP does not allow it.
    """
    if not isinstance(value, str) or not _HEADER_NAME.fullmatch(value):
        raise problem("is not a header name", "letters, digits and hyphens, such as `authorization`")
    return value.lower()


def parse_secret(value: object, info: ValidationInfo) -> SecretStr:
    """A header's value, with ``${NAME}`` and ``${file:/path}`` filled in; ``$${`` stands for ``${``.

    Raises:
        PydanticCustomError: No text, a variable that is not set, a file that cannot be read, or a value
            that no header may have. It never holds the value.
    """
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise problem("is not text", "text; put numbers in quotes")
    surroundings = Surroundings.of(info)
    filled = _PLACEHOLDER.sub(lambda found: _fill(found, surroundings), value)
    if _NOT_IN_HEADERS.search(filled):
        raise problem("holds a line break or control character", "one line of text")
    return SecretStr(filled)


def _fill(found: re.Match[str], surroundings: Surroundings) -> str:
    escaped, inner = found.groups()
    if escaped:
        return found[0][1:]
    if inner.startswith("file:"):
        path = surroundings.base / inner.removeprefix("file:")
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
            raise problem(f"file {path} cannot be read: {why}", "a file that can be read") from error
    if not _VARIABLE.fullmatch(inner):
        raise problem("has a malformed placeholder", "${NAME}, ${file:/path}, or $${ for a plain ${")
    if inner not in surroundings.environment:
        raise problem(f"environment variable {inner} is not set", f"set {inner}, or use ${{file:/path}}")
    return surroundings.environment[inner]


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^\s*{_DURATION.pattern}\s*$"},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
"""A duration in seconds, written ``30s``."""

Size: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^\s*{_SIZE.pattern}\s*$"},
                {"type": "integer", "exclusiveMinimum": 0},
            ]
        }
    ),
]
"""A size in bytes, written ``32MB``."""

Workers: TypeAlias = Annotated[
    int | Literal["auto"],
    PlainValidator(parse_workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 1024}]}),
]
"""A number of processes, or ``auto``."""

Room: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_room),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^\s*{_SIZE.pattern}\s*$"},
                {"type": "integer", "minimum": 0},
                {"enum": ["off", False]},
            ]
        }
    ),
]
"""A size in bytes that may be none."""

SettingsPath: TypeAlias = Annotated[
    Path, BeforeValidator(parse_path), WithJsonSchema({"type": "string", "minLength": 1})
]
"""A path, absolute once it was read."""

UpstreamUrl: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_url),
    WithJsonSchema({"type": "string", "pattern": r"^(https?|grpcs?)://[^\s@?#]+$"}),
]
"""Where an upstream is."""

HeaderName: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_header_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEADER_NAME.pattern}$"}),
]
"""A header's name in lower case."""

HeaderValue: TypeAlias = Annotated[
    SecretStr, BeforeValidator(parse_secret), WithJsonSchema({"type": "string"})
]
"""A header's value; ``repr`` hides it."""


def parse_upstream_name(value: object) -> object:
    """A name that an upstream may have.

    Raises:
        PydanticCustomError: It has other characters.
    """
    if isinstance(value, str) and not _UPSTREAM_NAME.fullmatch(value):
        raise problem("is not an upstream's name", "lower case letters, digits and `_`, a letter first")
    return value


UpstreamName: TypeAlias = Annotated[
    StrictStr,
    BeforeValidator(parse_upstream_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_UPSTREAM_NAME.pattern}$"}),
]
"""A name that an upstream may have."""


def parse_patches(value: object, info: ValidationInfo) -> tuple[Any, ...]:
    """Patches of a document: JSON Patches as lists of operations, merge patches as mappings.

    Raises:
        PydanticCustomError: None of these, or a file that cannot be read.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple) and not _is_json_patch(value):
        found = [_parse_patch(item, info, at=(index,)) for index, item in enumerate(value)]
        return tuple(patch for patches in found for patch in patches)
    return _parse_patch(value, info, at=())


def _parse_patch(value: object, info: ValidationInfo, *, at: tuple[int | str, ...]) -> tuple[Any, ...]:
    accepted = "a mapping (merge patch), a list of operations (JSON Patch), or a file with either"
    if isinstance(value, Mapping):
        return (dict(value),)
    if isinstance(value, list | tuple) and _is_json_patch(value):
        return ([dict(operation) for operation in value],)
    if not isinstance(value, str | Path) or not str(value):
        raise problem("is no patch", accepted, at=at)
    import yaml  # where it is used: few settings have patches in files

    path = Surroundings.of(info).base / value
    try:
        loaded = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise problem(
            f"file {path} cannot be read: {error.strerror}", "a file that can be read", at=at
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise problem(f"file {path} is neither YAML nor JSON", accepted, at=at) from error
    if isinstance(loaded, str) or loaded is None:
        raise problem(f"file {path} holds no patch", accepted, at=at)
    return _parse_patch(loaded, info, at=at)


def _is_json_patch(value: list[Any] | tuple[Any, ...]) -> bool:
    return bool(value) and all(
        isinstance(item, Mapping) and isinstance(item.get("op"), str) and isinstance(item.get("path"), str)
        for item in value
    )


Patches: TypeAlias = Annotated[
    tuple[Any, ...],
    BeforeValidator(parse_patches),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "object"},
                {
                    "type": "array",
                    "items": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]},
                },
            ]
        }
    ),
]
"""Patches of a document, ready to be applied."""


def choose_upstream_form(value: Any) -> str | None:
    """Which form an entry of ``upstreams`` has: the tag of its model."""
    if isinstance(value, Mapping):
        return "<lambda>" if "lambda" in value else "<server>"
    return "<server>" if isinstance(value, str) else getattr(value, "form", None)
