"""What is said of links and bulk functions."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema, model_validator

from ..schemas.links import BulkRule, LinkRule
from .section import Section
from .values import problem

_COORDINATE: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*\.[_A-Za-z][_0-9A-Za-z]*")
_FUNCTION: Final = re.compile(r"[a-z][a-z0-9_]*\.\S+")


def _check_coordinate(value: str) -> str:
    if not _COORDINATE.fullmatch(value):
        raise problem("is not a field's coordinate", "a type and a field, such as `Order.product`")
    return value


def _check_function(value: str) -> str:
    if not _FUNCTION.fullmatch(value):
        raise problem("is not a function", "upstream and operation, such as `products.get_product`")
    return value


Coordinate: TypeAlias = Annotated[
    StrictStr,
    BeforeValidator(lambda value: _check_coordinate(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string", "pattern": f"^{_COORDINATE.pattern}$"}),
]
FunctionName: TypeAlias = Annotated[
    StrictStr,
    BeforeValidator(lambda value: _check_function(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string", "pattern": f"^{_FUNCTION.pattern}$"}),
]


class LinkEntry(Section):
    """What is said of one link."""

    field: Coordinate
    """The field, such as `Order.product`."""

    function: FunctionName | None = None
    """The function that answers it, such as `products.get_product`."""

    keys: dict[StrictStr, StrictStr] | None = None
    """Argument of the function to member of the parent."""

    off: StrictBool = False
    """Switch a link off that was found."""

    @model_validator(mode="after")
    def _one_of_both(self) -> LinkEntry:
        if self.off and (self.function is not None or self.keys is not None):
            raise problem("`off` goes with `field` alone", "`off: true`, or `function` and `keys`")
        if not self.off and self.function is None:
            raise problem("says neither `function` nor `off`", "`function`, or `off: true`")
        return self

    @property
    def rule(self) -> LinkRule:
        """The same, as the schema takes it."""
        return LinkRule(field=self.field, function=self.function, keys=self.keys, off=self.off)


class BulkEntry(Section):
    """What is said of one bulk function."""

    function: FunctionName
    """The function that answers many keys in one call."""

    answers: FunctionName | None = Field(default=None, alias="for")
    """The function whose single calls it replaces."""

    argument: StrictStr | None = Field(default=None, min_length=1)
    """Its argument that takes the list of keys; found by its name where it is left out."""

    items: StrictStr | None = None
    """Dotted members that lead from its answer to the list of items; empty if the answer is the list."""

    key: StrictStr | None = Field(default=None, min_length=1)
    """Member of an item that says which key it answers."""

    max_keys: StrictInt | None = Field(default=None, alias="max", ge=1)
    """The most keys of one call."""

    many: StrictBool | None = None
    """Whether a key is answered by a list of items (a customer's orders); found where it is left out."""

    per_key: StrictInt | None = Field(default=None, ge=1)
    """The most items that one key has; needed where `many` meets an argument that bounds the answer."""

    off: StrictBool = False
    """Never use it as a bulk function."""

    @model_validator(mode="after")
    def _off_alone(self) -> BulkEntry:
        others = (self.answers, self.argument, self.items, self.key, self.max_keys, self.many, self.per_key)
        if self.off and any(value is not None for value in others):
            raise problem("`off` goes with `function` alone", "`off: true`, or the other keys")
        return self

    @property
    def rule(self) -> BulkRule:
        """The same, as the schema takes it."""
        return BulkRule(
            function=self.function,
            answers=self.answers,
            argument=self.argument,
            items=self.items,
            key=self.key,
            max_keys=self.max_keys,
            many=self.many,
            per_key=self.per_key,
            off=self.off,
        )
