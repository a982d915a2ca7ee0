"""Every field that is read does something, and is in the page on the objects."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

from weft.gateway.objects.base import ENVOY_GROUP, GATEWAY_GROUP, WEFT_GROUP, Policy
from weft.gateway.objects.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"```.*?```", "", (ROOT / "docs" / "gateway" / "objects.md").read_text(), flags=re.DOTALL)

SAYS_NOTHING = {
    ("CertificateReferences", "mode"),  # there is one
    ("GatewaySpec", "gateway_class_name"),  # for clusters
    ("BackendTls", "well_known_ca_certificates"),  # what holds by itself
    ("JwtProvider", "recompute_route"),
    ("OidcProvider", "end_session_endpoint"),
    ("LimitRule", "shared"),
}


def parts(type_: Any) -> Iterator[type[Struct]]:
    if isinstance(type_, type) and issubclass(type_, Struct):
        yield type_
        for field in msgspec.structs.fields(type_):
            yield from parts(field.type)
    for argument in get_args(type_):
        yield from parts(argument)


def test_no_field_is_read_and_then_ignored() -> None:
    used = {
        node.attr
        for path in [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "weft" / "app").glob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    ignored = {
        (part.__name__, field)
        for kind in KINDS.values()
        for part in parts(kind.spec)
        for field in part.__struct_fields__
        if field not in used
    }
    assert ignored <= SAYS_NOTHING


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.group], ids=lambda kind: kind.name)
def test_the_page_names_every_field(kind: Any) -> None:
    assert f"**{kind.name}**" in PAGE
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", PAGE))))
    is_policy = issubclass(kind.spec, Policy)
    wanted = [kind.spec] if is_policy else parts(kind.spec)
    missing = {field.encode_name for part in wanted for field in msgspec.structs.fields(part)} - named
    if kind.group == GATEWAY_GROUP:
        missing -= {"numerator", "denominator", "replaceFullPath", "replacePrefixMatch", "allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge", "allowCredentials"}  # fmt: skip
    if kind.group in {ENVOY_GROUP, WEFT_GROUP}:
        missing -= {"inline", "pattern", "substitution", "replaceRegexMatch"}
    assert not missing
