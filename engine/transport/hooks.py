"""Events that upstreams send: webhooks and callbacks, handed on to whoever has subscribed.

In: what an upstream posted to the endpoint. Out: a stream for each subscriber. There is one `Hooks` in a
process, and it outlives the schemas: an event that comes while a schema is swapped is not lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from ...schemas.catalog import Function, HookBinding, Json
from ...schemas.errors import UpstreamAnswer, UpstreamError
from ...schemas.openapi.media import media_kind
from .http_xml import BadXml, decode_xml

logger = logging.getLogger(__name__)

MAX_SUBSCRIBERS: Final = 10_000
_MAX_FORM_FIELDS: Final = 1_000


class BadEvent(Exception):
    """The body is not what is described; the message is one line without the value itself."""


class Hooks:
    """Hands events to the subscribers of this process.

    Args:
        max_waiting: Events that wait for one subscriber; one that falls further behind is told so, and its
            stream ends.
    """

    def __init__(self, *, max_waiting: int = 100) -> None:
        self._max_waiting = max_waiting
        self._functions: dict[str, Function] = {}
        self._queues: dict[str, set[asyncio.Queue[Json | UpstreamError]]] = {}
        self._count = 0

    def know(self, functions: Iterable[Function]) -> None:
        """Take events of *functions* from now on; others than webhooks and callbacks are passed by."""
        for function in functions:
            if isinstance(function.binding, HookBinding):
                self._functions[function.id] = function

    def methods(self, function_id: str) -> str:
        """The HTTP method of a webhook or callback; ``""`` for one that is not known."""
        function = self._functions.get(function_id)
        return function.binding.method if function and isinstance(function.binding, HookBinding) else ""

    def publish(self, function_id: str, content_type: str, body: bytes) -> int:
        """Hand one event to its subscribers; how many there were.

        Args:
            function_id: One that is known.
            content_type: Of the body.
            body: All of it.

        Raises:
            BadEvent: The body is not what its media type says.
        """
        function = self._functions[function_id]
        event = decode_event(function, content_type, body)
        queues = self._queues.get(function_id, set())
        for queue in list(queues):
            if queue.qsize() < self._max_waiting:
                queue.put_nowait(event)
            else:
                # The stream ends here: what is left out would be missed silently.
                queues.discard(queue)
                reason = "events came faster than they were taken; subscribe again"
                queue.put_nowait(UpstreamAnswer(function.upstream, function.id, reason=reason))
        logger.debug("event received", extra={"function": function_id, "bytes": len(body)})
        return len(queues)

    async def subscribe(self, function: Function) -> AsyncGenerator[Json | UpstreamError, None]:
        """The events of *function* from now on; an error is the last item. Closing it ends the subscription."""
        if self._count >= MAX_SUBSCRIBERS:
            yield UpstreamAnswer(
                function.upstream, function.id, reason="too many subscribers; try again later"
            )
            return
        # One more than may wait: the error that ends it.
        queue: asyncio.Queue[Json | UpstreamError] = asyncio.Queue(self._max_waiting + 1)
        queues = self._queues.setdefault(function.id, set())
        queues.add(queue)
        self._count += 1
        try:
            while True:
                event = await queue.get()
                yield event
                if isinstance(event, UpstreamError):
                    return
        finally:
            self._count -= 1
            queues.discard(queue)
            if not queues:
                self._queues.pop(function.id, None)


def decode_event(function: Function, content_type: str, body: bytes) -> Json:
    """The value of an event: JSON, a form, XML or text, by its media type or else by the description's.

    Raises:
        BadEvent: It is none.
    """
    binding = function.binding
    assert isinstance(binding, HookBinding)
    if function.result is None or not body:
        return None
    kind = media_kind(content_type or binding.media_type)
    try:
        match kind:
            case "form":
                return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS))
            case "xml" if binding.xml is not None:
                return decode_xml(binding.xml, body)
            case "text" | "xml":
                return body.decode()
            case _:
                decoded: Json = msgspec.json.decode(body)
                return decoded
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadEvent(f"the body is no valid {kind}") from error
    except BadXml as error:
        raise BadEvent("the body is no valid XML") from error
