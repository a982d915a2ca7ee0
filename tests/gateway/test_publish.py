"""Updates as Envoy takes them, and refuses them: both variants of the discovery service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.gateway.edge import Echo, Edge, echoes, objects, route, running_edge, shop_catalog
from weft.gateway.envoy.binary import find_envoy
from weft.gateway.envoy.preflight import Refused, preflight
from weft.gateway.figures import figures
from weft.gateway.lower import EdgeSettings, World, lower
from weft.gateway.publish.views import stages
from weft.gateway.resources import Resources

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROUTES = route("/all", "shop.list_items")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["DELTA_GRPC", "GRPC"])
async def edge(echo: Echo, request: Any) -> AsyncIterator[Edge]:
    import weft.gateway.envoy.bootstrap as bootstrap

    made = bootstrap.dynamic_bootstrap

    def of_kind(**options: Any) -> dict[str, Any]:
        value = made(**options)
        value["dynamic_resources"]["ads_config"]["api_type"] = request.param
        return value

    import tests.gateway.edge as edges

    edges.dynamic_bootstrap = of_kind  # type: ignore[attr-defined]
    try:
        async with running_edge(shop_catalog(echo.url), ROUTES) as one:
            yield one
    finally:
        edges.dynamic_bootstrap = made  # type: ignore[attr-defined]


def broken(resources: Resources, **changes: Any) -> Resources:
    """*resources* with something that Envoy refuses."""
    return resources.with_types(**{kind: {**resources.of(kind), **value} for kind, value in changes.items()})  # type: ignore[arg-type]


async def test_new_routes_are_there_once_they_are_acknowledged(edge: Edge) -> None:
    assert (await edge.get("/new")).status == 404
    assert await edge.tell(ROUTES + route("/new", "shop.list_items"))
    assert (await edge.get("/new")).status == 200
    assert await edge.tell(ROUTES)
    assert (await edge.get("/new")).status == 404


async def test_a_refused_update_changes_nothing_and_says_which_resource(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    good = lower(edge.world).resources
    assert (await edge.get("/all")).status == 200
    configuration = msgspec.json.decode(msgspec.json.encode(good.routes["edge/http"]))
    configuration["virtual_hosts"][0]["routes"][0]["match"] = {"safe_regex": {"regex": "["}}
    await edge.publisher.publish(broken(good, routes={"edge/http": configuration}))
    assert not await edge.publisher.until_acknowledged()
    (node,) = edge.publisher.nodes
    assert node.refusal is not None
    assert (node.refusal.type, node.refusal.resources) == ("routes", ("edge/http",))
    assert node.refusal.objects == ("test.yaml: Gateway/edge",)
    log = [record for record in caplog.records if "refused an update" in record.message]
    assert (log[-1].resources, log[-1].objects) == ("edge/http", "test.yaml: Gateway/edge")  # type: ignore[attr-defined]
    assert "missing ]" in log[-1].reason  # type: ignore[attr-defined]
    told = figures(edge.control)
    assert 'weft_gateway_refusals_total{node="edge-1",type="routes",resource="edge/http"} 1\n' in told
    assert 'weft_gateway_envoy_current{node="edge-1"} 0\n' in told
    assert "missing ]" in node.refusal.reason
    assert (await edge.get("/all")).status == 200
    rejected = await edge.envoy.admin.stats(r"\.rds\.edge/http\.update_rejected$")
    assert sum(rejected.values()) >= 1


async def test_a_refused_cluster_takes_back_what_came_with_it(edge: Edge) -> None:
    good = lower(edge.world).resources
    bad = {
        "name": "zz",
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "transport_socket": {"name": "no.such"},
    }
    fine = {
        **good.clusters["shop"],
        "name": "fine",
        "load_assignment": {"cluster_name": "fine", "endpoints": []},
    }
    await edge.publisher.publish(broken(good, clusters={"zz": bad, "fine": fine}))
    assert not await edge.publisher.until_acknowledged()
    (node,) = edge.publisher.nodes
    assert node.refusal is not None
    assert (node.refusal.type, node.refusal.resources) == ("clusters", ("zz",))
    assert (await edge.get("/all")).status == 200
    names: set[str] = set()
    for _ in range(100):
        clusters = await edge.envoy.admin.ask_json("/clusters?format=json")
        names = {one["name"] for one in clusters["cluster_statuses"]}
        if "fine" not in names:
            break
    assert "fine" not in names


async def test_after_a_refusal_the_next_good_update_is_taken(edge: Edge) -> None:
    assert await edge.tell(ROUTES + route("/later", "shop.list_items"))
    assert (await edge.get("/later")).status == 200
    (node,) = edge.publisher.nodes
    assert node.refusal is None
    assert node.refusals >= 2
    assert await edge.tell(ROUTES)


async def test_an_update_that_envoy_would_refuse_is_not_published(edge: Edge) -> None:
    before = edge.publisher.resources
    with pytest.raises(AssertionError, match="missing"):
        await edge.tell(
            ROUTES
            + route("/x", "shop.list_items").replace("{value: /x}", "{type: RegularExpression, value: '/x['}")
        )
    assert edge.publisher.resources is before
    assert (await edge.get("/all")).status == 200


async def test_envoy_goes_on_without_the_control_plane_and_meets_it_again(edge: Edge) -> None:
    await edge.publisher.__aexit__()
    for _ in range(20):
        assert (await edge.get("/all")).status == 200
    await edge.publisher.__aenter__()
    assert await edge.tell(ROUTES + route("/again", "shop.list_items"))
    assert (await edge.get("/again")).status == 200


WRONG = {
    "a path": "{matches: [{path: {type: RegularExpression, value: '/x['}}], BACKEND}",
    "a template": "{matches: [{path: {value: /t}}], filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: Transformation, name: t}}], BACKEND}",
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
async def test_what_envoy_would_refuse_is_told_with_its_object_and_rule(rule: str) -> None:
    backend = "backendRefs: [{group: gateway.weft.dev, kind: Upstream, name: shop}]"
    rules = f"{{matches: [{{path: {{value: /good}}}}], {backend}}}, {rule.replace('BACKEND', backend)}"
    text = f"""
