"""Links: which function answers a field of another function's result, and on what evidence.

In: a catalog, and what the configuration says of links and bulk functions.
Out: ``Weave``: the links and the bulk functions, each with its evidence.

- ``model``: ``Link``, ``BulkFunction`` and what the configuration may say.
- ``paging``: functions that answer only a part of what they have.
- ``entities``: what a function answers, and by which key.
- ``bulk``: functions that answer many keys in one call.
- ``resources``: links by resource names.
- ``infer``: links, from what the services say of themselves.
- ``weave``: inferred and configured ones, settled into one set.
"""

from .model import BulkFunction, BulkRule, Key, Link, LinkRule, Weave
from .weave import weave

__all__ = ["BulkFunction", "BulkRule", "Key", "Link", "LinkRule", "Weave", "weave"]
