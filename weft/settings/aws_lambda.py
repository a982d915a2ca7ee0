"""What is said of Lambda: in which regions of which accounts functions are, and which of them are wanted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from .lambda_types import ApiForm, SchemaSection, accept_text
from .section import Section
from .values import SettingsPath, UpstreamName, UpstreamUrl, problem

ALL_REGIONS: Final = "*"

_REGION: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_REGION_IN_NAME: Final = r"[a-z]{2,4}(?:_[a-z]+){1,3}_\d"
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]{1,512}", re.ASCII)
# AWS STS API reference, "AssumeRole": RoleSessionName and ExternalId.
_SESSION: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID: Final = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
# AWS Lambda API reference, "CreateAlias": Name.
_ALIAS: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _one_as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _one_or_list(items: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [items, {"type": "array", "items": items}]})


def _check_region(value: Any) -> Any:
    if value == ALL_REGIONS:
        raise problem("stands for all regions", '`region: "*"`, without `regions`')
    if isinstance(value, str) and not _REGION.fullmatch(value):
        raise problem("is not a region", "a region's name, such as `eu-west-1`")
    return value


def _check_alias(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == "$LATEST" or value.isdigit():
        raise problem(
            "is a version, not an alias", "an alias such as `live`, or `version: latest` or `newest`"
        )
    if not _ALIAS.fullmatch(value):
        raise problem("is not an alias", "letters, digits, `-` and `_`, such as `live`")
    return value


def _check_glob(value: Any) -> Any:
    if isinstance(value, str) and not value.removeprefix("!"):
        raise problem("is empty", "a glob such as `pricing-*`, or `!pricing-*` for all others")
    return value


_Text: TypeAlias = Annotated[StrictStr, Field(min_length=1)]
_Globs: TypeAlias = Annotated[
    tuple[_Text, ...],
    BeforeValidator(_one_as_list),
    _one_or_list({"type": "string", "minLength": 1}),
]
_NameGlobs: TypeAlias = Annotated[
    tuple[Annotated[StrictStr, BeforeValidator(_check_glob)], ...],
    BeforeValidator(_one_as_list),
    _one_or_list({"type": "string", "pattern": "^!?[^!]"}),
]
_Aliases: TypeAlias = Annotated[
    tuple[Annotated[StrictStr, BeforeValidator(_check_alias)], ...],
    BeforeValidator(_one_as_list),
    _one_or_list({"type": "string", "pattern": f"^{_ALIAS.pattern}$"}),
]


class RoleSection(Section):
    """A role that is assumed. A text alone is `arn`."""

    arn: StrictStr
    """The role: `arn:aws:iam::123456789012:role/weft`."""

    external_id: StrictStr = ""
    """What the role's trust policy asks for (`sts:ExternalId`). AWS does not take it for a secret: it stands in
    the snapshot."""

    session_name: StrictStr = ""
    """The session's name in the account's CloudTrail; `weft` where it is left out."""

    name: UpstreamName | None = None
    """In `roles`: stands for the account in the upstreams' names. Left out: the account's number."""

    @property
    def account(self) -> str:
        """What stands for the account in the upstreams' names."""
        found = _ROLE.fullmatch(self.arn)
        return self.name or (found[1] if found else "")

    @field_validator("arn")
    @classmethod
    def _is_role(cls, value: str) -> str:
        if not _ROLE.fullmatch(value):
            raise problem("is not the ARN of a role", "`arn:aws:iam::123456789012:role/name`")
        return value

    @field_validator("external_id")
    @classmethod
    def _is_external_id(cls, value: str) -> str:
        if value and not _EXTERNAL_ID.fullmatch(value):
            raise problem("is not an external id", "2 to 1224 letters, digits and `+=,.@:/-`")
        return value

    @field_validator("session_name")
    @classmethod
    def _is_session_name(cls, value: str) -> str:
        if value and not _SESSION.fullmatch(value):
            raise problem("is not a session's name", "2 to 64 letters, digits and `+=,.@-`")
        return value


def _role_of_text(value: Any) -> Any:
    return {"arn": value} if isinstance(value, str) else value


_Role: TypeAlias = Annotated[
    RoleSection, BeforeValidator(_role_of_text), Field(json_schema_extra=accept_text)
]


@dataclass(frozen=True, slots=True)
class Place:
    """One region of one account.

    Attributes:
        name: The upstream's; ``None`` to make one of its functions' names.
        key: Equal for the same place.
    """

    name: str | None
    region: str
    role: RoleSection | None
    key: str


