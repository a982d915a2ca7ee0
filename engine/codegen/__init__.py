"""A plan, compiled to types and to Python.

In: a ``Plan``. Out: a ``Compiled`` plan: for each answer a type that holds just what is selected (and the keys
that its links need), so that answers are decoded, checked and encoded in C; and generated functions that
take keys out of answers and put linked objects in. ``None`` for a plan that is not compilable: it is
interpreted.

- ``leaves``: scalars and enums as types that a decoder checks.
- ``needs``: what each answer is needed for.
- ``types``: the types that answers are decoded as.
- ``source``: lines of Python, written from checked plans.
- ``access``: expressions for what decoded objects hold.
- ``write_keys``: the functions that take keys out of answers.
- ``write_response``: the function that makes the response of them.
- ``messages``: protobuf messages as a plan's types.
- ``compile``: all of it, in order.
"""

from .compile import AnswerReader, Compiled, CompiledLookup, CompiledStage, compile_plan
from .types import choose

__all__ = ["AnswerReader", "Compiled", "CompiledLookup", "CompiledStage", "choose", "compile_plan"]
