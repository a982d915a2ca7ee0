import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tests.engine.transport.http_functions import function, parameter
from weft.engine.transport.http_bodies import Unwritable
from weft.engine.transport.http_request import Request, build_request, merge_headers
from weft.schemas.catalog import Body
from weft.schemas.errors import BadArguments

BASE = "https://shop.example/v1"
ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def query_of(value: Any, style: str, explode: bool, **more: Any) -> str:
    request = build_request(
        function("/c", parameter("query", style, explode, **more)), {"color": value}, BASE
    )
    return request.url.removeprefix(f"{BASE}/c")


def path_of(value: Any, style: str = "simple", explode: bool = False) -> str:
    request = build_request(function("/c/{color}", parameter("path", style, explode)), {"color": value}, BASE)
    return request.url.removeprefix(f"{BASE}/c/")


def body_of(media_type: str, value: Any, **more: Any) -> Request:
    body = Body(argument="input", media_type=media_type, **more)
    return build_request(function(method="POST", body=body), {"input": value}, BASE)


# OpenAPI 3.1.1, "Style Examples".
@pytest.mark.parametrize(
    ("style", "explode", "value", "query"),
    [
        ("form", False, "blue", "?color=blue"),
        ("form", False, ARRAY, "?color=blue,black,brown"),
        ("form", False, OBJECT, "?color=R,100,G,200,B,150"),
        ("form", True, ARRAY, "?color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "?R=100&G=200&B=150"),
        ("spaceDelimited", False, ARRAY, "?color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "?color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, ARRAY, "?color=blue%7Cblack%7Cbrown"),
        ("pipeDelimited", False, OBJECT, "?color=R%7C100%7CG%7C200%7CB%7C150"),
        ("tabDelimited", False, ARRAY, "?color=blue%09black%09brown"),
        ("deepObject", True, OBJECT, "?color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": [1, 2]}}, "?color%5Ba%5D%5Bb%5D%5B%5D=1&color%5Ba%5D%5Bb%5D%5B%5D=2"),
        ("deepObject", True, [{"x": 1}], "?color%5B0%5D%5Bx%5D=1"),
        ("form", True, "", "?color="),
        ("form", True, [], ""),
        ("form", True, {}, ""),
        ("form", True, None, ""),
        ("form", True, True, "?color=true"),
        ("form", True, [False, 1.5, 10**20], "?color=false&color=1.5&color=100000000000000000000"),
        ("form", True, "a b&c=d/é#", "?color=a%20b%26c%3Dd%2F%C3%A9%23"),
        ("form", False, ["a,b", "c"], "?color=a%2Cb,c"),
    ],
)  # fmt: skip
def test_query_follows_style_and_explode(style: str, explode: bool, value: Any, query: str) -> None:
    assert query_of(value, style, explode) == query


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("simple", False, "blue", "blue"),
        ("simple", False, ARRAY, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, ARRAY, ".blue,black,brown"),
        ("label", True, ARRAY, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, ARRAY, ";color=blue,black,brown"),
        ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
    ],
)
def test_path_follows_style_and_explode(style: str, explode: bool, value: Any, text: str) -> None:
    assert path_of(value, style, explode) == text


@pytest.mark.parametrize(("explode", "text"), [(False, "R,100,G,200,B,150"), (True, "R=100,G=200,B=150")])
def test_header_is_simple_and_not_encoded(explode: bool, text: str) -> None:
    one = function("/c", parameter("header", "simple", explode, name="X-Color"))
    assert build_request(one, {"X-Color": OBJECT}, BASE).headers["X-Color"] == text
    assert build_request(one, {"X-Color": "a b/c"}, BASE).headers["X-Color"] == "a b/c"


def test_cookies_share_one_header() -> None:
    one = function("/c", parameter("cookie", name="a"), parameter("cookie", name="b"))
    assert build_request(one, {"a": "1;x", "b": 2}, BASE).headers["Cookie"] == "a=1%3Bx; b=2"


def test_content_parameter_is_json() -> None:
    assert (
        query_of({"a": [1]}, "form", True, content_type="application/json")
        == "?color=%7B%22a%22%3A%5B1%5D%7D"
    )


def test_allow_reserved_keeps_what_cannot_end_the_value() -> None:
    assert query_of("a:/?@b&c=d#e+f", "form", True, allow_reserved=True) == "?color=a:/?@b%26c%3Dd%23e%2Bf"


@pytest.mark.parametrize(
    "value", ["../admin", "a/b", "a%2Fb", "..%2f", "a?b=c", "a#b", "a\\b", "a;b", "é", " "]
)
def test_path_argument_stays_in_its_segment(value: str) -> None:
    text = path_of(value)
    assert not set("/?#\\ ") & set(text)
    assert URL(f"http://x/{text}", encoded=True).path == f"/{value}"


@pytest.mark.parametrize("value", ["", ".", "..", None, [], {}])
def test_path_argument_that_would_change_the_path_is_refused(value: Any) -> None:
    with pytest.raises(BadArguments):
        path_of(value)


def test_dots_of_two_arguments_in_one_segment_are_refused() -> None:
    one = function(
        "/c/{a}{b}/d", parameter("path", "simple", name="a"), parameter("path", "simple", name="b")
    )
    with pytest.raises(BadArguments):
        build_request(one, {"a": ".", "b": "."}, BASE)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and text not in {".", ".."}))
