"""Lambda's functions by tags, names, runtimes, aliases and versions, in several accounts and regions.

On the local Lambda service, with a proxy in front that counts and refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.aws_answers import without_credentials
from tests.support.aws_proxy import AwsProxy, aws_proxy
from tests.support.local_lambda import LocalLambda, local_lambda, package
from weft.app.transports import make_transport
from weft.discovery.detectors import Detected, Detection, TryLater, Unchanged
from weft.discovery.detectors.aws_lambda import LambdaDetector
from weft.discovery.registries import Candidate, LambdaAddress, LambdaFilters, LambdaQualifiers
from weft.discovery.registries.lambda_address import Beside
from weft.discovery.registries.lambda_regions import LambdaRegions
from weft.engine.transport import TransportSettings
from weft.engine.transport.aws_clients import AwsSession
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.schemas.catalog import AssumedRole, LambdaBinding, LambdaTarget, Upstream
from weft.schemas.errors import RegistryError

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

OTHER = AssumedRole(arn="arn:aws:iam::222222222222:role/weft", external_id="e-1", session_name="looking")
THIRD = AssumedRole(arn="arn:aws:iam::333333333333:role/weft")
GET_RESOURCES = "tagging POST GetResources"
LIST_TAGS = "lambda GET */tags/*"
LIST_ALIASES = "lambda GET */aliases*"
LIST_FUNCTIONS = "lambda GET */functions"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def before(service: LocalLambda) -> AsyncIterator[AwsProxy]:
    async with aws_proxy(service.url) as running:
        yield running


@pytest.fixture
def proxy(before: AwsProxy) -> AwsProxy:
    before.forget()
    return before


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_credentials(monkeypatch, tmp_path)


async def detect(
    address: LambdaAddress,
    *,
    detector: LambdaDetector | None = None,
    memo: Mapping[str, Any] | None = None,
    name: str | None = None,
    timeout_s: float = 20,
) -> Detection:
    deadline = asyncio.get_running_loop().time() + timeout_s
    detector = detector or LambdaDetector(attempts=1)
    return await detector.detect(Candidate(address, name=name), memo=memo, deadline=deadline)


async def detected(address: LambdaAddress, detector: LambdaDetector | None = None) -> Upstream:
    found = await detect(address, detector=detector)
    assert isinstance(found, Detected), found
    return found.upstream


def names(upstream: Upstream) -> list[str]:
    return [function.name for function in upstream.functions]


def called(upstream: Upstream) -> dict[str, str]:
    """The qualifier of each function that is called, by the function's name in the catalog."""
    bindings = {function.name: function.binding for function in upstream.functions}
    return {name: one.qualifier for name, one in bindings.items() if isinstance(one, LambdaBinding)}


async def publish(service: LocalLambda, name: str, region: str, *descriptions: str) -> None:
    """Publish a version for each description, each of other code."""
    async with service.client(region=region) as functions:
        for number, description in enumerate(descriptions):
            code = f"def handler(event, context): return {number}"
            await functions.update_function_code(FunctionName=name, ZipFile=package(code))
            await functions.publish_version(FunctionName=name, Description=description)


async def alias(
    service: LocalLambda, function: str, name: str, region: str, version: str, **more: Any
) -> None:
    async with service.client(region=region) as functions:
        await functions.create_alias(FunctionName=function, Name=name, FunctionVersion=version, **more)


# Tags


