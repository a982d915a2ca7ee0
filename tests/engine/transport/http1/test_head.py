import pytest

from weft.engine.transport.http1 import BadHead, encode_head
from weft.engine.transport.http1.head import decode_head


def test_head_is_a_request_line_headers_and_an_empty_line() -> None:
    made = encode_head(b"GET", b"/a?b=c", [(b"Host", b"x"), (b"X-Empty", b"")])
    assert made == b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty: \r\n\r\n"


@pytest.mark.parametrize("method", [b"", b"GE T", b"GET\r\n", b"G\0"])
def test_method_that_is_no_token_is_refused(method: bytes) -> None:
    with pytest.raises(BadHead):
        encode_head(method, b"/", [])


@pytest.mark.parametrize("target", [b"", b"/a b", b"/\r\nX: y", b"/\n", b"/\0", b"/\t", b"/\x7f"])
def test_target_that_would_split_the_line_is_refused(target: bytes) -> None:
    with pytest.raises(BadHead):
        encode_head(b"GET", target, [])


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"\xe9", b"(x)"])
def test_name_that_is_no_token_is_refused(name: bytes) -> None:
    with pytest.raises(BadHead):
        encode_head(b"GET", b"/", [(name, b"1")])


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\r", b"a\0"])
def test_value_with_a_line_break_is_refused_and_not_shown(value: bytes) -> None:
    with pytest.raises(BadHead) as caught:
        encode_head(b"GET", b"/", [(b"X-Secret", value)])
    assert repr(value)[2:-1] not in str(caught.value)


def test_head_is_read_back() -> None:
    made = encode_head(b"POST", b"/a?b=c:+d", [(b"Host", b"x:80"), (b"X-A", "é: ü".encode())])
    assert decode_head(made) == ("POST", "/a?b=c:+d", [("Host", "x:80"), ("X-A", "é: ü")])
