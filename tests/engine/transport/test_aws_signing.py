"""Signatures of requests to AWS are those that botocore makes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session

from weft.engine.transport.aws_signing import Signer
from weft.engine.transport.lambda_requests import invoke_path, invoke_query
from weft.schemas.catalog import Function, FunctionId, LambdaBinding, UpstreamId

NOON = 1_790_000_000.0
HOST = "lambda.eu-west-1.amazonaws.com"
CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None)
TEMPORARY = ReadOnlyCredentials("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "to/ken+==", None)
BINDINGS = {
    "name": LambdaBinding(function_name="pricing-get_prices.v2"),
    "alias": LambdaBinding(function_name="pricing", qualifier="live"),
    "latest": LambdaBinding(function_name="pricing", qualifier="$LATEST"),
    "arn": LambdaBinding(function_name="arn:aws:lambda:eu-west-1:123456789012:function:pricing:live"),
    "stream": LambdaBinding(function_name="pricing", qualifier="7", invocation="stream"),
}
HEADERS = {
    "plain": {"content-type": "application/json", "host": HOST},
    "context": {"content-type": "application/json", "host": HOST, "x-amz-client-context": "eyJhIjoxfQ=="},
    "event": {"content-type": "application/json", "host": HOST, "x-amz-invocation-type": "Event"},
}


def function(binding: LambdaBinding) -> Function:
    return Function(id=FunctionId("a.b"), upstream=UpstreamId("a"), name="b", binding=binding)


def own(
    binding: LambdaBinding, headers: dict[str, str], body: bytes, credentials: Any, now: float = NOON
) -> dict[str, str]:
    signer = Signer("lambda", "eu-west-1", now=lambda: now)
    target = signer.target("POST", invoke_path(function(binding), binding), invoke_query(binding))
    return signer.sign(target, headers, body, credentials)


def botocores(
    binding: LambdaBinding, headers: dict[str, str], body: bytes, credentials: Any, stamp: str
) -> AWSRequest:
    """The same request, by ``add_auth``, whose clock says *stamp*."""
    path = invoke_path(function(binding), binding)
    url = f"https://{HOST}{path}"
    params = invoke_query(binding)
    request = AWSRequest("POST", url, headers=headers, data=body, params=params)
    auth: Any = SigV4Auth(credentials, "lambda", "eu-west-1")
    request.context["timestamp"] = stamp
    auth._modify_request_before_signing(request)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    auth._inject_signature_to_request(request, signature)
    return request


@pytest.mark.parametrize("credentials", [CREDENTIALS, TEMPORARY], ids=["keys", "token"])
@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("body", [b"{}", '{"a":"ü"}'.encode()], ids=["empty", "text"])
def test_headers_are_those_of_botocore(binding: str, headers: str, credentials: Any, body: bytes) -> None:
    made = own(BINDINGS[binding], HEADERS[headers], body, credentials)
    expected = botocores(BINDINGS[binding], HEADERS[headers], body, credentials, made["x-amz-date"])
    assert made == {name.lower(): value for name, value in expected.headers.items()}


@pytest.mark.parametrize("binding", BINDINGS)
def test_paths_are_those_of_botocore(binding: str) -> None:
    """botocore's own client writes the request that is compared."""
    session = Session()
    session.set_credentials("a", "b")
    client = session.create_client("lambda", "eu-west-1")
    seen: list[Any] = []

    class Stop(Exception):
        pass

    def stop(request: Any, **_: Any) -> None:
        seen.append(request)
        raise Stop

    client.meta.events.register("before-send.lambda", stop)
    one = BINDINGS[binding]
    call = client.invoke_with_response_stream if one.invocation == "stream" else client.invoke
    with pytest.raises(Stop):
        call(
            FunctionName=one.function_name,
            Payload=b"{}",
            **({"Qualifier": one.qualifier} if one.qualifier else {}),
        )
    signer = Signer("lambda", "eu-west-1")
    target = signer.target("POST", invoke_path(function(one), one), invoke_query(one))
    assert seen[0].url == f"https://{HOST}{target.target}"


def test_the_key_is_derived_anew_with_the_day_and_with_the_secret() -> None:
    now = [NOON]
    signer = Signer("lambda", "eu-west-1", now=lambda: now[0])
    binding = BINDINGS["name"]
    target = signer.target("POST", invoke_path(function(binding), binding), {})
    other = ReadOnlyCredentials("AKIDEXAMPLE", "another", None, None)
    for moment in (NOON, NOON + 86_400, NOON):
        now[0] = moment
        for credentials in (CREDENTIALS, other):
            made = signer.sign(target, HEADERS["plain"], b"{}", credentials)
            expected = botocores(binding, HEADERS["plain"], b"{}", credentials, made["x-amz-date"])
            assert made["authorization"] == expected.headers["Authorization"]


def test_keys_that_are_kept_do_not_add_up() -> None:
    signer = Signer("lambda", "eu-west-1", now=lambda: NOON)
    target = signer.target("POST", "/", {})
    for number in range(200):
        credentials = ReadOnlyCredentials("a", f"secret {number}", None, None)
        signer.sign(target, HEADERS["plain"], b"", credentials)
    assert len(signer._auth._kept) <= 64


def test_the_clock_is_corrected_where_it_matters() -> None:
    signer = Signer("lambda", "eu-west-1", now=lambda: NOON)
    assert not signer.correct_clock(NOON + 240, tolerance_s=240)
    assert signer.correct_clock(NOON + 3600, tolerance_s=240)
    assert signer.ahead_s == 3600
    assert not signer.correct_clock(NOON + 3700, tolerance_s=240)
    target = signer.target("POST", "/", {})
    assert signer.sign(target, HEADERS["plain"], b"", CREDENTIALS)["x-amz-date"] == "20260921T151320Z"
