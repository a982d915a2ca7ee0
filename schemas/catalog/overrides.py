"""What the configuration says of single functions, over what was read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..names import type_name, unique
from .bindings import HookBinding, HttpBinding, Invocation, LambdaBinding
from .functions import Catalog, Effect, Function, FunctionId, Upstream
from .invocations import invoked_as
from .shapes import Field, ObjectShape, Reference, Scalar, ScalarKind, Shape, ShapeName
from .webhooks import Webhook


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """What the configuration says of one function.

    Attributes:
        effect: Whether it reads or writes; ``None`` leaves it as it was read.
        off: Leave it out.
        invocation: How it is invoked (Lambda); ``None`` leaves it as it was read.
        headers: Lower-case names of the answer's headers that are shown (OpenAPI). The result then is an
            object with ``body`` and them.
    """

    effect: Effect | None = None
    off: bool = False
    headers: tuple[str, ...] = ()
    invocation: Invocation | None = None


def override_functions(catalog: Catalog, rules: Mapping[FunctionId, FunctionRule]) -> Catalog:
    """*catalog* with *rules* applied. A rule about a function that is not there changes nothing."""
    if not rules.keys() & catalog.functions.keys():
        return catalog
    return Catalog(upstreams=tuple(_override(upstream, rules) for upstream in catalog.upstreams))


def with_webhooks(catalog: Catalog) -> Catalog:
    """*catalog* with a function that streams for every webhook and callback; the same object if it has none."""
    if not any(upstream.webhooks for upstream in catalog.upstreams):
        return catalog
    return Catalog(
        upstreams=tuple(
            msgspec.structs.replace(
                upstream,
                functions=(*upstream.functions, *(_streamed(upstream, one) for one in upstream.webhooks)),
            )
            for upstream in catalog.upstreams
        )
    )


def _streamed(upstream: Upstream, webhook: Webhook) -> Function:
    return Function(
        id=FunctionId(f"{upstream.id}.{webhook.name}"),
        upstream=upstream.id,
        name=webhook.name,
        binding=HookBinding(method=webhook.method, media_type=webhook.media_type, xml=webhook.xml),
        result=webhook.payload,
        effect="read",
        effect_reason="sent by the upstream",
        streaming="server",
        description=webhook.description,
        deprecated=webhook.deprecated,
    )


def _override(upstream: Upstream, rules: Mapping[FunctionId, FunctionRule]) -> Upstream:
    kept: list[Function] = []
    shapes = dict(upstream.shapes)
    for function in upstream.functions:
        rule = rules.get(function.id)
        if rule is None:
            kept.append(function)
        elif not rule.off:
            effect = rule.effect or function.effect
            reason = "configured" if rule.effect else function.effect_reason
            changed = msgspec.structs.replace(function, effect=effect, effect_reason=reason)
            if rule.effect is not None and isinstance(function.binding, LambdaBinding):
                # Nothing else says of a Lambda function whether it may be repeated.
                changed = msgspec.structs.replace(changed, idempotent=effect == "read")
            if rule.invocation is not None:
                changed = invoked_as(changed, rule.invocation, shapes, reason="configured")
            kept.append(_with_headers(changed, rule.headers, shapes))
    return msgspec.structs.replace(upstream, functions=tuple(kept), shapes=shapes)


def _with_headers(function: Function, names: tuple[str, ...], shapes: dict[ShapeName, Shape]) -> Function:
    """*function* with headers beside the body of its answer; the shape of both is added to *shapes*."""
    binding = function.binding
    if not names or not isinstance(binding, HttpBinding) or function.streaming != "none":
        return function
    shown: dict[str, ScalarKind] = {name: binding.described_headers.get(name, "string") for name in names}
    fields = [Field(name=name, type=Scalar(kind=kind, nullable=True)) for name, kind in shown.items()]
    if function.result is not None:
        result = msgspec.structs.replace(function.result, nullable=True)
        fields.insert(0, Field(name="body", type=result))
    shape = ShapeName(unique(f"{type_name(function.name)}Answer", set(shapes)))
    shapes[shape] = ObjectShape(name=shape, fields=tuple(fields))
    return msgspec.structs.replace(
        function,
        result=Reference(shape=shape),
        binding=msgspec.structs.replace(binding, shown_headers=shown),
    )
