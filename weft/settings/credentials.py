"""Credentials of one upstream, by the names of its description's security schemes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StrictStr, model_validator

from .section import Section
from .values import HeaderName, HeaderValue, SettingsPath, UpstreamUrl, problem

_FORMS: Final = "`value`; `username` and `password`; `client_id` and `client_secret`; or `forward`"


class CredentialEntry(Section):
    """What fulfils one security scheme. A text alone is `value`."""

    value: HeaderValue | None = None
    """An API key, or a bearer token without the word `Bearer`."""

    header: HeaderName | None = None
    """With `value`: the header that it goes into, for a scheme that the description does not have."""

    query: StrictStr | None = Field(default=None, min_length=1)
    """With `value`: the query parameter that it goes into, for a scheme that the description does not have."""

    cookie: Annotated[StrictStr, Field(pattern=r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")] | None = None
    """With `value`: the cookie that it goes into, for a scheme that the description does not have."""

    username: HeaderValue | None = None
    """Of HTTP Basic."""

    password: HeaderValue | None = None
    """Of HTTP Basic."""

    client_id: HeaderValue | None = None
    """Of OAuth 2.0 client credentials, or OpenID Connect."""

    client_secret: HeaderValue | None = None
    """Of OAuth 2.0 client credentials, or OpenID Connect."""

    token_url: UpstreamUrl | None = None
    """Where tokens are fetched. Left out: where the description says, if that is on the upstream's own host."""

    discovery_url: UpstreamUrl | None = None
    """OpenID Connect's metadata, which say where tokens are fetched; in place of `token_url`."""

    scopes: tuple[StrictStr, ...] = ()
    """Scopes to ask for. Left out: those that each function needs."""

    audience: StrictStr = ""
    """Sent with the request for a token, where the authorization server wants it."""

    secret_in: Literal["header", "body"] = "header"  # noqa: S105 - a place, no secret
    """Where the authorization server reads the client's secret."""

    forward: HeaderName | None = None
    """The client's own header fulfils the scheme, and is passed on."""

    @model_validator(mode="after")
    def _one_form(self) -> CredentialEntry:
        forms = {
            "value": self.value is not None,
            "username": self.username is not None or self.password is not None,
            "client_id": self.client_id is not None or self.client_secret is not None,
            "forward": self.forward is not None,
        }
        given = [name for name, is_given in forms.items() if is_given]
        if len(given) != 1:
            said = "says nothing" if not given else f"says both `{given[0]}` and `{given[1]}`"
            raise problem(said, _FORMS)
        if given == ["username"] and (self.username is None or self.password is None):
            raise problem("says half of a user", "`username` and `password`")
        if given == ["client_id"] and (self.client_id is None or self.client_secret is None):
            raise problem("says half of a client", "`client_id` and `client_secret`")
        places = [self.header, self.query, self.cookie]
        if any(place is not None for place in places) and given != ["value"]:
            raise problem("`header`, `query` and `cookie` go with `value` alone", _FORMS)
        if sum(place is not None for place in places) > 1:
            raise problem("says more than one place", "one of `header`, `query` and `cookie`")
        of_client = bool(self.token_url or self.discovery_url or self.scopes or self.audience)
        if of_client and given != ["client_id"]:
            raise problem(
                "`token_url`, `discovery_url`, `scopes` and `audience` go with `client_id` alone", _FORMS
            )
        return self


def _entry_of_text(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


def _accept_text(schema: dict[str, Any]) -> None:
    reference = schema.pop("$ref", None)
    if reference is not None:
        schema["anyOf"] = [{"type": "string"}, {"$ref": reference}]


Credentials: TypeAlias = dict[
    StrictStr,
    Annotated[CredentialEntry, BeforeValidator(_entry_of_text), Field(json_schema_extra=_accept_text)],
]


class TlsSection(Section):
    """TLS with one upstream. Files are in PEM format."""

    certificate: SettingsPath | None = None
    """The client's certificate and its chain."""

    key: SettingsPath | None = None
    """Its private key, unless that stands in `certificate` too."""

    key_password: HeaderValue | None = None
    """Of an encrypted key."""

    ca: SettingsPath | None = None
    """Certificates to trust in place of the system's."""

    @model_validator(mode="after")
    def _key_with_certificate(self) -> TlsSection:
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise problem("`key` is there without its `certificate`", "`certificate` and `key`")
        if self.certificate is None and self.ca is None:
            raise problem("says nothing", "`certificate` and `key`, or `ca`")
        return self
