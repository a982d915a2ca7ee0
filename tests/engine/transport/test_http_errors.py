"""Errors and headers of answers that clients may read."""

from typing import Any

import msgspec
from aiohttp import web

from tests.engine.transport.http_functions import call, function, serving
from weft.engine.errors import format_error
from weft.schemas.catalog import Function, HttpBinding, ScalarKind
from weft.schemas.errors import UpstreamStatus

BODY = {"code": 7, "message": "no such order"}


def described(*errors: str, headers: dict[str, ScalarKind] | None = None, **more: Any) -> Function:
    one = function(**more)
    assert isinstance(one.binding, HttpBinding)
    binding = msgspec.structs.replace(one.binding, errors=errors, shown_headers=headers or {})
    return msgspec.structs.replace(one, binding=binding)


def refusing(status: int, content_type: str = "application/json", body: Any = BODY) -> Any:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(
            status=status, body=msgspec.json.encode(body), headers={"content-type": content_type}
        )

    return refuse


async def told(one: Function, handler: Any, *, show: bool = True) -> dict[str, Any]:
    async with serving(handler, show_errors=show) as transport:
        answer = await call(transport, one)
    assert isinstance(answer, UpstreamStatus)
    found: dict[str, Any] = format_error(answer)["extensions"]
    return found


async def test_described_body_of_an_error_is_shown_where_it_is_configured() -> None:
    for errors in (("404",), ("4XX",), ("default",)):
        found = await told(described(*errors), refusing(404))
        assert found == {
            "code": "UPSTREAM_STATUS",
            "upstream": "shop",
            "function": "shop.call",
            "status": 404,
            "body": BODY,
        }


async def test_bodies_that_nobody_described_stay_hidden() -> None:
    for one, handler, show in (
        (described("404"), refusing(404), False),
        (described("500"), refusing(404), True),
        (described("404"), refusing(404, "text/html"), True),
        (described("404"), refusing(404, body="x" * 20_000), True),
    ):
        assert "body" not in await told(one, handler, show=show)


async def test_problem_details_are_made_for_clients() -> None:
    found = await told(described(), refusing(409, "application/problem+json; charset=utf-8"))
    assert found["body"] == BODY


async def test_repr_of_an_error_hides_its_body() -> None:
    assert "no such" not in repr(UpstreamStatus("a", "a.b", status="404", body=BODY))


async def answer_with_headers(request: web.Request) -> web.Response:
    headers = [("X-Total-Count", "12"), ("Link", "<a>"), ("Link", "<b>"), ("X-Odd", "many")]
    if request.method == "DELETE":
        return web.Response(status=204, headers=headers)
    return web.json_response([1], headers=headers)


async def test_shown_headers_stand_beside_the_body_with_their_types() -> None:
    shown: dict[str, ScalarKind] = {
        "x-total-count": "int64",
        "link": "string",
        "x-odd": "int32",
        "x-none": "string",
    }
    beside = {"x-total-count": 12, "link": "<a>, <b>", "x-odd": None, "x-none": None}
    async with serving(answer_with_headers) as transport:
        assert await call(transport, described(headers=shown)) == {"body": [1], **beside}
        void = described(headers=shown, method="DELETE", accept=())
        assert await call(transport, void) == {"body": None, **beside}
