"""Responses as Server-Sent Events."""

from __future__ import annotations

from weft.engine.endpoint.events import encode_next


def test_a_response_is_one_next_event() -> None:
    assert encode_next(b'{"data":1}') == b'event: next\ndata: {"data":1}\n\n'


def test_line_breaks_stay_inside_the_event() -> None:
    assert encode_next(b'{\n"a":\r\n1\r}') == b'event: next\ndata: {\ndata: "a":\ndata: 1\ndata: }\n\n'
