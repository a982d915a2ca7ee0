"""Rate limits: in Envoy, and through the rate limit service."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web

from tests.gateway.edge import Echo, Edge, echoes, policy, route, running_edge, serving, shop_catalog
from tests.support.shop import free_ports
from weft.gateway.limits.budgets import Budgets
from weft.gateway.lower import GlobalLimit

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

KEY = "a secret that is long enough for HS256"
OCTETS = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")
ROUTES = route("/all", "shop.list_items") + route("/other", "shop.list_items")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(echo: Echo) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(echo.url), ROUTES) as one:
        yield one


def limits(rules: str, kind: str = "local", target: str | None = None) -> str:
    more = {} if target is None else {"target": target}
    return policy("BackendTrafficPolicy", f"{{rateLimit: {{{kind}: {{rules: {rules}}}}}}}", **more)


async def passed(
    edge: Edge, path: str, seconds: float, *, per_s: float, headers: Mapping[str, str] | None = None
) -> int:
    """How many of *per_s* requests a second pass in *seconds*."""
    found = 0
    began = time.monotonic()
    number = 0
    waiting: set[asyncio.Task[None]] = set()

    async def one() -> None:
        nonlocal found
        async with edge.session.get(edge.url + path, headers=headers) as answer:
            await answer.read()
            found += answer.status == 200

    while (now := time.monotonic() - began) < seconds:
        while number < now * per_s:
            number += 1
            task = asyncio.create_task(one())
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.sleep(0.002)
    await asyncio.gather(*waiting)
    return found


async def test_a_limit_holds_to_five_percent_over_ten_seconds(edge: Edge) -> None:
    assert await edge.tell(ROUTES + limits("[{limit: {requests: 40, unit: Second}}]"))
    # A bucket that is full lets a second's worth through at once; what is measured begins after it.
    await passed(edge, "/all", 1.0, per_s=80)
    shares = []
    for _ in range(3):  # a machine that is busy may not send enough in one go
        began = time.monotonic()
        found = await passed(edge, "/all", 10.0, per_s=80)
        shares.append(found / (40 * (time.monotonic() - began)))
        if abs(shares[-1] - 1) <= 0.05:
            break
    assert abs(shares[-1] - 1) <= 0.05, shares


async def test_each_value_of_a_header_has_a_budget_of_its_own(edge: Edge) -> None:
    rules = (
        "[{clientSelectors: [{headers: [{name: x-user, type: Distinct}]}], limit: {requests: 3, unit: Hour}}]"
    )
    assert await edge.tell(ROUTES + limits(rules))
    for user in ("a", "b"):
        statuses = [(await edge.get("/all", headers={"x-user": user})).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
    assert [(await edge.get("/all")).status for _ in range(5)] == [200] * 5


async def test_the_answer_says_what_is_left(edge: Edge) -> None:
    assert await edge.tell(ROUTES + limits("[{limit: {requests: 2, unit: Hour}}]"))
    answers = [await edge.get("/all") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.header("x-ratelimit-remaining") for answer in answers] == ["1", "0", "0"]
    assert (answers[0].header("x-ratelimit-limit") or "").startswith("2")
    assert answers[2].header("x-ratelimit-reset") is not None
    assert answers[2].json["errors"][0]["extensions"]["code"] == "local_rate_limited"


async def test_a_limit_of_one_function_leaves_the_others(edge: Edge) -> None:
    text = ROUTES + route("/add", "shop.add_item")
    target = "{group: gateway.weft.dev, kind: Function, name: shop.add_item}"
    assert await edge.tell(text + limits("[{limit: {requests: 1, unit: Hour}}]", target=target))
    assert [(await edge.get("/add", method="POST", data=b"{}")).status for _ in range(2)] == [200, 429]
    assert [(await edge.get("/all")).status for _ in range(5)] == [200] * 5


async def test_a_method_and_a_path_select_requests(edge: Edge) -> None:
    rules = "[{clientSelectors: [{methods: [{value: PUT}], path: {type: PathPrefix, value: /other}}], limit: {requests: 1, unit: Hour}}]"
    assert await edge.tell(ROUTES + limits(rules))
    assert [(await edge.get("/other", method="PUT")).status for _ in range(3)] == [200, 429, 429]
    assert [(await edge.get("/other")).status for _ in range(3)] == [200] * 3
    assert [(await edge.get("/all", method="PUT")).status for _ in range(3)] == [200] * 3


async def test_the_services_limit_holds_to_five_percent_over_ten_seconds(edge: Edge) -> None:
    assert await edge.tell(ROUTES + limits("[{limit: {requests: 20, unit: Second}}]", "global"))
    await asyncio.sleep(1 - time.time() % 1)  # windows begin with the second
    began = int(time.time())
    found = await passed(edge, "/all", 9.9, per_s=50)
    windows = int(time.time()) - began + 1  # a busy machine sends the last ones later
    # A service that does not answer within half a second lets pass: none of that here.
    unanswered = await edge.envoy.admin.stats("ratelimit.(failure_mode_allowed|error)")
    assert abs(found - sum(unanswered.values()) - 20 * windows) <= 0.05 * 20 * windows


async def test_the_services_budgets_are_told_apart_and_shared(edge: Edge) -> None:
    rules = (
        "[{clientSelectors: [{headers: [{name: x-user, type: Distinct}]}], limit: {requests: 3, unit: Day}}]"
    )
    assert await edge.tell(ROUTES + limits(rules, "global"))
    for user in ("c", "d"):
        answers = [
            await edge.get(path, headers={"x-user": user}) for path in ("/all", "/other", "/all", "/other")
        ]
        # One budget for both routes: the policy's.
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[0].header("x-ratelimit-remaining") == "2"


async def test_a_cost_is_taken_from_the_budget_when_the_answer_went(edge: Edge) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="{}", headers={"x-weft-cost": request.query.get("cost", "1")})

    rules = """[{limit: {requests: 100, unit: Day}, cost: {request: {from: Number, number: 0},
               response: {from: Metadata, metadata: {namespace: weft, key: cost}}}}]"""
    before = edge.world.catalog
    async with serving(answer) as url:
        assert await edge.tell(
            ROUTES + limits(rules, "global").replace("name: p}", "name: costs}"), catalog=shop_catalog(url)
        )
        statuses = []
        for cost in (60, 30, 9, 50, 1):
            statuses.append((await edge.get(f"/all?cost={cost}")).status)
            await asyncio.sleep(0.1)
        # 60 + 30 + 9 leave one, so the fourth begins; after it there is nothing.
        assert statuses == [200, 200, 200, 200, 429]
        message = (await edge.get("/all")).json["errors"][0]["message"]
        assert message.startswith("over the limit: operations cost 149 of 100 allowed per day; again in ")
        assert await edge.tell(ROUTES, catalog=before)


async def test_a_refusal_says_how_much_is_allowed_and_when_it_is_again(edge: Edge) -> None:
    assert await edge.tell(
        ROUTES + limits("[{limit: {requests: 1, unit: Day}}]", "global").replace("name: p}", "name: said}")
    )
    assert (await edge.get("/all")).status == 200
    answer = await edge.get("/all")
    message = answer.json["errors"][0]["message"]
    wait = int(answer.header("retry-after") or 0)
    assert answer.status == 429
    assert message == f"over the limit: 1 requests are allowed per day; again in {wait} s"
    assert 0 < wait <= 86400
    assert abs(int(answer.header("x-ratelimit-reset") or 0) - wait) <= 1


async def test_a_cost_that_is_known_is_taken_before(edge: Edge) -> None:
    """A rule may say what a request counts: what does not fit is refused, and what does is not."""
    rules = "[{limit: {requests: 10, unit: Day}, cost: {request: {from: Number, number: 4}}}]"
    assert await edge.tell(ROUTES + limits(rules, "global").replace("name: p}", "name: fours}"))
    answers = [await edge.get("/all") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[1].header("x-ratelimit-remaining") == "2"


async def test_each_claim_and_each_client_has_a_budget_of_its_own(edge: Edge) -> None:
    """The values are those of tokens and keys that were checked: nobody takes another one's."""
    import jwt

    jwks = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": OCTETS}]})
    provider = {
        "name": "a",
        "issuer": "https://id.example",
        "localJWKS": {"type": "Inline", "inline": jwks},
        "claimToHeaders": [{"claim": "org.id", "header": "x-weft-claim-org-id"}],
    }
    tokens = policy("SecurityPolicy", f"{{jwt: {json.dumps({'providers': [provider]})}}}", name="tokens")
    for kind in ("local", "global"):
        rules = "[{clientSelectors: [{headers: [{name: x-weft-claim-org-id, type: Distinct}]}], limit: {requests: 2, unit: Day}}]"
        assert await edge.tell(
            ROUTES + tokens + limits(rules, kind).replace("name: p}", f"name: claims-{kind}}}")
        )
        for org in ("o1", "o2"):
            body = {"iss": "https://id.example", "org": {"id": org}}
            bearer = jwt.encode(body, KEY, algorithm="HS256", headers={"kid": "k"})
            headers = {"authorization": f"Bearer {bearer}", "x-weft-claim-org-id": f"forged-{time.time()}"}
            statuses = [(await edge.get("/all", headers=headers)).status for _ in range(3)]
            assert statuses == [200, 200, 429], (kind, org)
    secret = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {mobile: key-1, web: key-2}\n"
    keys = policy(
        "SecurityPolicy",
        "{apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}]}}",
        name="keys",
    )
    rules = "[{clientSelectors: [{headers: [{name: x-weft-client, type: Distinct}]}], limit: {requests: 2, unit: Day}}]"
    assert await edge.tell(ROUTES + secret + keys + limits(rules))
    for key in ("key-1", "key-2"):
        headers = {"x-api-key": key, "x-weft-client": f"forged-{time.time()}"}
        assert [(await edge.get("/all", headers=headers)).status for _ in range(3)] == [200, 200, 429]


async def test_requests_pass_while_the_service_is_away(edge: Edge) -> None:
    (dead,) = free_ports(1)
    before = edge.world.settings
    settings = replace(before, limits_address=f"127.0.0.1:{dead}")
    try:
        rules = limits("[{limit: {requests: 1, unit: Day}}]", "global").replace("name: p}", "name: away}")
        assert await edge.tell(ROUTES + rules, settings=settings)
        assert [(await edge.get("/all")).status for _ in range(3)] == [200] * 3
    finally:
        assert await edge.tell(ROUTES, settings=before)


async def test_windows_begin_anew() -> None:
    now = [100.0]
    limit = GlobalLimit("weft", (("user", None),), 2, 10)
    budgets = Budgets([limit], now=lambda: now[0])
    take = [budgets.take("weft", (("user", "a"),), 1) for _ in range(3)]
    assert [(one.allowed, one.remaining) for one in take] == [(True, 1), (True, 0), (False, 0)]
    assert budgets.take("weft", (("user", "b"),), 1).allowed
    now[0] = 110.0
    assert budgets.take("weft", (("user", "a"),), 1).allowed
    assert budgets.take("weft", (("other", "a"),), 1).limit is None
