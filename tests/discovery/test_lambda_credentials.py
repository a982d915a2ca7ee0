"""Each source of AWS's standard chain of credentials signs what is asked of Lambda."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.aws_answers import answering, without_credentials
from tests.support.aws_proxy import AwsProxy, aws_proxy
from tests.support.local_lambda import local_lambda
from weft.discovery.detectors import Detected, TryLater
from weft.discovery.detectors.aws_lambda import LambdaDetector
from weft.discovery.registries import Candidate, LambdaAddress
from weft.engine.transport.aws_clients import AwsSession
from weft.schemas.catalog import AssumedRole, Catalog
from weft.schemas.catalog.snapshot import Snapshot, encode_snapshot

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROLE = AssumedRole(arn="arn:aws:iam::222222222222:role/weft", external_id="e-1")
Environ = Callable[..., None]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def before() -> AsyncIterator[AwsProxy]:
    async with local_lambda() as service, aws_proxy(service.url) as running:
        yield running


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environ:
    without_credentials(monkeypatch, tmp_path)

    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def proxy(before: AwsProxy, environ: Environ) -> AwsProxy:
    before.forget()
    # As AWS itself would stand there: none of our settings replaces an endpoint.
    environ(AWS_ENDPOINT_URL=before.url)
    return before


async def signing_keys(proxy: AwsProxy, **address: Any) -> set[str]:
    """Access keys of what a look asks of Lambda."""
    deadline = asyncio.get_running_loop().time() + 20
    candidate = Candidate(LambdaAddress("eu-west-1", **address))
    found = await LambdaDetector(attempts=1).detect(candidate, memo=None, deadline=deadline)
    assert isinstance(found, Detected), found
    assert len(found.upstream.functions) == 4 or address
    asked = zip(proxy.asked, proxy.keys, strict=True)
    return {key for what, key in asked if what.startswith("lambda ")}


def expiring(key: str, *, minutes: float = 60) -> dict[str, str]:
    """Credentials, as containers and instances are given them."""
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": key,
        "SecretAccessKey": "s3cret",
        "Token": "t0ken",
        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def test_the_environment_signs(proxy: AwsProxy, environ: Environ) -> None:
    environ(AWS_ACCESS_KEY_ID="AKIDENVIRONMENT", AWS_SECRET_ACCESS_KEY="s3cret")
    assert await signing_keys(proxy) == {"AKIDENVIRONMENT"}


async def test_a_profile_signs(proxy: AwsProxy, environ: Environ, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[shop]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s3cret\n")
    environ(AWS_SHARED_CREDENTIALS_FILE=str(file), AWS_PROFILE="shop")
    assert await signing_keys(proxy) == {"AKIDPROFILE"}


async def test_a_profile_of_the_settings_wins_over_the_environment(
    proxy: AwsProxy, environ: Environ, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[shop]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s3cret\n")
    environ(AWS_SHARED_CREDENTIALS_FILE=str(file))
    environ(AWS_ACCESS_KEY_ID="AKIDENVIRONMENT", AWS_SECRET_ACCESS_KEY="s3cret")
    assert await signing_keys(proxy, profile="shop") == {"AKIDPROFILE"}


async def test_a_profile_that_is_not_there_is_named(proxy: AwsProxy) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    candidate = Candidate(LambdaAddress("eu-west-1", profile="shop"))
    found = await LambdaDetector(attempts=1).detect(candidate, memo=None, deadline=deadline)
    assert isinstance(found, TryLater)
    assert found.reason.startswith("The config profile (shop) could not be found; profiles are in")


async def test_a_profile_with_a_role_signs_in_that_role(
    proxy: AwsProxy, environ: Environ, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_text(
        "[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s3cret\n"
        f"[profile shop]\nrole_arn = {ROLE.arn}\nsource_profile = base\n"
    )
    environ(AWS_CONFIG_FILE=str(file), AWS_PROFILE="shop")
    (key,) = await signing_keys(proxy, profile="")
    assert proxy.asked[0] == "sts POST AssumeRole"
    assert proxy.keys[0] == "AKIDBASE" != key


async def test_a_web_identity_signs_as_on_eks(proxy: AwsProxy, environ: Environ, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    environ(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN=ROLE.arn)
    (key,) = await signing_keys(proxy, profile="")
    assert proxy.asked[0] == "? POST AssumeRoleWithWebIdentity"
    assert key.startswith("ASIA")


async def test_a_container_signs_as_on_ecs_and_with_pod_identity(
    proxy: AwsProxy, environ: Environ, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("pod-t0ken")
    shown: list[str] = []

    async def agent(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization", ""))
        return web.json_response(expiring("AKIDCONTAINER"))

    async with answering(agent) as url:
        environ(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/v1/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token),
        )
        assert await signing_keys(proxy) == {"AKIDCONTAINER"}
    assert shown == ["pod-t0ken"]


async def test_an_instance_signs(proxy: AwsProxy, environ: Environ) -> None:
    async def metadata(request: web.Request) -> web.Response:
        if request.path == "/latest/api/token":
            return web.Response(text="imds-t0ken")
        assert request.headers["X-aws-ec2-metadata-token"] == "imds-t0ken"
        if request.path.rstrip("/").endswith("security-credentials"):
            return web.Response(text="runs")
        return web.json_response(expiring("AKIDINSTANCE"))

    async with answering(metadata) as url:
        environ(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
        assert await signing_keys(proxy) == {"AKIDINSTANCE"}


async def test_a_role_is_assumed_with_what_the_chain_has(
    proxy: AwsProxy, environ: Environ, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    environ(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN="arn:aws:iam::111111111111:role/pod")
    await signing_keys(proxy, role=ROLE)
    assert proxy.asked[:2] == ["? POST AssumeRoleWithWebIdentity", "sts POST AssumeRole"]
    assert proxy.keys[1].startswith("ASIA")
    assert proxy.keys[1] not in proxy.keys[2:]


async def test_credentials_are_renewed_before_they_end(environ: Environ) -> None:
    given = iter(["AKIDFIRST", "AKIDSECOND", "AKIDTHIRD"])
    minutes = 5.0

    async def agent(request: web.Request) -> web.Response:
        return web.json_response(expiring(next(given), minutes=minutes))

    async with answering(agent) as url:
        environ(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/v1/credentials")
        service = await AwsSession(region="eu-west-1").service("lambda")
        minutes = 60
        assert (await service.credentials.get_frozen_credentials()).access_key == "AKIDSECOND"
        assert (await service.credentials.get_frozen_credentials()).access_key == "AKIDSECOND"


class Sts:
    """STS, whose sessions end soon or late."""

    def __init__(self) -> None:
        self.minutes = 60.0
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        expires = (datetime.now(UTC) + timedelta(minutes=self.minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>ASIA{len(self.asked)}</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>"
            f"<SessionToken>t0ken</SessionToken><Expiration>{expires}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>arn:aws:sts::222222222222:assumed-role/weft/weft</Arn>"
            "<AssumedRoleId>a</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
        )
        return web.Response(text=text, content_type="text/xml")


async def test_a_role_is_assumed_again_before_its_session_ends(environ: Environ) -> None:
    environ(AWS_ACCESS_KEY_ID="AKIDBASE", AWS_SECRET_ACCESS_KEY="s3cret")
    sts = Sts()
    sts.minutes = 10
    async with answering(sts.answer) as url:
        environ(AWS_ENDPOINT_URL_STS=url)
        service = await AwsSession(region="eu-west-1", role=ROLE).service("lambda")
        assert sts.asked == []
        assert (await service.credentials.get_frozen_credentials()).access_key == "ASIA1"
        sts.minutes = 60
        assert (await service.credentials.get_frozen_credentials()).access_key == "ASIA2"
        assert (await service.credentials.get_frozen_credentials()).access_key == "ASIA2"
    first = sts.asked[0]
    assert (first["RoleArn"], first["ExternalId"], first["RoleSessionName"]) == (ROLE.arn, "e-1", "weft")


async def test_a_session_that_has_not_ended_is_used_while_sts_is_away(environ: Environ) -> None:
    environ(AWS_ACCESS_KEY_ID="AKIDBASE", AWS_SECRET_ACCESS_KEY="s3cret")
    sts = Sts()
    sts.minutes = 14  # renewed from 15 minutes before the end on, and needed from 10
    async with answering(sts.answer) as url:
        environ(AWS_ENDPOINT_URL_STS=url)
        service = await AwsSession(region="eu-west-1", role=ROLE).service("lambda")
        assert (await service.credentials.get_frozen_credentials()).access_key == "ASIA1"
    assert (await service.credentials.get_frozen_credentials()).access_key == "ASIA1"


async def test_a_snapshot_holds_no_secret(proxy: AwsProxy, environ: Environ) -> None:
    environ(AWS_ACCESS_KEY_ID="AKIDENVIRONMENT", AWS_SECRET_ACCESS_KEY="s3cret")
    deadline = asyncio.get_running_loop().time() + 20
    candidate = Candidate(LambdaAddress("eu-west-1", role=ROLE))
    found = await LambdaDetector(attempts=1).detect(candidate, memo=None, deadline=deadline)
    assert isinstance(found, Detected)
    text = encode_snapshot(Snapshot(catalog=Catalog.of(found.upstream))).decode()
    assert ROLE.arn in text
    assert json.loads(text)["snapshot"]["catalog"]["upstreams"][0]["target"]["role"]["external_id"] == "e-1"
    for secret in ("AKIDENVIRONMENT", "s3cret", "ASIA"):
        assert secret not in text
