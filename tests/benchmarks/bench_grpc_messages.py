"""Time to turn answers into a plan's objects, and arguments into requests, beside json_format.

``python -m tests.benchmarks.bench_grpc_messages``; the suite runs it once, untimed, and asserts the answers.
"""

from __future__ import annotations

import platform
import sys
import timeit
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import msgspec
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.codegen.messages import compile_projection
from weft.engine.transport.grpc_json import Printers
from weft.engine.transport.grpc_requests import Requests

API: Final = GrpcApi(
    compile_proto("""
syntax = "proto3";
package posts;
message Request { string text = 1; Kind kind = 2; Post post = 3; }
enum Kind { NONE = 0; SOME = 1; }
message Posts { repeated Post posts = 1; }
message Post { int64 id = 1; int64 user_id = 2; string title = 3; string body = 4; }
""")
)


class Answers:
    """The messages of the answers, as a transport gives them."""

    response = API.pool.FindMessageTypeByName("posts.Posts")
    printers = Printers(API.pool)

    def decode_response(self, data: bytes) -> Any:
        message: Any = API.message("posts.Posts")
        message.ParseFromString(data)
        return self.printers.printer(self.response)(message)


def answer(count: int = 100) -> bytes:
    """*count* posts of 270 bytes each."""
    posts = [
        {"id": n, "userId": n % 10, "title": f"title {n} " + "x" * 40, "body": "y" * 200}
        for n in range(count)
    ]
    return API.message("posts.Posts", {"posts": posts}).SerializeToString()


def ways() -> dict[str, Callable[[bytes], Any]]:
    """Each takes an answer; they give the same object, but for the last."""
    post = msgspec.defstruct(
        "Post", [("a0", str | int), ("a1", str)], rename={"a0": "id", "a1": "title"}, kw_only=True, gc=False
    )
    posts: Any = msgspec.defstruct("Posts", [("a0", list[post])], rename={"a0": "posts"}, kw_only=True)  # type: ignore[valid-type]  # made at run time
    answers = Answers()
    return {
        "generated": compile_projection(posts, answers),
        "printed, converted": lambda data: msgspec.convert(answers.decode_response(data), posts),
        "json_format": lambda data: json_format.MessageToDict(
            type(API.message("posts.Posts")).FromString(data), always_print_fields_with_no_presence=True
        ),
    }


def request_ways() -> dict[str, Callable[[], bytes]]:
    """Each makes the same request."""
    request: Any = API.pool.FindMessageTypeByName("posts.Request")
    made = GetMessageClass(request)
    requests = Requests()
    value = {"text": "text", "kind": "SOME", "post": {"id": 7}}
    return {
        "request, made": lambda: requests.make(request, value).SerializeToString(),
        "request, json_format": lambda: json_format.ParseDict(value, made()).SerializeToString(),
    }


def print_table() -> None:
    data = answer()
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, protobuf {version('protobuf')}, {platform.machine()}; ")
    write(f"100 messages of 4 members, 2 selected, {len(data)} bytes\n\n")
    for name, way in ways().items():
        once = min(timeit.repeat(lambda way=way: way(data), number=50, repeat=5)) / 50  # type: ignore[misc]  # bound
        write(f"{name:>20} {once * 1e6:>7.1f} µs\n")
    for name, make in request_ways().items():
        once = min(timeit.repeat(make, number=1000, repeat=5)) / 1000
        write(f"{name:>20} {once * 1e6:>7.1f} µs\n")


if __name__ == "__main__":
    print_table()
