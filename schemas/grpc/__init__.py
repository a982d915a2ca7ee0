"""Protobuf descriptors to an upstream.

In: a serialized ``google.protobuf.FileDescriptorSet``, as server reflection serves it or ``protoc`` writes
it. Out: an ``Upstream`` whose shapes and functions speak of members by their JSON names, and whose target
holds a descriptor set that is complete: it builds in a pool without a look at anything else.

- ``well_known``: ``google.protobuf.*`` types and their JSON forms.
- ``files``: the set, completed and repaired, in a descriptor pool.
- ``comments``: descriptions, by fully-qualified name.
- ``http_rules``: ``google.api.http``, read without its generated module.
- ``members``: members by their JSON names, maps, oneofs.
- ``resources``: which resources messages are, and which their members name.
- ``naming``: titles, versions, names of shapes.
- ``shapes``: messages and enums.
- ``masks``: field masks of what is read.
- ``methods``: methods as functions.
- ``reader``: all of it together.

Source: protobuf.dev, "ProtoJSON Format".
"""

from ..catalog.reading import ReadOptions, is_own_service
from .members import CASE, OneOf, enum_names, flat, json_members, map_entry, message_of, one_ofs
from .methods import DEFAULT_LISTED, MOST_LISTED
from .naming import suggest_title
from .reader import read_descriptors
from .well_known import REQUEST_VALUE, REQUESTS, WRAPPERS, is_special

__all__ = [
    "CASE",
    "DEFAULT_LISTED",
    "MOST_LISTED",
    "REQUESTS",
    "REQUEST_VALUE",
    "WRAPPERS",
    "OneOf",
    "ReadOptions",
    "enum_names",
    "flat",
    "is_own_service",
    "is_special",
    "json_members",
    "map_entry",
    "message_of",
    "one_ofs",
    "read_descriptors",
    "suggest_title",
]
