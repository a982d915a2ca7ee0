import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.raw_http import answer
from weft.engine.transport.http1 import BadAnswer, Reply, TooLarge
from weft.engine.transport.http1.reader import AnswerReader

MAX_HEADER_BYTES = 500


def reader(*, max_body_bytes: int = 1000, is_head: bool = False) -> AnswerReader:
    made = AnswerReader(max_header_bytes=MAX_HEADER_BYTES)
    made.expect(max_body_bytes=max_body_bytes, is_head=is_head)
    return made


def read(*pieces: bytes, ended: bool = False, max_body_bytes: int = 1000, is_head: bool = False) -> Reply:
    one = reader(max_body_bytes=max_body_bytes, is_head=is_head)
    for piece in pieces:
        one.feed(piece)
    if ended:
        one.end()
    assert one.complete
    return one.reply()


def chunked(*chunks: bytes, trailers: bytes = b"", extension: bytes = b"") -> bytes:
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailers + b"\r\n"


def test_names_of_headers_are_lower_case_and_values_are_as_they_came() -> None:
    reply = read(answer(b"hi", b"X-Some-Name:  A b\t", b"Set-Cookie: a=1", b"Set-Cookie: b=2"))
    assert reply.headers[1:] == [(b"x-some-name", b"A b"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_chunks_are_joined_and_extensions_and_trailers_are_passed_by() -> None:
    reply = read(chunked(b"ab", b"cde", extension=b";name=value", trailers=b"X-Sum: 1\r\n"))
    assert reply == Reply(
        200, [(b"transfer-encoding", b"chunked")], {b"transfer-encoding": b"chunked"}, b"abcde"
    )


def test_interim_answers_are_passed_by() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert read(interim + interim + answer(b"hi")).headers == [(b"content-length", b"2")]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_status_without_body_ends_with_its_head(status: bytes) -> None:
    assert read(b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\n\r\n").body == b""


def test_not_modified_may_state_the_length_of_what_it_leaves_out() -> None:
    assert read(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").body == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X-A: b"])
def test_answer_to_head_has_no_body(framing: bytes) -> None:
    one = reader(is_head=True)
    for _ in range(2):
        one.expect(max_body_bytes=3, is_head=True)
        one.feed(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        assert (one.complete, one.surplus, one.reply().body) == (True, False, b"")
    one.expect(max_body_bytes=3)
    one.feed(answer(b"hi"))
    assert one.reply().body == b"hi"


def test_body_after_an_answer_to_head_is_a_surplus() -> None:
    one = reader(is_head=True)
    one.feed(answer(b"hello"))
    assert (one.complete, one.surplus, one.reply().body) == (True, True, b"")


@pytest.mark.parametrize("rest", [b"H", b"garbage", answer(b"second"), b"\0"])
@pytest.mark.parametrize("first", [answer(b"hi"), answer(b"hi", b"Connection: close"), chunked(b"hi")])
def test_bytes_after_the_answer_are_a_surplus(first: bytes, rest: bytes) -> None:
    one = reader()
    one.feed(first + rest)
    assert (one.complete, one.surplus, one.reply().body) == (True, True, b"hi")


@pytest.mark.parametrize(
    ("sent", "keep_alive"),
    [
        (answer(b""), True),
        (answer(b"", b"Connection: close"), False),
        (answer(b"", b"Connection: x, Close"), False),
        (answer(b"").replace(b"1.1", b"1.0"), False),
        (answer(b"", b"Connection: keep-alive").replace(b"1.1", b"1.0"), True),
        (chunked(b"a"), True),
    ],
)
def test_connection_is_kept_as_the_server_says(sent: bytes, keep_alive: bool) -> None:
    one = reader()
    one.feed(sent)
    assert one.keep_alive is keep_alive


def test_body_without_length_ends_with_the_connection() -> None:
    assert read(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd", ended=True).body == b"abcd"


@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\nA: b\r\n", answer(b"hello")[:-1], chunked(b"hello")[:-2], chunked(b"hi")[:-9]],
)
def test_other_answers_do_not_end_with_the_connection(sent: bytes) -> None:
    one = reader()
    one.feed(sent)
    one.end()
    assert not one.complete


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"\x16\x03\x01",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/1.1 200 OK\nA: b\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nmore",
        answer(b"abc", b"Content-Encoding: gzip"),
        answer(gzip.compress(b"abc")[:-1], b"Content-Encoding: gzip"),
        answer(b"abc", b"Content-Encoding: compress"),
    ],
)
def test_what_is_no_answer_is_refused_however_it_is_cut(sent: bytes) -> None:
    with pytest.raises(BadAnswer):
        read(sent)
    with pytest.raises(BadAnswer):
        read(*(bytes([byte]) for byte in sent))


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"x" * 11),
        chunked(b"x" * 6, b"x" * 5),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11,
        answer(gzip.compress(b"x" * 11), b"Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
    ],
)
def test_body_beyond_the_limit_is_refused(sent: bytes) -> None:
    with pytest.raises(TooLarge) as caught:
        read(sent, max_body_bytes=10)
    assert (caught.value.part, caught.value.limit, caught.value.status) == ("body", 10, 200)


