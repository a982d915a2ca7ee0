"""Routes to Lambda functions whose events only the engine makes; lowered, without Envoy."""

from __future__ import annotations

import pytest

from tests.gateway.edge import objects, route
from weft.gateway.lower import World, lower
from weft.schemas.catalog import (
    AssumedRole,
    Catalog,
    Function,
    FunctionId,
    HttpBinding,
    LambdaBatch,
    LambdaBinding,
    LambdaTarget,
    ProxyEvent,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import ConfigError

PROXY = ProxyEvent(http=HttpBinding(method="GET", path="/a"))


def lowered(binding: LambdaBinding, role: AssumedRole | None = None, profile: str = "") -> None:
    function = Function(id=FunctionId("shop.get"), upstream=UpstreamId("shop"), name="get", binding=binding)
    upstream = Upstream(
        id=UpstreamId("shop"),
        target=LambdaTarget(region="eu-west-1", role=role, profile=profile),
        functions=(function,),
    )
    lower(World(objects(route("/a", "shop.get"), port=8080), Catalog.of(upstream)))


@pytest.mark.parametrize(
    "binding",
    [
        LambdaBinding(function_name="get", proxy=PROXY),
        LambdaBinding(function_name="get", batch=LambdaBatch(argument="ids", key="id")),
    ],
)
def test_a_route_to_a_function_with_an_event_of_its_own_is_a_mistake(binding: LambdaBinding) -> None:
    with pytest.raises(ConfigError, match=r"shop\.get takes an event that only the engine makes"):
        lowered(binding)


@pytest.mark.parametrize(
    ("role", "profile"), [(AssumedRole(arn="arn:aws:iam::222222222222:role/weft"), ""), (None, "shop")]
)
def test_a_route_to_a_function_of_another_account_is_a_mistake(
    role: AssumedRole | None, profile: str
) -> None:
    with pytest.raises(ConfigError, match=r"shop\.get is called in a role or profile.*kind: GraphQL"):
        lowered(LambdaBinding(function_name="get"), role, profile)


def test_a_route_to_a_plain_function_is_none() -> None:
    lowered(LambdaBinding(function_name="get"))
