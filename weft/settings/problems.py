"""Mistakes in the settings: all of them, each with its line, its key and what would be accepted."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..schemas.errors import ConfigError
from .values import Surroundings

Location = Sequence[int | str]
ModelT = TypeVar("ModelT", bound=BaseModel)

_TYPES: Final = {
    "string_type": ("is not text", "text; put numbers in quotes"),
    "bool_type": ("is neither true nor false", "`true` or `false`"),
    "int_type": ("is not a whole number", "a whole number"),
    "int_from_float": ("is not a whole number", "a whole number"),
    "list_type": ("is not a list", "a list: `[a, b]`, or a line beginning with `- ` for each entry"),
    "tuple_type": ("is not a list", "a list: `[a, b]`, or a line beginning with `- ` for each entry"),
    "dict_type": ("is not a mapping", "keys and values"),
    "mapping_type": ("is not a mapping", "keys and values"),
    "string_too_short": ("is empty", "text"),
    "recursion_loop": ("holds itself", "a value without a loop"),
}


class ConfigErrors(ConfigError):
    """Every mistake that was found in the settings; the first one's facts are its own.

    Attributes:
        problems: In the order of their lines; at least one.
    """

    def __init__(self, problems: Sequence[ConfigError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            source=first.source,
            key=first.key,
            problem=first.problem,
            accepted=first.accepted,
            line=first.line,
        )
        self.args = ("\n".join(str(problem) for problem in self.problems),)


def no_line(location: Location, *, of_key: bool) -> int:
    """The line of what was not read from a file."""
    return 0


def validate(
    model: type[ModelT],
    value: Any,
    surroundings: Surroundings,
    *,
    source: str,
    line_of: Callable[..., int] = no_line,
) -> ModelT:
    """*value* as *model*.

    Args:
        model: The section to read.
        value: Mappings, lists and scalars.
        surroundings: What paths and placeholders are read against.
        source: Where *value* came from, for messages.
        line_of: The line of a location (with ``of_key`` the line of its key), 0 where there is none.

    Raises:
        ConfigErrors: With every mistake.
    """
    try:
        return model.model_validate(value, context=surroundings)
    except ValidationError as error:
        problems = [
            _problem(model, value, details, source, line_of)
            # Without the input: it may be a secret.
            for details in error.errors(include_url=False, include_input=False)
        ]
        # The cause is left out: pydantic's own message would repeat all of this without lines.
        raise ConfigErrors(sorted(problems, key=lambda found: found.line)) from None


def _problem(
    model: type[BaseModel], value: Any, details: ErrorDetails, source: str, line_of: Callable[..., int]
) -> ConfigError:
    location = [part for part in details["loc"] if not _is_tag(part)]
    location += details.get("ctx", {}).get("at", ())
    # `[key]` says that a mapping's key is wrong, not its value.
    of_key = location[-1:] == ["[key]"]
    location = location[:-1] if of_key else location
    kind = details["type"]
    text, accepted = _say(model, details)
    return ConfigError(
        source=source,
        key=dotted(list(_known(location, value))),
        problem=text,
        accepted=accepted,
        line=line_of(location, of_key=of_key or kind == "extra_forbidden"),
    )


def _say(model: type[BaseModel], details: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what would be accepted."""
    kind, context = details["type"], details.get("ctx", {})
    match kind:
        case "weft":
            return str(context["problem"]), str(context["accepted"])
        case "extra_forbidden":
            keys = accepted_keys(_model_at(model, details["loc"][:-1]) or model)
            import difflib  # only for mistakes

            near = difflib.get_close_matches(str(details["loc"][-1]), keys, n=1, cutoff=0.6)
            return "unknown key" + (f"; did you mean `{near[0]}`?" if near else ""), ", ".join(keys)
        case "missing":
            field = _field_at(_model_at(model, details["loc"][:-1]) or model, str(details["loc"][-1]))
            return "is missing", " ".join((field.description or "").split()) if field else ""
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            inner = _model_at(model, details["loc"])
            return "is not a mapping", ", ".join(accepted_keys(inner)) if inner else "keys and values"
        case "greater_than_equal" | "greater_than":
            return "is too small", f"at least {context.get('ge', context.get('gt'))}"
        case "less_than_equal" | "less_than":
            return "is too large", f"at most {context.get('le', context.get('lt'))}"
        case _ if kind in _TYPES:
            return _TYPES[kind]
        case _:
            return details["msg"].replace("Input should", "should"), ""


def accepted_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a section, as the file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def dotted(location: Location) -> str:
    """``upstreams[2].url`` of ``("upstreams", 2, "url")``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _known(location: Location, value: Any) -> Iterator[int | str]:
    """*location* up to the first scalar: an entry that is a URL has no key `url` of its own."""
    for part in location:
        if not isinstance(value, Mapping | list | tuple):
            return
        yield part
        if isinstance(value, Mapping):
            value = value.get(part, {})
        else:
            value = value[part] if isinstance(part, int) and part < len(value) else {}


def _is_tag(part: int | str) -> bool:
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The section at *location*, if it is one."""
    found: type[BaseModel] | None = model
    choices: list[type[BaseModel]] = []
    for part in location:
        if _is_tag(part):
            found = next((choice for choice in choices if getattr(choice, "form", "") == part), None)
        elif isinstance(part, str):
            field = _field_at(found, part) if found else None
            choices = list(_models(field.annotation)) if field else []
            found = choices[0] if len(choices) == 1 else None
    return found


def _field_at(model: type[BaseModel], key: str) -> Any:
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
