"""Transports: one client for each wire.

In: a function and its arguments, under their wire names. Out: the decoded answer, as JSON values, or the
``UpstreamError`` that stands in its place.

- ``base``: what every transport is and is given.
- ``http``: OpenAPI operations, on aiohttp.
- ``grpc``: gRPC methods, on grpc.aio.
- ``aws_lambda``: Lambda functions, on aiobotocore.
"""

from .base import Transport, TransportSettings

__all__ = ["Transport", "TransportSettings"]
