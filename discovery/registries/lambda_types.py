"""Where the types of Lambda functions are looked for, as the configuration says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...schemas.catalog import Json


@dataclass(frozen=True, slots=True)
class StatedSchema:
    """What the configuration says of one function.

    Attributes:
        input: JSON Schema of the payload, or a file with it; ``None`` for nothing.
        output: The same of the result.
        batch: How one invocation answers many keys, as a manifest says it; ``None`` for nothing.
        read_only: Whether it only reads; ``None`` for nothing.
    """

    input: Json | Path = None
    output: Json | Path = None
    batch: Json = None
    read_only: bool | None = None


@dataclass(frozen=True, slots=True)
class StatedApi:
    """An OpenAPI document that names functions: a file, or an export of API Gateway.

    Attributes:
        file: Where it is; ``None`` for an export.
        rest_api: Id of a REST API; ``""`` for none.
        http_api: Id of an HTTP API; ``""`` for none.
        stage: Of the API. An HTTP API may be exported without.
    """

    file: Path | None = None
    rest_api: str = ""
    http_api: str = ""
    stage: str = ""

    def __str__(self) -> str:
        if self.file is not None:
            return self.file.name
        return f"{self.rest_api or self.http_api}{f'/{self.stage}' if self.stage else ''}"


@dataclass(frozen=True, slots=True)
class LambdaTypes:
    """Where types are looked for, beside the manifest and the functions' tags.

    Attributes:
        stated: By function name.
        apis: In their order.
        test_events: Whether the saved test events say what a payload looks like.
    """

    stated: tuple[tuple[str, StatedSchema], ...] = ()
    apis: tuple[StatedApi, ...] = ()
    test_events: bool = False
