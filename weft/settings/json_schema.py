"""The settings' form as JSON Schema, for editors."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from . import auth, aws_lambda, credentials, gateway, grpc, hooks, lambda_types, links, model, websockets
from .model import Settings


def settings_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of ``weft.yaml``, with a title and a description on every property.

    It tells what can be told without the file's surroundings: whether a variable is set, or two entries
    are at odds, only `load_settings` says.
    """
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    sections = schema["$defs"]
    documented = _attribute_docstrings()
    for title, properties in _properties(schema).items():
        for name, found in properties.items():
            section = sections.get(str(found.get("$ref", "")).rpartition("/")[2], {})
            description = documented.get((title, name)) or section.get("description", "")
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


def _properties(schema: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    sections = {Settings.__name__: schema, **schema.get("$defs", {})}
    return {title: section["properties"] for title, section in sections.items() if "properties" in section}


def _attribute_docstrings() -> dict[tuple[str, str], str]:
    """The text under each field, by its class, those derived from it too, and its key in the file.

    Pydantic can do it (``use_attribute_docstrings``), but reads the source whenever a class is made: 40 ms
    at every start of the program.
    """
    modules = (model, grpc, aws_lambda, lambda_types, gateway, auth, credentials, hooks, links, websockets)
    nodes = [node for module in modules for node in ast.parse(inspect.getsource(module)).body]
    own: dict[str, dict[str, str]] = {}
    for class_ in (node for node in nodes if isinstance(node, ast.ClassDef)):
        texts = own[class_.name] = {}
        for field, text in zip(class_.body, class_.body[1:], strict=False):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    texts[name] = said
                case _:
                    pass
    found: dict[tuple[str, str], str] = {}
    for title in own:
        class_made = next(getattr(one, title) for one in modules if hasattr(one, title))
        for base in reversed(class_made.__mro__):
            for name, said in own.get(base.__name__, {}).items():
                if name in class_made.model_fields:
                    found[title, class_made.model_fields[name].alias or name] = said
    return found
