"""What a look makes of the permissions that it has: policies are moto's to judge."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from moto.iam.access_control import IAMRequestBase
from moto.server import ThreadedMotoServer

from tests.support.aws_answers import without_credentials
from tests.support.local_lambda import package
from weft.discovery.detectors import Detected, Detection, TryLater
from weft.discovery.detectors.aws_lambda import LambdaDetector
from weft.discovery.registries import Candidate, LambdaAddress, LambdaQualifiers
from weft.engine.transport.aws_clients import AwsSession

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

REGION = "eu-west-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:*"}
        ],
    }
)


class Account:
    """An account of moto's with one function, and a user of it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, iam: Any, key: dict[str, str]) -> None:
        self.url = url
        self.key = key
        self._session = session
        self._iam = iam

    async def look(self, *actions: str, qualifiers: LambdaQualifiers | None = None) -> Detection:
        """What a look finds that may do *actions* and nothing else."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self._iam.put_user_policy(UserName="weft", PolicyName="looks", PolicyDocument=document)
        await self._judge_after(0)
        address = LambdaAddress(REGION, endpoint=self.url, qualifiers=qualifiers or LambdaQualifiers())
        deadline = asyncio.get_running_loop().time() + 20
        try:
            return await LambdaDetector(attempts=1).detect(Candidate(address), memo=None, deadline=deadline)
        finally:
            await self._judge_after(10**9)

    async def _judge_after(self, actions: int) -> None:
        async with self._session.post(f"{self.url}/moto-api/reset-auth", data=str(actions)) as answer:
            answer.raise_for_status()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Account]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    url = "http://{}:{}".format(*moto.get_host_and_port())
    patch = pytest.MonkeyPatch()
    # moto signs the requests of clients anew with headers that they do not send, and finds a difference.
    patch.setattr(IAMRequestBase, "check_signature", lambda self: None)
    try:
        session = AwsSession(region=REGION, endpoint=url)
        async with aiohttp.ClientSession() as http, await session.client("iam") as iam:
            async with http.post(f"{url}/moto-api/config", json={"lambda": {"use_docker": False}}) as answer:
                answer.raise_for_status()
            role = await iam.create_role(RoleName="runs", AssumeRolePolicyDocument=TRUST)
            async with await session.client("lambda") as functions:
                await functions.create_function(
                    FunctionName="get-a",
                    Runtime="python3.13",
                    Role=role["Role"]["Arn"],
                    Handler="app.handler",
                    Code={"ZipFile": package("")},
                    Tags={"weft:schema": "s3://shop/get-a.json"},
                )
            await iam.create_user(UserName="weft")
            key = (await iam.create_access_key(UserName="weft"))["AccessKey"]
            yield Account(url, http, iam, key)
    finally:
        patch.undo()
        await asyncio.to_thread(moto.stop)


@pytest.fixture
def account(running: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    without_credentials(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", running.key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", running.key["SecretAccessKey"])
    return running


async def warnings_of(account: Account, *actions: str) -> list[str]:
    found = await account.look("lambda:ListFunctions", *actions)
    assert isinstance(found, Detected)
    assert [function.name for function in found.upstream.functions] == ["get_a"]
    return [warning.reason for warning in found.upstream.warnings]


async def test_without_the_list_nothing_is_known(account: Account) -> None:
    found = await account.look("lambda:ListTags")
    assert found == TryLater("not allowed to list functions (lambda:ListFunctions)")


async def test_the_list_is_enough_for_functions_without_types(account: Account) -> None:
    assert await warnings_of(account) == [
        "the tags of get-a cannot be read (tag:GetResources: AccessDenied; lambda:ListTags: AccessDenied)"
    ]


# moto's name for what AWS calls tag:GetResources.
@pytest.mark.parametrize("tags", ["tagging:GetResources", "lambda:ListTags"])
async def test_either_permission_reads_tags(account: Account, tags: str) -> None:
    assert await warnings_of(account, tags) == [
        "s3://shop/get-a.json cannot be read (s3:GetObject): AccessDenied"
    ]


async def test_aliases_take_a_permission_of_their_own(account: Account) -> None:
    live = LambdaQualifiers(aliases=("live",))
    found = await account.look("lambda:ListFunctions", "lambda:ListTags", qualifiers=live)
    assert found == TryLater("the aliases of get-a cannot be read (lambda:ListAliases: AccessDenied)")
    found = await account.look(
        "lambda:ListFunctions", "lambda:ListTags", "lambda:ListAliases", qualifiers=live
    )
    assert isinstance(found, Detected)
    assert [warning.kind for warning in found.upstream.warnings] == ["no-alias"]