async def test_tags_of_all_functions_are_read_at_once(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", "get-b", "get-c", region="eu-west-2", tags={"weft": "disabled"})
    await service.create("get-d", region="eu-west-2", tags={"team": "a"})
    upstream = await detected(LambdaAddress("eu-west-2", endpoint=proxy.url))
    assert names(upstream) == ["get_d"]
    assert (proxy.count(GET_RESOURCES), proxy.count(LIST_TAGS)) == (1, 0)


async def test_tags_are_read_one_by_one_where_bulk_is_refused(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", region="eu-west-3", tags={"weft": "enabled"})
    await service.create("get-b", region="eu-west-3")
    proxy.refuse(GET_RESOURCES)
    address = LambdaAddress("eu-west-3", endpoint=proxy.url, filters=LambdaFilters(opt_in=True))
    detector = LambdaDetector(attempts=1)
    first = await detect(address, detector=detector)
    assert isinstance(first, Detected)
    assert names(first.upstream) == ["get_a"]
    assert (proxy.count(GET_RESOURCES), proxy.count(LIST_TAGS)) == (1, 2)
    # What was told and refused holds for a while.
    assert await detect(address, detector=detector, memo=first.memo) == Unchanged()
    assert (proxy.count(GET_RESOURCES), proxy.count(LIST_TAGS)) == (1, 2)


async def test_tags_that_nobody_may_read_are_one_warning(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", "get-b", region="eu-north-1", tags={"team": "a"})
    proxy.refuse(GET_RESOURCES)
    proxy.refuse(LIST_TAGS)
    upstream = await detected(LambdaAddress("eu-north-1", endpoint=proxy.url))
    assert names(upstream) == ["get_a", "get_b"]
    (warning,) = upstream.warnings
    assert warning.kind == "tags-unreadable"
    assert warning.reason == (
        "the tags of 2 functions, such as get-a cannot be read "
        "(tag:GetResources: AccessDenied; lambda:ListTags: AccessDenied)"
    )


async def test_who_goes_by_tags_does_not_go_without(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", region="eu-south-1", tags={"team": "a"})
    proxy.refuse(GET_RESOURCES)
    proxy.refuse(LIST_TAGS)
    filters = LambdaFilters(tags=(("team", ("a",)),))
    found = await detect(LambdaAddress("eu-south-1", endpoint=proxy.url, filters=filters))
    assert isinstance(found, TryLater)
    assert "need the functions' tags" in found.reason
    assert "lambda:ListTags: AccessDenied" in found.reason


async def test_a_function_is_wanted_by_its_tags(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", region="us-east-1", tags={"team": "pricing", "env": "prod"})
    await service.create("get-b", region="us-east-1", tags={"team": "pricing", "env": "test"})
    await service.create("get-c", region="us-east-1", tags={"team": "orders", "env": "prod"})
    await service.create("get-d", region="us-east-1")
    filters = LambdaFilters(tags=(("team", ("pri*", "x")), ("env", ("prod", "stage"))))
    upstream = await detected(LambdaAddress("us-east-1", endpoint=proxy.url, filters=filters))
    assert names(upstream) == ["get_a"]


async def test_a_function_that_left_is_gone(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", "get-b", region="us-east-2")
    address = LambdaAddress("us-east-2", endpoint=proxy.url)
    detector = LambdaDetector(attempts=1)
    first = await detect(address, detector=detector)
    assert isinstance(first, Detected)
    async with service.client(region="us-east-2") as functions:
        await functions.delete_function(FunctionName="get-a")
    second = await detect(address, detector=detector, memo=first.memo)
    assert isinstance(second, Detected)
    assert names(second.upstream) == ["get_b"]


# Throttling


async def test_throttling_is_answered_with_another_try(service: LocalLambda, proxy: AwsProxy) -> None:
    await service.create("get-a", region="us-west-1")
    proxy.refuse("lambda *", 429, "TooManyRequestsException", times=1)
    upstream = await detected(LambdaAddress("us-west-1", endpoint=proxy.url), LambdaDetector(attempts=2))
    assert names(upstream) == ["get_a"]
    assert proxy.count(LIST_FUNCTIONS) == 2


@pytest.mark.parametrize(
    ("what", "operation"), [(LIST_FUNCTIONS, "ListFunctions"), (GET_RESOURCES, "GetResources")]
)
async def test_throttling_that_goes_on_is_tried_later(
    service: LocalLambda, proxy: AwsProxy, what: str, operation: str
) -> None:
    kind = "ThrottledException" if operation == "GetResources" else "TooManyRequestsException"
    await service.create(f"get-{operation.lower()}", region="us-west-2")
    proxy.refuse(what, 429, kind, Retry_After="17")
    found = await detect(LambdaAddress("us-west-2", endpoint=proxy.url))
    assert found == TryLater(f"AWS throttles {operation}", retry_after_s=17)


async def test_after_a_first_throttled_question_no_further_one_is_asked(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    await service.create(*(f"get-{letter}" for letter in "abcdef"), region="ca-central-1")
    proxy.refuse(GET_RESOURCES)
    detector = LambdaDetector(attempts=1, max_concurrency=1)
    address = LambdaAddress("ca-central-1", endpoint=proxy.url)
    proxy.refuse(f"{LIST_TAGS}get-d", 429, "TooManyRequestsException", times=1)
    assert await detect(address, detector=detector) == TryLater("AWS throttles ListTags")
    assert proxy.count(LIST_TAGS) == 4
    # What was told before holds.
    await detected(address, detector)
    assert proxy.count(LIST_TAGS) == 4 + 3


async def test_a_look_that_runs_out_of_time_leaves_its_answers_to_the_next(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    await service.create(*(f"get-{letter}" for letter in "abcd"), region="sa-east-1")
    proxy.refuse(GET_RESOURCES)
    detector = LambdaDetector(attempts=1, max_concurrency=1)
    address = LambdaAddress("sa-east-1", endpoint=proxy.url)
    proxy.hold(LIST_TAGS, after=2)
    looking = asyncio.create_task(detect(address, detector=detector))
    await proxy.held.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    proxy.forget()
    proxy.refuse(GET_RESOURCES)
    assert len(names(await detected(address, detector))) == 4
    assert proxy.count(LIST_TAGS) == 2


# Aliases and versions


async def test_the_alias_is_called_that_is_configured(service: LocalLambda, proxy: AwsProxy) -> None:
    region = "ap-south-1"
    await service.create("get-a", "get-b", "get-c", region=region)
    await publish(service, "get-a", region, "first", "second")
    await publish(service, "get-b", region, "first")
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    await alias(service, "get-a", "live", region, "1", Description="What is sold by.", RoutingConfig=weights)
    await alias(service, "get-b", "prod", region, "1")
    qualifiers = LambdaQualifiers(aliases=("live", "prod"))
    upstream = await detected(LambdaAddress(region, endpoint=proxy.url, qualifiers=qualifiers))
    assert called(upstream) == {"get_a": "live", "get_b": "prod"}
    first, second = upstream.functions
    assert first.description == ("Alias `live`: 90 % to version 1, 10 % to version 2. What is sold by.")
    assert second.description == "Alias `prod`: version 1."
    (warning,) = upstream.warnings
    assert (warning.kind, warning.pointer) == ("no-alias", "/get-c")
    assert warning.reason == "left out: there is no alias 'live' or 'prod' (it has none)"
    binding = first.binding
    assert isinstance(binding, LambdaBinding)
    assert binding.arn.endswith(":function:get-a")


async def test_the_version_is_called_that_was_published_last(service: LocalLambda, proxy: AwsProxy) -> None:
    region = "ap-south-2"
    await service.create("get-a", "get-b", region=region)
    await publish(service, "get-a", region, "first", "second")
    qualifiers = LambdaQualifiers(version="newest")
    upstream = await detected(LambdaAddress(region, endpoint=proxy.url, qualifiers=qualifiers))
    assert called(upstream) == {"get_a": "2"}
    assert upstream.functions[0].description == "Version 2. second"
    assert [warning.kind for warning in upstream.warnings] == ["no-version"]
    # Versions come with the list, and nobody asked for aliases.
    assert proxy.count(LIST_ALIASES) == proxy.count("lambda GET */versions*") == 0


async def test_aliases_and_versions_are_functions_beside_it(service: LocalLambda, proxy: AwsProxy) -> None:
    region = "ap-northeast-1"
    await service.create("get-a", region=region)
    await publish(service, "get-a", region, "first", "second")
    await alias(service, "get-a", "canary", region, "2")
    await alias(service, "get-a", "live", region, "1")
    beside: frozenset[Beside] = frozenset({"aliases", "versions"})
    address = LambdaAddress(region, endpoint=proxy.url, qualifiers=LambdaQualifiers(beside=beside))
    assert called(await detected(address)) == {
        "get_a": "",
        "get_a_1": "1",
        "get_a_2": "2",
        "get_a_canary": "canary",
        "get_a_live": "live",
    }
    address = LambdaAddress(
        region, endpoint=proxy.url, qualifiers=LambdaQualifiers(aliases=("live",), beside=beside)
    )
    assert called(await detected(address)) == {
        "get_a": "live",
        "get_a_1": "1",
        "get_a_2": "2",
        "get_a_canary": "canary",
    }


async def test_aliases_are_asked_for_where_they_are_wanted_only(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    region = "ap-northeast-2"
    await service.create("get-a", "get-b", "put-c", region=region)
    await detected(LambdaAddress(region, endpoint=proxy.url))
    assert proxy.count(LIST_ALIASES) == 0
    detector = LambdaDetector(attempts=1)
    address = LambdaAddress(
        region,
        endpoint=proxy.url,
        filters=LambdaFilters(names=("get-*",)),
        qualifiers=LambdaQualifiers(beside=frozenset({"aliases"})),
    )
    await detected(address, detector)
    assert proxy.count(LIST_ALIASES) == 2
    await detected(address, detector)
    assert proxy.count(LIST_ALIASES) == 2


async def test_aliases_that_may_not_be_read_are_a_warning_or_no_answer(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    region = "ap-northeast-3"
    await service.create("get-a", region=region)
    proxy.refuse(LIST_ALIASES)
    beside = LambdaQualifiers(beside=frozenset({"aliases"}))
    upstream = await detected(LambdaAddress(region, endpoint=proxy.url, qualifiers=beside))
    assert called(upstream) == {"get_a": ""}
    assert [(one.kind, one.pointer) for one in upstream.warnings] == [("aliases-unreadable", "/get-a")]
    live = LambdaQualifiers(aliases=("live",))
    found = await detect(LambdaAddress(region, endpoint=proxy.url, qualifiers=live))
    assert found == TryLater("the aliases of get-a cannot be read (lambda:ListAliases: AccessDenied)")


# Accounts and regions


async def create_in(url: str, role: AssumedRole, region: str, *function_names: str) -> None:
    session = AwsSession(region=region, endpoint=url, role=role)
    async with await session.client("iam") as iam:
        made = await iam.create_role(RoleName=f"runs-{region}", AssumeRolePolicyDocument="{}")
    async with await session.client("lambda") as functions:
        for name in function_names:
            await functions.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Role=made["Role"]["Arn"],
                Handler="app.handler",
                Code={"ZipFile": package("def handler(event, context): return event")},
                Tags={"weft": "enabled"},
            )


async def test_functions_of_another_account_are_found_and_called_in_its_role(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    await create_in(service.url, OTHER, "eu-west-1", "other-get-a")
    address = LambdaAddress("eu-west-1", endpoint=proxy.url, role=OTHER, filters=LambdaFilters(opt_in=True))
    upstream = await detected(address)
    assert names(upstream) == ["get_a"]
    assert upstream.target == LambdaTarget(region="eu-west-1", endpoint=proxy.url, role=OTHER)
    assert proxy.asked[0] == "sts POST AssumeRole"
    # What lists and reads tags is signed by the role, and by nobody else.
    assert len(set(proxy.keys[1:])) == 1
    assert proxy.keys[0] == "local" != proxy.keys[1]


async def test_a_function_of_another_account_is_called_in_its_role_past_a_gateway(
    service: LocalLambda, proxy: AwsProxy
) -> None:
    await create_in(service.url, OTHER, "eu-west-2", "called-get-a")
    (function,) = (
        upstream := await detected(LambdaAddress("eu-west-2", endpoint=proxy.url, role=OTHER))
    ).functions
    proxy.forget()
    transport = make_transport(upstream, TransportSettings(gateway="/nowhere.sock"))
    assert isinstance(transport, LambdaTransport)
    async with transport:
        deadline = asyncio.get_running_loop().time() + 20
        answer = await transport.call(function, {"payload": {"a": 1}}, deadline=deadline, headers={})
        again = await transport.call(function, {"payload": [2]}, deadline=deadline, headers={})
    assert (answer, again) == ({"a": 1}, [2])
    invocation = "lambda POST /2015-03-31/functions/called-get-a/invocations"
    assert proxy.asked == ["sts POST AssumeRole", invocation, invocation]
    assert proxy.keys[0] == "local"
    assert proxy.keys[1].startswith("ASIA")


async def test_a_role_is_assumed_once_for_many_looks(service: LocalLambda, proxy: AwsProxy) -> None:
    await create_in(service.url, THIRD, "eu-west-1", "third-get-a")
    address = LambdaAddress("eu-west-1", endpoint=proxy.url, role=THIRD)
    detector = LambdaDetector(attempts=1)
    for _ in range(3):
        assert names(await detected(address, detector)) == ["get_a"]
    assert proxy.count("sts *") == 1


async def test_credentials_that_were_refused_are_read_anew(
    proxy: AwsProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOLD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    detector = LambdaDetector(attempts=1)
    address = LambdaAddress("eu-west-1", endpoint=proxy.url)
    proxy.refuse(LIST_FUNCTIONS, 403, "ExpiredTokenException", times=1)
    found = await detect(address, detector=detector)
    assert found == TryLater("AWS does not accept the credentials: ExpiredTokenException")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNEW")
    await detected(address, detector)
    assert (proxy.keys[0], {*proxy.keys[1:]}) == ("AKIDOLD", {"AKIDNEW"})


async def test_a_role_that_may_not_be_assumed_says_what_to_do(proxy: AwsProxy) -> None:
    proxy.refuse("sts *", 403, "AccessDenied")
    found = await detect(LambdaAddress("eu-west-1", endpoint=proxy.url, role=OTHER))
    assert isinstance(found, TryLater)
    assert found.reason.startswith("not allowed to assume the role (sts:AssumeRole): its trust policy")


async def test_all_regions_of_an_account_are_those_it_has_enabled(proxy: AwsProxy) -> None:
    def candidates(region: str) -> list[Candidate]:
        return [Candidate(LambdaAddress(region), name=f"a_{region.replace('-', '_')}")]

    found = await LambdaRegions("all", candidates, endpoint=proxy.url, role=OTHER).candidates()
    regions = [one.address.region for one in found if isinstance(one.address, LambdaAddress)]
    assert {"eu-west-1", "us-east-1"} <= set(regions)
    assert "me-south-1" not in regions  # moto's account has not opted in there
    assert regions == sorted(regions)


async def test_regions_that_may_not_be_asked_for_say_what_to_do(proxy: AwsProxy) -> None:
    proxy.refuse("ec2 *", 403, "UnauthorizedOperation")
    registry = LambdaRegions("all", lambda region: [], endpoint=proxy.url)
    with pytest.raises(RegistryError, match=r"ec2:DescribeRegions.*list them in `regions`"):
        await registry.candidates()
