"""What is said of one gRPC server beside its URL."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, model_validator

from .values import Duration, SettingsPath, Size, problem


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class GrpcTlsSection(_Section):
    """Certificates, in files in PEM format."""

    ca: SettingsPath | None = None
    """Authorities that are trusted, in place of the system's."""

    certificate: SettingsPath | None = None
    """The certificate that is shown to the server, and its chain (mutual TLS)."""

    key: SettingsPath | None = None
    """The private key of `certificate`. Left out: it stands in the same file."""

    @model_validator(mode="after")
    def _pair(self) -> GrpcTlsSection:
        if self.key is not None and self.certificate is None:
            raise problem("`key` goes with `certificate`", "`certificate` beside `key`")
        return self


class GrpcSection(_Section):
    """How a gRPC server is read and connected to."""

    descriptors: SettingsPath | None = None
    """What describes it, in place of reflection: a descriptor set as `protoc --include_imports
    --descriptor_set_out` or `buf build -o` writes it, a `.proto` file, or the folder that imports of `.proto`
    files begin in."""

    services: tuple[StrictStr, ...] = ()
    """Full names of its services, or of packages of them. Left out: all but reflection, health and channelz."""

    tls: GrpcTlsSection | None = None
    """Certificates for a `grpcs://` server."""

    authority: StrictStr = ""
    """Stands in for the host in `:authority`, and where the server's certificate is checked."""

    balance: Literal["round_robin", "pick_first"] = "round_robin"
    """How calls are spread over the addresses of a name, or over several addresses in `url`."""

    keepalive_s: Duration = Field(default=310.0, alias="keepalive")
    """How often a connection with calls under way is asked for a sign of life. Servers of grpc-go close
    connections that ask more often than every 5 minutes, unless they are told otherwise."""

    max_message_bytes: Size = Field(default=32 * 1024 * 1024, alias="max_message")
    """The largest message of an answer, and all messages of one list, such as `32MiB`."""

    errors: Literal["hidden", "described"] = "hidden"
    """Whether `extensions` of a GraphQL error hold the details (`google.rpc.BadRequest` and the like) that the
    server sent with an error status."""

    enums: Literal["full", "trimmed"] = "full"
    """Names of enum values: `KIND_DOG` of `Kind` is `DOG` with `trimmed`."""

    maps: Literal["entries", "json"] = "entries"
    """A map as a list of typed entries with `key` and `value`, or as `JSON`."""

    list_streams: StrictBool = True
    """Give reads whose server sends a stream a field of `Query` too, which answers the first messages."""

    field_masks: StrictBool = True
    """Fill a read's `read_mask` or `field_mask` with what an operation selects."""
