"""How a Lambda function is invoked, and what that makes of its field.

``request``: a field whose value is the result. ``event``: a mutation that answers as soon as Lambda has taken
the payload. ``stream``: a subscription to what the function writes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .bindings import Invocation, LambdaBinding
from .functions import Function
from .shapes import Field, JsonType, ObjectShape, Reference, Scalar, Shape, ShapeName

ACCEPTED: Final = ObjectShape(
    name=ShapeName("AcceptedEvent"),
    fields=(
        Field(
            name="accepted",
            type=Scalar(kind="boolean"),
            required=True,
            description="Lambda has taken the payload and will run the function.",
        ),
        Field(
            name="requestId",
            type=Scalar(kind="string", nullable=True),
            required=True,
            description="By which the function's log can be found.",
        ),
    ),
    description="What a function that is invoked as an event answers: nothing but that it will run.",
)


def invoked_as(
    function: Function, invocation: Invocation, shapes: dict[ShapeName, Shape], *, reason: str
) -> Function:
    """*function* invoked in another way; the same object if it is no Lambda function, or is so invoked already.

    Args:
        function: Any.
        invocation: How.
        shapes: Of its upstream; what an event answers is added.
        reason: Who says so, for people.
    """
    binding = function.binding
    if not isinstance(binding, LambdaBinding) or binding.invocation == invocation:
        return function
    changed = msgspec.structs.replace(
        function,
        binding=msgspec.structs.replace(binding, invocation=invocation),
        streaming="server" if invocation == "stream" else "none",
    )
    if invocation == "event":
        name = _name_of_answer(shapes)
        shapes[name] = msgspec.structs.replace(ACCEPTED, name=name)
        # Twice an event is twice the work, and nobody sees the second.
        return msgspec.structs.replace(
            changed,
            result=Reference(shape=name),
            effect="write",
            effect_reason=f"an event, {reason}",
            idempotent=False,
        )
    if binding.invocation == "event":
        # What it answers beside that it was taken is not known any more.
        return msgspec.structs.replace(
            changed, result=JsonType(nullable=True, reason="it was described as an event")
        )
    return changed


def _name_of_answer(shapes: dict[ShapeName, Shape]) -> ShapeName:
    """The name under which an upstream holds the answer, whatever else it holds."""
    name = ACCEPTED.name
    number = 1
    while name in shapes and msgspec.structs.replace(ACCEPTED, name=name) != shapes[name]:
        number += 1
        name = ShapeName(f"{ACCEPTED.name}{number}")
    return name
