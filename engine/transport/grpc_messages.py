"""Arguments to request messages, response messages to JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from ...schemas.catalog import Function, GrpcBinding, Json
from ...schemas.errors import BadArguments, DocumentError, UpstreamAnswer
from ...schemas.grpc import REQUEST_VALUE, REQUESTS, flat, is_special
from .grpc_json import Printers
from .grpc_requests import NotPlain, Requests

# What json_format lets through beside its own ParseError, for values of quite another kind than expected.
_MISFITS = (json_format.ParseError, TypeError, ValueError, AttributeError, KeyError)


def build_pool(descriptors: bytes, *, source: str) -> DescriptorPool:
    """A pool of the files of a serialized ``FileDescriptorSet``, which hold each file after its imports.

    Raises:
        DocumentError: It is none, or not complete.
    """
    pool = DescriptorPool()
    try:
        for file in FileDescriptorSet.FromString(descriptors).file:
            pool.AddSerializedFile(file.SerializeToString())
    except (DecodeError, TypeError) as error:
        raise DocumentError(source, "", f"descriptors that do not build: {error}") from error
    return pool


class MethodMessages:
    """The messages of one method, ready to be encoded and decoded: ``AnswerMessages``.

    Attributes:
        response: The type of the answers.
        printers: From messages to JSON.

    Args:
        pool: Has the messages.
        printers: Those of the pool.
        function: Its binding is a gRPC method's.
    """

    def __init__(self, pool: DescriptorPool, printers: Printers, function: Function) -> None:
        binding = function.binding
        assert isinstance(binding, GrpcBinding)
        self._pool = pool
        self._function = function
        self._request = pool.FindMessageTypeByName(binding.request)
        self._requests = Requests()
        response = pool.FindMessageTypeByName(binding.response)
        self._response = GetMessageClass(response)
        self._is_special = is_special(binding.request)
        self._print = printers.printer(response)
        self.response = response
        self.printers = printers

    def encode_request(self, arguments: Mapping[str, Any]) -> bytes | BadArguments:
        """The request message of a call, serialized."""
        if self._is_special:
            unknown = next((name for name in arguments if name != REQUEST_VALUE), None)
            if unknown is not None:
                return self._bad(unknown, "there is no such argument")
            value = arguments.get(REQUEST_VALUE)
        else:
            value = dict(arguments)
        try:
            return self._encode(value)
        except _MISFITS as error:
            return self._bad(self._culprit(arguments), _reason(error))

    def encode_requests(self, arguments: Mapping[str, Any]) -> list[bytes] | BadArguments:
        """The request messages of a call whose client sends a stream, serialized."""
        requests = arguments.get(REQUESTS)
        if not isinstance(requests, list | tuple):
            return self._bad(REQUESTS, "a list of messages is expected")
        found = []
        for index, value in enumerate(requests):
            try:
                found.append(self._encode(value))
            except _MISFITS as error:
                return self._bad(f"{REQUESTS}[{index}]", _reason(error))
        return found

    def decode_response(self, data: bytes) -> Json | UpstreamAnswer:
        """The response message as JSON: members by their JSON names, those without presence always there.

        ``None`` for a function that answers nothing.
        """
        try:
            message = self._response.FromString(data)
            if self._function.result is None:
                return None
            return self._print(message)
        except DecodeError:
            return self._wrong("the answer is not the message that is described")
        except (TypeError, ValueError):
            # As a whole answer: a Timestamp beyond year 9999, a Value of NaN; a text that is no UTF-8.
            return self._wrong("the answer holds what JSON cannot say")

    def _encode(self, value: Any) -> bytes:
        if not self._is_special:
            try:
                return self._requests.make(self._request, value or {}).SerializeToString()
            except (NotPlain, TypeError, ValueError):
                pass  # json_format takes it, or words better why not
        message = GetMessageClass(self._request)()
        if value is not None:
            json_format.ParseDict(flat(self._request, value), message, descriptor_pool=self._pool)
        return message.SerializeToString()

    def _culprit(self, arguments: Mapping[str, Any]) -> str:
        for name, value in arguments.items():
            try:
                self._encode(value if self._is_special else {name: value})
            except _MISFITS:
                return name
        return ""

    def _bad(self, argument: str, reason: str) -> BadArguments:
        place = f"argument {argument}: " if argument else ""
        return BadArguments(self._function.upstream, self._function.id, reason=place + reason)

    def _wrong(self, reason: str) -> UpstreamAnswer:
        return UpstreamAnswer(self._function.upstream, self._function.id, reason=reason)


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return text[:300]
