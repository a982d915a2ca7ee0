"""For the Python handlers of Lambda functions: types on the handler are checked, and published.

In: a handler with type hints. Out: a handler that Lambda calls, which decodes and checks the event, encodes the
result, answers many inputs in one invocation, and describes itself to Weft. Nothing but the standard library is
needed, so that a deployment package may hold this folder alone; pydantic's and msgspec's types are taken where the
handler uses them.

- ``problems``: what is wrong with an event.
- ``hints``: type hints, looked at.
- ``decoding``: JSON to values of a type.
- ``encoding``: values to JSON.
- ``json_schema``: types as JSON Schema.
- ``batches``: many inputs in one invocation.
- ``decorator``: ``typed``.
- ``__main__``: ``python -m weft.aws_lambda module:handler`` prints what a handler takes and answers.
"""

from .decorator import TypedHandler, typed
from .problems import EventError

__all__ = ["EventError", "TypedHandler", "typed"]
