"""The tree of many routes: what a list would choose, it chooses too."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from weft.gateway.lower.tree import MOST_IN_A_LIST, host_routes, literal_start
from weft.gateway.resources import routes_in

PARTS = ("a", "b", "ab", "c.d", "e")


def chosen(host: dict[str, Any], path: str) -> str | None:
    """The name of the route that Envoy takes: the longest key's list, gone through from its start."""
    routes = host.get("routes")
    if routes is None:
        matcher = host["matcher"]
        keys = matcher["matcher_tree"]["prefix_match_map"]["map"]
        key = max((key for key in keys if path.startswith(key)), key=len, default=None)
        action = keys[key] if key is not None else matcher["on_no_match"]
        routes = action["action"]["typed_config"]["routes"]
    return next((route["name"] for route in routes if fits(route["match"], path.partition("?")[0])), None)


def fits(match: dict[str, Any], path: str) -> bool:
    if "path" in match:
        return bool(match["path"] == path)
    if "path_separated_prefix" in match:
        return path == match["path_separated_prefix"] or path.startswith(f"{match['path_separated_prefix']}/")
    if "prefix" in match:
        return path.startswith(match["prefix"])
    return re.fullmatch(match["safe_regex"]["regex"], path) is not None


def some_path(source: random.Random, most: int = 4) -> str:
    return "".join(f"/{source.choice(PARTS)}" for _ in range(source.randint(1, most)))


def some_match(source: random.Random) -> dict[str, Any]:
    path = some_path(source)
    match source.randrange(6):
        case 0:
            return {"path": path}
        case 1:
            return {"path_separated_prefix": path}
        case 2:
            return {"safe_regex": {"regex": re.escape(path) + "/(?P<id>[^/]+)"}}
        case 3:
            return {"safe_regex": {"regex": f"/[^/]+{re.escape(path)}"}}
        case 4:
            return {"safe_regex": {"regex": f"{re.escape(path)}/?|{some_path(source)}"}}
        case _:
            return {"prefix": f"{path}/"}


@pytest.mark.parametrize("seed", range(30))
def test_list_and_tree_choose_the_same_route(seed: int) -> None:
    source = random.Random(seed)
    count = MOST_IN_A_LIST + source.randint(1, 200)
    routes = [{"name": str(number), "match": some_match(source)} for number in range(count)]
    routes.append({"name": "rest", "match": {"prefix": "/"}})
    host = host_routes(routes)
    assert {route["name"] for route in routes_in(host)} == {route["name"] for route in routes}
    for _ in range(300):
        path = some_path(source, 6) + source.choice(("", "/", "?q=/a/b"))
        assert chosen(host, path) == chosen({"routes": routes}, path), path


def test_few_routes_stay_a_list() -> None:
    routes = [{"name": str(number), "match": {"path": f"/{number}"}} for number in range(MOST_IN_A_LIST)]
    assert host_routes(routes) == {"routes": routes}


def test_many_routes_are_looked_at_a_few_at_a_time() -> None:
    routes = [
        {"name": f"{group}/{one}", "match": {"safe_regex": {"regex": f"/api/{group}/x{one}/[^/]+"}}}
        for group in range(50)
        for one in range(40)
    ]
    tree = host_routes(routes)["matcher"]["matcher_tree"]["prefix_match_map"]["map"]
    assert max(len(one["action"]["typed_config"]["routes"]) for one in tree.values()) <= 12


@pytest.mark.parametrize(
    ("regex", "start"),
    [("/a/(b|c)", "/a/"), ("/a*", "/"), ("/ab{2}", "/a"), (r"/a\d", "/a"), (r"/a\/b", "/a/b"), ("(/a|/b)/c", ""), ("", "")],
)  # fmt: skip
def test_the_start_of_a_pattern_is_what_all_its_texts_begin_with(regex: str, start: str) -> None:
    assert literal_start(regex) == start