---
apiVersion: gateway.weft.dev/v1alpha1
kind: Transformation
metadata: {{name: t}}
spec: {{request: {{headers: {{set: [{{name: x, value: '%NO_SUCH(1)%'}}]}}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: broken}}
spec: {{rules: [{rules}]}}
{ROUTES}"""
    world = World(objects(text, port=1), shop_catalog("http://127.0.0.1:1"), (), EdgeSettings())
    with pytest.raises(Refused) as refused:
        await preflight(lower(world).resources, find_envoy())
    assert str(refused.value).startswith("test.yaml:3: HTTPRoute/broken spec.rules[1]: Envoy refuses it: ")


async def test_what_envoy_would_refuse_of_a_cluster_is_told_with_its_object() -> None:
    resources = lower(
        World(objects(ROUTES, port=1), shop_catalog("http://127.0.0.1:1"), (), EdgeSettings())
    ).resources
    cluster = {**resources.clusters["shop"], "transport_socket": {"name": "no.such"}}
    with pytest.raises(Refused, match="upstream shop: Envoy refuses it"):
        await preflight(broken(resources, clusters={"shop": cluster}), find_envoy())


async def test_what_is_new_is_added_before_anything_leads_to_it() -> None:
    old = Resources(clusters={"a": {"name": "a"}}, routes={"r": {"to": "a"}})
    new = Resources(clusters={"b": {"name": "b"}}, routes={"r": {"to": "b"}})
    views = [(sorted(stage.view.clusters), stage.view.routes["r"]["to"]) for stage in stages(old, new)]
    assert views == [(["a", "b"], "a"), (["a", "b"], "b"), (["b"], "b")]
    assert stages(new, replace(new)) == ()
