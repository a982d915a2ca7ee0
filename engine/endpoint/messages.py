"""The messages of ``graphql-transport-ws``: JSON text into values, and answers into JSON text.

Source: GraphQL over WebSocket Protocol, "Message types".
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from ..operation.request import GraphQLRequest

PROTOCOL: Final = "graphql-transport-ws"
LEGACY_PROTOCOL: Final = "graphql-ws"
"""Of subscriptions-transport-ws, which nobody maintains; its messages have other names."""

MAX_ID_CHARACTERS: Final = 200
"""Of an operation's id, which is held and sent with each of its messages."""

CONNECTION_ACK: Final = b'{"type":"connection_ack"}'


class ConnectionInit(msgspec.Struct, frozen=True, tag_field="type", tag="connection_init"):
    """The client begins."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """Asks for a pong."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """Answers a ping, or says unasked that the client is there."""

    payload: dict[str, Any] | None = None


class Operation(msgspec.Struct, frozen=True):
    """The payload of ``subscribe``; null equals absent."""

    query: str
    operationName: str | None = None  # noqa: N815 - the name on the wire
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None

    @property
    def request(self) -> GraphQLRequest:
        """The same, as the engine takes it."""
        return GraphQLRequest(
            self.query, self.variables or {}, self.operationName or None, self.extensions or {}
        )


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    """Asks for an operation of any type."""

    id: str
    payload: Operation


class Complete(msgspec.Struct, frozen=True, tag_field="type", tag="complete"):
    """The client wants no more of an operation."""

    id: str


Message: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete

_DECODER: Final = msgspec.json.Decoder(Message)


class _RequestErrors(msgspec.Struct):
    errors: msgspec.Raw


_ERRORS: Final = msgspec.json.Decoder(_RequestErrors)


class BadMessage(Exception):
    """A message that the protocol does not have; the text says why."""


def parse_message(text: str) -> Message:
    """The message in *text*.

    Raises:
        BadMessage: There is none.
    """
    try:
        message: Message = _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise BadMessage(f"Invalid message: {error}") from error
    except RecursionError as error:
        raise BadMessage("Invalid message: nested too deeply") from error
    except ValueError as error:  # msgspec.DecodeError, UnicodeEncodeError
        raise BadMessage("Invalid message: it is not JSON") from error
    if isinstance(message, Subscribe) and not 0 < len(message.id) <= MAX_ID_CHARACTERS:
        raise BadMessage(f"Invalid message: `id` has 1 to {MAX_ID_CHARACTERS} characters")
    return message


def encode_pong(payload: dict[str, Any] | None) -> bytes:
    """The answer to a ping, with what it held."""
    return msgspec.json.encode(Pong(payload) if payload is not None else {"type": "pong"})


def encode_next(operation_id: str, body: bytes) -> bytes:
    """One response map of an operation."""
    return b'{"id":%b,"type":"next","payload":%b}' % (msgspec.json.encode(operation_id), body)


def encode_error(operation_id: str, body: bytes) -> bytes:
    """The errors of a response map without data; they end the operation."""
    errors = bytes(_ERRORS.decode(body).errors)
    return b'{"id":%b,"type":"error","payload":%b}' % (msgspec.json.encode(operation_id), errors)


def encode_complete(operation_id: str) -> bytes:
    """The end of an operation."""
    return b'{"id":%b,"type":"complete"}' % msgspec.json.encode(operation_id)
