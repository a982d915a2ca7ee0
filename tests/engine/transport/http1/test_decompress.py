import gzip
import itertools
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.transport.http1 import ACCEPT_ENCODING, BadAnswer
from weft.engine.transport.http1.decompress import _DECODERS, PIECE, make_decoder

TEXT = b"the same again and again, " * 50


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


def compressed(coding: str, data: bytes) -> bytes:
    if coding == "br":
        brotli: Any = pytest.importorskip("brotli")
        return bytes(brotli.compress(data))
    if coding == "zstd":
        zstd: Any = pytest.importorskip("zstandard")
        return bytes(zstd.ZstdCompressor().compress(data))
    return gzip.compress(data) if coding == "gzip" else zlib.compress(data)


def plain(coding: bytes, *pieces: bytes) -> bytes:
    return b"".join(plain_pieces(coding, pieces))


def plain_pieces(coding: bytes, pieces: Sequence[bytes]) -> list[bytes]:
    decoder = make_decoder(coding)
    assert decoder is not None
    found = [piece for data in pieces for piece in decoder.feed(data)]
    decoder.finish()
    return found


# br and zstd are there where a library for them is.
KNOWN = [coding.decode() for coding in _DECODERS]


@pytest.mark.parametrize("coding", KNOWN)
def test_body_may_be_cut_anywhere(coding: str) -> None:
    data = compressed(coding, TEXT)
    assert plain(coding.encode(), data) == TEXT
    assert plain(coding.encode(), *(bytes([byte]) for byte in data)) == TEXT


@given(st.binary(max_size=3 * PIECE), st.lists(st.integers(0, 1000)))
def test_any_bytes_are_read_back(data: bytes, cuts: list[int]) -> None:
    packed = gzip.compress(data, 1)
    edges = [0, *sorted(cut for cut in cuts if cut < len(packed)), len(packed)]
    assert plain(b"gzip", *(packed[a:b] for a, b in itertools.pairwise(edges))) == data


@pytest.mark.parametrize("coding", KNOWN)
def test_pieces_are_bounded_however_much_is_packed(coding: str) -> None:
    pieces = plain_pieces(coding.encode(), [compressed(coding, b"\0" * 20_000_000)])
    assert sum(map(len, pieces)) == 20_000_000
    assert max(map(len, pieces)) <= 4 * 1024 * 1024 + PIECE


@pytest.mark.parametrize("coding", KNOWN)
def test_body_that_ends_too_early_is_refused(coding: str) -> None:
    with pytest.raises(BadAnswer):
        plain(coding.encode(), compressed(coding, TEXT)[:-5])


@pytest.mark.parametrize("coding", KNOWN)
def test_garbage_is_refused(coding: str) -> None:
    with pytest.raises(BadAnswer):
        plain(coding.encode(), b"\x01this is not compressed, whatever its name says")


def test_members_of_gzip_are_joined() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + b"\0\0"
    assert plain(b"gzip", packed) == b"one two"
    assert plain(b"gzip", *(bytes([byte]) for byte in packed)) == b"one two"


def test_deflate_without_its_wrapper_is_read() -> None:
    assert plain(b"deflate", raw_deflate(TEXT)) == TEXT


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_plain_bodies_need_no_decoder(coding: bytes) -> None:
    assert make_decoder(coding) is None


@pytest.mark.parametrize("coding", [b"x-gzip", b"GZIP", b" gzip"])
def test_names_of_codings_are_read_kindly(coding: bytes) -> None:
    assert plain(coding, gzip.compress(TEXT)) == TEXT


@pytest.mark.parametrize("coding", [b"compress", b"gzip, gzip", b"\xff"])
def test_coding_that_cannot_be_read_is_an_error(coding: bytes) -> None:
    with pytest.raises(BadAnswer):
        make_decoder(coding)


def test_only_what_can_be_read_is_asked_for() -> None:
    assert ACCEPT_ENCODING.decode().split(", ") == KNOWN
    assert KNOWN[:2] == ["gzip", "deflate"]
