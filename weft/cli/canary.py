"""``weft canary``: how traffic is shared out between versions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from .output import BadCall, note, print_rows
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings

if TYPE_CHECKING:
    from ..gateway.objects import Object
    from ..settings import Settings

app = typer.Typer(help="How traffic is shared out between versions.", no_args_is_help=True)

_WAIT_S = 10.0


@app.command("set")
def set_weights(
    name: Annotated[str, typer.Argument(help="The canary: an upstream, or a function.")],
    weights: Annotated[list[str], typer.Argument(help="Percentages, such as v2=10; `stable` gets the rest.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give versions other shares of the traffic, at once and for later starts.

    No request fails for it. Shares of the configuration hold again after `weft canary reset`.

    Examples:

        weft canary set reviews v2=10

        weft canary set reviews v2=100
    """
    from ..app.gateway import weights_file
    from ..gateway.canaries import find_canary, load_weights, save_weights, weigh

    settings = read_settings(config)
    wanted = dict(_share(text) for text in weights)
    canary = find_canary(_objects(settings), name)
    shares = weigh(canary, wanted).spec.shares
    path = weights_file(settings)
    save_weights(path, {**load_weights(path), canary.name: wanted})
    said = ", ".join(f"{version} {share} %" for version, share in shares.items())
    note(f"{canary.name}: {said}{_until_taken(settings, canary.name, shares)}")


@app.command()
def reset(
    name: Annotated[str, typer.Argument(help="The canary: an upstream, or a function.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give versions the shares of the configuration again.

    Examples:

        weft canary reset reviews
    """
    from ..app.gateway import weights_file
    from ..gateway.canaries import find_canary, load_weights, save_weights

    settings = read_settings(config)
    canary = find_canary(_objects(settings), name)
    path = weights_file(settings)
    save_weights(path, {key: value for key, value in load_weights(path).items() if key != canary.name})
    note(f"{canary.name}: as configured")


@app.command("list")
def list_canaries(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show every canary, and the shares of its versions.

    Examples:

        weft canary list
    """
    canaries = [one for one in _objects(read_settings(config)) if one.kind == "Canary"]
    rows = [
        (one.name, one.spec.target_ref.kind.lower(), version, f"{share} %")
        for one in canaries
        for version, share in one.spec.shares.items()
    ]
    print_rows(("CANARY", "OF", "VERSION", "SHARE"), rows)


def _share(text: str) -> tuple[str, int]:
    version, separator, share = text.partition("=")
    if not separator or not share.removesuffix("%").isdigit():
        raise BadCall(f"{text!r} is no share; write the version and its percentage, such as `v2=10`")
    return version, int(share.removesuffix("%"))


def _objects(settings: Settings) -> tuple[Object, ...]:
    from ..app.gateway import gateway_objects
    from ..discovery import load_snapshot
    from ..schemas.catalog import Catalog

    path = settings.discovery.snapshot
    catalog = load_snapshot(path).catalog if path.exists() else Catalog()
    return gateway_objects(settings, catalog, port=0)


def _until_taken(settings: Settings, name: str, shares: dict[str, int]) -> str:
    """Wait until every Envoy has the new shares; what to say of it."""
    from ..app.gateway import status_file
    from ..gateway.status import NotRunning, read_status

    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        try:
            status = read_status(status_file(settings))
        except NotRunning:
            return "; no gateway runs: they hold from its start"
        if not status["running"]:
            return "; no gateway runs: they hold from its start"
        if status["problem"]:
            return f"; not in effect: {status['problem']}"
        nodes = [node for node in status["nodes"] if node["connected"]]
        if status["canaries"].get(name) == shares and all(
            node["version"] == status["version"] for node in nodes
        ):
            return f"; in effect in {len(nodes)} Envoy(s)"
        time.sleep(0.02)
    return f"; not acknowledged within {_WAIT_S:g} s: see `weft status`"
