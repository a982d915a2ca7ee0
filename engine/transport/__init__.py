"""Transports: one client for each wire.

In: a function and its arguments, under their wire names. Out: the decoded answer, as JSON values, or the
``UpstreamError`` that stands in its place.

- ``base``: what every transport is and is given.
- ``http1``: HTTP/1.1 connections, kept in pools; ``http_proxy``: the same through a proxy;
  ``proxies``: which proxy, if any; ``http_client``: one or the other.
- ``credentials``: what an upstream is shown; ``tokens``: access tokens, fetched and renewed.
- ``http``: OpenAPI operations. ``http_writer`` writes requests as bytes, ``http_target`` the target of plain
  ones; ``http_request`` builds all others (``http_styles`` their parameters, ``http_bodies`` their body,
  ``http_xml`` XML); ``http_answer`` and ``http_items`` read what comes back.
- ``hooks``: events that upstreams send.
- ``grpc``: gRPC methods, on grpc.aio. ``grpc_channel`` opens channels, ``grpc_messages`` makes and reads
  messages (``grpc_requests`` makes plain ones, ``grpc_json`` prints answers), ``grpc_metadata`` makes metadata of
  headers, ``grpc_errors`` reads error statuses and their details.
- ``aws_lambda``: Lambda functions, by requests that ``aws_signing`` signs with the credentials of
  ``aws_clients``, ``aws_roles`` where a role is assumed; ``lambda_gateway``: the same through a gateway. Both are ``lambda_calls``: ``lambda_requests`` is
  what is sent, ``lambda_events`` payloads of many inputs and events of API Gateway, ``lambda_answers`` and ``lambda_streams`` read what comes back.
- ``gateway_answer``: what a gateway itself answers.
"""

from .base import Transport, TransportSettings

__all__ = ["Transport", "TransportSettings"]
