"""Browsers log in: away to the provider, back with a code, cookies, claims, and out again."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway.edge import Edge, echoes, objects, policy, route, running_edge, shop_catalog
from tests.gateway.idp import CLIENT, SECRET, Browser, Provider, query_of, running_provider
from weft.gateway.issuers import Issuers
from weft.schemas.errors import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SECRET_OBJECT = (
    "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: oidc}\n"
    f"stringData: {{client-secret: {SECRET}}}\n"
)


def login(provider: Provider, more: str = "", rest: str = "") -> str:
    """A policy that names the issuer alone, and takes the token it gives for the caller's."""
    jwt = (
        f"jwt: {{optional: true, providers: [{{name: people, issuer: '{provider.url}', audiences: [{CLIENT}], "
        f"remoteJWKS: {{uri: '{provider.url}/keys'}}, claimToHeaders: [{{claim: sub, header: x-user}}]}}]}}"
    )
    oidc = (
        f"oidc: {{provider: {{issuer: '{provider.url}'}}, clientID: {CLIENT}, clientSecret: {{name: oidc}}, "
        f"scopes: [profile], forwardAccessToken: true, logoutPath: /logout{more}}}"
    )
    return SECRET_OBJECT + policy("SecurityPolicy", f"{{{oidc}, {jwt}{rest}}}", name="people")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def edge() -> AsyncIterator[Edge]:
    async with echoes("v1") as (echo,), running_edge(shop_catalog(echo.url)) as one:
        yield one


async def told(edge: Edge, text: str) -> None:
    """No connection is open yet: each keeps the chain of filters that it was opened with."""
    text = route("/all", "shop.list_items") + text
    assert await edge.tell(objects=await asyncio.to_thread(Issuers().fill, objects(text, port=edge.port)))


async def test_a_browser_goes_to_log_in_comes_back_and_is_known(edge: Edge, provider: Provider) -> None:
    await told(edge, login(provider))
    browser = Browser(edge.session)
    status, url, text = await browser.get(f"{edge.url}/all?q=1")
    away, back = browser.visited[1], browser.visited[2]
    asked = query_of(away)
    assert away.startswith(f"{provider.url}/authorize?")
    assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (
        CLIENT,
        "code",
        "S256",
    )
    assert set(asked["scope"].split()) == {"openid", "profile"}
    assert back.startswith(f"{edge.url}/oauth2/callback?code=")
    assert (status, url, provider.refused) == (200, f"{edge.url}/all?q=1", [])
    headers = json.loads(text)["headers"]
    assert headers["x-user"] == "ann"
    claims = headers["x-weft-claims"]
    assert json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["role"] == "admin"
    made = [line for line in browser.lines if "=deleted" not in line]
    assert len(made) >= 6
    for line in made:
        assert "httponly" in line.lower()
        assert "=ey" not in line  # no token stands in a cookie as it is
    given = provider.given
    assert (await browser.get(f"{edge.url}/all"))[0] == 200
    assert provider.given == given  # the cookies hold


async def test_a_cookie_that_was_made_up_opens_nothing(edge: Edge, provider: Provider) -> None:
    await told(edge, login(provider))
    browser = Browser(edge.session)
    await browser.get(f"{edge.url}/all")
    name = next(name for name in browser.cookies if "OauthHMAC" in name)
    browser.cookies[name] = browser.cookies[name][:-6] + "AAAAA="
    assert (await browser.get(f"{edge.url}/all", follow=False))[0] == 302
    forged = f"{edge.url}/oauth2/callback?code=c-1&state={query_of(browser.visited[1])['state']}"
    assert (await Browser(edge.session).get(forged, follow=False))[0] == 401


async def test_logging_out_ends_it_here_and_at_the_provider(edge: Edge, provider: Provider) -> None:
    await told(edge, login(provider))
    browser = Browser(edge.session)
    await browser.get(f"{edge.url}/all")
    status, url, text = await browser.get(f"{edge.url}/logout")
    assert (status, text) == (200, "you are logged out")
    assert url.startswith(f"{provider.url}/bye?")
    assert query_of(url)["client_id"] == CLIENT
    assert (await browser.get(f"{edge.url}/all", follow=False))[0] == 302


async def test_programs_bring_tokens_and_scripts_are_not_sent_away(edge: Edge, provider: Provider) -> None:
    more = ", passThroughAuthHeader: true, denyRedirect: {headers: [{name: x-requested-with, value: XMLHttpRequest}]}"
    only = ", authorization: {defaultAction: Deny, rules: [{action: Allow, principal: {jwt: {provider: people, claims: [{name: role, values: [admin]}]}}}]}"
    await told(edge, login(provider, more, only))
    token = {"authorization": f"Bearer {provider.token(sub='robot')}"}
    answer = await edge.get("/all", headers=token)
    assert (answer.status, answer.json["headers"]["x-user"]) == (200, "robot")
    assert (await edge.get("/all", headers={"authorization": "Bearer x.y.z"})).status == 401
    guest = {"authorization": f"Bearer {provider.token(role='guest')}"}
    assert (await edge.get("/all", headers=guest)).status == 403
    script = {"x-requested-with": "XMLHttpRequest"}
    assert (await edge.get("/all", headers=script)).status == 401
    assert (await edge.get("/all")).status == 302


async def test_what_an_issuer_does_not_say_is_asked_for(provider: Provider) -> None:
    text = login(provider).replace(f"issuer: '{provider.url}'}}", f"issuer: '{provider.url}/no'}}")
    with pytest.raises(ConfigError, match=r"/no does not say where people log in.*Not Found") as failed:
        await asyncio.to_thread(Issuers().fill, objects(text))
    assert "SecurityPolicy/people spec.oidc.provider" in str(failed.value)


async def test_the_clients_secret_is_neither_in_dumps_nor_in_logs(
    edge: Edge, provider: Provider, tmp_path: Path
) -> None:
    await told(edge, login(provider))
    dump = json.dumps(await edge.envoy.admin.ask_json("/config_dump?include_eds"))
    assert SECRET not in dump
    assert SECRET not in repr(edge.world)
