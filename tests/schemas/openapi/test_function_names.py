import re

import pytest

from tests.schemas.openapi.reading import kinds, read
from weft.schemas.openapi.function_names import Operation, clean_operation_id, name_from_path


def fastapi_id(name: str, path: str, method: str) -> str:
    return re.sub(r"\W", "_", f"{name}{path}") + "_" + method


@pytest.mark.parametrize(
    ("path", "method"), [("/orders/{order_id}/lines", "get"), ("/", "post"), ("/a-b/{c}:act", "put")]
)
def test_fastapis_default_id_is_cleaned(path: str, method: str) -> None:
    assert clean_operation_id(Operation(path, method, fastapi_id("read_it", path, method))) == "read_it"


@pytest.mark.parametrize(
    "stated", ["listOrders", "get_orders", "list_orders_post", "_orders_get", "orders/list"]
)
def test_any_other_id_is_kept(stated: str) -> None:
    assert clean_operation_id(Operation("/orders", "get", stated)) == stated


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/orders/{orderId}", "get_orders_by_order_id"),
        ("post", "/v1/order-lines", "post_v1_order_lines"),
        ("get", "/a/{x}/b/{y_z}", "get_a_by_x_b_by_y_z"),
        ("get", "/", "get_root"),
        ("get", "/files/{name}.{ext}", "get_files_by_name_by_ext"),
    ],
)
def test_operation_without_id_is_named_by_method_and_path(method: str, path: str, name: str) -> None:
    assert name_from_path(Operation(path, method, "")) == name


def names(paths: dict[str, dict[str, str]]) -> dict[str, str]:
    upstream = read(
        {"paths": {p: {m: {"operationId": i} for m, i in item.items()} for p, item in paths.items()}}
    )
    return {f"{f.binding.method} {f.binding.path}": f.name for f in upstream.functions}  # type: ignore[union-attr]


def test_equal_ids_are_made_unique_whatever_their_order() -> None:
    paths = {"/b": {"get": "list", "delete": "drop"}, "/a": {"get": "list"}}
    expected = {"GET /a": "list", "DELETE /b": "drop", "GET /b": "list2"}
    assert names(paths) == names(dict(reversed(paths.items()))) == expected


def test_cleaned_names_that_clash_are_left_as_they_were() -> None:
    paths = {path: {"get": fastapi_id("index", path, "get")} for path in ("/orders", "/users")}
    assert names(paths) == {"GET /orders": "index_orders_get", "GET /users": "index_users_get"}


def test_equal_ids_are_a_warning() -> None:
    upstream = read({"paths": {path: {"get": {"operationId": "list"}} for path in ("/a", "/b")}})
    assert kinds(upstream) == [("duplicate-operation-id", "/paths/~1b/get/operationId")]
