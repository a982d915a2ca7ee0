"""Webhooks: requests that an upstream makes of its own accord, to whoever asked for them."""

from __future__ import annotations

from msgspec import Struct

from .shapes import Type
from .xml import XmlForm


class Webhook(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One request that an upstream makes: a webhook of its description, or a callback of an operation.

    Attributes:
        name: Unique among the upstream's webhooks and functions; ``operationId`` where there is one.
        method: Upper case.
        payload: Type of the request's body; ``None`` if it has none.
        media_type: Of the body.
        function: Name of the function whose callback it is; ``""`` for a webhook.
        expression: For a callback: where it goes, a runtime expression such as
            ``{$request.body#/callbackUrl}``.
        deprecated: The reason, ``""`` where none is given, or ``None`` if it is not deprecated.
        xml: How the body is read, where it is XML with a type.
    """

    name: str
    method: str = "POST"
    payload: Type | None = None
    media_type: str = ""
    function: str = ""
    expression: str = ""
    description: str = ""
    deprecated: str | None = None
    xml: XmlForm | None = None