@pytest.mark.parametrize("sent", [answer(b"x" * 10), chunked(b"x" * 4, b"x" * 6)])
def test_body_of_just_the_limit_is_taken(sent: bytes) -> None:
    assert len(read(sent, max_body_bytes=10).body) == 10


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 600,
        b"HTTP/1.1 200 " + b"x" * 600,
        answer(b"body", b"A: " + b"x" * 600),
        answer(b"", *[b"A: b"] * 200),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        chunked(b"a", extension=b";" + b"x" * 600),
        chunked(b"a", trailers=b"A: " + b"x" * 600 + b"\r\n"),
        chunked(b"a", trailers=b"A: b\r\n" * 200),
    ],
)
def test_head_trailers_and_extensions_are_bounded(sent: bytes) -> None:
    with pytest.raises(TooLarge) as caught:
        read(*(sent[at : at + 50] for at in range(0, len(sent), 50)))
    assert caught.value.part == "head"


def test_head_beyond_the_limit_is_refused_in_one_piece_too() -> None:
    with pytest.raises(TooLarge):
        read(answer(b"body", b"A: " + b"x" * 600))


def test_body_with_an_error_status_is_kept_although_its_coding_is_unknown() -> None:
    sent = answer(b"abc", b"Content-Encoding: compress", status=b"503 Busy")
    assert read(sent).status == 503


TOKENS = st.text("abcXYZ-09", min_size=1, max_size=8).map(str.encode)
VALUES = st.text("abc ;=\xe9", max_size=12).map(lambda text: text.strip().encode("latin-1"))
HEADERS = st.lists(st.tuples(TOKENS.map(lambda name: b"X-" + name), VALUES), max_size=5)
BODIES = st.binary(max_size=400)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Reply, bool]:
    """An answer's bytes, what they mean, and whether the connection's end belongs to them."""
    headers, body = draw(HEADERS), draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    content = body
    if draw(st.booleans()):
        content = gzip.compress(body)
        headers = [*headers, (b"content-encoding", b"gzip")]
    if framing == "length":
        headers = [*headers, (b"Content-Length", b"%d" % len(content))]
    elif framing == "chunked":
        headers = [*headers, (b"Transfer-Encoding", b"chunked")]
        edges = [0, *sorted(draw(st.lists(st.integers(0, len(content)), max_size=4))), len(content)]
        chunks = [content[a:b] for a, b in itertools.pairwise(edges)]
        trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
        content = chunked(*chunks, trailers=trailers).partition(b"\r\n\r\n")[2]
    status = draw(st.sampled_from([200, 201, 400, 503]))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"]))
    sent = interim + b"HTTP/1.1 %d Some Reason\r\n" % status + lines + b"\r\n" + content
    named = [(name.lower(), value) for name, value in headers]
    return sent, Reply(status, named, dict(named), body), framing == "close"


@given(answers(), st.lists(st.integers(0, 1500)))
def test_any_answer_cut_anywhere_means_the_same(made: tuple[bytes, Reply, bool], cuts: list[int]) -> None:
    sent, meant, ended = made
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    pieces = [sent[a:b] for a, b in itertools.pairwise(edges)]
    assert read(sent, ended=ended) == meant
    assert read(*pieces, ended=ended) == meant
    assert read(*(bytes([byte]) for byte in sent), ended=ended) == meant


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_garbage_is_refused_or_read_but_never_breaks_the_reader(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    one = reader()
    try:
        for start, end in itertools.pairwise(edges):
            one.feed(b"HTTP/1.1 200 OK\r\n" * (start == 0) + data[start:end])
        one.end()
    except (BadAnswer, TooLarge):
        return
    one.reply()
