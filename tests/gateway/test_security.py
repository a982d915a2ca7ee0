"""Who may ask: right, wrong, expired and unsigned credentials of every kind."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.gateway.edge import Echo, Edge, echoes, policy, route, running_edge, serving, shop_catalog
from tests.support.shop import free_ports
from weft.schemas.catalog import FunctionId, UpstreamId

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROUTES = route("/all", "shop.list_items") + route("/open", "shop.list_items", name="open")
KEYS = {
    name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("a", "b", "strange")
}


def jwks(name: str) -> str:
    found = json.loads(RSAAlgorithm.to_jwk(KEYS[name].public_key()))
    return json.dumps({"keys": [{**found, "kid": name, "alg": "RS256", "use": "sig"}]})


def token(
    key: str = "a", *, issuer: str | None = None, expires_s: float = 60, kid: str | None = None, **claims: Any
) -> str:
    body = {
        "iss": issuer or f"https://{key}.example",
        "exp": int(time.time() + expires_s),
        "sub": "ann",
        "aud": "shop",
        **claims,
    }
    return jwt.encode(body, KEYS[key], algorithm="RS256", headers={"kid": kid or key})


def bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(echo: Echo) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(echo.url), ROUTES) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys_url() -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=jwks("b"), content_type="application/json")

    async with serving(answer) as url:
        yield url


def jwt_policy(keys_url: str, more: str = "", *, optional: bool = False) -> str:
    spec = {
        "providers": [
            {
                "name": "a",
                "issuer": "https://a.example",
                "audiences": ["shop"],
                "localJWKS": {"type": "Inline", "inline": jwks("a")},
                "claimToHeaders": [
                    {"claim": "sub", "header": "x-user"},
                    {"claim": "org.id", "header": "x-org"},
                ],
            },
            {"name": "b", "issuer": "https://b.example", "remoteJWKS": {"uri": f"{keys_url}/jwks"}},
        ],
        "optional": optional,
    }
    return policy("SecurityPolicy", f"{{jwt: {json.dumps(spec)}{more}}}", name="tokens")


async def test_tokens_are_held_to_their_issuers_keys(edge: Edge, keys_url: str) -> None:
    assert await edge.tell(ROUTES + jwt_policy(keys_url))
    unsigned = jwt.encode({"iss": "https://a.example", "sub": "ann", "aud": "shop"}, "", algorithm="none")
    statuses = {
        "of the inline keys": (await edge.get("/all", headers=bearer(token("a")))).status,
        "of the fetched keys": (await edge.get("/all", headers=bearer(token("b")))).status,
        "absent": (await edge.get("/all")).status,
        "expired": (await edge.get("/all", headers=bearer(token("a", expires_s=-60)))).status,
        "unsigned": (await edge.get("/all", headers=bearer(unsigned))).status,
        "another key's": (
            await edge.get("/all", headers=bearer(token("strange", issuer="https://a.example", kid="a")))
        ).status,
        "unknown issuer": (await edge.get("/all", headers=bearer(token("strange")))).status,
        "for another audience": (await edge.get("/all", headers=bearer(token("a", aud="bank")))).status,
        "garbage": (await edge.get("/all", headers=bearer("x.y.z"))).status,
    }
    assert statuses == {
        "of the inline keys": 200,
        "of the fetched keys": 200,
        "absent": 401,
        "expired": 401,
        "unsigned": 401,
        "another key's": 401,
        "unknown issuer": 401,
        "for another audience": 403,
        "garbage": 401,
    }


async def test_claims_become_headers_that_nobody_else_can_set(edge: Edge, keys_url: str) -> None:
    assert await edge.tell(ROUTES + jwt_policy(keys_url))
    forged = {"x-user": "root", "x-org": "root", "x-weft-claims": "e30"}
    answer = (await edge.get("/all", headers={**bearer(token("a", org={"id": "o1"})), **forged})).json
    assert (answer["headers"]["x-user"], answer["headers"]["x-org"]) == ("ann", "o1")
    claims = answer["headers"]["x-weft-claims"]
    assert json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"] == "ann"
    answer = (await edge.get("/all", headers={**bearer(token("b")), **forged})).json
    assert "x-user" not in answer["headers"]


async def test_a_token_comes_in_a_cookie_for_a_websocket(edge: Edge) -> None:
    provider = {
        "name": "a",
        "localJWKS": {"type": "Inline", "inline": jwks("a")},
        "extractFrom": {"cookies": ["token"], "headers": [{"name": "x-token", "valuePrefix": "Token "}]},
    }
    text = route("/all", "shop", kind="Upstream") + policy(
        "SecurityPolicy", f"{{jwt: {json.dumps({'providers': [provider]})}}}"
    )
    upgrade = policy("BackendTrafficPolicy", "{httpUpgrade: [{type: websocket}]}")
    assert await edge.tell(text + upgrade)
    assert (await edge.get("/all", headers={"x-token": f"Token {token('a')}"})).status == 200
    cookie = {"cookie": f"token={token('a')}"}
    async with edge.session.ws_connect(f"{edge.url}/all", headers=cookie) as socket:
        await socket.send_str("hello")
        assert (await socket.receive_str()) == "v1:hello"
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await edge.session.ws_connect(f"{edge.url}/all", headers={"cookie": "token=x.y.z"})


async def test_tokens_and_keys_are_both_asked_for(edge: Edge, keys_url: str) -> None:
    secret = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {mobile: k-1}\n"
    keys = ", apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}]}"
    assert await edge.tell(ROUTES + secret + jwt_policy(keys_url, keys))
    key = {"x-api-key": "k-1"}
    statuses = [
        (await edge.get("/all", headers=headers)).status
        for headers in (key, bearer(token("a")), {**key, **bearer(token("a"))})
    ]
    assert statuses == [401, 401, 200]


async def test_an_optional_token_may_be_absent_but_not_wrong(edge: Edge, keys_url: str) -> None:
    assert await edge.tell(ROUTES + jwt_policy(keys_url, optional=True))
    assert (await edge.get("/all")).status == 200
    assert (await edge.get("/all", headers=bearer(token("a", expires_s=-60)))).status == 401
    assert "x-user" not in (await edge.get("/all", headers={"x-user": "root"})).json["headers"]


async def test_a_routes_own_policy_takes_the_place_of_the_gateways(edge: Edge, keys_url: str) -> None:
    own = policy(
        "SecurityPolicy",
        "{}",
        target="{group: gateway.networking.k8s.io, kind: HTTPRoute, name: open}",
        name="own",
    )
    assert await edge.tell(ROUTES + jwt_policy(keys_url) + own)
    assert (await edge.get("/open")).status == 200
    assert (await edge.get("/all")).status == 401


async def test_a_functions_own_policy_holds_wherever_it_is_called(edge: Edge, keys_url: str) -> None:
    own = jwt_policy(keys_url).replace(
        "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}",
        "{group: gateway.weft.dev, kind: Function, name: shop.add_item}",
    )
    assert await edge.tell(ROUTES + route("/add", "shop.add_item") + own)
    assert (await edge.get("/all")).status == 200
    assert (await edge.get("/add", method="POST", data=b"{}")).status == 401
    assert (await edge.get("/add", method="POST", data=b"{}", headers=bearer(token("a")))).status == 200


async def test_rules_on_claims_decide_in_their_order(edge: Edge, keys_url: str) -> None:
    rules = """, authorization: {defaultAction: Deny, rules: [
        {action: Deny, principal: {jwt: {provider: a, claims: [{name: org.state, values: [closed]}]}}},
        {action: Allow, principal: {jwt: {provider: a, claims: [{name: roles, valueType: StringArray, values: [admin, editor]}]}}},
        {action: Allow, operation: {methods: [GET]}, principal: {jwt: {provider: a, scopes: [read]}}}]}"""
    assert await edge.tell(ROUTES + jwt_policy(keys_url, rules))

    async def status(method: str = "GET", **claims: Any) -> int:
        return (await edge.get("/all", method=method, headers=bearer(token("a", **claims)))).status

    assert await status() == 403
    assert await status(roles=["editor"]) == 200
    assert await status(roles=["guest"]) == 403
    assert await status(roles=["admin"], org={"state": "closed"}) == 403
    assert await status(scope="write read") == 200
    assert await status(scope="readonly") == 403
    assert await status(method="PUT", scope="read") == 403
    assert await status(method="PUT", roles=["admin"]) == 200


async def test_api_keys_name_their_clients_and_go_no_further(edge: Edge) -> None:
    secret = (
        "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {mobile: k-1, web: k-2}\n"
    )
    keys = policy(
        "SecurityPolicy",
        "{apiKeyAuth: {credentialRefs: [{name: keys}], sanitize: true, extractFrom: [{headers: [x-api-key]}, {params: [key]}]}}",
    )
    assert await edge.tell(ROUTES + secret + keys)
    answer = await edge.get("/all", headers={"x-api-key": "k-2", "x-weft-client": "root"})
    assert (answer.status, answer.json["headers"]["x-weft-client"]) == (200, "web")
    assert "x-api-key" not in answer.json["headers"]
    assert (await edge.get("/all?key=k-1")).json["headers"]["x-weft-client"] == "mobile"
    assert (await edge.get("/all")).status == 401
    assert (await edge.get("/all", headers={"x-api-key": "k-3"})).status == 401


async def test_passwords(edge: Edge) -> None:
    import hashlib

    sha = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    secret = f"\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: users}}\nstringData: {{.htpasswd: 'ann:{{SHA}}{sha}'}}\n"
    assert await edge.tell(ROUTES + secret + policy("SecurityPolicy", "{basicAuth: {users: {name: users}}}"))

    def basic(user: str, password: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    answer = await edge.get("/all", headers={**basic("ann", "secret"), "x-weft-user": "root"})
    assert (answer.status, answer.json["headers"]["x-weft-user"]) == (200, "ann")
    assert (await edge.get("/all", headers=basic("ann", "wrong"))).status == 401
    assert (await edge.get("/all", headers=basic("bob", "secret"))).status == 401
    assert (await edge.get("/all")).status == 401


async def test_another_service_decides_over_http(edge: Edge) -> None:
    asked = []

    async def decide(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.headers.get("authorization") == "let me":
            return web.Response(headers={"x-who": "ann"})
        return web.Response(status=403, text="no")

    async with serving(decide) as url:
        port = url.rpartition(":")[2]
        backend = f"\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: authz}}\nspec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {port}}}}}]}}\n"
        rule = policy(
            "SecurityPolicy",
            "{extAuth: {http: {backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: authz}], path: /check, headersToBackend: [x-who]}}}",
        )
        assert await edge.tell(ROUTES + backend + rule)
        answer = await edge.get("/all", headers={"authorization": "let me", "x-who": "root"})
        assert (answer.status, answer.json["headers"]["x-who"]) == (200, "ann")
        assert (await edge.get("/all")).status == 403
        assert asked == ["/check/all", "/check/all"]
    assert (await edge.get("/all", headers={"authorization": "let me"})).status == 503


async def test_another_service_decides_over_grpc(edge: Edge) -> None:
    import grpc.aio
    from envoy.service.auth.v3.external_auth_pb2 import CheckResponse  # pyright: ignore[reportAttributeAccessIssue]
    from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server

    class Decider:
        async def Check(self, request: Any, _: Any) -> Any:  # noqa: N802 - gRPC names it
            allowed = request.attributes.request.http.headers.get("x-pass") == "yes"
            answer = CheckResponse()
            answer.status.code = 0 if allowed else 7
            if allowed:
                answer.ok_response.headers.add().header.CopyFrom(
                    type(answer.ok_response.headers.add().header)(key="x-who", value="ann")
                )
                del answer.ok_response.headers[1:]
            else:
                answer.denied_response.status.code = 403
            return answer

    server = grpc.aio.server()
    add_AuthorizationServicer_to_server(Decider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        backend = f"\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: authz}}\nspec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {port}}}}}]}}\n"
        rule = policy(
            "SecurityPolicy",
            "{extAuth: {grpc: {backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: authz}]}}}",
        )
        assert await edge.tell(ROUTES + backend + rule)
        assert (await edge.get("/all", headers={"x-pass": "yes"})).status == 200
        assert (await edge.get("/all")).status == 403
    finally:
        await server.stop(0)


async def test_other_origins_are_let_in_by_name(edge: Edge) -> None:
    assert await edge.tell(
        ROUTES
        + policy(
            "SecurityPolicy",
            "{cors: {allowOrigins: ['https://*.example'], allowMethods: [GET], allowHeaders: [x-a], maxAge: 10m}}",
        )
    )
    ask = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    answer = await edge.get("/all", method="OPTIONS", headers=ask)
    assert answer.header("access-control-allow-origin") == "https://shop.example"
    assert answer.header("access-control-max-age") == "600"
    answer = await edge.get("/all", headers={"origin": "https://evil.test"})
    assert answer.header("access-control-allow-origin") is None


async def test_a_service_that_does_not_answer_lets_pass_where_it_may(edge: Edge) -> None:
    (dead,) = free_ports(1)
    backend = f"\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: authz}}\nspec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {dead}}}}}]}}\n"
    for kind in ("http", "grpc"):
        for fail_open, status in (("true", 200), ("false", 503)):
            rule = policy(
                "SecurityPolicy",
                f"{{extAuth: {{failOpen: {fail_open}, {kind}: {{backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: authz}}]}}}}}}",
            )
            assert await edge.tell(ROUTES + backend + rule)
            assert (await edge.get("/all")).status == status, (kind, fail_open)


async def test_keys_that_rotate_are_fetched_anew(edge: Edge) -> None:
    current = ["a"]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=jwks(current[0]), content_type="application/json")

    def issued(key: str) -> dict[str, str]:
        return bearer(token(key, issuer="https://rotating.example"))

    async with serving(answer) as url:
        provider = {
            "name": "rotating",
            "issuer": "https://rotating.example",
            "remoteJWKS": {"uri": f"{url}/jwks", "cacheDuration": "200ms"},
        }
        assert await edge.tell(
            ROUTES + policy("SecurityPolicy", f"{{jwt: {json.dumps({'providers': [provider]})}}}")
        )
        statuses = [(await edge.get("/all", headers=issued(key))).status for key in ("a", "b")]
        assert statuses == [200, 401]
        current[0] = "b"
        for _ in range(200):
            statuses = [(await edge.get("/all", headers=issued(key))).status for key in ("a", "b")]
            if statuses == [401, 200]:
                break
            await asyncio.sleep(0.02)
        assert statuses == [401, 200]


async def test_who_may_query_graphql_and_load_balancers_always_may(
    edge: Edge, keys_url: str, echo: Echo
) -> None:
    graphql = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: graphql}
spec:
  rules:
    - {matches: [{path: {value: /graphql}}], backendRefs: [{group: gateway.weft.dev, kind: GraphQL, name: graphql}]}
    - {matches: [{path: {type: Exact, value: /readyz}}], backendRefs: [{group: gateway.weft.dev, kind: GraphQL, name: health}]}
"""
    rules = ", authorization: {defaultAction: Deny, rules: [{action: Allow, principal: {jwt: {provider: a, claims: [{name: plan, values: [pro]}]}}}]}"
    own = jwt_policy(keys_url, rules).replace(
        "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}",
        "{group: gateway.weft.dev, kind: GraphQL, name: graphql}",
    )
    engine = echo.url.removeprefix("http://")
    assert await edge.tell(ROUTES + graphql + own, engines=(engine,))

    async def status(**claims: Any) -> int:
        return (await edge.get("/graphql", method="POST", headers=bearer(token("a", **claims)))).status

    assert await status(plan="pro") == 200
    assert await status(plan="free") == 403
    assert (await edge.get("/graphql")).status == 401
    assert (await edge.get("/readyz")).status == 200
    assert (await edge.get("/all")).status == 200  # the policy is GraphQL's alone


