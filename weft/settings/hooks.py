"""Where upstreams send events to."""

from __future__ import annotations

import re

from pydantic import Field, StrictInt, field_validator

from .section import Section
from .values import HeaderValue, problem


class HooksSection(Section):
    """Where upstreams send events to: webhooks and callbacks of OpenAPI documents."""

    secret: HeaderValue
    """Part of the path `/hooks/{secret}/{function}` that upstreams are given; at least 16 letters, digits, `-`
    or `_`."""

    max_waiting: StrictInt = Field(default=100, ge=1, le=100_000)
    """Events that wait for one subscriber; one that falls further behind has to subscribe again."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: HeaderValue) -> HeaderValue:
        if not re.fullmatch(r"[A-Za-z0-9_\-]{16,200}", value.get_secret_value()):
            raise problem("is no secret for a path", "16 to 200 letters, digits, `-` or `_`")
        return value
