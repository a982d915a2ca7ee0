"""Where calls of Lambda go, in whose name, and by which clock: an endpoint checks each signature."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.engine.transport.http1.certificates import make_authority
from tests.gateway.edge import running_edge
from tests.gateway.test_canaries import canary
from tests.support.aws_answers import answering, without_credentials
from tests.support.signed_requests import ACCESS_KEY, SECRET_KEY, Verifying
from weft.engine.transport import TransportSettings
from weft.engine.transport.aws_clients import AwsSession
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.engine.transport.lambda_gateway import GatewayLambdaTransport
from weft.schemas.catalog import (
    Catalog,
    Function,
    FunctionId,
    Invocation,
    Json,
    LambdaBinding,
    LambdaTarget,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import LambdaStatus, UpstreamError, UpstreamUnreachable

HEADERS = {"x-tenant": "a  b", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_credentials(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


def function(name: str = "get-prices", invocation: Invocation = "request", qualifier: str = "") -> Function:
    return Function(
        id=FunctionId(f"pricing.{name}"),
        upstream=UpstreamId("pricing"),
        name=name,
        binding=LambdaBinding(
            function_name=name,
            invocation=invocation,
            qualifier=qualifier,
            arn=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
        ),
    )


FUNCTIONS = (
    function("get-prices", qualifier="live"),
    function("apply", "event"),
    function("watch", "stream", qualifier="live"),
)


def upstream(endpoint: str) -> Upstream:
    target = LambdaTarget(region="eu-west-1", endpoint=endpoint)
    return Upstream(id=UpstreamId("pricing"), target=target, functions=FUNCTIONS)


async def prices(request: web.Request) -> web.Response:
    if request.headers.get("X-Amz-Invocation-Type") == "Event":
        return web.Response(status=202, headers={"X-Amzn-RequestId": "r-1"})
    return web.json_response({"price": 5})


async def call(
    transport: Any, called: Function, headers: Mapping[str, str] = HEADERS
) -> Json | UpstreamError | list[Json]:
    if called.binding.invocation == "stream":  # type: ignore[union-attr]  # it is Lambda's
        return [item async for item in transport.stream(called, {"a": "ü"}, headers=headers)]
    deadline = asyncio.get_running_loop().time() + 10
    answer: Json | UpstreamError = await transport.call(
        called, {"a": "ü"}, deadline=deadline, headers=headers
    )
    return answer


EXPECTED = [{"price": 5}, {"accepted": True, "requestId": "r-1"}, [{"price": 5}]]


@pytest.mark.parametrize("token", ["", "to/ken+=="])
async def test_every_call_is_signed(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    endpoint = Verifying(prices)
    async with (
        answering(endpoint.answer) as url,
        LambdaTransport(upstream(url), TransportSettings()) as transport,
    ):
        assert [await call(transport, one) for one in FUNCTIONS] == EXPECTED
    assert [seen.get("x-amz-security-token", "") for seen in endpoint.seen] == [token] * 3
    # What shows nothing of the log, and what Lambda itself does not read.
    assert not any("x-amz-log-type" in seen or "x-tenant" in seen for seen in endpoint.seen)
    assert endpoint.paths == [
        "/2015-03-31/functions/get-prices/invocations?Qualifier=live",
        "/2015-03-31/functions/apply/invocations",
        "/2021-11-15/functions/watch/response-streaming-invocations?Qualifier=live",
    ]


@pytest.mark.slow
async def test_every_call_through_envoy_is_signed() -> None:
    endpoint = Verifying(prices)
    async with answering(endpoint.answer) as url, running_edge(Catalog.of(upstream(url))) as edge:
        settings = TransportSettings(gateway=str(edge.folder / "internal.sock"))
        async with GatewayLambdaTransport(upstream(url), settings) as transport:
            assert [await call(transport, one) for one in FUNCTIONS] == EXPECTED


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["weights: {next: 100}", "matches: [{version: next, header: {name: x-canary, value: 'yes'}}]"]
)
async def test_a_canary_of_a_version_is_called_through_envoy(how: str) -> None:
    rules = canary(
        f"versions: {{next: {{qualifier: '$LATEST'}}}}, {how}",
        target="{kind: Upstream, group: gateway.weft.dev, name: pricing}",
    )
    endpoint = Verifying(prices)
    async with answering(endpoint.answer) as url, running_edge(Catalog.of(upstream(url)), rules) as edge:
        settings = TransportSettings(gateway=str(edge.folder / "internal.sock"))
        async with GatewayLambdaTransport(upstream(url), settings) as transport:
            headers = {**HEADERS, "x-canary": "yes"}
            assert [await call(transport, one, headers) for one in FUNCTIONS] == EXPECTED
    paths = [path.partition("/functions/")[2].replace("%24", "$") for path in endpoint.paths]
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:"
    assert paths == [
        f"{arn}get-prices:$LATEST/invocations",
        f"{arn}apply:$LATEST/invocations",
        "watch/response-streaming-invocations?Qualifier=$LATEST",
    ]


async def test_a_wrong_key_is_refused_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    endpoint = Verifying(prices)
    async with (
        answering(endpoint.answer) as url,
        LambdaTransport(upstream(url), TransportSettings()) as transport,
    ):
        answer = await call(transport, FUNCTIONS[0])
    assert isinstance(answer, LambdaStatus)
    assert (answer.status, answer.passes) == ("AccessDenied", False)
    assert answer.public_message.endswith("Lambda did not accept the credentials")
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("ahead_s", [-7200.0, 3600.0])
async def test_a_clock_that_is_wrong_is_corrected_once(ahead_s: float) -> None:
    endpoint = Verifying(prices, ahead_s=ahead_s)
    async with (
        answering(endpoint.answer) as url,
        LambdaTransport(upstream(url), TransportSettings()) as transport,
    ):
        assert [await call(transport, one) for one in FUNCTIONS] == EXPECTED
        assert len(endpoint.seen) == 4
        endpoint.ahead_s = 0.0  # it was set right
        assert await call(transport, FUNCTIONS[2]) == EXPECTED[2]
        assert len(endpoint.seen) == 6


async def test_credentials_that_expire_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def renew() -> dict[str, str]:
        asked.append("again")
        number = str(len(asked))
        # Each is so near its end that the next call renews it.
        expiry = "2030-01-01T00:00:00Z" if len(asked) > 2 else "2001-01-01T00:00:00Z"
        return {"access_key": number, "secret_key": f"s{number}", "token": "t", "expiry_time": expiry}

    metadata = await renew()
    credentials = AioRefreshableCredentials.create_from_metadata(metadata, renew, "test")

    async def found(self: Any) -> Any:
        return credentials

    monkeypatch.setattr("aiobotocore.session.AioSession.get_credentials", found)
    endpoint = Verifying(prices, secrets={"2": "s2", "3": "s3"})
    async with (
        answering(endpoint.answer) as url,
        LambdaTransport(upstream(url), TransportSettings()) as transport,
    ):
        first = await call(transport, FUNCTIONS[0])
        assert isinstance(first, UpstreamUnreachable)  # the second is spent as well
        for _ in range(3):
            assert await call(transport, FUNCTIONS[0]) == EXPECTED[0]
    assert len(asked) == 3
    assert {seen["authorization"].partition("Credential=")[2][:2] for seen in endpoint.seen} == {"3/"}


async def test_a_role_that_may_not_be_assumed_is_told_in_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def sts(request: web.Request) -> web.Response:
        text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>arn:aws:iam no</Message></Error></ErrorResponse>"
        return web.Response(status=403, text=text, content_type="text/xml")

    (tmp_path / "token").write_text("token")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/calls")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    async with answering(sts) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        async with LambdaTransport(upstream("http://lambda.invalid"), TransportSettings()) as transport:
            answer = await call(transport, FUNCTIONS[0])
    assert isinstance(answer, UpstreamUnreachable)
    assert not answer.passes
    assert "AccessDenied" in answer.detail
    assert "arn:" not in answer.public_message
    assert [record.message for record in caplog.records if record.name.startswith("weft")] == [
        "call not signed"
    ]


@pytest.mark.parametrize(
    ("environment", "region", "url"),
    [
        ({}, "eu-west-1", "https://lambda.eu-west-1.amazonaws.com"),
        ({}, "cn-north-1", "https://lambda.cn-north-1.amazonaws.com.cn"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "eu-west-1", "https://lambda.eu-west-1.api.aws"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "us-east-1", "https://lambda-fips.us-east-1.amazonaws.com"),
        (
            {"AWS_ENDPOINT_URL_LAMBDA": "https://vpce-1.lambda.test"},
            "eu-west-1",
            "https://vpce-1.lambda.test",
        ),
    ],
    ids=["regional", "China", "dual stack", "FIPS", "replaced"],
)
async def test_the_endpoint_is_the_one_that_botocore_resolves(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], region: str, url: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = await AwsSession(region=region).service("lambda")
    assert (service.url, service.region) == (url, region)


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        asked.append(f"{request.raw_path} for {request.headers['Host']}")
        return await prices(request)

    async with answering(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        async with LambdaTransport(upstream("http://lambda.test"), TransportSettings()) as transport:
            assert [await call(transport, one) for one in FUNCTIONS[:2]] == EXPECTED[:2]
    assert asked[0] == (
        "http://lambda.test/2015-03-31/functions/get-prices/invocations?Qualifier=live for lambda.test"
    )


async def test_an_endpoint_may_have_a_path_of_its_own() -> None:
    endpoint = Verifying(prices)
    async with answering(endpoint.answer) as url:
        async with LambdaTransport(upstream(f"{url}/a b/lambda/"), TransportSettings()) as transport:
            answer = await call(transport, FUNCTIONS[0])
        assert isinstance(answer, UpstreamError)
        async with LambdaTransport(upstream(f"{url}/base/lambda/"), TransportSettings()) as transport:
            assert await call(transport, FUNCTIONS[0]) == EXPECTED[0]
    assert endpoint.paths == ["/base/lambda/2015-03-31/functions/get-prices/invocations?Qualifier=live"]


async def test_the_certificates_to_trust_are_those_of_the_aws_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path)
    endpoint = Verifying(prices)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", endpoint.answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=authority.server_context())
    try:
        url = f"https://localhost:{server.port}"
        async with LambdaTransport(upstream(url), TransportSettings()) as transport:
            assert isinstance(await call(transport, FUNCTIONS[0]), UpstreamUnreachable)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.ca_file))
        async with LambdaTransport(upstream(url), TransportSettings()) as transport:
            assert await call(transport, FUNCTIONS[0]) == EXPECTED[0]
    finally:
        await server.close()


@pytest.mark.parametrize(
    "endpoint", ["ftp://lambda.test", "https://", "http://[::1", "http://lambda.test:port"]
)
async def test_an_endpoint_that_is_no_url_is_an_error(endpoint: str) -> None:
    async with LambdaTransport(upstream(endpoint), TransportSettings()) as transport:
        answer = await call(transport, FUNCTIONS[0])
    assert isinstance(answer, UpstreamUnreachable)
    assert not answer.passes


@pytest.mark.slow
@pytest.mark.parametrize("idempotent", [True, False])
async def test_envoy_repeats_a_throttled_call_that_was_not_begun_when_it_is_asked_to(
    idempotent: bool,
) -> None:
    times: list[float] = []

    async def throttled_once(request: web.Request) -> web.StreamResponse:
        times.append(asyncio.get_running_loop().time())
        if len(times) > 1:
            return await prices(request)
        headers = {"X-Amzn-ErrorType": "TooManyRequestsException", "Retry-After": "1"}
        return web.json_response({"message": "Rate Exceeded."}, status=429, headers=headers)

    read = msgspec.structs.replace(FUNCTIONS[0], idempotent=idempotent)
    async with answering(throttled_once) as url:
        known = msgspec.structs.replace(upstream(url), functions=(read,))
        async with running_edge(Catalog.of(known)) as edge:
            settings = TransportSettings(gateway=str(edge.folder / "internal.sock"))
            async with GatewayLambdaTransport(known, settings) as transport:
                answer = await call(transport, read)
    assert answer == EXPECTED[0]
    assert times[1] - times[0] > 0.9


ASSUMED = """<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>of the role</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2050-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>a:b</AssumedRoleId>
<Arn>arn:aws:sts::123456789012:assumed-role/calls/b</Arn></AssumedRoleUser></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


async def test_calls_are_signed_with_the_credentials_of_an_assumed_role(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def sts(request: web.Request) -> web.Response:
        asked.append((await request.text()).partition("&")[0])
        return web.Response(text=ASSUMED, content_type="text/xml")

    (tmp_path / "token").write_text("token")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/calls")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    endpoint = Verifying(prices, secrets={"ASIAROLE": "of the role"})
    async with answering(sts) as tokens, answering(endpoint.answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", tokens)
        async with LambdaTransport(upstream(url), TransportSettings()) as transport:
            assert [await call(transport, one) for one in FUNCTIONS] == EXPECTED
    assert asked == ["Action=AssumeRoleWithWebIdentity"]
    assert {seen["x-amz-security-token"] for seen in endpoint.seen} == {"t"}
