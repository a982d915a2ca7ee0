"""Headers, paths, queries and bodies that are changed on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..objects.backends import CredentialInjection, HTTPRouteFilterSpec
from ..objects.base import Object, seconds
from ..objects.clients import EnvoyExtensionPolicySpec
from ..objects.routes import HeaderFilter, PathModifier, RequestRedirect, UrlRewrite
from ..objects.traffic import BackendTrafficPolicySpec
from ..objects.weft import BodyChange, TransformationSpec
from ..resources import Resource, typed
from .filters import (
    BODY,
    BROTLI,
    BUFFER,
    CHANGE,
    CREDENTIAL,
    EXT_PROC_TYPE,
    FAULT,
    GZIP,
    PROCESSING,
    USER_LUA,
    ZSTD,
    mutations,
    switched_on,
)
from .functions import lua_per_route
from .index import Index
from .security import Security
from .world import wrong

_HTTP: Final = "envoy.extensions.filters.http"
_COMPRESSORS: Final = {"Gzip": GZIP, "Brotli": BROTLI, "Zstd": ZSTD}
_SIZES: Final = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "k": 1000, "M": 1000**2, "G": 1000**3}


def header_members(request: HeaderFilter | None, response: HeaderFilter | None) -> Resource:
    """A Gateway API header modifier as members of a route."""
    members: Resource = {}
    for name, change in (("request", request), ("response", response)):
        if change is None:
            continue
        added = [
            *(_header(one.name, one.value, "OVERWRITE_IF_EXISTS_OR_ADD") for one in change.set),
            *(_header(one.name, one.value, "APPEND_IF_EXISTS_OR_ADD") for one in change.add),
        ]
        if added:
            members[f"{name}_headers_to_add"] = added
        if change.remove:
            members[f"{name}_headers_to_remove"] = list(change.remove)
    return members


def _header(name: str, value: str, action: str) -> Resource:
    # The Gateway API knows no operators: a percent sign stands for itself.
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": action}


def rewrite_members(rewrite: UrlRewrite, match: Resource) -> Resource:
    """A Gateway API rewrite as members of a route's action."""
    members: Resource = {}
    if rewrite.hostname:
        members["host_rewrite_literal"] = rewrite.hostname
    if rewrite.path:
        members |= _path_members(rewrite.path, match)
    return members


def _path_members(path: PathModifier, match: Resource) -> Resource:
    if path.type == "ReplaceFullPath":
        full = (path.replace_full_path or "/").replace("\\", "\\\\")
        return {"regex_rewrite": {"pattern": {"regex": "^/.*$"}, "substitution": full}}
    new = path.replace_prefix_match or "/"
    prefix = match.get("path_separated_prefix", "")
    if not prefix:
        return {"prefix_rewrite": new if new.endswith("/") else f"{new}/"} if new != "/" else {}
    if new.rstrip("/") == "":
        # /a becomes / and /a/b becomes /b, neither of them //.
        pattern = f"^{_escaped(prefix)}/*"
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": "/"}}
    return {"prefix_rewrite": new.rstrip("/")}


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in r"\.+*?()[]{}|^$" else c for c in text)


def redirect_action(redirect: RequestRedirect, match: Resource) -> Resource:
    """``RedirectAction``."""
    codes = {
        301: "MOVED_PERMANENTLY",
        302: "FOUND",
        303: "SEE_OTHER",
        307: "TEMPORARY_REDIRECT",
        308: "PERMANENT_REDIRECT",
    }
    value: Resource = {"response_code": codes.get(redirect.status_code, "FOUND")}
    if redirect.scheme:
        value["scheme_redirect"] = redirect.scheme
    if redirect.hostname:
        value["host_redirect"] = redirect.hostname
    if redirect.port:
        value["port_redirect"] = redirect.port
    if redirect.path and redirect.path.type == "ReplaceFullPath":
        value["path_redirect"] = redirect.path.replace_full_path or "/"
    elif redirect.path:
        new = redirect.path.replace_prefix_match or "/"
        value["prefix_rewrite"] = new if "path_separated_prefix" not in match else new.rstrip("/") or "/"
    return value


def route_filter(
    spec: HTTPRouteFilterSpec, origin: Object, index: Index
) -> tuple[Resource, Resource | None, dict[str, Resource]]:
    """An HTTPRouteFilter: members of the route's action, an answer in its place, per-route configurations."""
    members: Resource = {}
    answer: Resource | None = None
    filters: dict[str, Resource] = {}
    rewrite = spec.url_rewrite
    if rewrite and rewrite.path:
        change = rewrite.path.replace_regex_match
        members["regex_rewrite"] = {
            "pattern": {"regex": change.pattern},
            "substitution": change.substitution,
        }
    if rewrite and rewrite.hostname:
        if rewrite.hostname.type == "Header":
            members["host_rewrite_header"] = rewrite.hostname.header or ""
        else:
            members["auto_host_rewrite"] = True
    if spec.direct_response:
        direct = spec.direct_response
        answer = {"direct_response": {"status": direct.status_code}}
        if direct.body:
            answer["direct_response"]["body"] = {"inline_string": direct.body.inline}
        if direct.content_type:
            answer["response_headers_to_add"] = [
                _header("content-type", direct.content_type, "OVERWRITE_IF_EXISTS_OR_ADD")
            ]
    if spec.credential_injection:
        filters[CREDENTIAL] = _credential(spec.credential_injection, origin, index)
    return members, answer, filters


