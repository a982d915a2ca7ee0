"""GraphiQL's page and its assets."""

from __future__ import annotations

import re

import aiohttp
import pytest

from tests.engine.endpoint.conftest import Serve
from weft.engine.endpoint import EndpointSettings
from weft.engine.endpoint.graphiql import load_assets

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def read_page(
    http: aiohttp.ClientSession, path: str = "/graphql"
) -> tuple[aiohttp.ClientResponse, str]:
    async with http.get(path, headers=BROWSER) as answer:
        assert answer.status == 200
        return answer, await answer.text()


async def test_a_browser_gets_the_page(http: aiohttp.ClientSession) -> None:
    answer, page = await read_page(http)
    assert answer.content_type == "text/html"
    assert '<div id="graphiql">' in page


async def test_a_browser_with_a_query_gets_data(http: aiohttp.ClientSession) -> None:
    async with http.get("/graphql", params={"query": "{hello}"}, headers=BROWSER) as answer:
        assert answer.content_type == "application/json"


async def test_the_page_and_its_policy_allow_own_scripts_only(http: aiohttp.ClientSession) -> None:
    answer, page = await read_page(http)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "//" not in page


@pytest.mark.parametrize("path", ["/graphql", "/api/v1/graphql"])
async def test_every_link_of_the_page_leads_to_a_long_lived_asset(serve: Serve, path: str) -> None:
    async with serve(EndpointSettings(path=path)) as http:
        _, page = await read_page(http, path)
        links = re.findall(r'(?:src|href)="([^"]*assets[^"]*)"', page)
        assert len(links) == 6
        for link in links:
            async with http.get(path.rpartition("/")[0] + "/" + link) as asset:
                assert asset.status == 200
                assert asset.content_type == ("text/css" if ".css" in link else "text/javascript")
                assert "immutable" in asset.headers["cache-control"]
                assert asset.content_length == len(await asset.read())


async def test_an_asset_under_another_version_is_asked_for_again(http: aiohttp.ClientSession) -> None:
    async with http.get("/graphql/assets/page.js?v=old") as asset:
        assert asset.headers["cache-control"] == "no-cache"
        etag = asset.headers["etag"]
    async with http.get("/graphql/assets/page.js", headers={"if-none-match": etag}) as asset:
        assert asset.status == 304


@pytest.mark.parametrize("name", ["nothing.js", "", "..%2fgraphiql.py", "../graphiql.py"])
async def test_only_shipped_assets_are_served(http: aiohttp.ClientSession, name: str) -> None:
    async with http.get(f"/graphql/assets/{name}") as answer:
        assert answer.status == 404


async def test_the_page_can_be_switched_off(serve: Serve) -> None:
    async with serve(EndpointSettings(graphiql=False)) as http:
        async with http.get("/graphql", headers=BROWSER) as answer:
            assert answer.status == 400
        async with http.get("/graphql/assets/page.js") as answer:
            assert answer.status == 404


def test_the_assets_name_no_other_host() -> None:
    styles = [asset.content for name, asset in load_assets().items() if name.endswith(".css")]
    assert not any(b"http:" in style or b"https:" in style for style in styles)
    assert b"http" not in load_assets()["page.js"].content


def test_the_assets_stay_small() -> None:
    assert sum(len(asset.content) for asset in load_assets().values()) < 1_500_000


def test_the_licence_of_each_shipped_file_is_told() -> None:
    licences = load_assets()["LICENSES.txt"].content.decode()
    assert [name for name in load_assets() if name not in licences and name != "LICENSES.txt"] == []
