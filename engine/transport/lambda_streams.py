"""Items of a function's streamed answer: an event stream of AWS, whose chunks hold what the function wrote.

What is in the chunks nobody says. Of a function whose result is a string each chunk is an item as it comes.
Of all others an item is a JSON value: on a line of its own, or in a chunk of its own where that is an object
or a list. A line that is no JSON is a string. A function that writes an HTTP answer says in its metadata what
its chunks are, so its server-sent events are read as such.

Source: Smithy, "Amazon Event Stream Specification"; Lambda API reference, "InvokeWithResponseStream".
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from botocore.eventstream import EventStreamBuffer, ParserError

from ...schemas.catalog import Function, Json, Scalar
from ...schemas.errors import LambdaStatus, UpstreamAnswer, UpstreamError
from ...schemas.openapi.media import media_essence
from ..numbers import decode_exactly
from .http_items import ItemDecoder, ItemTooLarge
from .lambda_answers import failed_function, refusal

_MAX_PRELUDE_BYTES: Final = 64 * 1024
_PRELUDE_END: Final = bytes(8)
_PRELUDE_STARTS: Final = (b'{"statusCode"', b'{"headers"', b'{"cookies"')


class _Complete(msgspec.Struct):
    ErrorCode: str | None = None
    ErrorDetails: str | None = None


class StreamReader:
    """Takes the body of an InvokeWithResponseStream in pieces of any size, and gives items as they are whole.

    Attributes:
        ended: The end of the stream, or an error, has come.
    """

    def __init__(self, function: Function, *, max_item_bytes: int) -> None:
        self.ended = False
        self._function = function
        self._buffer: Any = EventStreamBuffer()
        self._items = ItemsOfChunks(function, max_item_bytes=max_item_bytes)
        self._max = max_item_bytes

    def feed(self, piece: bytes) -> Iterator[Json | UpstreamError]:
        """The items that *piece* completes. An error is the last one."""
        at = (self._function.upstream, self._function.id)
        try:
            self._buffer.add_data(piece)
            for message in self._buffer:
                yield from self._message(message)
                if self.ended:
                    return
        except ParserError:
            self.ended = True
            yield UpstreamAnswer(*at, reason="the answer is no event stream of Lambda")
        except ItemTooLarge:
            self.ended = True
            yield UpstreamAnswer(*at, reason=f"the answer is larger than {self._max} bytes")

    def _message(self, message: Any) -> Iterator[Json | UpstreamError]:
        kind = message.headers.get(":message-type")
        if kind != "event":
            self.ended = True
            code = message.headers.get(":exception-type") or message.headers.get(":error-code") or "Unknown"
            said = message.headers.get(":error-message") or message.payload.decode("utf-8", "replace")
            kind = str(code).removesuffix("Exception")
            yield refusal(self._function, kind, f"{code}: {said}", status=500)
            return
        match message.headers.get(":event-type"):
            case "PayloadChunk":
                for item in self._items.feed(message.payload):
                    self.ended = isinstance(item, UpstreamError)
                    yield item
            case "InvokeComplete":
                yield from self._items.finish()
                self.ended = True
                error = self._failure(message.payload)
                if error is not None:
                    yield error
            case _:
                pass  # what a later Lambda may add

    def _failure(self, data: bytes) -> UpstreamError | None:
        try:
            told = msgspec.json.decode(data, type=_Complete) if data else _Complete()
        except msgspec.MsgspecError:
            told = _Complete(ErrorCode="Unhandled")
        if not told.ErrorCode:
            return None
        details = told.ErrorDetails or ""
        return failed_function(self._function, "Unhandled", told.ErrorCode, details)


class ItemsOfChunks:
    """The items in what a function writes; see the module."""

    def __init__(self, function: Function, *, max_item_bytes: int) -> None:
        self._function = function
        result = function.result
        as_text = isinstance(result, Scalar) and result.kind == "string"
        self._text = codecs.getincrementaldecoder("utf-8")("replace") if as_text else None
        self._max = max_item_bytes
        self._lines = ItemDecoder("application/x-ndjson", max_item_bytes=max_item_bytes)
        self._at_start = self._may_be_whole = True
        self._prelude: bytearray | None = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Json | UpstreamError]:
        """The items that *chunk* completes.

        Raises:
            ItemTooLarge: An item passes the limit.
        """
        if self._prelude is not None:
            self._prelude += chunk
            if _may_be_prelude(self._prelude):
                return
            data, self._prelude = bytes(self._prelude), None
            chunk, failed = self._after_prelude(data)
            if failed is not None:
                yield failed
                return
        if not chunk:
            return
        if self._text is not None:
            if len(chunk) > self._max:
                raise ItemTooLarge
            if text := self._text.decode(chunk):
                yield text
            return
        if self._at_start and self._may_be_whole and b"\n" not in chunk:
            whole = _whole_value(chunk)
            if whole is not None:
                yield whole
                return
        self._at_start = chunk.endswith(b"\n")
        yield from self._lines.feed(chunk)

    def finish(self) -> Iterator[Json | UpstreamError]:
        """What the end of the stream completes."""
        rest, self._prelude = self._prelude, None
        if rest:
            yield from self.feed(bytes(rest))
        if self._text is None:
            yield from self._lines.finish()
        elif text := self._text.decode(b"", final=True):
            yield text

    def _after_prelude(self, data: bytes) -> tuple[bytes, UpstreamError | None]:
        """What a function wrote after the metadata of an HTTP answer, which may say that it failed.

        Source: AWS Lambda developer guide, "Response streaming": the metadata is JSON, and eight zeros end it.
        """
        metadata, end, rest = data.partition(_PRELUDE_END)
        if not end or not metadata.startswith(_PRELUDE_STARTS):
            return data, None
        try:
            said = msgspec.json.decode(metadata, type=_Prelude)
        except msgspec.MsgspecError:
            return data, None
        if said.statusCode >= 400:
            at = (self._function.upstream, self._function.id)
            status = str(said.statusCode)
            return b"", LambdaStatus(*at, status=status, is_outage=said.statusCode >= 500)
        named = {name.lower(): str(value) for name, value in said.headers.items()}
        content_type = named.get("content-type", "")
        if media_essence(content_type) == "text/event-stream":
            self._may_be_whole = False
            self._lines = ItemDecoder(content_type, max_item_bytes=self._max)
        return rest, None


class _Prelude(msgspec.Struct):
    statusCode: int = 200  # noqa: N815 - Lambda's own word
    headers: dict[str, Any] = {}


def _may_be_prelude(data: bytearray) -> bool:
    """Whether the metadata of an HTTP answer may have begun, and not ended."""
    if len(data) > _MAX_PRELUDE_BYTES or _PRELUDE_END in data or b"\n" in data:
        return False
    return any(start.startswith(data) or data.startswith(start) for start in _PRELUDE_STARTS)


def _whole_value(chunk: bytes) -> Json:
    """An object or a list that *chunk* is; ``None`` if it is none."""
    text = chunk.strip()
    if text[:1] + text[-1:] not in {b"{}", b"[]"}:
        return None
    try:
        return decode_exactly(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
