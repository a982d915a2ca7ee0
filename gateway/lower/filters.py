"""The chain of filters: the same for every listener, whatever is configured.

A listener that changes drops its WebSockets after the drain time. So every filter is there from the start,
switched off, and a route's own configuration switches it on. Filters that take no configuration from routes
(tokens, decisions of others) are extensions that are discovered: they change without the listener. Only logins
change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..resources import Resource, typed

_HTTP: Final = "envoy.extensions.filters.http"

STRIP: Final = "weft.strip"
CORS: Final = "envoy.filters.http.cors"
FAULT: Final = "envoy.filters.http.fault"
JWT: Final = "weft.jwt"
API_KEY: Final = "envoy.filters.http.api_key_auth"
BASIC: Final = "envoy.filters.http.basic_auth"
RBAC: Final = "envoy.filters.http.rbac"
LOCAL_LIMIT: Final = "envoy.filters.http.local_ratelimit"
COST: Final = "weft.cost"
GLOBAL_LIMIT: Final = "envoy.filters.http.ratelimit"
COOKIES: Final = "weft.cookies"
GZIP: Final = "weft.gzip"
BROTLI: Final = "weft.brotli"
ZSTD: Final = "weft.zstd"
SESSION: Final = "envoy.filters.http.stateful_session"
GRPC_WEB: Final = "envoy.filters.http.grpc_web"
BUFFER: Final = "envoy.filters.http.buffer"
USER_LUA: Final = "weft.lua"
BODY: Final = "weft.body"
CHANGE: Final = "weft.change"
CALL: Final = "weft.call"
TRANSCODER: Final = "envoy.filters.http.grpc_json_transcoder"
CREDENTIAL: Final = "weft.credential"
UNSIGNED: Final = "weft.unsigned"
LAMBDA: Final = "envoy.filters.http.aws_lambda"
SIGNING: Final = "envoy.filters.http.aws_request_signing"

USER_HEADER: Final = "x-weft-user"
"""Who logged in by name and password."""

LIMITS_DOMAIN: Final = "weft"

# Envoy wants one: no password has this hash, and each route brings its own users.
_NOBODY: Final = "nobody:{SHA}" + "A" * 27 + "="


_NONE: Final[Mapping[str, Resource]] = {}


def _off(name: str, type_name: str, **fields: Any) -> Resource:
    return {"name": name, "disabled": True, "typed_config": typed(f"{_HTTP}.{type_name}", **fields)}


def _on(name: str, type_name: str, **fields: Any) -> Resource:
    return {"name": name, "typed_config": typed(f"{_HTTP}.{type_name}", **fields)}


def _compressor(name: str, library: str, type_name: str) -> Resource:
    return _off(
        name,
        "compressor.v3.Compressor",
        compressor_library={
            "name": library,
            "typed_config": typed(f"envoy.extensions.compression.{type_name}"),
        },
        response_direction_config={"common_config": {"min_content_length": 256}},
    )


def discovered(name: str, *type_names: str, off: bool = True) -> Resource:
    """A filter whose configuration is a resource of its own, of one of some types."""
    return {
        "name": name,
        **({"disabled": True} if off else {}),
        "config_discovery": {
            "config_source": {"ads": {}, "resource_api_version": "V3"},
            "type_urls": [f"type.googleapis.com/{type_name}" for type_name in type_names],
        },
    }


JWT_TYPE: Final = f"{_HTTP}.jwt_authn.v3.JwtAuthentication"
OAUTH2_TYPE: Final = f"{_HTTP}.oauth2.v3.OAuth2"
EXT_AUTHZ_TYPE: Final = f"{_HTTP}.ext_authz.v3.ExtAuthz"
EXT_PROC_TYPE: Final = f"{_HTTP}.ext_proc.v3.ExternalProcessor"
NOTHING_TYPE: Final = f"{_HTTP}.header_mutation.v3.HeaderMutation"

DECIDING: Final = tuple(f"weft.decide.{number}" for number in range(8))
PROCESSING: Final = tuple(f"weft.process.{number}" for number in range(4))
"""Places for decisions of others, and for processors. They are in the chain before they are used:
connections keep the chain that they were opened with, and would pass what was added after them by."""


def http_filters(
    *, limits: str, has_lambda: bool = False, logins: Mapping[str, Resource] = _NONE
) -> list[Resource]:
    """The chain.

    Args:
        logins: Configurations of filters for logins, by name. They hold secrets that are discovered, which
            Envoy only asks for where the filter itself is not discovered.
        limits: The cluster of the rate limit service; empty for none.
        has_lambda: Whether Lambda functions are called: to sign, Envoy looks for credentials at its start.
    """
    deciding = [
        *(
            {"name": name, "disabled": True, "typed_config": config}
            for name, config in sorted(logins.items())
        ),
        *(discovered(name, EXT_AUTHZ_TYPE, NOTHING_TYPE) for name in DECIDING),
    ]
    processing = [discovered(name, EXT_PROC_TYPE, NOTHING_TYPE) for name in PROCESSING]
    return [
        # Before all others: what tells who somebody is comes from here and not from clients.
        _off(STRIP, "header_mutation.v3.HeaderMutation"),
        _on(CORS, "cors.v3.Cors"),
        _off(FAULT, "fault.v3.HTTPFault"),
        discovered(JWT, JWT_TYPE, off=False),
        _off(API_KEY, "api_key_auth.v3.ApiKeyAuth"),
        _off(
            BASIC,
            "basic_auth.v3.BasicAuth",
            users={"inline_string": _NOBODY},
            forward_username_header=USER_HEADER,
        ),
        *deciding,
        _off(RBAC, "rbac.v3.RBAC"),
        _off(LOCAL_LIMIT, "local_ratelimit.v3.LocalRateLimit", stat_prefix="weft_local_limit"),
        # In front of the global limits, for answers go through the chain from its end: the cost is known then.
        *(
            [
                _off(
                    GLOBAL_LIMIT,
                    "ratelimit.v3.RateLimit",
                    domain=LIMITS_DOMAIN,
                    timeout="0.5s",
                    enable_x_ratelimit_headers="DRAFT_VERSION_03",
                    rate_limit_service={
                        "transport_api_version": "V3",
                        "grpc_service": {"envoy_grpc": {"cluster_name": limits}},
                    },
                )
            ]
            if limits
            else []
        ),
        _off(COST, "header_to_metadata.v3.Config"),
        _off(COOKIES, "header_to_metadata.v3.Config"),
        _compressor(BROTLI, "brotli", "brotli.compressor.v3.Brotli"),
        _compressor(ZSTD, "zstd", "zstd.compressor.v3.Zstd"),
        _compressor(GZIP, "gzip", "gzip.compressor.v3.Gzip"),
        _on(GRPC_WEB, "grpc_web.v3.GrpcWeb"),
        _off(BUFFER, "buffer.v3.Buffer", max_request_bytes=1_000_000),
        *processing,
        # A script that changes the path must not choose another route: the one that was chosen has said who may
        # ask, and the call that it writes is for its own function.
        _off(USER_LUA, "lua.v3.Lua", clear_route_cache=False),
        _off(BODY, "transform.v3.TransformConfig"),
        _off(CHANGE, "header_mutation.v3.HeaderMutation"),
        _off(CALL, "lua.v3.Lua", clear_route_cache=False),
        _off(TRANSCODER, "grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
        _off(SESSION, "stateful_session.v3.StatefulSession"),
        _off(CREDENTIAL, "header_mutation.v3.HeaderMutation"),
        _off(UNSIGNED, "header_mutation.v3.HeaderMutation"),
        *(
            [
                _off(
                    LAMBDA, "aws_lambda.v3.Config", arn="arn:aws:lambda:us-east-1:000000000000:function:none"
                ),
                _off(
                    SIGNING,
                    "aws_request_signing.v3.AwsRequestSigning",
                    service_name="lambda",
                    region="us-east-1",
                ),
            ]
            if has_lambda
            else []
        ),
        {"name": "envoy.filters.http.router", "typed_config": typed(f"{_HTTP}.router.v3.Router")},
    ]


def switched_on() -> Resource:
    """The per-route configuration that switches a discovered filter on, and says nothing else."""
    return typed("envoy.config.route.v3.FilterConfig", config={})


def mutations(
    *,
    remove: Iterable[str] = (),
    set_: Iterable[tuple[str, str]] = (),
    add: Iterable[tuple[str, str]] = (),
    response_remove: Iterable[str] = (),
    response_set: Iterable[tuple[str, str]] = (),
    response_add: Iterable[tuple[str, str]] = (),
    query_set: Iterable[tuple[str, str]] = (),
    query_remove: Iterable[str] = (),
    prefixes: Iterable[str] = (),
) -> Resource:
    """A per-route configuration that changes headers and query parameters."""

    def put(name: str, value: str, action: str) -> Resource:
        return {"append": {"header": {"key": name, "value": value}, "append_action": action}}

    request = [
        *({"remove": name} for name in remove),
        *({"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in prefixes),
        *(put(name, value, "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in set_),
        *(put(name, value, "APPEND_IF_EXISTS_OR_ADD") for name, value in add),
    ]
    response = [
        *({"remove": name} for name in response_remove),
        *(put(name, value, "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in response_set),
        *(put(name, value, "APPEND_IF_EXISTS_OR_ADD") for name, value in response_add),
    ]
    query = [
        *({"remove": name} for name in query_remove),
        *(
            {"append": {"record": {"key": name, "value": value}, "action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
            for name, value in query_set
        ),
    ]
    fields: Resource = {}
    if request:
        fields["request_mutations"] = request
    if response:
        fields["response_mutations"] = response
    if query:
        fields["query_parameter_mutations"] = query
    return typed(f"{_HTTP}.header_mutation.v3.HeaderMutationPerRoute", mutations=fields)
