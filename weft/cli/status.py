"""``weft status``: the running gateway."""

from __future__ import annotations

from typing import Any

from .output import fail, print_json, print_rows
from .parameters import DEFAULT_CONFIG, ConfigOption, JsonOption, read_settings


def status(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Show the running gateway: listeners, routes by function, weights, endpoints, and what Envoy took last.

    Examples:

        weft status

        weft status --json
    """
    import asyncio

    from ..app.gateway import status_file
    from ..gateway.status import full_status

    found = asyncio.run(full_status(status_file(read_settings(config))))
    if as_json:
        print_json(found)
        return
    state = "runs" if found["running"] else "does not run; this is its last state"
    print(f"gateway {state}; Envoy: {found['envoy']}; resources {found['version'] or 'none'}\n")
    if found["problem"]:
        fail(found["problem"])
    print_rows(("LISTENER", "ADDRESS"), [(one["name"], one["address"]) for one in found["listeners"]])
    print()
    routes = [
        (one["function"], one["match"], _weights(one["weights"]), one["route"]) for one in found["routes"]
    ]
    print_rows(("FUNCTION", "MATCH", "GOES TO", "ROUTE"), sorted(routes))
    print()
    endpoints = [
        (one["cluster"], one["address"], one["health"], str(one["requests"]), str(one["errors"]))
        for one in found["endpoints"]
    ]
    print_rows(("CLUSTER", "ENDPOINT", "HEALTH", "REQUESTS", "ERRORS"), endpoints)
    print()
    print_rows(("ENVOY", "STATE", "HAS", "REFUSED", "WHY"), [_node(node) for node in found["nodes"]])


def _weights(weights: dict[str, int]) -> str:
    if len(weights) == 1:
        return next(iter(weights))
    return ", ".join(f"{cluster} {share} %" for cluster, share in weights.items())


def _node(node: dict[str, Any]) -> tuple[str, ...]:
    refusal = node["refusal"]
    why = f"{refusal['type']} {', '.join(refusal['resources'])}: {refusal['reason']}" if refusal else ""
    if refusal and refusal["objects"]:
        why += f" ({', '.join(refusal['objects'])})"
    state = "connected" if node["connected"] else "gone"
    return (node["node"], state, node["version"] or "nothing", str(node["refusals"]), why)
