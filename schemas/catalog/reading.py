"""What the configuration says of how gRPC descriptors are read.

It stands here, and not beside their reader, so that settings can be read without protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_INFRASTRUCTURE: Final = ("grpc.reflection.", "grpc.health.", "grpc.channelz.")
"""Prefixes of services that a server has for its operation."""


def is_own_service(name: str) -> bool:
    """Whether a gRPC service of this fully-qualified name is one that the server's authors wrote."""
    return not name.startswith(_INFRASTRUCTURE)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How descriptors become functions and shapes.

    Attributes:
        services: Fully-qualified names of the services that are wanted, or of their packages; empty for all but
            those that a server has for its operation (reflection, health, channelz).
        trim_enum_prefixes: Name enum values without the prefix that protobuf's style asks for:
            ``KIND_DOG`` of ``Kind`` is ``DOG``. On the wire nothing changes.
        maps: A ``map`` as a list of typed entries, or as ``JSON``.
        list_streams: Give functions whose server sends a stream a second form, which answers the first
            messages as a list.
        field_masks: Fill a request's field mask from what an operation selects.
    """

    services: tuple[str, ...] = ()
    trim_enum_prefixes: bool = False
    maps: Literal["entries", "json"] = "entries"
    list_streams: bool = True
    field_masks: bool = True

    def wants(self, service: str) -> bool:
        """Whether the service of this fully-qualified name is to be read."""
        if not self.services:
            return is_own_service(service)
        return any(service == one or service.startswith(f"{one}.") for one in self.services)
