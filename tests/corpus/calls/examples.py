"""Values that fit a schema of a document, made from the schema alone.

Nothing here knows Weft: it is the other side of the check. A value is made keyword by keyword and then held
against a validator of JSON Schema; where no value passes, the schema is told apart as one that contradicts
itself, or that this generator cannot satisfy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .patterns import text_matching

Direction = Literal["request", "response"]

_DEEPEST = 14
_FORMATS: Mapping[str, Any] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT90S",
    "uuid": "0b8f2f3e-8b5a-4b6f-9f3e-2d1c5a7b9e10",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "uri-reference": "https://example.com/a",
    "email": "ann@example.com",
    "idn-email": "ann@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "byte": base64.b64encode(b"bytes").decode(),
    "binary": base64.b64encode(b"bytes").decode(),
    "int64": "12",
    "uint64": "12",
    "int32": "12",
    "decimal": "1.5",
    "dateTime": "2026-01-31T12:00:00Z",
    "datetime": "2026-01-31T12:00:00Z",
}


class Impossible(Exception):
    """No value could be made; the message says why."""


class NotFound(Impossible):
    """There may be a value, and this generator does not find it."""


@dataclass
class Examples:
    """Makes values for the schemas of one document.

    Attributes:
        root: The document.
        follow: Whether optional members are made, down to `optional_depth`.
    """

    root: Mapping[str, Any]
    validates: Callable[[Any, Mapping[str, Any], Direction], bool]
    optional_depth: int = 3
    _variant: int = field(default=0, init=False)
    _optional: bool = field(default=True, init=False)
    _direction: Direction = field(default="request", init=False)

    def of(self, schema: Any, direction: Direction, *, seed: int = 0) -> Any:
        """A value that fits *schema*.

        Args:
            schema: A schema object of the document.
            direction: ``request`` leaves out what is read only, ``response`` what is write only.
            seed: Moves the choice among variants.

        Raises:
            Impossible: None was found.
        """
        if schema is True or schema is None or schema == {}:
            return {"any": "value"}
        self._direction = direction
        reason = "no value fits the schema"
        kind = Impossible
        for optional in (True, False):
            for variant in range(4):
                self._variant, self._optional = variant + seed, optional
                try:
                    value = self._make(schema, 0, ())
                except Impossible as error:
                    reason, kind = str(error), type(error)
                    continue
                except RecursionError:
                    reason = "the schema needs an endless value"
                    continue
                if self.validates(value, schema, direction):
                    return value
                reason, kind = "no value fits the schema", Impossible
        raise kind(reason)

    # The keywords of one schema.

    def resolve(self, schema: Any) -> Any:
        """*schema*, its references followed.

        Raises:
            Impossible: One leads nowhere.
        """
        seen = 0
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            seen += 1
            siblings = {k: v for k, v in schema.items() if k != "$ref"}
            target = self._at(schema["$ref"])
            if seen > 50:
                raise Impossible("a reference refers to itself")
            if siblings and self.root.get("openapi", "").startswith("3.1") and isinstance(target, Mapping):
                schema = {"allOf": [target, siblings]} if "$ref" not in target else target
            else:
                schema = target
        return schema

    def _at(self, reference: str) -> Any:
        from urllib.parse import unquote

        if not reference.startswith("#"):
            raise Impossible(f"{reference} is in another document")
        at: Any = self.root
        for token in unquote(reference[1:]).split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(at, list) and name.isdigit() and int(name) < len(at):
                at = at[int(name)]
            elif isinstance(at, Mapping) and name in at:
                at = at[name]
            else:
                raise Impossible(f"{reference} leads nowhere")
        return at

    def _merged(self, schema: Any, level: int = 0) -> dict[str, Any]:
        """*schema* with its ``allOf`` in it."""
        schema = self.resolve(schema)
        if schema is True or schema is None:
            return {}
        if not isinstance(schema, Mapping):
            raise Impossible("a schema is expected")
        if "allOf" not in schema:
            return dict(schema)
        if level > 20:
            raise Impossible("allOf refers to itself")
        found: dict[str, Any] = {}
        for part in [*schema["allOf"], {k: v for k, v in schema.items() if k != "allOf"}]:
            for key, value in self._merged(part, level + 1).items():
                if key == "properties" and isinstance(value, Mapping):
                    merged = dict(found.get("properties", {}))
                    for name, one in value.items():
                        same = name in merged and merged[name] != one
                        merged[name] = {"allOf": [merged[name], one]} if same else one
                    found["properties"] = merged
                elif key == "required" and isinstance(value, list):
                    found["required"] = [*found.get("required", []), *value]
                elif key in {"oneOf", "anyOf"} and key in found:
                    found.setdefault("_more", []).append({key: value})
                elif key == "enum" and "enum" in found:
                    found["enum"] = [v for v in found["enum"] if v in value]
                elif key in {"minimum", "minLength", "minItems"} and key in found:
                    found[key] = max(found[key], value)
                elif key in {"maximum", "maxLength", "maxItems"} and key in found:
                    found[key] = min(found[key], value)
                else:
                    found[key] = value
        return found

    def _make(self, schema: Any, depth: int, path: tuple[int, ...]) -> Any:
        if depth > _DEEPEST:
            raise Impossible("the schema needs an endless value")
        stated = self._merged(schema)
        if "const" in stated:
            return stated["const"]
        if stated.get("enum"):
            values = [v for v in stated["enum"] if v is not None] or [None]
            return values[0]
        for keyword in ("oneOf", "anyOf"):
            variants = [v for v in stated.get(keyword) or [] if not self._only_null(v)]
            if variants:
                return self._variant_of(stated, keyword, variants, depth, path)
        types = stated.get("type")
        if isinstance(types, list):
            types = [t for t in types if t != "null"] or ["null"]
            types = types[self._variant % len(types)]
        if types is None:
            types = self._implied(stated)
        match types:
            case "object":
                return self._object(stated, depth, path)
            case "array":
                return self._array(stated, depth, path)
            case "string":
                return self._string(stated)
            case "integer":
                return int(self._number(stated, step=1))
            case "number":
                return self._number(stated, step=0.5)
            case "boolean":
                return True
            case "null":
                return None
            case "file":
                return base64.b64encode(b"bytes").decode()
            case None:
                if "example" in stated:
                    return stated["example"]
                return "any"
            case _:
                raise Impossible(f"type {str(types)[:40]!r} is unknown")

    def _only_null(self, schema: Any) -> bool:
        if not isinstance(schema, Mapping):
            return False
        return schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None]

    @staticmethod
    def _implied(stated: Mapping[str, Any]) -> str | None:
        if stated.keys() & {"properties", "additionalProperties", "required", "patternProperties"}:
            return "object"
        if stated.keys() & {"items", "prefixItems", "minItems"}:
            return "array"
        if stated.keys() & {"pattern", "minLength", "maxLength"} or stated.get("format") in {
            "date",
            "date-time",
            "uuid",
            "uri",
            "email",
            "binary",
            "byte",
        }:
            return "string"
        if stated.keys() & {"minimum", "maximum"}:
            return "number"
        return None

    def _variant_of(
        self, stated: dict[str, Any], keyword: str, variants: list[Any], depth: int, path: tuple[int, ...]
    ) -> Any:
        rest = {k: v for k, v in stated.items() if k not in {keyword, "discriminator", "_more"}}
        reason: Impossible | None = None
        for at in range(len(variants)):
            variant = variants[(at + self._variant) % len(variants)]
            own = {"properties", "required", "type"} & rest.keys()
            whole = {"allOf": [variant, rest]} if own else variant
            try:
                value = self._make(whole, depth + 1, path)
            except Impossible as error:
                reason = error
                continue
            self._tell_apart(stated, variant, value)
            if (
                depth < 6
                and keyword == "oneOf"
                and not self.validates(value, schema_of(stated), self._direction)
            ):
                reason = Impossible("no variant fits alone")
                continue
            return value
        raise reason or Impossible("no variant fits")

    def _tell_apart(self, stated: Mapping[str, Any], variant: Any, value: Any) -> None:
        """Set the discriminating member to what the document says stands for *variant*."""
        discriminator = stated.get("discriminator")
        name = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
        reference = variant.get("$ref") if isinstance(variant, Mapping) else None
        if not name or not isinstance(value, dict) or not reference:
            return
        assert isinstance(discriminator, Mapping)
        mapping = discriminator.get("mapping") or {}
        word = reference.rsplit("/", 1)[-1]
        told = next((k for k, v in mapping.items() if v in (reference, word)), word)
        properties = self._merged(variant).get("properties", {})
        constant = self._merged(properties.get(name, {})) if name in properties else {}
        if "enum" in constant and told not in constant["enum"]:
            return
        if name in properties:
            value[name] = told

    def _object(self, stated: Mapping[str, Any], depth: int, path: tuple[int, ...]) -> dict[str, Any]:
        properties = stated.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = {name for name in stated.get("required") or [] if isinstance(name, str)}
        hidden = "readOnly" if self._direction == "request" else "writeOnly"
        found: dict[str, Any] = {}
        for name, schema in properties.items():
            wanted = name in required
            if not wanted and (not self._optional or depth >= self.optional_depth):
                continue
            try:
                # One level: `readOnly` stands at the property, or at what it refers to.
                if self._flag(schema, hidden):
                    continue
                found[name] = self._make(schema, depth + 1, path)
            except Impossible:
                if wanted:
                    raise
        if not found and not required and self.optional_depth <= depth < self.optional_depth + 3:
            # A form has no pair for an empty object, and a union's members are told apart by what they have.
            for name, schema in properties.items():
                if not self._flag(schema, hidden):
                    try:
                        found[name] = self._make(schema, depth + 1, path)
                        break
                    except Impossible:
                        continue
        for name in required - properties.keys():
            extra = stated.get("additionalProperties")
            found[name] = (
                self._make(extra, depth + 1, path) if isinstance(extra, Mapping) and extra else "any"
            )
        if not properties and not found:
            extra = stated.get("additionalProperties")
            least = stated.get("minProperties") or 0
            if isinstance(extra, Mapping) and extra and (depth < self.optional_depth or least):
                for at in range(max(1, least)):
                    found[f"key{at + 1}"] = self._make(extra, depth + 1, path)
            elif extra is not False:
                for at in range(least):
                    found[f"key{at + 1}"] = "any"
            patterns = stated.get("patternProperties")
            if isinstance(patterns, Mapping) and not found and depth < self.optional_depth:
                for pattern, schema in patterns.items():
                    name = text_matching(pattern)
                    if name:
                        found[name] = self._make(schema, depth + 1, path)
        most = stated.get("maxProperties")
        if isinstance(most, int) and len(found) > most:
            keep = [n for n in found if n in required] + [n for n in found if n not in required]
            found = {name: found[name] for name in keep[:most]}
        return found

    def _flag(self, schema: Any, name: str) -> bool:
        stated = self._merged(schema) if isinstance(schema, Mapping) else {}
        return stated.get(name) is True

    def _array(self, stated: Mapping[str, Any], depth: int, path: tuple[int, ...]) -> list[Any]:
        least = stated.get("minItems") or 0
        prefix = stated.get("prefixItems") or (
            stated["items"] if isinstance(stated.get("items"), list) else []
        )
        items = (
            stated.get("items")
            if not isinstance(stated.get("items"), list)
            else stated.get("additionalItems")
        )
        found = [self._make(one, depth + 1, path) for one in prefix]
        most = stated.get("maxItems")
        count = max(least - len(found), 0 if found or depth > 8 or most == 0 else 1)
        if isinstance(most, int):
            count = min(count, max(most - len(found), 0))
        for at in range(count):
            try:
                item = self._make({} if items is None else items, depth + 1, path)
            except Impossible:
                if least:
                    raise
                break
            if stated.get("uniqueItems") and item in found:
                item = self._another(item, at, self._merged({} if items is None else items))
            found.append(item)
        return found

    @staticmethod
    def _another(item: Any, at: int, schema: Mapping[str, Any]) -> Any:
        if schema.get("enum"):
            return schema["enum"][(at) % len(schema["enum"])]
        if isinstance(item, str):
            return f"{item}{at}"
        if isinstance(item, int | float):
            return item + at
        return item

    def _string(self, stated: Mapping[str, Any]) -> str:
        least = stated.get("minLength") or 0
        most = stated.get("maxLength")
        pattern = stated.get("pattern")
        format_ = stated.get("format")
        if stated.get("contentEncoding") == "base64" and isinstance(pattern, str):
            if not self.validates(_FORMATS["byte"], {"type": "string", "pattern": pattern}, self._direction):
                raise Impossible("a text that must be base64 must match a pattern that base64 does not")
            return str(_FORMATS["byte"])
        if isinstance(pattern, str) and pattern:
            for known in self._known_texts(stated):
                if self.validates(known, {k: v for k, v in stated.items() if k != "_more"}, self._direction):
                    return known
            text = text_matching(pattern, least=least, most=most)
            if text is None:
                raise NotFound("no text was found for a pattern")
            return text
        if stated.get("contentEncoding") == "base64":
            return str(_FORMATS["byte"])
        if isinstance(format_, str) and format_ in _FORMATS:
            text = str(_FORMATS[format_])
            if len(text) >= least and (most is None or len(text) <= most):
                return text
        text = "text"
        if most is not None and len(text) > most:
            text = text[:most]
        return text + "t" * (least - len(text))

    @staticmethod
    def _known_texts(stated: Mapping[str, Any]) -> Iterator[str]:
        for known in (
            stated.get("example"),
            stated.get("default"),
            *(stated.get("examples") or ()),
            "abc",
            "a",
        ):
            if isinstance(known, str):
                yield known
        if isinstance(stated.get("format"), str) and stated["format"] in _FORMATS:
            yield str(_FORMATS[stated["format"]])

    @staticmethod
    def _number(stated: Mapping[str, Any], *, step: float) -> int | float:
        low, high = stated.get("minimum"), stated.get("maximum")
        above, below = stated.get("exclusiveMinimum"), stated.get("exclusiveMaximum")
        if isinstance(above, int | float) and not isinstance(above, bool):
            low, above = above, True
        if isinstance(below, int | float) and not isinstance(below, bool):
            high, below = below, True
        multiple = stated.get("multipleOf")
        value: int | float = 7
        if step != 1:
            value = 7.5
        if isinstance(low, int | float) and (value < low or (above is True and value <= low)):
            value = low + step if above is True else low
        if isinstance(high, int | float) and (value > high or (below is True and value >= high)):
            value = high - step if below is True else high
            if isinstance(low, int | float) and value <= low:
                value = (low + high) / 2 if step != 1 else low
        if isinstance(multiple, int | float) and multiple:
            value = int(value / multiple) * multiple
            if isinstance(low, int | float) and value < low:
                value += multiple
        return value


def schema_of(stated: Mapping[str, Any]) -> dict[str, Any]:
    """A merged schema as a schema again."""
    found = {k: v for k, v in stated.items() if k != "_more"}
    if stated.get("_more"):
        found["allOf"] = stated["_more"]
    return found
