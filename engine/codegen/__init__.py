"""A plan, compiled to types and to Python.

In: a ``Plan``. Out: a ``Compiled`` plan: for each fetch a type that holds just what is selected (and the keys
that its links need), so that answers are decoded, checked and encoded in C; and generated functions that
take keys out of answers and put linked objects in. ``None`` for a plan that is not compilable: it is
interpreted.

- ``leaves``: scalars and enums as types that a decoder checks.
- ``needs``: what each fetch's answer is needed for.
- ``source``: lines of Python, written from checked plans.
- ``generate``: the functions of a plan.
- ``messages``: protobuf messages as a plan's types.
- ``compile``: all of it, in order.
"""

from .compile import Compiled, CompiledFetch, compile_plan

__all__ = ["Compiled", "CompiledFetch", "compile_plan"]
