"""Descriptions of Lambda functions to an upstream."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from msgspec.structs import replace

from ..catalog import (
    Argument,
    Constraints,
    DeclaredBulk,
    Field,
    Function,
    FunctionId,
    JsonType,
    LambdaBatch,
    LambdaBinding,
    LambdaTarget,
    ListOf,
    ObjectShape,
    ReadingWarning,
    Reference,
    Scalar,
    Shape,
    ShapeName,
    Type,
    Upstream,
    UpstreamId,
    effect_of_name,
    invoked_as,
)
from ..names import plural, type_name, unique, upstream_name, words
from .descriptions import BatchSchema, LambdaDescription, LambdaSchema
from .function_names import function_name, noun_of, result_name, shared_prefix
from .json_schema import read_schema
from .merging import merge_shapes, with_names


def read_functions(
    descriptions: Sequence[LambdaDescription],
    *,
    upstream: UpstreamId | None,
    region: str,
    endpoint: str = "",
    warnings: Sequence[ReadingWarning] = (),
) -> Upstream:
    """The upstream that holds the functions of one region.

    ``pricing-get-prices`` becomes ``get_prices`` of an upstream titled ``Pricing`` if the names of all
    functions begin with that word. A function without a schema takes and answers any JSON.

    Args:
        descriptions: In any order; the result does not depend on it.
        upstream: Its id; ``None`` to make one from the title.
        region: The region's name.
        endpoint: What replaces the regional endpoint URL; ``""`` for nothing.
        warnings: Of whoever gathered the descriptions; they come first in the upstream's.
    """
    ordered = sorted(descriptions, key=lambda one: (one.beside, one.function_name, one.qualifier))
    prefix = shared_prefix(ordered)
    title = prefix.capitalize() if prefix else f"Lambda {region}"
    id_ = upstream or UpstreamId(upstream_name(title))
    reading = _Reading(id_, warnings)
    read: dict[str, Function] = {}
    batches: list[tuple[Function, BatchSchema]] = []
    for description in ordered:
        if description.operations:
            reading.add_operations(description)
            continue
        function = reading.add(description, function_name(description, prefix))
        read.setdefault(description.function_name, function)
        if description.schema is not None and description.schema.batch is not None:
            batches.append((function, description.schema.batch))
    for function, batch in batches:
        reading.add_batch(function, batch, read)
    return Upstream(
        id=id_,
        target=LambdaTarget(region=region, endpoint=endpoint),
        title=title,
        functions=tuple(reading.functions),
        shapes=reading.shapes,
        warnings=tuple(reading.warnings),
    )


_ANY_RESULT: Final = JsonType(nullable=True, reason="the function has no output schema")


@dataclass(frozen=True, slots=True)
class _Types:
    """What a function takes and answers, under the names that the upstream has for its shapes."""

    payload: Literal["arguments", "whole"] = "whole"
    arguments: tuple[Argument, ...] = (Argument(name="payload", type=JsonType(nullable=True)),)
    result: Type = _ANY_RESULT


class _Reading:
    """The functions of one upstream, as they are read one after the other."""

    def __init__(self, upstream: UpstreamId, warnings: Sequence[ReadingWarning]) -> None:
        self.upstream = upstream
        self.shapes: dict[ShapeName, Shape] = {}
        self.functions: list[Function] = []
        self.warnings = list(warnings)
        self._names: dict[str, None] = {}

    def add(self, description: LambdaDescription, name: str) -> Function:
        """Read one function."""
        name = self._unique(name)
        schema = description.schema or LambdaSchema()
        effect, reason = effect_of_name(description.function_name)
        if schema.read_only is not None:
            effect, reason = ("read" if schema.read_only else "write"), "says its description"
        types = self._types(description, schema, name, effect)
        function = Function(
            id=FunctionId(f"{self.upstream}.{name}"),
            upstream=self.upstream,
            name=name,
            binding=LambdaBinding(
                function_name=description.function_name,
                qualifier=description.qualifier,
                payload=types.payload,
                arn=description.arn,
            ),
            arguments=types.arguments,
            result=types.result,
            effect=effect,
            effect_reason=reason,
            idempotent=schema.idempotent if schema.idempotent is not None else effect == "read",
            description=_text(description),
            types_from=description.types_from,
        )
        if schema.invocation is not None:
            function = invoked_as(function, schema.invocation, self.shapes, reason="says its description")
        self.functions.append(function)
        return function

    def add_operations(self, description: LambdaDescription) -> None:
        """Read what API Gateway makes of one function."""
        for operation in description.operations:
            name = self._unique(operation.function.name)
            renamed = self._merge(operation.shapes, type_name(name))
            function = operation.function
            binding = function.binding
            assert isinstance(binding, LambdaBinding)
            self.functions.append(
                replace(
                    function,
                    id=FunctionId(f"{self.upstream}.{name}"),
                    upstream=self.upstream,
                    name=name,
                    binding=replace(
                        binding,
                        arn=description.arn,
                        qualifier=binding.qualifier or description.qualifier,
                    ),
                    arguments=_renamed(function.arguments, renamed),
                    result=with_names(function.result, renamed) if function.result is not None else None,
                    types_from=description.types_from,
                )
            )
            self.warnings += operation.warnings

    def add_batch(self, function: Function, batch: BatchSchema, functions: Mapping[str, Function]) -> None:
        """Let *function* answer many keys in one invocation, as its description says it does.

        Args:
            function: As it was read.
            batch: What its description says.
            functions: By the names of Lambda.
        """
        made = self._batched(function, batch, functions)
        if isinstance(made, str):
            binding = function.binding
            assert isinstance(binding, LambdaBinding)
            reason = f"{made}; each key is a call of its own"
            self.warnings.append(
                ReadingWarning(
                    kind="batch-unusable", pointer=f"/{binding.function_name}/batch", reason=reason
                )
            )
            return
        if made.id == function.id:
            self.functions[self.functions.index(function)] = made
        else:
            self.functions.append(made)

    def _batched(
        self, function: Function, batch: BatchSchema, functions: Mapping[str, Function]
    ) -> Function | str:
        """The function that takes many keys, or why there is none."""
        binding = function.binding
        assert isinstance(binding, LambdaBinding)
        if binding.invocation != "request":
            return f"it is invoked as {binding.invocation}"
        if batch.argument:
            single = functions.get(batch.answers)
            if batch.answers and single is None:
                return f"there is no function {batch.answers}"
            items = tuple(step for step in batch.results.split(".") if step)
            declared = DeclaredBulk(
                argument=batch.argument,
                key=batch.key,
                items=items,
                max_keys=batch.max_keys,
                answers=single.id if single is not None else FunctionId(""),
            )
            return replace(function, bulk=declared)
        key = function.argument(batch.key) if binding.payload == "arguments" else None
        if key is None or not isinstance(key.type, Scalar):
            return f"its payload has no member {batch.key!r} that is a single value"
        shape = self.shapes.get(function.result.shape) if isinstance(function.result, Reference) else None
        if (
            function.result is None
            or not isinstance(shape, ObjectShape)
            or all(field.name != batch.key for field in shape.fields)
        ):
            return f"its result has no member {batch.key!r} to be put back by"
        name = self._unique(f"{function.name}_batch")
        argument = self._plural(batch.key, function)
        keys = Argument(
            name=argument,
            type=ListOf(
                item=replace(key.type, nullable=False), constraints=Constraints(max_items=batch.max_keys)
            ),
            required=True,
            description=key.description,
        )
        return replace(
            function,
            id=FunctionId(f"{self.upstream}.{name}"),
            name=name,
            binding=replace(
                binding,
                batch=LambdaBatch(argument=argument, key=batch.key, items=batch.items, results=batch.results),
            ),
            arguments=(keys, *(other for other in function.arguments if other is not key)),
            result=ListOf(item=function.result),
            effect="read",
            effect_reason=f"it stands in for {function.id}",
            bulk=DeclaredBulk(argument=argument, key=batch.key, max_keys=batch.max_keys, answers=function.id),
            hidden=True,
        )

    def _plural(self, key: str, function: Function) -> str:
        found = words(key)
        name = "_".join([*found[:-1], plural(found[-1])]) if found else key
        return unique(name, [argument.name for argument in function.arguments])

    def _types(self, description: LambdaDescription, schema: LambdaSchema, name: str, effect: str) -> _Types:
        found = _Types()
        noun = noun_of(name)
        about = type_name("_".join(noun))
        if schema.output_schema is not None:
            named = result_name(name, noun, schema.output_schema, effect)
            read = read_schema(schema.output_schema, document="outputSchema", name=named, noun=about)
            renamed = self._merge(read.shapes, type_name(name))
            self._warn(description, "outputSchema", read.warnings)
            found = dataclasses.replace(found, result=with_names(read.type, renamed))
        if schema.input_schema is not None:
            read = read_schema(schema.input_schema, document="inputSchema", name=f"{name}_input", noun=about)
            self._warn(description, "inputSchema", read.warnings)
            if read.members is not None:
                renamed = self._merge(read.member_shapes, type_name(name))
                arguments = _renamed(map(_argument, read.members), renamed)
                return dataclasses.replace(found, payload="arguments", arguments=arguments)
            renamed = self._merge(read.shapes, type_name(name))
            whole = Argument(name="payload", type=read.type, required=not read.type.nullable)
            return dataclasses.replace(found, arguments=_renamed([whole], renamed))
        return found

    def _merge(self, shapes: Mapping[ShapeName, Shape], prefix: str) -> dict[ShapeName, ShapeName]:
        added, renamed = merge_shapes(self.shapes, shapes, prefix=prefix)
        self.shapes |= added
        return renamed

    def _warn(
        self, description: LambdaDescription, document: str, warnings: Iterable[ReadingWarning]
    ) -> None:
        at = f"/{description.function_name}/{document}"
        self.warnings += [replace(warning, pointer=at + warning.pointer) for warning in warnings]

    def _unique(self, name: str) -> str:
        found = unique(name, self._names)
        self._names[found] = None
        return found


def _renamed(arguments: Iterable[Argument], renamed: Mapping[ShapeName, ShapeName]) -> tuple[Argument, ...]:
    return tuple(replace(argument, type=with_names(argument.type, renamed)) for argument in arguments)


def _text(description: LambdaDescription) -> str:
    own = (description.schema.description if description.schema else "") or description.description
    return "\n\n".join(part for part in (own, description.note) if part)


def _argument(field: Field) -> Argument:
    return Argument(
        name=field.name,
        type=field.type,
        required=field.required,
        default=field.default,
        description=field.description,
        deprecated=field.deprecated,
    )