async def test_rules_for_functions_hold_on_their_own_routes_too(
    edge: Edge, keys_url: str, echo: Echo
) -> None:
    """As in GraphQL: texts, words, lists, numbers and truth values; every rule of a function must hold."""
    secret = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {mobile: key-1, web: key-2}\n"
    keys = "apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}]}"
    by_key = policy(
        "SecurityPolicy",
        f"{{{keys}}}",
        target="{group: gateway.networking.k8s.io, kind: HTTPRoute, name: keyed}",
        name="keys",
    )
    text = (
        ROUTES
        + route("/any", "shop", kind="Upstream")
        + route("/keyed", "shop.list_items", name="keyed")
        + jwt_policy(keys_url, optional=True)
        + secret
        + by_key
    )

    async def ask(path: str, *rules: Mapping[str, tuple[str, ...]], **claims: Any) -> int:
        access = {FunctionId("shop.list_items"): rules}
        assert await edge.tell(text, settings=replace(edge.world.settings, access=access))
        headers = bearer(token("a", **claims)) if claims else {}
        return (await edge.get(path, headers=headers)).status

    role = {"role": ("admin", "billing")}
    try:
        assert await ask("/all", role) == 403
        assert await ask("/all", role, role="guest") == 403
        assert await ask("/all", role, role="billing") == 200
        assert await ask("/all", role, role="no-admin") == 403
        assert await ask("/all", role, role="guest admin") == 200
        assert await ask("/all", role, role=["guest", "admin"]) == 200
        assert await ask("/all", {"org.level": ("3",)}, org={"level": 3}) == 200
        assert await ask("/all", {"org.level": ("3",)}, org={"level": 4}) == 403
        assert await ask("/all", {"verified": ("true",)}, verified=True) == 200
        assert await ask("/all", {"verified": ("true",)}, verified=False) == 403
        assert await ask("/all", role, {"scope": ("read",)}, role="admin", scope="write") == 403
        assert await ask("/all", role, {"scope": ("read",)}, role="admin", scope="write read") == 200
        assert await ask("/all", {}) == 403
        assert await ask("/all", {}, role="guest") == 200
        # A path that may lead to the function asks what the function asks.
        assert await ask("/any", role, role="guest") == 403
        assert await ask("/any", role, role="admin") == 200
        assert await ask("/keyed", {"client": ("web",)}) == 401
        for key, status in (("key-1", 403), ("key-2", 200)):
            headers = {"x-api-key": key, "x-weft-client": "web"}
            assert (await edge.get("/keyed", headers=headers)).status == status
    finally:
        await edge.tell(ROUTES, settings=replace(edge.world.settings, access={}))


