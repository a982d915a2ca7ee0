"""A function as Lambda lists it, and its schema as its authors wrote it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..catalog import Invocation, Json


@dataclass(frozen=True, slots=True)
class LambdaSchema:
    """What a function takes and answers, in the shape of a tool definition of Bedrock AgentCore.

    Attributes:
        name: The author's name for it; ``""`` for none.
        input_schema: JSON Schema of the payload; ``None`` where the author gives none.
        output_schema: JSON Schema of the result; ``None`` where the author gives none.
        invocation: How it is invoked; ``None`` where the author does not say. No member of a tool definition
            of AgentCore.

    Source: Amazon Bedrock AgentCore control plane API, ``ToolDefinition``.
    """

    name: str = ""
    description: str = ""
    input_schema: Json = None
    output_schema: Json = None
    invocation: Invocation | None = None


@dataclass(frozen=True, slots=True)
class LambdaDescription:
    """One function.

    Attributes:
        runtime: Such as ``python3.11``; ``""`` for a container image.
        qualifier: Version or alias to call; ``""`` for none.
        schema: ``None`` if nobody wrote one.
    """

    function_name: str
    arn: str = ""
    description: str = ""
    runtime: str = ""
    qualifier: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    schema: LambdaSchema | None = None
