"""The section ``server.websockets``: GraphQL over WebSocket."""

from __future__ import annotations

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from .section import Section
from .values import Duration, HeaderName, problem


class WebSocketsSection(Section):
    """GraphQL over WebSocket (`graphql-transport-ws`)."""

    port: StrictInt | None = Field(default=None, ge=1, le=65535)
    """The port that `weft serve` takes sockets on; with a gateway they come in at its own port too."""

    origins: tuple[StrictStr, ...] = ()
    """Origins of pages that may open a socket, such as `https://shop.example`, beside pages of the same host;
    `"*"` for all."""

    init_headers: tuple[HeaderName, ...] = ()
    """Headers that the payload of `connection_init` may hold, such as `authorization`: browsers can send none
    with the upgrade request. A header of that request goes first."""

    max_connections: StrictInt = Field(default=1000, ge=1, le=100_000)
    """The most sockets of one worker."""

    max_operations: StrictInt = Field(default=100, ge=1, le=10_000)
    """The most operations under way over one socket."""

    init_timeout_s: Duration = Field(default=10.0, alias="init_timeout")
    """How long a client may take to send `connection_init`."""

    ping_s: Duration = Field(default=25.0, alias="ping")
    """Between two pings on a silent socket; one that answers none is closed."""

    off: StrictBool = False
    """Take no sockets."""

    @field_validator("init_headers")
    @classmethod
    def _no_identities(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for index, name in enumerate(names):
            if name.startswith("x-weft-"):
                text = "is for the gateway to set: a client could say who it is"
                raise problem(text, "any other header", at=(index,))
        return names

    @field_validator("origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for index, origin in enumerate(origins):
            scheme, separator, host = origin.partition("://")
            if origin != "*" and (not separator or not scheme or not host or "/" in host):
                raise problem("is not an origin", "`https://shop.example`, or `*`", at=(index,))
        return origins

    @model_validator(mode="after")
    def _alone(self) -> WebSocketsSection:
        if self.off and len(self.model_fields_set) > 1:
            raise problem("`off` goes alone", "`off`, or the other keys")
        return self
