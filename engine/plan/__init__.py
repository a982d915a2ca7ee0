"""An operation, compiled against one schema.

In: an ``Operation`` and the values of its condition variables. Out: a ``Plan``: a tree of fetches, and
the selection that turns what they yield into the response.

- ``steps``: what a plan is made of.
- ``keys``: keys taken from parents, in the form in which functions take them.
- ``build``: the compiler.
- ``explain``: a plan as text.
- ``access``: who may ask for which fields.
- ``cost``: what an operation costs.
"""

from .build import HandWritten, plan_operation
from .explain import explain
from .steps import Fetch, Plan

__all__ = ["Fetch", "HandWritten", "Plan", "explain", "plan_operation"]
