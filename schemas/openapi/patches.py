"""Patches: what the configuration changes in a document before it is read.

Source: RFC 6902 (JSON Patch), RFC 7396 (JSON Merge Patch).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import jsonpatch
import jsonpointer
import msgspec

from ..catalog import Json
from ..errors import DocumentError

Patch: TypeAlias = Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""A JSON Patch is a list of operations; a merge patch is an object."""


def apply_patches(root: Json, patches: Sequence[Patch], *, source: str) -> Json:
    """*root* after every one of *patches*, in their order. *root* itself is not changed.

    Raises:
        DocumentError: An operation does not fit the document; the reason says which.
    """
    for number, patch in enumerate(patches):
        if isinstance(patch, Mapping):
            root = merge_patch(root, dict(patch))
            continue
        # A copy in which nothing is shared, as YAML's aliases are: a patch changes the one place it names.
        root = msgspec.json.decode(msgspec.json.encode(root))
        for at, operation in enumerate(patch):
            try:
                root = jsonpatch.apply_patch(root, [dict(operation)], in_place=True)
            except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
                # In words of ours: the library's hold parts of the document.
                where = f"{operation.get('op')} {operation.get('path')}"[:100]
                reason = f"patch {number + 1}, operation {at + 1} ({where}): {_why(error)}"
                raise DocumentError(source, "", " ".join(reason.split())) from error
    return root


def _why(error: Exception) -> str:
    match error:
        case jsonpatch.JsonPatchTestFailed():
            return "its test does not hold"
        case jsonpatch.InvalidJsonPatch():
            return "it is no operation of RFC 6902"
        case _:
            return "the document has no such place"


def merge_patch(target: Json, patch: Json) -> Json:
    """*target* with *patch* merged in: null takes a member out. Neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