async def test_secrets_are_masked_in_what_people_are_told(edge: Edge) -> None:
    secret = (
        "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {mobile: key-of-mobile}\n"
    )
    keys = policy(
        "SecurityPolicy",
        "{apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}]}}",
    )
    settings = replace(
        edge.world.settings, upstream_headers={UpstreamId("shop"): {"x-token": "token-of-shop"}}
    )
    before = edge.world.settings
    try:
        assert await edge.tell(ROUTES + secret + keys, settings=settings)
        answer = await edge.get("/all", headers={"x-api-key": "key-of-mobile"})
        assert answer.json["headers"]["x-token"] == "token-of-shop"
        assert edge.control.mask("key-of-mobile, token-of-shop") == "********, ********"
        dump = json.dumps(await edge.envoy.admin.ask_json("/config_dump"))
        assert "key-of-mobile" not in dump
        for text in (repr(edge.world), repr(edge.control.lowered), json.dumps(edge.control.status())):
            assert "key-of-mobile" not in text
            assert "token-of-shop" not in text
    finally:
        await edge.tell(ROUTES, settings=before)


async def test_keys_that_are_none_are_told_with_their_policy(edge: Edge) -> None:
    provider = {"name": "wrong", "localJWKS": {"inline": '{"keys": []}'}}
    text = ROUTES + policy(
        "SecurityPolicy", f"{{jwt: {json.dumps({'providers': [provider]})}}}", name="broken"
    )
    with pytest.raises(
        AssertionError, match=r"SecurityPolicy/broken spec.jwt.providers: Envoy refuses it: .*public key"
    ):
        await edge.tell(text)
    assert (await edge.get("/all")).status in {200, 401, 503}  # the last good one goes on
