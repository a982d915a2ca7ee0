"""Content codings: compressed bodies in bounded pieces.

gzip and deflate always; br and zstd where a library for them is installed that lets its output be bounded.

Source: RFC 9110, section 8.4.1; RFC 8878 for zstd.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from .errors import BadAnswer

PIECE: Final = 64 * 1024
"""Most bytes of one decompressed piece (brotli gives half as much again, zstandard 4 MiB)."""

# Small input, as zstandard bounds no output: a block is at least 4 bytes and gives at most 128 KiB.
_ZSTANDARD_SLICE: Final = 128
# RFC 9659: 8 MiB is what every decoder of zstd on the web takes, and none must take more.
_ZSTD_WINDOW: Final = 8 * 1024 * 1024


class Decoder(Protocol):
    """Undoes one content coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* becomes, in pieces.

        Raises:
            BadAnswer: It is not in this coding.
        """
        ...

    def finish(self) -> None:
        """Say that the body has ended.

        Raises:
            BadAnswer: It ended too early.
        """
        ...


def make_decoder(codings: bytes) -> Decoder | None:
    """A decoder for a ``Content-Encoding``; ``None`` where there is nothing to undo.

    Raises:
        BadAnswer: A coding that cannot be read, or more than one.
    """
    name = codings.strip().lower()
    if name in {b"", b"identity"}:
        return None
    make = _DECODERS.get(name.removeprefix(b"x-"))
    if make is None:
        raise BadAnswer(f"the answer's content coding {name[:40]!r} cannot be read")
    return make()


class _Zlib:
    """gzip of any number of members, or deflate with or without zlib's wrapper."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._stream: Any = None
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False  # after a full piece zlib may hold more, although it has taken all input
        while data or full:
            if self._stream is None:
                if self._began and not data.strip(b"\0"):
                    return  # padding, as gzip(1) allows
                self._stream = zlib.decompressobj(self._wrapped(data))
                self._began = True
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error as error:
                raise BadAnswer(f"the body cannot be decompressed: {error}") from error
            if piece:
                yield piece
            full = len(piece) == PIECE
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data, full, self._stream = self._stream.unused_data, False, None

    def finish(self) -> None:
        if self._stream is not None:
            raise BadAnswer("the compressed body ends too early")

    def _wrapped(self, data: bytes) -> int:
        # RFC 9110, 8.4.1.2: some send "deflate" without zlib's wrapper, whose first byte is 8 modulo 16.
        raw = self._bits == zlib.MAX_WBITS and data[0] & 15 != 8
        return -zlib.MAX_WBITS if raw else self._bits


class _Brotli:
    """br, by the ``brotli`` module from 1.2 on: earlier ones bound no output."""

    def __init__(self, module: Any) -> None:
        self._stream = module.Decompressor()
        self._error: type[Exception] = module.error

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            piece = self._stream.process(data, output_buffer_limit=PIECE)
            while piece:
                yield piece
                # It may hold output although it "can accept more data".
                if self._stream.is_finished():
                    return
                piece = self._stream.process(b"", output_buffer_limit=PIECE)
        except self._error as error:
            raise BadAnswer(f"the body cannot be decompressed: {error}") from error

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise BadAnswer("the compressed body ends too early")


class _Zstd:
    """zstd, by the standard library from Python 3.14 on or its backport."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._stream: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream is None:
                if not data:
                    return
                limit = {self._module.DecompressionParameter.window_log_max: _ZSTD_WINDOW.bit_length() - 1}
                self._stream = self._module.ZstdDecompressor(options=limit)
            try:
                piece = self._stream.decompress(data, PIECE)
            except self._module.ZstdError as error:
                raise BadAnswer(f"the body cannot be decompressed: {error}") from error
            if piece:
                yield piece
            data = b""
            if self._stream.eof:
                data, self._stream = self._stream.unused_data, None
            elif self._stream.needs_input:
                return

    def finish(self) -> None:
        if self._stream is not None:
            raise BadAnswer("the compressed body ends too early")


class _Zstandard:
    """zstd, by the ``zstandard`` module."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._stream: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            part = data[at : at + _ZSTANDARD_SLICE]
            at += len(part)
            if self._stream is None:
                window = self._module.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
                self._stream = window.decompressobj()
            try:
                piece = self._stream.decompress(part)
            except self._module.ZstdError as error:
                raise BadAnswer(f"the body cannot be decompressed: {error}") from error
            if piece:
                yield piece
            if self._stream.eof:
                at -= len(self._stream.unused_data)
                self._stream = None

    def finish(self) -> None:
        if self._stream is not None:
            raise BadAnswer("the compressed body ends too early")


def _known_decoders() -> dict[bytes, Callable[[], Decoder]]:
    known: dict[bytes, Callable[[], Decoder]] = {
        b"gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
        b"deflate": lambda: _Zlib(zlib.MAX_WBITS),
    }
    brotli = _optional("brotli")
    if brotli is not None and hasattr(brotli.Decompressor, "can_accept_more_data"):
        known[b"br"] = lambda: _Brotli(brotli)
    zstd = _optional("compression.zstd") or _optional("backports.zstd")
    zstandard = _optional("zstandard")
    if zstd is not None:
        known[b"zstd"] = lambda: _Zstd(zstd)
    elif zstandard is not None:
        known[b"zstd"] = lambda: _Zstandard(zstandard)
    return known


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


_DECODERS: Final = _known_decoders()

ACCEPT_ENCODING: Final = b", ".join(_DECODERS)
"""The codings that are read here, as ``Accept-Encoding`` says it."""
