"""Documents compiled once, kept in a bounded cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError, GraphQLSchema, VariableValues, get_variable_values

from ...schemas.errors import OperationError
from ..codegen import Compiled, compile_plan
from ..operation import DocumentLimits, Operation, parse_operation
from ..operation.document import OperationErrors
from ..passes import PASSES, Pass, improve
from ..plan import HandWritten, Plan, plan_operation

# Measured with tracemalloc on operations over the shop, of which tests/cases/four_upstreams and cycle are
# two: the syntax tree takes 70 to 100 bytes for each character of the text (190 where all names have two
# letters), a plan 44 to 67.
_TREE_BYTES_PER_CHARACTER: Final = 100
_PLAN_BYTES_PER_CHARACTER: Final = 67


_NO_VARIABLES: Final = VariableValues({}, {})


@dataclass(slots=True)
class Prepared:
    """A valid operation, and its plans by the values of its condition variables.

    Attributes:
        characters: Length of its document.
        cached: Whether it is in the cache, so that its plans count there.
        compiled: By the ``id`` of a plan in *plans* that was run before.
        once: The ids of those that were run once, and are not compiled yet.
        forwarded: Names of the headers that its plans' calls forward, by the ``id`` of a plan in *plans*;
            ``None`` for a plan that shares with none.
    """

    operation: Operation
    characters: int
    cached: bool = True
    plans: dict[tuple[bool, ...], Plan | HandWritten] = field(default_factory=dict)
    compiled: dict[int, Compiled | None] = field(default_factory=dict)
    once: set[int] = field(default_factory=set)
    forwarded: dict[int, tuple[str, ...] | None] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """About what it takes in memory."""
        plans = _PLAN_BYTES_PER_CHARACTER * len(self.plans)
        return self.characters * (_TREE_BYTES_PER_CHARACTER + plans)


class Preparer:
    """Parses, validates and plans documents against one schema.

    What was prepared is kept under the document's text and operation name, the least recently used going
    first, up to *max_cache_bytes* in all.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        *,
        passes: tuple[Pass, ...] = PASSES,
        max_cache_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._passes = passes
        self._max_bytes = max_cache_bytes
        self._bytes = 0
        self._prepared: OrderedDict[tuple[str, str | None], Prepared] = OrderedDict()

    def prepare(self, text: str, operation_name: str | None) -> Prepared:
        """The operation of *text*, parsed and validated.

        Raises:
            OperationErrors: Request errors.
        """
        key = (text, operation_name)
        found = self._prepared.get(key)
        if found is not None:
            self._prepared.move_to_end(key)
            return found
        found = Prepared(parse_operation(self._schema, text, operation_name, self._limits), len(text))
        self._prepared[key] = found
        self._bytes += found.bytes
        self._let_go()
        return found

    def variables(self, operation: Operation, given: Mapping[str, Any]) -> VariableValues:
        """The coerced values of the operation's variables.

        Raises:
            OperationErrors: They do not fit their types.

        Source: GraphQL specification, ``CoerceVariableValues``.
        """
        definitions = operation.definition.variable_definitions
        if not definitions:
            return _NO_VARIABLES
        values = get_variable_values(
            self._schema, definitions, dict(given), max_errors=self._limits.max_errors
        )
        if isinstance(values, list):
            raise OperationErrors([_variable_error(error) for error in values])
        return values

    def compiled(self, prepared: Prepared, plan: Plan) -> Compiled | None:
        """*plan*, compiled; ``None`` if it is to be interpreted.

        A plan is compiled when it is run for the second time: a document that comes but once is not worth
        it.
        """
        key = id(plan)
        if key in prepared.compiled:
            found = prepared.compiled[key]
            if found is None and key in prepared.once:
                prepared.once.discard(key)
                found = prepared.compiled[key] = compile_plan(plan)
            return found
        if any(kept is plan for kept in prepared.plans.values()):
            prepared.compiled[key] = None
            prepared.once.add(key)
        return None

    def plan(self, prepared: Prepared, variables: VariableValues) -> Plan | HandWritten:
        """The plan for these values of the condition variables.

        Raises:
            OperationError: The operation is over a limit, or a condition variable is null.
        """
        operation = prepared.operation
        if not operation.condition_variables and (known := prepared.plans.get(())) is not None:
            return known
        for name in operation.condition_variables:
            # CoerceArgumentValues: only a variable with a default may stand here, and then be given as null.
            if name in variables.coerced and variables.coerced[name] is None:
                raise OperationError(
                    f"variable ${name} decides which fields are in, so it must not be null",
                    code="BAD_USER_INPUT",
                )
        conditions = {name: bool(variables.coerced.get(name)) for name in operation.condition_variables}
        values = tuple(conditions.values())
        found = prepared.plans.get(values)
        if found is None:
            found = plan_operation(self._schema, operation, conditions, self._limits)
            if isinstance(found, Plan):
                found = improve(found, self._passes)
            if len(prepared.plans) < 64:  # six condition variables; what is beyond is planned each time
                before = prepared.bytes
                prepared.plans[values] = found
                if prepared.cached:
                    self._bytes += prepared.bytes - before
                    self._let_go()
        return found

    def _let_go(self) -> None:
        while self._bytes > self._max_bytes and len(self._prepared) > 1:
            _, old = self._prepared.popitem(last=False)
            old.cached = False
            self._bytes -= old.bytes


def _variable_error(error: GraphQLError) -> OperationError:
    locations = tuple((at.line, at.column) for at in error.locations or ())
    return OperationError(error.message, code="BAD_USER_INPUT", locations=locations)
