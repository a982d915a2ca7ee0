"""Which routes belong to which listener, and to which hosts of it.

Source: Gateway API, HTTPRoute (``parentRefs``, ``hostnames``) and Gateway (``allowedRoutes``, ``hostname``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...schemas.errors import ConfigError
from ..objects.base import GATEWAY_GROUP, Object
from ..objects.routes import AllowedRoutes, GatewayListener, GatewaySpec, ParentReference
from .index import Index
from .world import EdgeRoute, wrong

ANY_HOST: Final = "*"


@dataclass(frozen=True, slots=True)
class Port:
    """A listener of a Gateway."""

    gateway: Object
    listener: GatewayListener

    def __str__(self) -> str:
        return f"{self.gateway.id} {self.listener.name}"


def ports_of(index: Index) -> tuple[Port, ...]:
    """Every listener of every Gateway."""
    return tuple(
        Port(gateway, listener)
        for gateway in index.of_kind("Gateway")
        if isinstance(gateway.spec, GatewaySpec)
        for listener in gateway.spec.listeners
    )


def shared_ports(ports: Sequence[Port]) -> tuple[list[list[Port]], list[ConfigError]]:
    """Listeners that are one for Envoy, for they listen on one port; and those that cannot be.

    Several with HTTP are told apart by ``Host``, several with HTTPS by the name in the TLS handshake.
    """
    groups: dict[int, list[Port]] = defaultdict(list)
    problems = []
    for port in ports:
        first = next(iter(groups[port.listener.port]), port)
        key = f"spec.listeners.{port.listener.name}"
        if first.gateway is not port.gateway or first.listener.protocol != port.listener.protocol:
            text = f"port {port.listener.port} is {first.listener.protocol} of {first} already"
            problems.append(wrong(port.gateway, key, text, "another port"))
        elif any(one.listener.hostname == port.listener.hostname for one in groups[port.listener.port]):
            text = f"port {port.listener.port} is listened on twice for one `hostname`"
            problems.append(wrong(port.gateway, key, text, "a `hostname` of its own"))
        else:
            groups[port.listener.port].append(port)
    return [group for group in groups.values() if group], problems


def check_attachment(
    one: Object, parents: Sequence[ParentReference], hostnames: Sequence[str], ports: Sequence[Port]
) -> None:
    """Hold a route to Gateways that there are, and that take it.

    Raises:
        ConfigError: It belongs to no listener, or names one that is not there.
    """
    for number, parent in enumerate(parents):
        key = f"spec.parentRefs[{number}]"
        if parent.kind not in {"", "Gateway"} or parent.group not in {"", GATEWAY_GROUP}:
            raise wrong(one, f"{key}.kind", f"{parent.kind} is nothing that a route belongs to", "Gateway")
        named = [port for port in ports if _names_gateway(parent, one, port)]
        if not named:
            known = ", ".join(sorted({port.gateway.name for port in ports}))
            raise wrong(one, f"{key}.name", f"there is no Gateway {parent.name!r}", known)
        named = [port for port in named if _names_listener(parent, port)]
        if not named:
            text = f"Gateway {parent.name} has no such listener"
            raise wrong(one, key, text, ", ".join(str(port) for port in ports))
        if not any(_allows(port, one) for port in named):
            text = f"{named[0]} takes no {one.kind} of namespace {one.namespace}"
            raise wrong(one, key, text, "what `allowedRoutes` of the listener says")
    if hostnames and not any(hosts_at(port, hostnames) for port in ports if belongs(one, parents, port)):
        raise wrong(one, "spec.hostnames", "none of them is a host of its listeners")


def belongs(one: Object, parents: Sequence[ParentReference], port: Port) -> bool:
    """Whether a route is one of a listener's. A route that names no Gateway belongs to all."""
    if not parents:
        return True
    return _allows(port, one) and any(
        _names_gateway(parent, one, port) and _names_listener(parent, port) for parent in parents
    )


def _names_gateway(parent: ParentReference, one: Object, port: Port) -> bool:
    return (parent.name, parent.namespace or one.namespace) == (port.gateway.name, port.gateway.namespace)


def _names_listener(parent: ParentReference, port: Port) -> bool:
    return parent.section_name in {None, port.listener.name} and parent.port in {None, port.listener.port}


def _allows(port: Port, one: Object) -> bool:
    allowed = port.listener.allowed_routes or AllowedRoutes()
    if allowed.kinds and one.kind not in {kind.kind for kind in allowed.kinds}:
        return False
    return allowed.namespaces.from_ == "All" or one.namespace == port.gateway.namespace


def hosts_at(port: Port, hostnames: Sequence[str]) -> tuple[str, ...]:
    """The hosts that a route of *hostnames* has at a listener: those that both take."""
    own = port.listener.hostname or ANY_HOST
    found = (_both(own, host) for host in hostnames or (ANY_HOST,))
    return tuple(dict.fromkeys(host for host in found if host is not None))


def _both(first: str, second: str) -> str | None:
    if _covers(first, second):
        return second
    return first if _covers(second, first) else None


def _covers(wide: str, narrow: str) -> bool:
    if wide in {ANY_HOST, narrow}:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:]) and narrow != ANY_HOST


def routes_by_host(found: Iterable[tuple[EdgeRoute, Sequence[str]]]) -> Mapping[str, list[EdgeRoute]]:
    """The routes of each virtual host, in the order in which they are tried.

    A host's own routes go first, then those of hosts that hold it: Envoy looks at one virtual host only, and a
    path that is known at every host is known at this one too.
    """
    pairs = list(found)
    hosts = sorted({host for _, own in pairs for host in own})
    by_host = {}
    for host in hosts:
        ordered = []
        for route, own in pairs:
            covering = [one for one in own if _covers(one, host)]
            if covering:
                best = min(covering, key=_width)
                ordered.append((_width(best), route.rank, route))
        ordered.sort(key=lambda entry: entry[:2])
        by_host[host] = [route for _, _, route in ordered]
    return by_host


def _width(host: str) -> tuple[bool, int]:
    """Smaller for a host that fewer names are part of."""
    return host.startswith("*"), -len(host)
