"""What one execution was answered, for another way of the same execution to go on with."""

from __future__ import annotations

from typing import TypeAlias

from ...schemas.catalog import Json
from ...schemas.errors import UpstreamError
from ..plan.keys import Key
from ..transport.base import Fetched

Answer: TypeAlias = Fetched | Json | UpstreamError


class Record:
    """The answers of one execution. No call that it holds is made again.

    Attributes:
        roots: Answers of root fetches, by the fetch's id.
        links: Answers of calls for keys, each with its keys, by ``Fetch.answers``.
    """

    __slots__ = ("links", "roots")

    def __init__(self) -> None:
        self.roots: dict[int, Answer] = {}
        self.links: dict[int, list[tuple[list[Key], Answer]]] = {}
