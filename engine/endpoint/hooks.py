"""Webhooks and callbacks, received: ``POST /hooks/{secret}/{upstream.function}``.

Who knows the secret may send events; the path is given to the upstreams and to nobody else. A wrong secret
and an unknown function are answered alike.
"""

from __future__ import annotations

import hmac
from typing import Final

from ..transport.hooks import BadEvent, Hooks
from .protocol import HTTPProtocol, Reply, Scope, problem_reply, read_body
from .requests import HttpProblem

PREFIX: Final = "/hooks/"
MIN_SECRET_CHARACTERS: Final = 16

_NOTHING_HERE: Final = HttpProblem(404, "there is nothing at this path", "NOT_FOUND")


class HookPath:
    """Answers requests under ``/hooks/``."""

    def __init__(self, receiver: Hooks, secret: str, *, max_body_bytes: int) -> None:
        """Take what receives, and what the path must hold.

        Raises:
            ValueError: The secret is too short to be one.
        """
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"a secret has at least {MIN_SECRET_CHARACTERS} characters")
        self._receiver = receiver
        self._secret = secret.encode()
        self._max_body_bytes = max_body_bytes

    def __repr__(self) -> str:
        """Nothing of the secret."""
        return "HookPath(********)"

    async def answer(self, scope: Scope, protocol: HTTPProtocol) -> Reply:
        """Take one event: 204, whoever has subscribed to it."""
        given, _, function_id = scope.path.removeprefix(PREFIX).partition("/")
        is_right = hmac.compare_digest(given.encode(), self._secret)
        method = self._receiver.methods(function_id) if is_right else ""
        if not method:
            return problem_reply(_NOTHING_HERE)
        if scope.method != method:
            return problem_reply(
                HttpProblem(405, f"send events with {method}", "METHOD_NOT_ALLOWED", (("allow", method),))
            )
        announced = scope.headers.get("content-length")
        body = await read_body(protocol, announced, max_bytes=self._max_body_bytes)
        if isinstance(body, HttpProblem):
            return problem_reply(body)
        try:
            self._receiver.publish(function_id, scope.headers.get("content-type") or "", body)
        except BadEvent as error:
            return problem_reply(HttpProblem(400, str(error)))
        return Reply(204)
