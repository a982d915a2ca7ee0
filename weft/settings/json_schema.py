"""The settings' form as JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from .model import Settings


def settings_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of ``weft.yaml``, with a title and a description on every property.

    It tells what can be told without the file's surroundings: whether a variable is set, or two entries
    are at odds, only `load_settings` says.
    """
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    sections = schema["$defs"]
    for properties in _properties(schema):
        for name, found in properties.items():
            # Pydantic leaves a description out that is the section's own.
            section = sections.get(str(found.get("$ref", "")).rpartition("/")[2], {})
            description = found.get("description") or section.get("description", "")
            found["title"] = name.replace("_", " ").capitalize()
            found["description"] = " ".join(description.split())
            if name in {"snapshot", "lock", "state"} and "default" in found:
                found["default"] = str(found["default"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "weft.yaml",
        "description": "The settings of Weft: where the functions are, and how they are woven and served.",
    }


def _properties(schema: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    sections = [schema, *schema.get("$defs", {}).values()]
    return [section["properties"] for section in sections if "properties" in section]
