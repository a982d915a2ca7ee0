"""Whether a contender answers right, and calls the upstream as often as it may."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from .contenders.base import Contender, Serving
from .load import Mode
from .upstream import CHECKED, Upstream
from .workload import Workload

ONE_AFTER_ANOTHER: Final = 2
AT_ONCE: Final = 20


class WrongAnswer(AssertionError):
    """A contender's answer, or its number of calls, is not the one that was expected."""


def check(
    contender: Contender, serving: Serving, upstream: Upstream, workload: Workload, mode: Mode, *, exact: bool
) -> float:
    """Ask a few times, one after another and at once; the upstream calls of one operation.

    Every request carries a token of its own in ``differs``, and the upstream must see each token with each
    of the operation's calls.

    Args:
        contender: Whose answers they are.
        serving: Where it is.
        upstream: Counts what it is asked.
        workload: What is asked.
        mode: Whether requests differ.
        exact: The number of calls must be ``workload.calls``; else it is only told.

    Raises:
        WrongAnswer: An answer differs, byte for byte but for white space; or calls were saved or wasted.
    """
    what = f"{contender.name}, {workload.name}, {mode}"
    url = serving.url_for(workload, mode)
    expected = json.dumps(workload.answer)
    upstream.checked(0, 0)
    before = upstream.requests()

    def ask(number: int) -> None:
        token = f"{CHECKED}{number}" if mode == "differs" else None
        status, body = post(url, workload.body, token)
        if status != 200 or json.dumps(json.loads(body)) != expected:
            raise WrongAnswer(f"{what}: status {status}, {body[:300]!r}…; expected {expected[:300]}…")

    for number in range(ONE_AFTER_ANOTHER):
        ask(number)
    calls = (upstream.requests() - before) / ONE_AFTER_ANOTHER
    fixed = contender.calls_fixed and mode == "same"
    if exact and calls != (0 if fixed else workload.calls):
        raise WrongAnswer(f"{what}: {calls:g} upstream calls an operation, {workload.calls} expected")
    at_once = max(2, min(AT_ONCE, contender.connections_for(workload) // 2))
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(ask, range(ONE_AFTER_ANOTHER, ONE_AFTER_ANOTHER + at_once)))
    if mode == "differs" and exact:
        _check_tokens(what, upstream, workload, ONE_AFTER_ANOTHER + at_once)
    return calls


def _check_tokens(what: str, upstream: Upstream, workload: Workload, tokens: int) -> None:
    seen = upstream.checked(tokens, workload.calls)
    wrong = [token for token, paths in seen.items() if len(paths) != workload.calls]
    if wrong or len(seen) != tokens:
        raise WrongAnswer(
            f"{what}: {len(seen)} of {tokens} tokens reached the upstream, {len(wrong)} not in all calls"
        )


def post(url: str, body: str, authorization: str | None) -> tuple[int, bytes]:
    """Status and body of the answer to one operation."""
    headers: dict[str, Any] = {"content-type": "application/json"}
    if authorization:
        headers["authorization"] = authorization
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)
    try:
        connection.request("POST", place.path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
