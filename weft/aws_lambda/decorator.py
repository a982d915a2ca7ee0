"""``typed``: a handler with type hints as one that Lambda calls."""

from __future__ import annotations

import functools
import inspect
import os
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, overload

from .batches import ITEMS, RESULTS, answer_batch, by_key, is_batch, key_of, one_by_one
from .decoding import decode
from .encoding import encode
from .hints import NOTHING, Member, is_object, members_of, name_of, without_annotations
from .problems import EventError, expected, member

if TYPE_CHECKING:
    from .json_schema import Schemas

DESCRIBE = "weft-describe"
"""Member of ``clientContext.custom`` by which an invocation asks for the description, and not for a result."""

MAX_KEYS = 100

Effect = Literal["read", "write"]


@overload
def typed(handler: Callable[..., Any], /) -> TypedHandler: ...


@overload
def typed(
    *,
    batch: bool = False,
    key: str = "",
    max_keys: int = MAX_KEYS,
    effect: Effect | None = None,
) -> Callable[[Callable[..., Any]], TypedHandler]: ...


def typed(
    handler: Callable[..., Any] | None = None,
    /,
    *,
    batch: bool = False,
    key: str = "",
    max_keys: int = MAX_KEYS,
    effect: Effect | None = None,
) -> TypedHandler | Callable[[Callable[..., Any]], TypedHandler]:
    """Let *handler* take and answer what its type hints say.

    One parameter with the type of an object (a dataclass, TypedDict, msgspec Struct, pydantic model, mapping)
    is the event; other parameters are the event's members. A parameter named ``context`` gets Lambda's context.

    Args:
        handler: A function, or an ``async`` one.
        batch: It answers many inputs in one invocation. If its parameter is a list, it is given all inputs, and
            answers a list of results, or a mapping by key; else it is called for one after the other. An
            exception in the place of a result is that input's alone.
        key: The member that an input is told by, and whose results are put back by. Left out: the only one that
            must be there.
        max_keys: The most inputs of one invocation.
        effect: Whether it reads or writes, where its name does not say.
    """

    def decorate(function: Callable[..., Any]) -> TypedHandler:
        return TypedHandler(function, batch=batch, key=key, max_keys=max_keys, effect=effect)

    return decorate if handler is None else decorate(handler)


