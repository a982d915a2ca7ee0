"""What Lambda answers, from bytes alone."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.errors import error_extensions
from weft.engine.execute.calls import _is_outage
from weft.engine.execute.retries import Retries, RetryRule
from weft.engine.transport.base import Fetched
from weft.engine.transport.lambda_answers import read_answer
from weft.engine.transport.lambda_requests import Invocation, trace_id
from weft.engine.transport.lambda_streams import StreamReader
from weft.schemas.catalog import Function, FunctionId, JsonType, LambdaBinding, Scalar, Type, UpstreamId
from weft.schemas.errors import LambdaStatus, UpstreamAnswer, UpstreamError

CHUNKED = st.lists(st.binary(min_size=1, max_size=9), max_size=8)


def invocation(result: Type | None = None, **binding: Any) -> Invocation:
    bound = LambdaBinding(function_name="get-prices", **binding)
    function = Function(
        id=FunctionId("pricing.get_prices"),
        upstream=UpstreamId("pricing"),
        name="get_prices",
        binding=bound,
        result=result,
    )
    return Invocation(function, bound, b"{}", "", "", {})


def failed(payload: object, kind: str = "Unhandled") -> LambdaStatus:
    headers = [(b"x-amz-function-error", kind.encode())]
    answer = read_answer(invocation(), 200, headers, json.dumps(payload).encode())
    assert isinstance(answer, LambdaStatus)
    return answer


def refused(status: int, kind: str, *headers: tuple[bytes, bytes], body: bytes = b"{}") -> LambdaStatus:
    given_ = [(b"x-amzn-errortype", kind.encode()), *headers] if kind else [*headers]
    answer = read_answer(invocation(), status, given_, body)
    assert isinstance(answer, LambdaStatus)
    return answer


def test_a_result_is_left_as_bytes() -> None:
    assert read_answer(invocation(), 200, [], b"[1]") == Fetched(b"[1]", is_silent=True)


def test_an_event_that_was_taken() -> None:
    answer = read_answer(invocation(invocation="event"), 202, [(b"x-amzn-requestid", b"r-1")], b"")
    assert answer == {"accepted": True, "requestId": "r-1"}
    assert read_answer(invocation(invocation="event"), 202, [], b"") == {"accepted": True, "requestId": None}


def test_no_result_at_all_is_an_error() -> None:
    assert isinstance(read_answer(invocation(), 200, [], b""), UpstreamAnswer)


# -- errors of a function


@pytest.mark.parametrize("kind", ["Handled", "Unhandled"])
def test_a_failed_function_is_a_status_with_its_words_for_the_log_alone(kind: str) -> None:
    answer = failed({"errorType": "KeyError", "errorMessage": "'secret'", "stackTrace": ["x"]}, kind)
    assert error_extensions(answer) == {
        "code": "UPSTREAM_STATUS",
        "status": kind,
        "upstream": "pricing",
        "function": "pricing.get_prices",
    }
    assert answer.detail == "KeyError: 'secret'"
    assert answer.public_message == f"pricing.get_prices: the upstream answered with status {kind}"


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        (
            {
                "errorType": "Sandbox.Timedout",
                "errorMessage": "RequestId: 1 Error: Task timed out after 3.00 seconds",
            },
            "FunctionTimedOut",
            "UPSTREAM_TIMEOUT",
        ),
        (
            {"errorMessage": "2019-08-26T14:36:14.412Z 1 Task timed out after 3.00 seconds"},
            "FunctionTimedOut",
            "UPSTREAM_TIMEOUT",
        ),
        (
            {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            },
            "ResponseSizeTooLarge",
            "UPSTREAM_STATUS",
        ),
        ({"errorType": "Runtime.ExitError", "errorMessage": "exit"}, "Unhandled", "UPSTREAM_STATUS"),
        ({"errorType": None, "errorMessage": None}, "Unhandled", "UPSTREAM_STATUS"),
        ({"trace": []}, "Unhandled", "UPSTREAM_STATUS"),
        ("what", "Unhandled", "UPSTREAM_STATUS"),
    ],
)
def test_failures_that_lambda_itself_finds(payload: object, status: str, code: str) -> None:
    answer = failed(payload)
    assert (answer.status, answer.code) == (status, code)
    assert not answer.passes
    assert answer.is_outage


# -- refusals of Lambda


@pytest.mark.parametrize(
    ("status", "kind", "word", "passes", "is_outage"),
    [
        (429, "TooManyRequestsException", "TooManyRequests", True, False),
        (500, "ServiceException", "Service", True, True),
        (503, "ServiceUnavailableException", "ServiceUnavailable", True, True),
        (504, "", "504", True, True),
        (502, "EC2ThrottledException", "EC2Throttled", True, True),
        (502, "ENINotReadyException", "ENINotReady", True, True),
        (502, "ResourceNotReadyException", "ResourceNotReady", True, True),
        (409, "SnapStartNotReadyException", "SnapStartNotReady", True, False),
        (408, "SnapStartTimeoutException", "SnapStartTimeout", True, False),
        (408, "EFSMountTimeoutException", "EFSMountTimeout", True, False),
        (409, "ResourceConflictException", "ResourceConflict", True, False),
        (400, "SnapStartException", "SnapStart", False, False),
        (403, "EFSMountFailureException", "EFSMountFailure", False, False),
        (502, "KMSAccessDeniedException", "KMSAccessDenied", False, True),
        (502, "KMSDisabledException", "KMSDisabled", False, True),
        (502, "InvalidZipFileException", "InvalidZipFile", False, True),
        (502, "SubnetIPAddressLimitReachedException", "SubnetIPAddressLimitReached", False, True),
        (404, "ResourceNotFoundException", "ResourceNotFound", False, False),
        (403, "AccessDeniedException", "AccessDenied", False, False),
        (403, "ExpiredTokenException:http://internal/", "AccessDenied", False, False),
        (400, "InvalidParameterValueException", "InvalidParameterValue", False, False),
        (400, "InvalidRequestContentException", "InvalidRequestContent", False, False),
        (400, "RecursiveInvocationException", "RecursiveInvocation", False, False),
        (413, "RequestTooLargeException", "RequestTooLarge", False, False),
        (404, "", "404", False, False),
    ],
)
def test_a_refusal_says_whether_it_passes(
    status: int, kind: str, word: str, passes: bool, is_outage: bool
) -> None:
    answer = refused(status, kind, body=b'{"Message":"arn:aws:lambda said no","Type":"User"}')
    assert (answer.status, answer.passes, answer.is_outage) == (word, passes, is_outage)
    assert (Retries(RetryRule()).delay_s(1, answer) is not None) is passes
    assert _is_outage(answer) is is_outage
    assert "arn:" in answer.detail
    assert "arn:" not in answer.public_message


def test_throttling_has_a_code_of_its_own_and_says_when_to_come_again() -> None:
    body = b'{"Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}'
    answer = refused(429, "TooManyRequestsException", (b"retry-after", b"2"), body=body)
    assert error_extensions(answer)["code"] == "UPSTREAM_THROTTLED"
    assert error_extensions(answer)["status"] == "TooManyRequests"
    delay_s = Retries(RetryRule(), random=lambda: 0.0).delay_s(1, answer)
    assert delay_s == 2.0


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[1]", b'{"__type":5}', b"\xff"])
def test_a_refusal_that_is_not_lambdas_is_a_status(body: bytes) -> None:
    assert refused(503, "", body=body).passes


def test_the_kind_may_stand_in_the_body() -> None:
    assert refused(403, "", body=b'{"__type":"com.amazon#AccessDeniedException"}').status == "AccessDenied"


# -- the trace


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ""),
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"},
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0",
        ),
        (
            {"traceparent": "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more"},
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
        ),
        ({"traceparent": "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, ""),
        ({"traceparent": "what"}, ""),
        ({"traceparent": "what", "x-amzn-trace-id": "Root=1-a-b"}, "Root=1-a-b"),
    ],
)
def test_the_trace_is_told_in_the_words_of_aws(headers: dict[str, str], expected: str) -> None:
    assert trace_id(headers) == expected


# -- streams


def message(payload: bytes, **headers: str) -> bytes:
    """A message of an event stream; names of headers without their colon and with underscores."""
    lines = b""
    for name, value in headers.items():
        wire = f":{name.replace('_', '-')}".encode()
        lines += struct.pack(">B", len(wire)) + wire + struct.pack(">BH", 7, len(value)) + value.encode()
    head = struct.pack(">II", 16 + len(lines) + len(payload), len(lines))
    whole = head + struct.pack(">I", zlib.crc32(head)) + lines + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def chunk(payload: bytes) -> bytes:
    return message(payload, message_type="event", event_type="PayloadChunk")


def complete(**said: str) -> bytes:
    return message(json.dumps(said).encode(), message_type="event", event_type="InvokeComplete")


def items(*pieces: bytes, result: Type | None = None, most: int = 1000) -> list[Any]:
    reader = StreamReader(invocation(result, invocation="stream").function, max_item_bytes=most)
    found: list[Any] = []
    for piece in pieces:
        found += reader.feed(piece)
        if reader.ended:
            break
    return found


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


WRITTEN = [b'{"a"', b': "\xc3', b'\xbc"}\n\n[1]\n', b'{"b": 2}', b"\n", b"text\n", b"5"]
STREAM = b"".join(map(chunk, WRITTEN)) + complete()
ITEMS = [{"a": "ü"}, [1], {"b": 2}, "text", 5]


@given(st.lists(st.integers(1, 60), max_size=20))
def test_the_pieces_of_a_stream_make_no_difference(sizes: list[int]) -> None:
    assert items(*cut(STREAM, sizes)) == ITEMS


@given(CHUNKED, st.lists(st.integers(1, 60), max_size=20))
def test_text_is_what_was_written_whatever_the_chunks(written: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(chunk, written)) + complete()
    found = items(*cut(stream, sizes), result=Scalar(kind="string"))
    assert all(isinstance(one, str) and one for one in found)
    assert "".join(found) == b"".join(written).decode("utf-8", "replace")


def test_what_begins_like_the_metadata_of_an_answer_and_is_none_is_an_item() -> None:
    assert items(chunk(b'{"statusCode": 200}'), chunk(b"\n[2]"), complete()) == [{"statusCode": 200}, [2]]
    assert items(chunk(b'{"statusCode": 200}'), complete()) == [{"statusCode": 200}]
    assert items(chunk(b'{"status'), chunk(b'": 1}\n'), complete()) == [{"status": 1}]


def test_metadata_in_pieces_is_taken_away() -> None:
    metadata = b'{"statusCode":200,"headers":{"Content-Type":"application/x-ndjson"}}' + bytes(8)
    stream = [chunk(metadata[:5]), chunk(metadata[5:70]), chunk(metadata[70:] + b"1\n2"), complete()]
    assert items(*stream) == [1, 2]


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"ErrorCode": "Unhandled", "ErrorDetails": "boom"}, "Unhandled", "UPSTREAM_STATUS"),
        (
            {"ErrorCode": "Sandbox.Timedout", "ErrorDetails": "Task timed out after 3.00 seconds"},
            "FunctionTimedOut",
            "UPSTREAM_TIMEOUT",
        ),
    ],
)
def test_an_error_at_the_end_comes_after_all_items(said: dict[str, str], status: str, code: str) -> None:
    first, error = items(chunk(b"[1]"), complete(**said, LogResult="c2VjcmV0"), chunk(b"[2]"))
    assert first == [1]
    assert isinstance(error, LambdaStatus)
    assert (error.status, error.code) == (status, code)
    assert said["ErrorDetails"] in error.detail
    assert said["ErrorDetails"] not in error.public_message


def test_an_exception_in_the_stream_is_its_end() -> None:
    first, error = items(
        chunk(b"[1]"),
        message(b'{"message":"x"}', message_type="exception", exception_type="ServiceException"),
        chunk(b"[2]"),
    )
    assert first == [1]
    assert isinstance(error, LambdaStatus)
    assert (error.status, error.passes) == ("Service", True)


def test_messages_of_a_kind_that_is_not_known_are_passed_by() -> None:
    other = message(b"{}", message_type="event", event_type="Later")
    assert items(other, chunk(b"[1]"), complete()) == [[1]]


@pytest.mark.parametrize("spoilt", [b"HTTP/1.1 200 OK\r\n\r\n", STREAM[:-5] + b"\0" + STREAM[-4:]])
def test_what_is_no_event_stream_is_an_error(spoilt: bytes) -> None:
    *_, error = items(spoilt)
    assert isinstance(error, UpstreamAnswer)


@pytest.mark.parametrize("result", [Scalar(kind="string"), JsonType()])
def test_an_item_over_the_limit_is_an_error(result: Type) -> None:
    *_, error = items(chunk(b"x" * 600), chunk(b"x" * 1001), result=result)
    assert isinstance(error, UpstreamError)
    assert "larger than 1000 bytes" in error.public_message
