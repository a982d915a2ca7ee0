"""The bytes of an answer as a `Reply`. Nothing here touches a socket.

What the bytes mean is httptools' (llhttp's) word, and it is strict: lengths that contradict each other,
folded headers and bare line feeds are refused, as they are what request smuggling is made of.

Source: RFC 9112, sections 4 to 7.
"""

from __future__ import annotations

import sys
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from msgspec import Struct

from .decompress import Decoder, make_decoder
from .errors import BadAnswer, HttpError, TooLarge

NO_LIMIT: Final = sys.maxsize
_SWITCHING_PROTOCOLS: Final = 101
_NO_CONTENT: Final = frozenset({204, 304})
_CODINGS: Final = frozenset({b"content-encoding", b"transfer-encoding"})


class Reply(Struct, frozen=True):
    """A whole answer. A Struct, for one is made for every call.

    Attributes:
        status: 200 to 999; interim answers are passed by.
        headers: In the order they came, names in lower case; without trailers.
        named: The same by name; of several with one name the last.
        body: Decompressed.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    named: dict[bytes, bytes]
    body: bytes


class AnswerReader:
    """Reads the answers of one connection, one after the other.

    `expect` readies it for an answer, `feed` takes bytes until ``complete`` is true. ``pieces`` holds what
    came of the body since somebody last took it.

    Attributes:
        status: Of the final answer; 0 until ``head_complete``.
        headers: Of the final answer.
        named: The same by name.
        encoding: Its ``Content-Encoding``.
        began: A byte of an answer came since `expect`.
        size: Bytes of the body that came so far.
        surplus: Bytes came after the answer.
        keep_alive: The server says the connection may be used again.
    """

    __slots__ = (
        "_decoder", "_fields", "_in_body", "_interim", "_is_head", "_limit", "_max_header_bytes", "_parser",
        "_problem", "_silent", "_whole", "began", "complete", "encoding", "head_complete", "headers",
        "keep_alive", "named", "pieces", "size", "status", "surplus",
    )  # fmt: skip

    def __init__(self, *, max_header_bytes: int) -> None:
        self._max_header_bytes = max_header_bytes
        self._is_head = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self.expect(max_body_bytes=NO_LIMIT)

    def expect(self, *, max_body_bytes: int, is_head: bool = False, whole: bool = True) -> None:
        """Ready it for the answer to one request.

        Args:
            max_body_bytes: Of the body, once decompressed.
            is_head: The answer has no body, whatever its headers say.
            whole: The body is decompressed here; otherwise its ``pieces`` are as they came.
        """
        if self._is_head:
            # After an answer to HEAD the parser still waits for the body that the headers speak of.
            self._parser = HttpResponseParser(self)
        self._is_head = is_head
        self._limit = max_body_bytes
        self._whole = whole
        self._decoder: Decoder | None = None
        self._problem: HttpError | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._interim = False
        self._silent = 0
        self.size = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.named: dict[bytes, bytes] = {}
        self.encoding = b""
        self.pieces: list[bytes] = []
        self.began = self.head_complete = self.complete = self.surplus = self.keep_alive = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere.

        Raises:
            BadAnswer: They are no answer.
            TooLarge: A limit is passed.
        """
        if self._parser is None:
            return
        self.began = True
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:
                raise self._problem or BadAnswer(f"no HTTP/1.1 answer: {error}") from error
            self.surplus = True
        if self._problem is not None:
            raise self._problem
        if self._silent > self._max_header_bytes and not self.complete:
            # A head, trailers or chunk extensions without end; llhttp holds or skips them itself.
            raise self._too_large_head()
        if self.complete and self._decoder is not None:
            self._decoder.finish()

    def end(self) -> None:
        """Say that the server has closed the connection, which ends a body without a stated length.

        Raises:
            BadAnswer: The body could not be decompressed up to its end.
        """
        if not self.complete and self.head_complete and self._until_close():
            self.complete = True
            if self._decoder is not None:
                self._decoder.finish()

    def reply(self) -> Reply:
        """The answer, when it is ``complete``."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return Reply(self.status, self.headers, self.named, body)

    def close(self) -> None:
        """Give the parser back. It holds this reader, and this reader it."""
        self._parser = None

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A first byte. After an answer nothing else is expected."""
        if self.complete:
            raise BadAnswer("bytes after the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer, which lands in a list that nobody reads."""
        self._fields.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """The end of a head: of an interim answer, or of the final one."""
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        fields, self._fields = self._fields, []
        if status < 200:
            self._interim = True
            if status == _SWITCHING_PROTOCOLS:
                self._problem = BadAnswer("the server switches to a protocol that nobody asked for")
            return
        self.status = status
        self.headers = fields
        self.keep_alive = parser.should_keep_alive()
        self.head_complete = True
        if self._silent > self._max_header_bytes:
            self._measure_head()
        self.named = named = dict(fields)
        # llhttp has checked that these are digits, and that there is but one.
        if not self._is_head and int(named.get(b"content-length", 0)) > self._limit:
            self._problem = TooLarge("body", limit=self._limit, status=status)
        if not _CODINGS.isdisjoint(named):
            self._read_codings(fields)
        if self._is_head:
            self.complete = True
        elif self.encoding and self._whole and status not in _NO_CONTENT:
            try:
                self._decoder = make_decoder(self.encoding)
            except BadAnswer as problem:
                # An error's status is worth more than its text.
                self._problem = problem if status < 300 else None

    def _read_codings(self, fields: list[tuple[bytes, bytes]]) -> None:
        for name, value in fields:
            if name == b"content-encoding":
                self.encoding = self.encoding + b", " + value if self.encoding else value
            elif name == b"transfer-encoding" and value.strip().lower() not in {b"chunked", b"identity"}:
                self._problem = BadAnswer(f"the transfer coding {value[:40]!r} cannot be read")

    def on_body(self, body: bytes) -> None:
        """A piece of the body, free of its framing."""
        self._silent = 0
        if self._is_head:
            self.surplus = True
        elif self._problem is not None:
            return
        elif self._decoder is None:
            self._add(body)
        else:
            try:
                for piece in self._decoder.feed(body):
                    self._add(piece)
                    if self._problem is not None:
                        return
            except BadAnswer as problem:
                self._problem = problem

    def on_message_complete(self) -> None:
        """The end of an answer."""
        if self._interim:
            self._interim = False
        else:
            self.complete = True

    def _add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._limit:
            self._problem = TooLarge("body", limit=self._limit, status=self.status)
        else:
            self.pieces.append(piece)

    def _measure_head(self) -> None:
        """Refuse a head beyond the limit that came in one piece with what follows it."""
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > self._max_header_bytes:
            self._problem = self._too_large_head()

    def _too_large_head(self) -> TooLarge:
        return TooLarge("head", limit=self._max_header_bytes, status=self.status)

    def _until_close(self) -> bool:
        """RFC 9112, section 6.3: neither a length nor chunks, so the connection's end is the body's."""
        return not any(
            name == b"content-length"
            or (name == b"transfer-encoding" and value.strip().lower() != b"identity")
            for name, value in self.headers
        )