class TypedHandler:
    """What Lambda calls: it decodes the event, runs the handler, and encodes its result.

    Attributes:
        handler: The function itself, for tests and other callers.
    """

    __name__: str

    def __init__(
        self,
        handler: Callable[..., Any],
        *,
        batch: bool = False,
        key: str = "",
        max_keys: int = MAX_KEYS,
        effect: Effect | None = None,
    ) -> None:
        self.handler = handler
        self._batch = batch
        self._key = key
        self._max_keys = max_keys
        self._effect = effect
        functools.update_wrapper(self, handler)

    def __call__(self, event: Any, context: Any = None) -> Any:
        """Answer one invocation.

        Raises:
            EventError: The event is not of the type that the handler names.
        """
        custom = getattr(getattr(context, "client_context", None), "custom", None)
        if isinstance(custom, dict) and custom.get(DESCRIBE):
            return self.tool_schema()
        if not self._batch:
            return encode(self._run(self._arguments(event), context))
        if is_batch(event):
            return answer_batch(
                event[ITEMS],
                key=self.key,
                decode=self._input,
                run=lambda inputs: self._run_many(inputs, context),
                finish=self._keyed,
                most=self._max_keys,
            )
        one = self._input(event, "")
        own = event.get(self.key) if isinstance(event, dict) else None
        found = by_key(self._run_many([one], context), [own], self.key)
        if found and isinstance(found[0][1], BaseException):
            raise found[0][1]
        return self._keyed(found[0][1], own) if found else None

    def tool_schema(self) -> dict[str, Any]:
        """What the handler takes and answers: a tool definition of Bedrock AgentCore, with ``batch`` beside it.

        Raises:
            TypeError: A hint is missing, or none that JSON is read as.
        """
        from .json_schema import Schemas

        schemas = Schemas()
        payload = schemas.of(self._whole) if self._whole is not None else schemas.object_of(self._members)
        result = schemas.of(self._result)
        if self._batch:
            result = self._keyed_schema(schemas, result)
        described: dict[str, Any] = {
            "name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or self.handler.__name__,
            "description": inspect.cleandoc(self.handler.__doc__ or ""),
            "inputSchema": schemas.document(payload),
            "outputSchema": schemas.document(result),
        }
        if self._effect is not None:
            described["annotations"] = {"readOnlyHint": self._effect == "read"}
        if self._batch:
            described["batch"] = {
                "key": self.key,
                "items": ITEMS,
                "results": RESULTS,
                "max": self._max_keys,
            }
        return described

    @functools.cached_property
    def key(self) -> str:
        """The member by which inputs of a batch are told."""
        members = members_of(self._whole) if self._whole is not None else self._members
        names = [one.name for one in members]
        if ITEMS in names:
            raise TypeError(
                f"{self._name}: an input of a batch has no member {ITEMS!r}, which holds the inputs"
            )
        if self._key:
            if self._key not in names:
                raise TypeError(
                    f"{self._name}: an input has no member {self._key!r}; it has {', '.join(names)}"
                )
            return self._key
        required = [one.name for one in members if one.required]
        if len(required) != 1:
            raise TypeError(
                f"{self._name}: say which member is the key, typed(batch=True, key=...): {', '.join(names)}"
            )
        return required[0]

    # -- the signature

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self.handler, include_extras=True)
        except NameError as error:
            raise TypeError(
                f"{self._name}: {error}; what its hints name must be there at run time"
            ) from error

    @functools.cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        """Those that the event gives."""
        found = [
            one
            for one in inspect.signature(self.handler).parameters.values()
            if one.name != "context"
            and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY, one.POSITIONAL_ONLY)
        ]
        bare = [one.name for one in found if one.name not in self._hints]
        if bare:
            raise TypeError(f"{self._name}: parameter {bare[0]!r} has no type hint")
        return found

    @functools.cached_property
    def _takes_context(self) -> bool:
        return "context" in inspect.signature(self.handler).parameters

    @functools.cached_property
    def _takes_many(self) -> bool:
        """Whether the parameter of a batch's handler is the list of inputs."""
        hint = (
            without_annotations(self._hints[self._parameters[0].name])[0]
            if len(self._parameters) == 1
            else None
        )
        return self._batch and typing.get_origin(hint) is list and is_object(typing.get_args(hint)[0])

    @functools.cached_property
    def _whole(self) -> Any:
        """The type of the event, or of an input of a batch; ``None`` where parameters are its members."""
        if len(self._parameters) != 1:
            return None
        hint = self._hints[self._parameters[0].name]
        if self._takes_many:
            return typing.get_args(without_annotations(hint)[0])[0]
        return hint if is_object(hint) or hint is Any else None

    @functools.cached_property
    def _members(self) -> tuple[Member, ...]:
        return tuple(
            Member(
                one.name,
                one.name,
                self._hints[one.name],
                NOTHING if one.default is inspect.Parameter.empty else one.default,
            )
            for one in self._parameters
        )

    @functools.cached_property
    def _result(self) -> Any:
        if "return" not in self._hints:
            raise TypeError(f"{self._name}: say what it answers, `-> ...`")
        hint = self._hints["return"]
        if not self._takes_many:
            return hint
        plain = without_annotations(hint)[0]
        arguments = typing.get_args(plain)
        if typing.get_origin(plain) not in (list, dict) or not arguments:
            raise TypeError(f"{self._name}: a handler of many inputs answers a list, or a mapping by key")
        return _without_exceptions(arguments[-1])

    @property
    def _name(self) -> str:
        return name_of(self.handler)

    # -- one invocation

    def _arguments(self, event: Any) -> dict[str, Any]:
        if self._whole is not None:
            return {self._parameters[0].name: decode(event, self._whole)}
        return self._decode_members(event, "")

    def _input(self, event: Any, path: str) -> Any:
        """One input of a batch: what the list holds, or the arguments of one call."""
        if self._whole is not None:
            found = decode(event, self._whole, path)
            return found if self._takes_many else {self._parameters[0].name: found}
        return self._decode_members(event, path)

    def _decode_members(self, event: Any, path: str) -> dict[str, Any]:
        if not isinstance(event, dict):
            raise expected(path, "an object", event)
        found: dict[str, Any] = {}
        for one in self._members:
            if one.name in event:
                found[one.name] = decode(event[one.name], one.hint, member(path, one.name))
            elif one.required:
                raise EventError(member(path, one.name), "it must be there")
        return found

    def _run(self, arguments: dict[str, Any], context: Any) -> Any:
        if self._takes_context:
            arguments = {**arguments, "context": context}
        positional = [
            arguments.pop(one.name)
            for one in self._parameters
            if one.kind is one.POSITIONAL_ONLY and one.name in arguments
        ]
        result = self.handler(*positional, **arguments)
        if not inspect.isawaitable(result):
            return result
        import asyncio  # it takes as long to import as all of this, and most handlers need none

        return asyncio.run(_awaited(result))

    def _run_many(self, inputs: list[Any], context: Any) -> Any:
        if self._takes_many:
            return self._run({self._parameters[0].name: inputs}, context)
        return one_by_one(lambda arguments: self._run(arguments, context))(inputs)

    # -- results of a batch, which have their keys

    def _keyed(self, result: Any, own: Any) -> Any:
        found = encode(result)
        if not isinstance(found, dict):
            return {self.key: own, "value": found}
        return found if key_of(found, self.key) is not None else {self.key: own, **found}

    def _keyed_schema(self, schemas: Schemas, result: dict[str, Any]) -> dict[str, Any]:
        """The schema of a result with the key among its members."""
        members = members_of(self._whole) if self._whole is not None else self._members
        key = {self.key: schemas.of(next(one.hint for one in members if one.name == self.key))}
        name = result.get("$ref", "").removeprefix("#/$defs/")
        shape = schemas.definitions.get(name, result)
        properties = shape.get("properties")
        if not isinstance(properties, dict):
            title = "".join(word.capitalize() for word in self.handler.__name__.split("_")) + "Result"
            named = {"type": "object", "title": title, "properties": {**key, "value": result}}
            return {**named, "required": [self.key]}
        if self.key in properties:
            return result
        added = {
            **shape,
            "properties": {**key, **properties},
            "required": [self.key, *shape.get("required", ())],
        }
        if not name:
            return added
        schemas.definitions[name] = added
        return result


async def _awaited(result: Any) -> Any:
    return await result


def _without_exceptions(hint: Any) -> Any:
    """*hint* without the exceptions that may stand in the place of a result, and without null."""
    from .hints import is_union

    if not is_union(hint):
        return hint
    kept = [
        one
        for one in typing.get_args(hint)
        if one is not type(None) and not (isinstance(one, type) and issubclass(one, BaseException))
    ]
    return kept[0] if len(kept) == 1 else typing.Union[tuple(kept)]  # noqa: UP007 - made at run time
