"""``weft gateway``: the control plane for Envoys that others run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import note, print_json
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings

if TYPE_CHECKING:
    from ..gateway.control import ControlPlane

app = typer.Typer(help="The control plane for Envoys that others run.", invoke_without_command=True)


@app.callback()
def gateway(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Tell every Envoy that connects what it is to do, and keep it current until Ctrl-C.

    Envoys connect to `gateway.control`, by the aggregated discovery service; `weft gateway render --dynamic`
    prints the file that they start with.

    Examples:

        weft gateway

        weft gateway -c /etc/weft/weft.yaml
    """
    if context.invoked_subcommand is not None:
        return
    from ..app.fleet import run_control

    def say(plane: ControlPlane) -> None:
        note(f"Envoys are served at {plane.details['control']}; Ctrl-C to stop")

    run_control(config, read_settings(config), on_ready=say)


@app.command()
def render(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="For an Envoy that takes everything from `weft gateway`.")
    ] = False,
    node: Annotated[str, typer.Option("--node", help="The Envoy's id, with --dynamic.")] = "envoy",
    admin: Annotated[Path, typer.Option("--admin", help="A Unix socket for Envoy's admin interface.")] = Path(
        "weft-admin.sock"
    ),
) -> None:
    """Print the file that an Envoy starts with, which then needs nothing of Weft.

    It holds the credentials that are configured.

    Examples:

        weft gateway render > envoy.json

        weft gateway render --dynamic --node edge-1 > envoy.json
    """
    from ..app.fleet import joining_bootstrap, render

    settings = read_settings(config)
    if dynamic:
        print_json(joining_bootstrap(settings, node=node, admin=admin))
    else:
        print_json(render(config, settings, admin=admin))


@app.command()
def check(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    crds: Annotated[
        list[Path] | None,
        typer.Option("--crds", help="A file or folder with the CustomResourceDefinitions of a cluster."),
    ] = None,
) -> None:
    """Read the gateway's objects, and have Envoy check what they come to; nothing is changed.

    With `--crds` the files are held to the schemas that their kinds are published with too, as a cluster does
    that has them.

    Examples:

        weft gateway check

        kubectl get crds -o yaml > crds.yaml && weft gateway check --crds crds.yaml
    """
    import asyncio

    from ..app.fleet import check as check_all

    settings = read_settings(config)
    lowered = asyncio.run(check_all(config, settings, crds=crds or ()))
    resources = lowered.resources
    note(
        f"{config} is right: {len(resources.listeners)} listener(s), {len(lowered.routes)} route(s), "
        f"{len(resources.clusters)} cluster(s)"
    )
