"""Catalog and links in, one GraphQL schema out.

- ``bindings``: what each generated field stands for.
- ``constraints``, ``arguments``: what is checked of a call's arguments, and how they become the upstream's.
- ``name_book``: names that, once given, are kept.
- ``scalars``: the scalars beside GraphQL's own five.
- ``defaults``: defaults of inputs, where GraphQL can carry them.
- ``generated``: graphql-core's types for what is generated.
- ``types``: shapes to GraphQL output and input types.
- ``root_fields``: functions to fields of Query, Mutation and Subscription.
- ``handwritten``: a Strawberry schema's fields and types, merged in.
- ``stitch``: all of it, in order.
"""

from .arguments import finish_of
from .bindings import (
    FieldBinding,
    LinkBinding,
    MapEntry,
    MemberBinding,
    NamespaceBinding,
    RootBinding,
    UnionBinding,
    attribute_of,
    binding_of,
    entity_of,
)
from .name_book import NameBook, decode_lock, encode_lock
from .stitch import Stitched, stitch, without_stream

__all__ = [
    "FieldBinding",
    "LinkBinding",
    "MapEntry",
    "MemberBinding",
    "NameBook",
    "NamespaceBinding",
    "RootBinding",
    "Stitched",
    "UnionBinding",
    "attribute_of",
    "binding_of",
    "decode_lock",
    "encode_lock",
    "entity_of",
    "finish_of",
    "stitch",
    "without_stream",
]
