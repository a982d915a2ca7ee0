"""What one execution was answered, for another way of the same execution to go on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ...schemas.catalog import Json
from ...schemas.errors import UpstreamError
from ..plan.keys import Key
from ..transport.base import Fetched

Answer: TypeAlias = Fetched | Json | UpstreamError


@dataclass(frozen=True, slots=True)
class Record:
    """The answers of one execution. No call that it holds is made again.

    Attributes:
        roots: Answers of root fetches, by the fetch's id.
        links: Answers of calls for keys, each with its keys, by ``Fetch.answers``.
    """

    roots: dict[int, Answer] = field(default_factory=dict)
    links: dict[int, list[tuple[list[Key], Answer]]] = field(default_factory=dict)
