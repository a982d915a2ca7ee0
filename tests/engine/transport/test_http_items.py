import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.transport.http_items import ItemDecoder, ItemTooLarge, decode_items

EVENTS = (
    b"\xef\xbb\xbf: hello\r\n\r\nevent: a\r\nid: 1\r\ndata: {\"n\":\r\ndata: 1}\r\n\r\n"
    b"data:plain\n\ndata\n\nretry: 5\n\ndata: [2]\r\rdata: never ended\n"
)  # fmt: skip
EXPECTED = [{"n": 1}, "plain", "", [2]]
LINES = b'{"n":1}\n\n"a"\r\n\x1e[2]\nnull'


def test_events_are_decoded() -> None:
    assert decode_items("text/event-stream; charset=utf-8", EVENTS) == EXPECTED


def test_lines_are_decoded() -> None:
    assert decode_items("application/x-ndjson", LINES) == [{"n": 1}, "a", [2], None]


@given(st.lists(st.integers(0, len(EVENTS))))
def test_events_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(EVENTS)]
    decoder = ItemDecoder("text/event-stream", max_item_bytes=1000)
    pieces = [EVENTS[start:end] for start, end in itertools.pairwise(edges)]
    assert [item for piece in pieces for item in decoder.feed(piece)] == EXPECTED


def test_done_ends_the_stream() -> None:
    assert decode_items("text/event-stream", b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n") == [1]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 99, b"data: xxxxxxxxx\n" * 20, b"x" * 99])
def test_item_beyond_the_limit_is_refused(piece: bytes) -> None:
    decoder = ItemDecoder("text/event-stream", max_item_bytes=50)
    with pytest.raises(ItemTooLarge):
        list(decoder.feed(piece))
