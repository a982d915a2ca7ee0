"""What a gateway itself answers in the place of an upstream."""

from __future__ import annotations

from ...schemas.catalog import Function
from ...schemas.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable


def local_answer(function: Function, status: int, details: str) -> UpstreamError:
    """What a gateway's own answer means: no upstream has said it.

    Source: Envoy, "Response Code Details".
    """
    if status == 504 or "timeout" in details:
        return UpstreamTimeout(function.upstream, function.id)
    return UpstreamUnreachable(function.upstream, function.id, detail=details)
