"""What is asked, of which data, and the answers that are right.

The posts and users have the shapes of the well-known benchmark of GraphQL gateways: 100 posts of 10 users,
27 KB. The wide list has 10,000 objects of 20 fields, 2.8 MB.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

WORDS: Final = (  # noqa: SIM905  # shorter so
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore "
    "et dolore magna aliqua"
).split()
POSTS: Final = 100
USERS: Final = 10
WIDE_ROWS: Final = 10_000
GREETING: Final = "Hello World!"

WIDE_TYPES: Final[dict[str, str]] = {
    "id": "integer",
    "sku": "string",
    "name": "string",
    "kind": "string",
    "maker": "string",
    "land": "string",
    "color": "string",
    "note": "string",
    "madeOn": "string",
    "stock": "integer",
    "held": "integer",
    "reorder": "integer",
    "rating": "number",
    "price": "number",
    "cost": "number",
    "kg": "number",
    "active": "boolean",
    "taxed": "boolean",
    "next": "nullable string",
    "off": "nullable number",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """One query.

    Attributes:
        name: Short, for tables.
        query: The document.
        answer: The whole response, as decoded JSON; members in the order of the selection.
        calls: Upstream calls of one operation: one, and one for each link.
        grpc: What answers is the gRPC upstream.
        connections: That clients keep busy. A run's end cuts off what is under way, so the operations under
            way must be few beside those of a run.
        least_s: How long a run must be to have many operations.
    """

    name: str
    query: str
    answer: Any
    calls: int
    grpc: bool = False
    connections: int = 100
    least_s: float = 1

    @property
    def body(self) -> str:
        """The body of the request, as clients send it."""
        return json.dumps({"operationName": None, "variables": {}, "query": self.query})


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


def _fraction(rng: random.Random, most: int, divisor: int) -> float:
    """No whole number: some print those as 2, others as 2.0, and both are right."""
    while (value := rng.randint(1, most)) % divisor == 0:
        pass
    return value / divisor


@cache
def posts_and_users() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All posts and all users, the same in every run."""
    rng = random.Random(1)
    posts = [
        {
            "userId": n // (POSTS // USERS) + 1,
            "id": n + 1,
            "title": _text(rng, 7),
            "body": f"{_text(rng, 12)}\n{_text(rng, 12)}",
        }
        for n in range(POSTS)
    ]
    users = [
        {
            "id": n + 1,
            "name": _text(rng, 2),
            "username": _text(rng, 1),
            "email": f"{_text(rng, 1)}@{_text(rng, 1)}.biz",
            "address": {
                "street": _text(rng, 2),
                "suite": _text(rng, 2),
                "city": _text(rng, 1),
                "zipcode": "92998-3874",
                "geo": {"lat": "-37.3159", "lng": "81.1496"},
            },
            "phone": "1-770-736-8031 x56442",
            "website": "hildegard.org",
            "company": {"name": _text(rng, 2), "catchPhrase": _text(rng, 5), "bs": _text(rng, 4)},
        }
        for n in range(USERS)
    ]
    return posts, users


@cache
def wide_rows() -> list[dict[str, Any]]:
    """The rows of the wide list, with members in the order of `WIDE_TYPES`."""
    rng = random.Random(2)
    return [_wide_row(rng, n + 1) for n in range(WIDE_ROWS)]


def _wide_row(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "sku": f"SKU-{number:06d}",
        "name": _text(rng, 2),
        "kind": _text(rng, 1),
        "maker": _text(rng, 1),
        "land": rng.choice(["AT", "DE", "FR", "NZ", "US"]),
        "color": rng.choice(["red", "green", "blue"]),
        "note": _text(rng, 2),
        "madeOn": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "stock": rng.randint(0, 5000),
        "held": rng.randint(0, 100),
        "reorder": rng.randint(1, 100),
        "rating": _fraction(rng, 50, 10),
        "price": _fraction(rng, 99_999, 100),
        "cost": _fraction(rng, 99_999, 100),
        "kg": _fraction(rng, 9_999, 1000),
        "active": rng.random() < 0.9,
        "taxed": rng.random() < 0.5,
        "next": f"SKU-{rng.randint(1, WIDE_ROWS):06d}" if rng.random() < 0.1 else None,
        "off": _fraction(rng, 20, 20) if rng.random() < 0.5 else None,
    }


