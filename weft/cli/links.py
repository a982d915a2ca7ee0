"""``weft links``: every link and bulk function, with its evidence."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .output import note, print_json, print_rows
from .parameters import DEFAULT_CONFIG, ConfigOption, FreshOption, JsonOption, read_settings
from .snapshots import current_snapshot


def links(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    only: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only the links of one type.")
    ] = None,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print each link and bulk function, and why it is believed to be one.

    Switch one off in `weft.yaml` with `links: [{field: Type.field, off: true}]`.

    Examples:

        weft links

        weft links --type Order --json
    """
    from ..app.stitching import weave_snapshot

    settings = read_settings(config)
    woven = weave_snapshot(current_snapshot(settings, fresh=fresh), settings)
    chosen = [link for link in woven.links if only is None or link.shape == only]
    if only is not None and not chosen:
        types = ", ".join(sorted({link.shape for link in woven.links})) or "no type"
        note(f"there are no links of a type {only!r}; there are links of {types}")
    if as_json:
        print_json(
            {
                "links": [asdict(link) for link in chosen],
                "bulk": [asdict(bulk) for bulk in woven.bulk],
                "notes": list(woven.notes),
            }
        )
        return
    print_rows(
        ("FIELD", "FUNCTION", "BULK FUNCTION", "ORIGIN", "EVIDENCE"),
        [
            (
                f"{link.shape}.{link.field}",
                link.function or "-",
                link.bulk.function if link.bulk else "-",
                link.origin,
                link.evidence,
            )
            for link in chosen
        ],
    )
    if woven.bulk and only is None:
        print()
        print_rows(
            ("BULK FUNCTION", "KEYS IN", "KEY", "MOST", "ORIGIN", "EVIDENCE"),
            [
                (bulk.function, bulk.argument, bulk.key, str(bulk.max_keys), bulk.origin, bulk.evidence)
                for bulk in woven.bulk
            ],
        )
    for text in woven.notes:
        note(text)
