"""What is said of the types of Lambda functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from .section import Section
from .values import SettingsPath, parse_path, problem

_Text: TypeAlias = Annotated[StrictStr, Field(min_length=1)]


def accept_text(schema: dict[str, Any]) -> None:
    """Let a text stand for the section, in JSON Schema."""
    reference = schema.pop("$ref", None)
    if reference is not None:
        schema["anyOf"] = [{"type": "string"}, {"$ref": reference}]


def _schema_or_file(value: object, info: ValidationInfo) -> Any:
    if value is None or isinstance(value, bool | Mapping):
        return value
    if isinstance(value, str | Path) and str(value):
        return parse_path(value, info)
    raise problem("is no JSON Schema", "a schema, or a file with one (`schemas/price.json`)")


_Schema: TypeAlias = Annotated[
    Any,
    BeforeValidator(_schema_or_file),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "object"}, {"type": "boolean"}]}),
]


class BatchSection(Section):
    """How one invocation answers many keys. A text alone is `key`."""

    key: _Text
    """The member of a result that says which key it answers; of an input too, where there is no `argument`."""

    argument: StrictStr = ""
    """The member of the payload that takes the list of keys. Left out: the payload is a list of inputs."""

    items: StrictStr = ""
    """The member of the payload that holds the list of inputs. Left out: the payload is that list."""

    results: StrictStr = ""
    """The member of the result that holds the list of results. Left out: the result is that list."""

    max_keys: StrictInt = Field(default=100, alias="max", ge=1)
    """The most keys of one invocation."""

    answers: StrictStr = ""
    """With `argument`: the Lambda function that answers one key, which this one stands in for."""


def _batch_of_text(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


class SchemaSection(Section):
    """What one function takes and answers."""

    input: _Schema = None
    """JSON Schema of its payload, or a file with one."""

    output: _Schema = None
    """JSON Schema of its result, or a file with one."""

    batch_section: Annotated[
        BatchSection | None, BeforeValidator(_batch_of_text), Field(json_schema_extra=accept_text)
    ] = Field(default=None, alias="batch")
    """How one invocation answers many keys: `product_id`, or `{key: …, argument: …}`."""

    read_only: StrictBool | None = None
    """Whether it only reads. Left out: its name tells."""

    @property
    def batch(self) -> dict[str, Any] | None:
        """As a manifest says it."""
        found = self.batch_section
        return found.model_dump(by_alias=True, exclude_defaults=True) if found is not None else None

    @model_validator(mode="after")
    def _says_something(self) -> SchemaSection:
        if (
            self.input is None
            and self.output is None
            and self.batch_section is None
            and self.read_only is None
        ):
            raise problem("says nothing", "`input`, `output`, `batch` or `read_only`")
        return self


class ApiSection(Section):
    """An OpenAPI document that names functions in `x-amazon-apigateway-integration`. A text alone is `file`."""

    file: SettingsPath | None = None
    """A file: an export of API Gateway, or what an API was made of."""

    rest_api: StrictStr = ""
    """Id of a REST API that is exported (`apigateway:GET`)."""

    http_api: StrictStr = ""
    """Id of an HTTP API that is exported (`apigateway:GET`)."""

    stage: StrictStr = ""
    """The stage that is exported. An HTTP API may go without."""

    @model_validator(mode="after")
    def _says_one(self) -> ApiSection:
        said = [name for name in ("file", "rest_api", "http_api") if getattr(self, name)]
        if len(said) != 1:
            raise problem("is no API", "one of `file`, `rest_api` and `http_api`")
        if self.rest_api and not self.stage:
            raise problem("says no `stage`", "`stage: prod` beside `rest_api`")
        if self.file is not None and self.stage:
            raise problem("`stage` does not go with `file`", "`rest_api` or `http_api` beside `stage`")
        return self


def _api_of_text(value: Any) -> Any:
    return {"file": value} if isinstance(value, str | Path) else value


ApiForm: TypeAlias = Annotated[
    ApiSection, BeforeValidator(_api_of_text), Field(json_schema_extra=accept_text)
]
