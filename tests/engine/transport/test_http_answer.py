from typing import Any

import pytest

from tests.engine.transport.http_functions import JSON, function
from weft.engine.transport.http_answer import decode_answer
from weft.schemas.catalog import Scalar
from weft.schemas.errors import UpstreamAnswer, UpstreamStatus

ANY = function()
TEXT = function(accept=("text/plain",), result=Scalar(kind="string"))
BYTES = function(accept=("image/png",), result=Scalar(kind="binary"))


def decode(body: bytes, content_type: str = "application/json", one: Any = ANY, status: int = 200) -> Any:
    return decode_answer(one, status, {"CONTENT-type": content_type} if content_type else {}, body)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/hal+json", "text/plain", ""],
)
def test_json_is_decoded_whatever_it_is_called(content_type: str) -> None:
    assert decode(b'\xef\xbb\xbf{"a": [1, null]}', content_type) == {"a": [1, None]}


@pytest.mark.parametrize(("status", "body"), [(204, b""), (205, b"x")])
def test_answer_without_content_is_null(status: int, body: bytes) -> None:
    assert decode(body, status=status) is None


@pytest.mark.parametrize("status", [200, 201])
def test_empty_answer_where_json_is_described_is_an_error(status: int) -> None:
    answer = decode(b"", status=status)
    assert isinstance(answer, UpstreamAnswer)
    assert answer.reason == "the answer is empty"


def test_empty_answer_where_text_is_described_is_an_empty_text() -> None:
    assert decode(b"", "text/plain", TEXT) == ""


def test_answer_that_nobody_described_is_null() -> None:
    assert decode(b"{}", one=function(result=None)) is None


def test_text_is_a_string_in_its_charset() -> None:
    assert decode(b"caf\xe9", "text/plain; charset=latin-1", TEXT) == "café"
    assert decode(b"caf\xe9", "text/plain; charset=nonsense", TEXT) == "caf�"


def test_text_that_looks_like_json_stays_text_where_text_is_described() -> None:
    assert decode(b"12", "text/plain", TEXT) == "12"


def test_bytes_are_base64() -> None:
    assert decode(b"\0\1", "image/png", BYTES) == "AAE="


def test_string_under_a_wrong_name_is_taken() -> None:
    assert decode(b"hello", "text/plain", function(result=Scalar(kind="string"))) == "hello"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"<html>secret</html>", "text/html; charset=utf-8", "HTML came where JSON is described"),
        (b"<a>secret</a>", "application/xml", "application/xml came where JSON is described"),
        (b"secret", "text/plain", "text/plain came where JSON is described"),
        (b'{"secret": ', "application/json", "the answer is no valid JSON"),
        (b'{"secret": "\xff"}', "application/json", "the answer is no valid JSON"),
        (b"secret", "secret", "something else came where JSON is described"),
        (b"[" * 100_000, "application/json", "the answer is no valid JSON"),
    ],
)
def test_wrong_content_is_an_error_without_the_body(body: bytes, content_type: str, reason: str) -> None:
    found = decode(body, content_type)
    assert isinstance(found, UpstreamAnswer)
    assert found.reason == reason


@pytest.mark.parametrize("status", [301, 304, 400, 404, 500, 599])
def test_status_outside_2xx_is_an_error(status: int) -> None:
    found = decode(b'{"detail":\n "secret"}' + b"x" * 1000, status=status)
    assert isinstance(found, UpstreamStatus)
    assert found.status == str(status)
    assert found.detail.startswith('{"detail": "secret"}')
    assert len(found.detail) == 200
    assert "secret" not in found.public_message


def test_streamed_items_are_a_list_when_called_whole() -> None:
    one = function(accept=("application/x-ndjson",))
    assert decode(b'{"a":1}\n{"a":2}', "application/x-ndjson", one) == [{"a": 1}, {"a": 2}]


def test_json_is_described_by_default() -> None:
    assert decode(b"1", one=function(accept=())) == 1
    assert JSON == ("application/json",)
