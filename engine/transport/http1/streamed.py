"""Answers whose body is read piece by piece."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from .decompress import make_decoder
from .errors import TooLarge


class StreamedReply:
    """An answer whose head is there. Iterating gives its body, decompressed, as it comes.

    While nobody takes pieces, the server has to wait.

    Attributes:
        status: 200 to 999.
        headers: In the order they came, names in lower case.

    Args:
        next_pieces: Gives what came of the body since it was last asked, as it came; an empty list at the end.
    """

    __slots__ = ("_next_pieces", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]],
        next_pieces: Callable[[], Awaitable[list[bytes]]],
    ) -> None:
        self.status = status
        self.headers = headers
        self._next_pieces = next_pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pieces()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The pieces of the body.

        Raises:
            HttpError: The body breaks off, or cannot be decompressed.
        """
        decoder = None
        encoding = b", ".join(value for name, value in self.headers if name == b"content-encoding")
        while pieces := await self._next_pieces():
            if encoding and decoder is None:
                decoder, encoding = make_decoder(encoding), b""
            for piece in pieces:
                if decoder is None:
                    yield piece
                else:
                    for plain in decoder.feed(piece):
                        yield plain
        if decoder is not None:
            decoder.finish()

    async def read(self, max_bytes: int) -> bytes:
        """The rest of the body as a whole.

        Raises:
            TooLarge: It is larger than *max_bytes*.
            HttpError: The body breaks off, or cannot be decompressed.
        """
        pieces: list[bytes] = []
        size = 0
        async with contextlib.aclosing(self.pieces()) as found:
            async for piece in found:
                size += len(piece)
                if size > max_bytes:
                    raise TooLarge("body", limit=max_bytes, status=self.status)
                pieces.append(piece)
        return b"".join(pieces)