class LambdaPlace(Section):
    """Where functions are, and which of them are wanted."""

    region: StrictStr | None = None
    """The AWS region, such as `eu-west-1`; `*` for all regions that the account has enabled."""

    regions: tuple[Annotated[StrictStr, BeforeValidator(_check_region)], ...] = ()
    """Several regions, in place of `region`. Each is an upstream, with the region in its name."""

    role: _Role | None = None
    """The role that is assumed to list the functions and to call them. Left out: none."""

    roles: tuple[_Role, ...] = ()
    """Roles in several accounts, in place of `role`. Each is an upstream, with the account in its name."""

    profile: StrictStr = ""
    """The profile of the AWS configuration whose credentials are used. Left out: AWS's standard chain."""

    endpoint: Annotated[UpstreamUrl | None, Field()] = None
    """Replaces AWS's own endpoint URL, for a Lambda-shaped server."""

    manifest: SettingsPath | None = None
    """A file with the functions' payload and result schemas."""

    functions: _NameGlobs = ()
    """Globs that a function's name must match one of, such as `pricing-*`; with `!` before it, one that it must
    not match. Left out: all names."""

    runtimes: _Globs = ()
    """Globs that a function's runtime must match one of, such as `python3.*`; `image` for container images. Left
    out: all runtimes."""

    tags: dict[_Text, _Globs] = {}
    """Tags that a function must have, each with globs that its value must match one of."""

    opt_in: StrictBool = False
    """Take only functions with the tag `weft=enabled`. Those with `weft=disabled` are never taken."""

    alias: _Aliases = ()
    """The alias that is called; of several the first that a function has. Functions without are left out."""

    version: Literal["latest", "newest"] | None = None
    """What is called where there is no `alias`: `latest`, what was deployed last (`$LATEST`), or `newest`, the
    version that was published last. Left out: `latest`."""

    also: Annotated[
        tuple[Literal["aliases", "versions"], ...],
        BeforeValidator(_one_as_list),
        _one_or_list({"enum": ["aliases", "versions"]}),
    ] = ()
    """What else is a function of its own: `aliases`, `versions`. The alias or the version is in its name."""

    schemas: dict[_Text, SchemaSection] = {}
    """What single functions take and answer, by their names in Lambda; it goes before all other sources."""

    apis: tuple[ApiForm, ...] = ()
    """OpenAPI documents whose operations invoke functions through API Gateway. Each operation is a function then."""

    test_events: StrictBool = False
    """Take saved test events (`lambda-testevent-schemas`) for a hint of what a payload looks like."""

    @field_validator("region")
    @classmethod
    def _is_region(cls, value: str | None) -> str | None:
        if value is not None and value != ALL_REGIONS and not _REGION.fullmatch(value):
            raise problem(
                "is not a region", "a region's name, such as `eu-west-1`, or `*` for all that are enabled"
            )
        return value

    @field_validator("endpoint")
    @classmethod
    def _http_only(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("http"):
            raise problem("is not an HTTP URL", "http://… or https://…")
        return value

    @model_validator(mode="after")
    def _go_together(self) -> LambdaPlace:
        if (self.region is None) == (not self.regions):
            said = "says no region" if self.region is None else "says both `region` and `regions`"
            raise problem(said, '`region: eu-west-1`, `regions: [eu-west-1, eu-central-1]` or `region: "*"`')
        if self.role is not None and self.roles:
            raise problem("says both `role` and `roles`", "one of them")
        if self.role is not None and self.role.name is not None:
            raise problem("`name` is for `roles`", "the upstream's own `name`", at=("role", "name"))
        if self.alias and self.version is not None:
            raise problem("`alias` and `version` do not go together", "one of them; `also` lists the others")
        _refuse_twice(self.regions, "regions")
        accounts = [role.account for role in self.roles]
        for index, account in enumerate(accounts):
            if account in accounts[:index]:
                accepted = "a `name` for each role of the same account"
                raise problem(f"is another role of {account}", accepted, at=("roles", index))
        return self

    def places(self, name: str | None, regions: Iterable[str] = ()) -> list[Place]:
        """Each region of each account, under its name.

        Args:
            name: The entry's.
            regions: Those of the account, where it says `*`.
        """
        found = []
        for role in self.roles or (self.role,):
            for region in regions or self.regions or (self.region or "",):
                labels = [role.account] if role is not None and self.roles else []
                if self.regions or self.region == ALL_REGIONS:
                    labels.append(region.replace("-", "_"))
                own = "_".join((name or "lambda", *labels)) if labels else name
                parts = (region, role.arn if role else "", self.profile, self.endpoint or "")
                found.append(Place(own, region, role, key=" ".join(parts)))
        return found


def equal_name(name: str, others: Collection[str]) -> str | None:
    """One of *others* that *name* may be equal to, where names of all regions have `*` in a region's place."""
    if name in others:
        return name
    if ALL_REGIONS not in name:
        return next((other for other in others if ALL_REGIONS in other and _covers(other, name)), None)
    return next((other for other in others if _covers(name, other) or _covers(other, name)), None)


def _covers(name: str, other: str) -> bool:
    pattern = re.escape(name).replace(re.escape(ALL_REGIONS), _REGION_IN_NAME)
    return re.fullmatch(pattern, other.replace(ALL_REGIONS, "us_east_1")) is not None


def _refuse_twice(values: tuple[str, ...], key: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise problem("stands twice", "each once", at=(key, index))


def _place_of_text(value: Any) -> Any:
    return {"region": value} if isinstance(value, str) else value


def _accept_region(schema: dict[str, Any]) -> None:
    reference = schema.pop("$ref", None)
    if reference is not None:
        schema["anyOf"] = [{"type": "string", "minLength": 1}, {"$ref": reference}]


LambdaForm: TypeAlias = Annotated[
    LambdaPlace, BeforeValidator(_place_of_text), Field(json_schema_extra=_accept_region)
]