def write_files(folder: Path) -> None:
    """Write what the upstream serves, as files named by their paths."""
    posts, users = posts_and_users()
    (folder / "users").mkdir(parents=True)
    (folder / "posts").write_text(json.dumps(posts, indent=2))
    (folder / "users_all").write_text(json.dumps(users, indent=2))
    for user in users:
        (folder / "users" / str(user["id"])).write_text(json.dumps(user, indent=2))
    (folder / "greet").write_text(json.dumps(GREETING))
    (folder / "wide").write_text(json.dumps(wide_rows(), separators=(",", ":")))


def _posts_answer() -> Any:
    posts, users = posts_and_users()
    by_id = {user["id"]: user for user in users}
    return [
        {
            "id": post["id"],
            "userId": post["userId"],
            "title": post["title"],
            "user": {name: by_id[post["userId"]][name] for name in ("id", "name", "email")},
        }
        for post in posts
    ]


@cache
def workloads() -> dict[str, Workload]:
    """Every workload by its name."""
    posts = _posts_answer()
    titles = [{"title": post["title"]} for post in posts]
    wide = wide_rows()
    found = (
        Workload("posts", "{posts{id,userId,title,user{id,name,email}}}", {"data": {"posts": posts}}, 2),
        Workload("titles", "{posts{title}}", {"data": {"posts": titles}}, 1),
        Workload(
            "grpc",
            "{posts{posts{id,userId,title,user{id,name,email}}}}",
            {"data": {"posts": {"posts": posts}}},
            2,
            grpc=True,
        ),
        Workload("greet", "{greet}", {"data": {"greet": GREETING}}, 1),
        Workload(
            "wide",
            f"{{wide{{{','.join(WIDE_TYPES)}}}}}",
            {"data": {"wide": wide}},
            1,
            connections=10,
            least_s=5,
        ),
    )
    return {workload.name: workload for workload in found}


def openapi(url: str) -> dict[str, Any]:
    """What the HTTP upstream at *url* says of itself."""
    text, number = {"type": "string"}, {"type": "integer", "format": "int32"}
    kinds: dict[str, Any] = {
        "integer": number,
        "string": text,
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "nullable string": {"type": "string", "nullable": True},
        "nullable number": {"type": "number", "nullable": True},
    }
    post = {"userId": number, "id": number, "title": text, "body": text}
    geo = _object({"lat": text, "lng": text})
    address = {"street": text, "suite": text, "city": text, "zipcode": text, "geo": geo}
    user = {
        "id": number,
        "name": text,
        "username": text,
        "email": text,
        "address": _object(address),
        "phone": text,
        "website": text,
        "company": _object({"name": text, "catchPhrase": text, "bs": text}),
    }
    ids = {"type": "array", "items": number}
    return {
        "openapi": "3.0.3",
        "info": {"title": "bench", "version": "1.0.0"},
        "servers": [{"url": url}],
        "paths": {
            "/posts": {"get": _operation("posts", _list("Post"))},
            "/users": {
                "get": _operation("users", _list("User"), {"name": "id", "in": "query", "schema": ids})
            },
            "/users/{id}": {
                "get": _operation(
                    "user", _ref("User"), {"name": "id", "in": "path", "required": True, "schema": number}
                )
            },
            "/greet": {"get": _operation("greet", text)},
            "/wide": {"get": _operation("wide", _list("Item"))},
        },
        "components": {
            "schemas": {
                "Post": _object(post),
                "User": _object(user),
                "Item": _object({name: kinds[kind] for name, kind in WIDE_TYPES.items()}),
            }
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _operation(operation_id: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    ok = {"description": "ok", "content": {"application/json": {"schema": schema}}}
    return {"operationId": operation_id, "parameters": list(parameters), "responses": {"200": ok}}
