"""Items of streamed answers: server-sent events, and JSON values line by line.

Source: HTML Standard, "Server-sent events"; RFC 7464 for ``application/json-seq``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ...schemas.catalog import Json
from ...schemas.openapi.media import media_essence
from ..numbers import decode_exactly

_DONE: Final = "[DONE]"
"""Ends the stream of OpenAI's API and those that follow it; it is no item."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class ItemTooLarge(Exception):
    """An item passes the limit before its end came."""


class ItemDecoder:
    """Takes a streamed answer in pieces of any size, and gives its items as they are whole.

    The data of an event is decoded where it is JSON and is a string where it is not. Comments, names and
    ids of events are passed by.
    """

    def __init__(self, content_type: str, *, max_item_bytes: int) -> None:
        self.ended = False
        self._events = media_essence(content_type) == "text/event-stream"
        self._max = max_item_bytes
        self._rest = b""
        self._searched = 0
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, piece: bytes) -> Iterator[Json]:
        """The items that *piece* completes.

        Raises:
            ItemTooLarge: An item passes the limit.
        """
        for line in self._lines(piece):
            item = self._event_line(line) if self._events else self._json_line(line)
            if item is not _NOTHING:
                yield item
            if self.ended:
                return

    def finish(self) -> Iterator[Json]:
        """What the end of the answer completes. An event without its empty line is not an event."""
        if not self._events and not self.ended:
            rest, self._rest = self._rest, b""
            item = self._json_line(rest)
            if item is not _NOTHING:
                yield item

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        if self._first and piece:
            self._first = False
            piece = piece.removeprefix(_BYTE_ORDER_MARK)
        text = self._rest + piece
        if self._events:
            # A carriage return at the very end may be half of a line break.
            held = b"\r" if text.endswith(b"\r") else b""
            text = text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            *whole, self._rest = text.split(b"\n")
            self._rest += held
        else:
            *whole, self._rest = text.split(b"\n")
        if len(self._rest) + self._size > self._max:
            raise ItemTooLarge
        yield from whole

    def _event_line(self, line: bytes) -> Json:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return self._item(b"\n".join(data)) if data else _NOTHING
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            if self._size > self._max:
                raise ItemTooLarge
        return _NOTHING

    def _json_line(self, line: bytes) -> Json:
        text = line.strip(b"\x1e \t\r\n")
        return self._item(text) if text else _NOTHING

    def _item(self, data: bytes) -> Json:
        try:
            decoded: Json = decode_exactly(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            text = data.decode("utf-8", "replace")
            if text == _DONE:
                self.ended = True
                return _NOTHING
            return text
        return decoded


def decode_items(content_type: str, body: bytes) -> list[Json]:
    """Every item of a streamed answer that is there as a whole."""
    decoder = ItemDecoder(content_type, max_item_bytes=len(body))
    return [*decoder.feed(body), *decoder.finish()]


class _Nothing(dict[str, Json]):
    """Stands for no item; told by identity."""


_NOTHING: Final = _Nothing()
