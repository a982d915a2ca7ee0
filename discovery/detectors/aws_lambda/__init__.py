"""Lambda: the functions of a region of an account, and what their owners wrote down about their payloads.

In: a ``LambdaAddress``. Out: an upstream with a function for every qualifier that is wanted of every function.

- ``failures``: how a probe ends that cannot go on.
- ``clients``: the clients of one probe.
- ``asking``: one question for each function, a few at once, with answers that are used for a while.
- ``listing``: ListFunctions, and the published versions.
- ``tags``: the tags of all functions.
- ``qualifiers``: aliases and versions, and which of them are functions of their own.
- ``schema_pointers``: schemas where tags point to them.
- ``type_sources``: the types of each function, from the first source that knows it.
- ``detector``: all of it together.
"""

from .detector import LambdaDetector
from .schema_pointers import MAX_SCHEMA_BYTES, SCHEMA_TAGS

__all__ = ["MAX_SCHEMA_BYTES", "SCHEMA_TAGS", "LambdaDetector"]
