"""A function as Lambda lists it, and its schema as its authors wrote it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..catalog import Function, Invocation, Json, ReadingWarning, Shape, ShapeName

DEFAULT_MAX_KEYS = 100


@dataclass(frozen=True, slots=True)
class BatchSchema:
    """How one invocation answers many keys.

    Attributes:
        key: Member of a result that says which key it answers; without *argument* also the member of an input
            that holds it.
        argument: The input's member that takes the list of keys; ``""`` where the payload is a list of inputs.
        items: Member of the payload that holds the list of inputs; ``""`` where the payload is that list.
        results: Member of the answer that holds the list of results; ``""`` where the answer is that list.
        max_keys: The most keys of one invocation.
        answers: Name of the function that answers one key; ``""`` for none but the function itself.
    """

    key: str
    argument: str = ""
    items: str = ""
    results: str = ""
    max_keys: int = DEFAULT_MAX_KEYS
    answers: str = ""


@dataclass(frozen=True, slots=True)
class LambdaSchema:
    """What a function takes and answers, in the shape of a tool definition of Bedrock AgentCore.

    Attributes:
        name: The author's name for it; ``""`` for none.
        input_schema: JSON Schema of the payload; ``None`` where the author gives none.
        output_schema: JSON Schema of the result; ``None`` where the author gives none.
        invocation: How it is invoked; ``None`` where the author does not say. No member of a tool definition
            of AgentCore, and neither is *batch*.
        batch: How one invocation answers many keys; ``None`` where the author does not say.
        read_only: Whether it only reads; ``None`` where the author does not say.
        idempotent: Whether it may be called again; ``None`` where the author does not say.

    Source: Amazon Bedrock AgentCore control plane API, ``ToolDefinition``; Model Context Protocol,
    ``ToolAnnotations`` for *read_only* and *idempotent*.
    """

    name: str = ""
    description: str = ""
    input_schema: Json = None
    output_schema: Json = None
    invocation: Invocation | None = None
    batch: BatchSchema | None = None
    read_only: bool | None = None
    idempotent: bool | None = None


@dataclass(frozen=True, slots=True)
class ProxiedOperation:
    """An operation of an API that API Gateway answers by invoking a function.

    Attributes:
        function: With a ``LambdaBinding``; its id and upstream are not settled.
        shapes: All that it leads to.
        warnings: Of its reading.
    """

    function: Function
    shapes: Mapping[ShapeName, Shape]
    warnings: tuple[ReadingWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class LambdaDescription:
    """One function.

    Attributes:
        runtime: Such as ``python3.11``; ``""`` for a container image.
        qualifier: Version or alias to call; ``""`` for none.
        beside: Whether it stands beside the function that goes by the name alone: its qualifier is part of its name.
        note: Said of the qualifier, after the description; ``""`` for nothing.
        schema: ``None`` if nobody wrote one.
        operations: What API Gateway makes of it; each is a function in its place.
        types_from: Where *schema* or *operations* were found, for people.
    """

    function_name: str
    arn: str = ""
    description: str = ""
    runtime: str = ""
    qualifier: str = ""
    beside: bool = False
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    schema: LambdaSchema | None = None
    operations: tuple[ProxiedOperation, ...] = ()
    types_from: str = ""
