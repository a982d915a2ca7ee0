"""What servers say of their errors, and what of it whoever called may see."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from tests.engine.transport.test_grpc import Zoo, running_zoo
from weft.engine.errors import error_extensions
from weft.schemas.errors import GrpcStatus, UpstreamUnreachable


def details_of(*messages: Any) -> tuple[tuple[str, bytes], ...]:
    """Trailers as grpcio-status writes them."""
    status = status_pb2.Status(code=3, message="said")
    for message in messages:
        status.details.add().Pack(message)
    return (("grpc-status-details-bin", status.SerializeToString()),)


async def failed(code: str, trailers: Any = (), **settings: Any) -> Any:
    async def fail(_: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode[code], "said", trailing_metadata=trailers)

    async with running_zoo({"GetPet": fail}, **settings) as zoo:
        assert isinstance(zoo, Zoo)
        return await zoo.call("GetPet")


BAD_REQUEST = error_details_pb2.BadRequest(
    field_violations=[
        {
            "field": "pet_id",
            "description": "is empty",
            "localized_message": {"locale": "de", "message": "leer"},
        }
    ]
)
PRINTED = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    "fieldViolations": [
        {
            "field": "pet_id",
            "description": "is empty",
            "reason": "",
            "localizedMessage": {"locale": "de", "message": "leer"},
        }
    ],
}


async def test_the_status_is_the_code() -> None:
    error = await failed("NOT_FOUND")
    assert error_extensions(error) == {"code": "NOT_FOUND", "upstream": "zoo", "function": "zoo.Zoo.GetPet"}


async def test_details_are_shown_where_they_may_be() -> None:
    error = await failed("INVALID_ARGUMENT", details_of(BAD_REQUEST), show_errors=True)
    assert error_extensions(error)["details"] == [PRINTED]
    assert "said" not in error.public_message


async def test_details_are_hidden_by_default() -> None:
    error = await failed("INVALID_ARGUMENT", details_of(BAD_REQUEST))
    assert "details" not in error_extensions(error)


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        (
            error_details_pb2.ErrorInfo(reason="NO_STOCK", domain="shop", metadata={"sku": "a"}),
            {"reason": "NO_STOCK", "domain": "shop", "metadata": {"sku": "a"}},
        ),
        (
            error_details_pb2.QuotaFailure(violations=[{"subject": "s", "description": "d"}]),
            {"violations": [{"subject": "s", "description": "d"}]},
        ),
        (
            error_details_pb2.PreconditionFailure(
                violations=[{"type": "t", "subject": "s", "description": "d"}]
            ),
            {"violations": [{"type": "t", "subject": "s", "description": "d"}]},
        ),
        (
            error_details_pb2.ResourceInfo(resource_type="t", resource_name="n", owner="o", description="d"),
            {"resourceType": "t", "resourceName": "n", "owner": "o", "description": "d"},
        ),
        (
            error_details_pb2.RequestInfo(request_id="r", serving_data="s"),
            {"requestId": "r", "servingData": "s"},
        ),
        (
            error_details_pb2.Help(links=[{"description": "d", "url": "https://x"}]),
            {"links": [{"description": "d", "url": "https://x"}]},
        ),
        (
            error_details_pb2.LocalizedMessage(locale="de", message="leer"),
            {"locale": "de", "message": "leer"},
        ),
        (error_details_pb2.RetryInfo(retry_delay={"seconds": 2}), {"retryDelay": "2s"}),
        (any_pb2.Any(type_url="x/unknown.Type", value=b"\x01"), {"@type": "x/unknown.Type", "value": "AQ=="}),
    ],
)
async def test_every_kind_of_detail_is_read(message: Any, printed: dict[str, Any]) -> None:
    trailers = details_of(message)
    if isinstance(message, any_pb2.Any):
        status = status_pb2.Status(details=[message])
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    error = await failed("ABORTED", trailers, show_errors=True)
    (found,) = error.details
    expected = {"@type": f"type.googleapis.com/{message.DESCRIPTOR.full_name}", **printed}
    assert found == expected


async def test_stack_traces_are_never_shown() -> None:
    debug = error_details_pb2.DebugInfo(stack_entries=["at line 1"], detail="secret")
    error = await failed("INTERNAL", details_of(debug, BAD_REQUEST), show_errors=True)
    assert error.details == (PRINTED,)


async def test_details_that_cannot_be_read_are_left_out() -> None:
    error = await failed("INTERNAL", (("grpc-status-details-bin", b"\xff\xff"),), show_errors=True)
    assert isinstance(error, GrpcStatus)
    assert error.details == ()


async def test_how_long_a_server_wants_to_be_left_alone_is_told() -> None:
    delay = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))
    error = await failed("UNAVAILABLE", details_of(delay))
    assert isinstance(error, GrpcStatus)
    assert (error.status, error.retry_after_s) == ("UNAVAILABLE", 1.5)


async def test_a_server_that_only_says_unavailable_is_unreachable() -> None:
    assert isinstance(await failed("UNAVAILABLE"), UpstreamUnreachable)