def _credential(injection: CredentialInjection, origin: Object, index: Index) -> Resource:
    value = index.secret(injection.credential.value_ref, "credential", of=origin)
    action = "OVERWRITE_IF_EXISTS_OR_ADD" if injection.overwrite else "ADD_IF_ABSENT"
    pair = {"header": {"key": injection.header, "value": value.replace("%", "%%")}, "append_action": action}
    return typed(
        f"{_HTTP}.header_mutation.v3.HeaderMutationPerRoute",
        mutations={"request_mutations": [{"append": pair}]},
    )


def transformation_filters(spec: TransformationSpec, origin: Object) -> dict[str, Resource]:
    """A Transformation as per-route configurations.

    Raises:
        ConfigError: Its body is no JSON.
    """
    filters: dict[str, Resource] = {}
    request, response = spec.request, spec.response
    changed: dict[str, Any] = {}
    if request and request.headers:
        headers = request.headers
        changed["remove"] = list(headers.remove)
        changed["set_"] = [(one.name, one.value) for one in headers.set]
        changed["add"] = [(one.name, one.value) for one in headers.add]
    if request and request.query:
        changed["query_set"] = [(one.name, one.value) for one in request.query.set]
        changed["query_remove"] = list(request.query.remove)
    if response and response.headers:
        changed["response_remove"] = list(response.headers.remove)
        changed["response_set"] = [(one.name, one.value) for one in response.headers.set]
        changed["response_add"] = [(one.name, one.value) for one in response.headers.add]
    if any(changed.values()):
        filters[CHANGE] = mutations(**changed)
    bodies: Resource = {}
    if request and request.body:
        bodies["request_transformation"] = _body(request.body, origin, "spec.request.body")
    if response and response.body:
        bodies["response_transformation"] = _body(response.body, origin, "spec.response.body")
    if bodies:
        filters[BODY] = typed(f"{_HTTP}.transform.v3.TransformConfig", **bodies)
    return filters


def _body(change: BodyChange, origin: Object, key: str) -> Resource:
    template: Any = change.json
    if isinstance(template, str):
        try:
            template = msgspec.json.decode(template)
        except msgspec.DecodeError as error:
            raise wrong(origin, f"{key}.json", f"is no JSON: {error}") from error
    return {
        "body_transformation": {
            "body_format": {"json_format": template},
            "action": "MERGE" if change.merge else "REPLACE",
        }
    }


def traffic_filters(traffic: BackendTrafficPolicySpec) -> dict[str, Resource]:
    """Faults, compression and body sizes of a BackendTrafficPolicy as per-route configurations."""
    filters: dict[str, Resource] = {}
    fault = traffic.fault_injection
    if fault:
        value: Resource = {}
        if fault.delay:
            value["delay"] = {
                "fixed_delay": seconds(fault.delay.fixed_delay),
                "percentage": _percent(fault.delay.percentage),
            }
        if fault.abort:
            code = (
                {"http_status": fault.abort.http_status}
                if fault.abort.http_status
                else {"grpc_status": fault.abort.grpc_status or 14}
            )
            value["abort"] = {**code, "percentage": _percent(fault.abort.percentage)}
        filters[FAULT] = typed(f"{_HTTP}.fault.v3.HTTPFault", **value)
    for compression in traffic.compression:
        filters[_COMPRESSORS[compression.type]] = typed(
            "envoy.extensions.filters.http.compressor.v3.CompressorPerRoute",
            overrides={"response_direction_config": {}},
        )
    if traffic.request_buffer:
        filters[BUFFER] = typed(
            f"{_HTTP}.buffer.v3.BufferPerRoute",
            buffer={"max_request_bytes": parse_quantity(traffic.request_buffer.limit)},
        )
    return filters


def _percent(value: float) -> Resource:
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}


def parse_quantity(value: str | int) -> int:
    """Bytes of a Kubernetes quantity: ``1Mi``, ``500k``, ``4096``.

    Raises:
        ValueError: It is none.
    """
    text = str(value)
    for suffix, factor in _SIZES.items():
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * factor)
    return int(text)


def extension_filters(
    policy: EnvoyExtensionPolicySpec, origin: Object, security: Security
) -> Mapping[str, Resource]:
    """An EnvoyExtensionPolicy as per-route configurations; external processors become extensions."""
    filters: dict[str, Resource] = {}
    if len(policy.lua) > 1:
        raise wrong(origin, "spec.lua", "holds more than one script", "one; it may do several things")
    for script in policy.lua:
        filters[USER_LUA] = lua_per_route(script.inline)
    for number, processor in enumerate(policy.ext_proc):
        name = f"ext_proc.{origin.namespace}.{origin.name}.{number}"
        cluster = security.clusters.backend(processor.backend_refs[0], None, of=origin, http2=True)
        mode = processor.processing_mode
        config: Resource = {
            "grpc_service": {"envoy_grpc": {"cluster_name": cluster}},
            "failure_mode_allow": processor.fail_open,
            "message_timeout": seconds(processor.message_timeout or "200ms"),
            "route_cache_action": "RETAIN",
            "processing_mode": {
                "request_header_mode": "SEND" if mode is None or mode.request else "SKIP",
                "response_header_mode": "SEND" if mode is None or mode.response else "SKIP",
                "request_body_mode": _body_mode(mode.request.body if mode and mode.request else None),
                "response_body_mode": _body_mode(mode.response.body if mode and mode.response else None),
            },
        }
        place = security.place(name, PROCESSING, typed(EXT_PROC_TYPE, **config), origin)
        filters[place] = switched_on()
    return filters


def _body_mode(body: str | None) -> str:
    return {"Streamed": "STREAMED", "Buffered": "BUFFERED", "BufferedPartial": "BUFFERED_PARTIAL"}.get(
        body or "", "NONE"
    )