def test_path_argument_is_read_back_as_it_was(value: str) -> None:
    segments = URL(f"http://x/c/{path_of(value)}", encoded=True).raw_path.split("/")
    assert len(segments) == 3


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_exploded_object_is_read_back_as_it_was(value: dict[str, str]) -> None:
    query = query_of(value, "form", True)
    assert dict(URL(f"http://x/{query}", encoded=True).query) == value


@pytest.mark.parametrize("location", ["query", "path"])
def test_half_a_character_is_refused(location: str) -> None:
    one = function("/c/{color}" if location == "path" else "/c", parameter(location, "simple"))
    with pytest.raises(BadArguments):
        build_request(one, {"color": "\ud800"}, BASE)


def test_fragment_of_a_path_template_is_not_sent() -> None:
    assert build_request(function("/#Action=List"), {}, BASE).url == f"{BASE}/"


def test_query_of_a_path_template_is_kept() -> None:
    one = function("/c?a=1", parameter("query"))
    assert build_request(one, {"color": "red"}, BASE).url == f"{BASE}/c?a=1&color=red"


def test_server_of_the_operation_wins() -> None:
    assert build_request(function("/c", server="https://up.example"), {}, BASE).url == "https://up.example/c"


def test_accept_lists_what_is_described() -> None:
    assert build_request(function(accept=("a/b", "c/d")), {}, BASE).headers["Accept"] == "a/b, c/d"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_line_break_in_a_header_is_refused(value: str) -> None:
    with pytest.raises(BadArguments) as caught:
        build_request(function("/c", parameter("header", "simple")), {"color": value}, BASE)
    assert "'color'" in caught.value.public_message
    assert value not in caught.value.public_message


def test_json_body() -> None:
    request = body_of("application/json", {"a": [1, None, True]})
    assert (request.body, request.headers["Content-Type"]) == (b'{"a":[1,null,true]}', "application/json")


def test_absent_body_is_not_sent() -> None:
    request = body_of("application/json", None)
    assert request.body is None
    assert "Content-Type" not in request.headers


def test_vendor_json_keeps_its_media_type() -> None:
    assert body_of("application/vnd.shop+json", {}).headers["Content-Type"] == "application/vnd.shop+json"


def test_form_body() -> None:
    value = {"a": "x y&", "b": [1, 2], "c": {"d": 1}, "e": None, "f": True}
    assert (
        body_of("application/x-www-form-urlencoded", value).body
        == b"a=x+y%26&b=1&b=2&c=%7B%22d%22%3A1%7D&f=true"
    )


def test_form_members_follow_their_styles() -> None:
    value = {"a": {"b": 1}, "c": [1, 2]}
    request = body_of(
        "application/x-www-form-urlencoded", value, member_styles={"a": "deepObject", "c": "pipeDelimited"}
    )
    assert request.body == b"a%5Bb%5D=1&c=1%7C2"


def test_multipart_body() -> None:
    request = body_of(
        "multipart/form-data",
        {"title": "é", "file": base64.b64encode(b"\0\1").decode()},
        binary_members=("file",),
    )
    boundary = request.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert (
        request.body
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\né\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n\0\1\r\n--{boundary}--\r\n"
        ).encode()
    )


def test_text_body() -> None:
    assert body_of("text/plain", "é").body == "é".encode()


def test_binary_body_is_decoded() -> None:
    assert body_of("application/octet-stream", "AAE=").body == b"\0\1"


@pytest.mark.parametrize(
    ("media_type", "value"),
    [
        ("application/octet-stream", "no base64!"),
        ("application/xml", {"a b": 1}),
        ("application/xml", {"a": "\x01"}),
        ("application/x-www-form-urlencoded", [1]),
        ("multipart/form-data", "x"),
        ("application/json", {"a": object()}),
    ],
)
def test_body_that_cannot_be_written_is_refused(media_type: str, value: Any) -> None:
    with pytest.raises(BadArguments) as caught:
        body_of(media_type, value)
    assert "'input'" in caught.value.reason


def merged(
    request_headers: dict[str, str], settings: dict[str, str], forwarded: dict[str, str], url: str = BASE
) -> dict[str, str]:
    request = Request("GET", url, request_headers)
    return merge_headers(request, settings=settings, forwarded=forwarded, base_url=BASE)


def test_forwarded_header_wins_over_settings() -> None:
    assert merged({}, {"X-Key": "a"}, {"x-key": "b"}) == {"x-key": "b"}


def test_argument_does_not_change_what_the_settings_say() -> None:
    assert merged({"x-tenant": "other"}, {"X-Tenant": "acme"}, {}) == {"X-Tenant": "acme"}


def test_argument_wins_over_a_header_that_is_only_forwarded() -> None:
    assert merged({"Accept-Language": "de"}, {}, {"accept-language": "fr"}) == {"Accept-Language": "de"}


def test_headers_of_the_connection_are_not_forwarded() -> None:
    assert merged(
        {}, {}, {"host": "a", "content-length": "9", "transfer-encoding": "chunked", "x-a": "1"}
    ) == {"x-a": "1"}


def test_nothing_secret_goes_to_another_origin() -> None:
    sent = merged({}, {"X-Key": "a"}, {"authorization": "b", "traceparent": "c"}, "https://evil.example/v1")
    assert sent == {"traceparent": "c"}


def test_line_break_in_a_forwarded_header_is_refused() -> None:
    with pytest.raises(Unwritable):
        merged({}, {}, {"x-a": "1\r\nx-b: 2"})


def test_repr_of_a_request_shows_no_headers() -> None:
    assert "secret" not in repr(Request("GET", BASE, {"X-Key": "secret"}, b"secret"))
