"""What Envoy says of resources that it does not take, without what differs from run to run."""

from __future__ import annotations

import re
from typing import Final

# Envoy's marker before what protobuf prints differs from run to run.
_MARKER: Final = re.compile(r"(goo\.gle/debug\w+|goo\.gle/debugonly)\s*")
_LINE: Final = re.compile(
    r"^error initializing configuration[^:]*:\s*|^\[[^\]]*\]\[\d+\]\[\w+\]\[\w+\]\s*(\[[^\]]*\]\s*)?"
)


def reason_of(text: str) -> str:
    """Envoy's reason without its log's prefixes."""
    lines = [line for line in text.splitlines() if "error initializing" in line] or text.splitlines()[-1:]
    cleaned = _MARKER.sub("", _LINE.sub("", lines[0] if lines else "no reason given"))
    # What follows is the whole bootstrap, secrets and all.
    cleaned = re.split(r"\)?: ?\{\"", cleaned)[0]
    return re.sub(r"^.*?error initializing (config(uration)?|network config)[^:]*:\s*", "", cleaned).strip()[
        :1000
    ]


def refusal_of(message: str) -> str:
    """Envoy's reason in a NACK, on one line."""
    cleaned = re.split(r"\)?: ?\{\"", _MARKER.sub("", message))[0]
    return " ".join(cleaned.split())[:1000]


def is_named(name: str, text: str) -> bool:
    """Whether *text* names the resource *name*: in quotes, after its kind, or before a colon."""
    if not name:
        return False
    escaped = re.escape(name)
    kinds = r"(?:cluster|listener|route|secret|filter|config\w*)(?:\(s\))?:? "
    return re.search(rf"(?:['\"(]|{kinds}){escaped}(?![\w.-])|(?<![\w.-]){escaped}:(?!\w)", text) is not None
