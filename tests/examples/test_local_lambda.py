"""The pricing service of the shop example, and the local Lambda service that it runs on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from tests.support.local_lambda import REGION, SCRIPT, LocalLambda, local_lambda, package
from tests.support.processes import ROOT, running_process

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SCHEMAS = {path.stem: path.read_bytes() for path in (ROOT / SCRIPT).parent.glob("schemas/*.json")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def functions(service: LocalLambda) -> AsyncIterator[Any]:
    async with service.client() as client:
        yield client


async def invoke(functions: Any, name: str, event: object = None, **options: Any) -> Any:
    answer = await functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    assert "FunctionError" not in answer
    return json.loads(await answer["Payload"].read())


async def fail(functions: Any, name: str) -> dict[str, Any]:
    """What a function that fails answers; its error is marked as AWS marks it."""
    answer = await functions.invoke(FunctionName=name, Payload=b"{}")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    payload: dict[str, Any] = json.loads(await answer["Payload"].read())
    return payload


# -- the pricing service


async def test_prices_come_in_reverse_and_unknown_products_are_left_out(functions: Any) -> None:
    answer = await invoke(functions, "pricing-get-prices", {"productIds": ["p-1", "p-0", "p-2"]})
    assert answer == {
        "prices": [
            {"productId": "p-2", "amount": 19.99, "currency": "GBP"},
            {"productId": "p-1", "amount": 12.49, "currency": "USD"},
        ]
    }


async def test_forty_products_have_a_price(functions: Any) -> None:
    ids = [f"p-{number}" for number in range(50)]
    answer = await invoke(functions, "pricing-get-prices", {"productIds": ids})
    assert {price["productId"] for price in answer["prices"]} == {f"p-{number}" for number in range(1, 41)}


async def test_shipping_abroad_costs_more(functions: Any) -> None:
    home = await invoke(functions, "pricing-quote-shipping", {"country": "NL", "weightGrams": 1200})
    far = await invoke(functions, "pricing-quote-shipping", {"country": "JP", "weightGrams": 1200})
    assert home == {"amount": 6.35, "currency": "EUR", "days": 1}
    assert far["amount"] > home["amount"]


async def test_a_process_serves_more_than_one_event(functions: Any) -> None:
    event = {"orderId": "o-1", "code": "STAFF30"}
    first = await invoke(functions, "pricing-apply-discount", event)
    second = await invoke(functions, "pricing-apply-discount", event)
    assert second["uses"] == first["uses"] + 1


async def test_echo_answers_what_it_is_sent(functions: Any) -> None:
    assert await invoke(functions, "pricing-echo", ["ü", None]) == ["ü", None]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
async def test_a_tag_points_to_the_schema(service: LocalLambda, functions: Any, name: str) -> None:
    found = await functions.get_function(FunctionName=name)
    bucket, _, key = found["Tags"]["schema"].removeprefix("s3://").partition("/")
    async with service.client("s3") as s3:
        stored = await s3.get_object(Bucket=bucket, Key=key)
        assert await stored["Body"].read() == SCHEMAS[name]


# -- the local Lambda service


async def test_a_raised_exception_is_a_function_error(functions: Any) -> None:
    error = await fail(functions, "pricing-apply-discount")
    assert error["errorType"] == "KeyError"


@pytest.mark.parametrize(
    ("name", "code", "kind", "message"),
    [
        ("exits", "import os\ndef handler(e, c): os._exit(3)", "Runtime.ExitError", "exit status 3"),
        (
            "ends",
            "import os\ndef handler(e, c): os._exit(0)",
            "Runtime.ExitError",
            "without providing a reason",
        ),
        ("killed", "import os\ndef handler(e, c): os.kill(os.getpid(), 9)", "Runtime.ExitError", "SIGKILL"),
        (
            "sleeps",
            "import time\ndef handler(e, c): time.sleep(60)",
            "Sandbox.Timedout",
            "after 1.00 seconds",
        ),
        ("unmarshallable", "def handler(e, c): return object()", "Runtime.MarshalError", "not JSON"),
        ("unimportable", "import nowhere", "Runtime.ImportModuleError", "nowhere"),
        ("unreadable", "def", "Runtime.UserCodeSyntaxError", "invalid syntax"),
        ("handlerless", "", "Runtime.HandlerNotFound", "handler"),
    ],
)
async def test_a_failure_is_answered_as_aws_does(
    service: LocalLambda, functions: Any, name: str, code: str, kind: str, message: str
) -> None:
    await service.create(name, code=code, timeout_s=1)
    error = await fail(functions, name)
    assert error["errorType"] == kind
    assert message in error["errorMessage"]


async def test_a_crashed_function_is_started_again(service: LocalLambda, functions: Any) -> None:
    await service.create("fragile", code="import os\ndef handler(e, c): return e or os._exit(1)")
    await fail(functions, "fragile")
    assert await invoke(functions, "fragile", {"a": 1}) == {"a": 1}


async def test_a_function_that_timed_out_is_started_again(service: LocalLambda, functions: Any) -> None:
    code = "import time\ndef handler(e, c): return e or time.sleep(60)"
    await service.create("tired", code=code, timeout_s=1)
    await fail(functions, "tired")
    assert await invoke(functions, "tired", {"a": 1}) == {"a": 1}


async def test_new_code_is_run(service: LocalLambda, functions: Any) -> None:
    await service.create("renewed", code="def handler(e, c): return 1")
    assert await invoke(functions, "renewed") == 1
    await functions.update_function_code(
        FunctionName="renewed", ZipFile=package("def handler(e, c): return 2")
    )
    assert await invoke(functions, "renewed") == 2


async def test_the_context_says_what_aws_says(service: LocalLambda, functions: Any) -> None:
    code = "def handler(e, c): return [c.function_name, c.invoked_function_arn, c.client_context.custom]"
    await service.create("context", code=code)
    client_context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    answer = await invoke(functions, "context", ClientContext=client_context)
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:context"
    assert answer == ["context", arn, {"a": "b"}]


async def test_an_unknown_function_is_not_found(functions: Any) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        await invoke(functions, "nobody")


async def test_a_payload_that_is_no_json_is_refused(functions: Any) -> None:
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        await functions.invoke(FunctionName="pricing-echo", Payload=b"{")


@pytest.mark.parametrize(
    "name",
    [
        "pricing-echo",
        "pricing-echo:$LATEST",
        "123456789012:function:pricing-echo",
        f"arn:aws:lambda:{REGION}:123456789012:function:pricing-echo",
    ],
)
async def test_a_function_has_many_names(functions: Any, name: str) -> None:
    assert await invoke(functions, name, 1) == 1


async def test_an_alias_can_be_invoked(functions: Any) -> None:
    version = await functions.publish_version(FunctionName="pricing-echo")
    await functions.create_alias(FunctionName="pricing-echo", Name="live", FunctionVersion=version["Version"])
    assert await invoke(functions, "pricing-echo", 1, Qualifier="live") == 1


async def test_another_alias_is_not_found(functions: Any) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        await invoke(functions, "pricing-echo", Qualifier="dead")


async def test_each_region_has_functions_of_its_own(service: LocalLambda) -> None:
    async with service.client(region="us-east-1") as functions:
        assert (await functions.list_functions())["Functions"] == []


async def test_functions_are_listed_by_fifty(service: LocalLambda) -> None:
    region = "us-west-2"
    await service.create(*(f"f-{number:03}" for number in range(101)), region=region)
    async with service.client(region=region) as functions:
        pages = [
            page async for page in functions.get_paginator("list_functions").paginate(PaginationConfig={})
        ]
    assert [len(page["Functions"]) for page in pages] == [50, 50, 1]
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert names == [f"f-{number:03}" for number in range(101)]


async def test_a_marker_that_it_did_not_give_is_refused(functions: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        await functions.list_functions(Marker="ü")


async def test_each_invoke_is_printed_and_nothing_else() -> None:
    async with local_lambda() as service, service.client() as functions:
        await functions.list_functions()
        await invoke(functions, "pricing-echo")
        await invoke(functions, "pricing-get-prices", {"productIds": []})
        assert await service.process.calls_once(2) == ["pricing-echo", "pricing-get-prices"]
        with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
            await invoke(functions, "nobody")
    assert service.process.lines[1:] == ["call pricing-echo", "call pricing-get-prices"]


async def process_of(functions: Any) -> int:
    answer = await invoke(functions, "process")
    assert isinstance(answer, int)
    return answer


async def test_it_is_ready_and_gone_quickly() -> None:
    begun = time.monotonic()
    async with running_process([SCRIPT, "--port", "0"]):
        ready = time.monotonic()
    assert (ready - begun < 4, time.monotonic() - ready < 2) == (True, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_its_functions_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # what is killed leaves its files behind
    async with local_lambda(env=env) as service, service.client() as functions:
        await service.create("process", code="import os\ndef handler(e, c): return os.getpid()")
        process = await process_of(functions)
        service.process.process.send_signal(number)
        await service.process.process.wait()
    assert await asyncio.to_thread(_ends, process)


def _ends(process: int, *, timeout_s: float = 5.0) -> bool:
    begun = time.monotonic()
    while _is_running(process):
        if time.monotonic() - begun > timeout_s:
            return False
        time.sleep(0.01)
    return True


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A container may have nobody who waits for orphans: they stay as zombies.
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
