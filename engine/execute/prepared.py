"""Documents compiled once, kept in a bounded cache.

What was prepared for a document serves every document of its shape: see ``operation.shape``.
"""

from __future__ import annotations

import hashlib
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from graphql import GraphQLError, GraphQLSchema, VariableValues, get_variable_values
from graphql.language import Source, get_location

from ...schemas.errors import OperationError
from ..codegen import Compiled, compile_plan
from ..operation import DocumentLimits, Operation, parse_operation
from ..operation.document import OperationErrors, choose_operation
from ..operation.literals import Slot, abstract_literals, literal_values
from ..operation.secrets import without_secrets
from ..operation.shape import Shape, Span, shape_of
from ..passes import PASSES, Pass, improve
from ..plan import HandWritten, Plan, plan_operation
from ..plan.access import Guarded
from ..plan.steps import Location
from .byte_cache import ByteCache

# Measured with tracemalloc on operations over the shop; tests/engine/execute/test_prepared.py holds them to it.
# A syntax tree and a plan, by the characters of the document (twice as much where all names have two letters).
_TREE_BYTES: Final = 10_500
_TREE_BYTES_PER_CHARACTER: Final = 105
_PLAN_BYTES_PER_CHARACTER: Final = 67
# A compiled plan: its types by the number of its stages, its code by the characters of its source.
_STAGE_BYTES: Final = 6_000
_CODE_BYTES_PER_CHARACTER: Final = 8
# A document of a known shape: beside its text its entry, and each literal's value and place.
_DOCUMENT_BYTES: Final = 500
_LITERAL_BYTES: Final = 230
_REFUSED_BYTES: Final = 400

_LINE_END: Final = re.compile(r"\r\n|[\n\r]")

_NO_VARIABLES: Final = VariableValues({}, {})

_MAX_PLANS: Final = 64
"""Plans of one operation: six condition variables. What is beyond is planned each time."""
_MAX_REFUSED_BYTES: Final = 1024 * 1024

_Key: TypeAlias = tuple[str, str | None]
"""A document's text, or a shape's key, and the operation's name. No text that is valid holds a shape's marks."""


@dataclass(slots=True, eq=False)
class Template:
    """A valid operation, and its plans by the values of its condition variables.

    Attributes:
        operation: Literals that documents of its shape may differ in are variables in it.
        text: The document that it was made from.
        slots: Those variables.
        spans: Where their literals stand in *text*.
        key: What it is kept under.
        compiled: By the ``id`` of a plan in *plans* that was run before.
        once: The ids of those that were run once, and are not compiled yet.
        forwarded: Names of the headers that its plans' calls forward, by the ``id`` of a plan in *plans*;
            ``None`` for a plan that shares with none.
        guarded: Its fields that access rules hold for; ``None`` until they were looked for.
    """

    operation: Operation
    text: str
    key: _Key
    slots: tuple[Slot, ...] = ()
    spans: Sequence[Span] = ()
    plans: dict[tuple[bool, ...], Plan | HandWritten] = field(default_factory=dict)
    compiled: dict[int, Compiled | None] = field(default_factory=dict)
    once: set[int] = field(default_factory=set)
    forwarded: dict[int, tuple[str, ...] | None] = field(default_factory=dict)
    guarded: tuple[Guarded, ...] | None = None

    @property
    def bytes(self) -> int:
        """About what it takes in memory."""
        plans = _PLAN_BYTES_PER_CHARACTER * len(self.plans)
        # Twice: the lenient kind of a compiled plan is made when it is first needed.
        made = 2 * sum(
            _CODE_BYTES_PER_CHARACTER * len(one.source) + _STAGE_BYTES * len(one.stages)
            for one in self.compiled.values()
            if one is not None
        )
        return _TREE_BYTES + len(self.text) * (_TREE_BYTES_PER_CHARACTER + plans) + made


@dataclass(slots=True, eq=False)
class Prepared:
    """One document: a template, and its own literals.

    Attributes:
        template: Shared with all documents of its shape.
        text: The document.
        literals: Values of ``template.slots``, as those of variables.
        spans: Where they stand in *text*.
    """

    template: Template
    text: str
    literals: VariableValues = _NO_VARIABLES
    spans: Sequence[Span] = ()

    @property
    def operation(self) -> Operation:
        """The operation. Once its plan is ``HandWritten``, its document has all literals in place."""
        return self.template.operation

    @property
    def bytes(self) -> int:
        """About what it takes in memory beside its template."""
        return sys.getsizeof(self.text) + _DOCUMENT_BYTES + _LITERAL_BYTES * len(self.spans)

    def with_literals(self, variables: VariableValues) -> VariableValues:
        """*variables*, and the document's literals among them: what its plan is run with."""
        if not self.literals.coerced:
            return variables
        return VariableValues(variables.sources, {**variables.coerced, **self.literals.coerced})

    def location(self, at: Location) -> Location:
        """Where in this document stands what is *at* in the template's."""
        if self.spans is self.template.spans:
            return at
        place = _offset(self.template.text, at)
        before = bisect_right(self.template.spans, place, key=lambda span: span[1])
        if before:
            place += self.spans[before - 1][1] - self.template.spans[before - 1][1]
        found = get_location(Source(self.text), place)
        return found.line, found.column

    def relocate(self, errors: Iterable[dict[str, Any]]) -> None:
        """Give *errors*, formatted for a response, the locations of this document."""
        if self.spans is self.template.spans:
            return
        for error in errors:
            if "locations" in error:
                found = [self.location((at["line"], at["column"])) for at in error["locations"]]
                error["locations"] = [{"line": line, "column": column} for line, column in found]

    def relocated(self, error: OperationError) -> OperationError:
        """*error* with the locations of this document."""
        if self.spans is self.template.spans or not error.locations:
            return error
        locations = tuple(self.location(at) for at in error.locations)
        return OperationError(str(error), code=error.code, locations=locations)


class _Alone:
    """Stands in the place of the template of a shape whose documents are prepared each for itself."""


_ALONE: Final = _Alone()


class Preparer:
    """Parses, validates and plans documents against one schema.

    What was prepared is kept under the document's text and operation name, and under its shape, the least
    recently used going first, up to *max_cache_bytes* in all. What is refused is kept too, in a small cache of
    its own: a client that repeats a mistake does not cost a parse each time.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        *,
        passes: tuple[Pass, ...] = PASSES,
        max_cache_bytes: int = 32 * 1024 * 1024,
        share_shapes: bool = True,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._passes = passes
        self._share_shapes = share_shapes
        self._kept: ByteCache[_Key, Prepared | Template | _Alone] = ByteCache(max_cache_bytes)
        self._refused: ByteCache[bytes, tuple[OperationError, ...]] = ByteCache(_MAX_REFUSED_BYTES)

    @property
    def gone(self) -> int:
        """How much of what was prepared had to go so far."""
        return self._kept.gone

    def prepare(self, text: str, operation_name: str | None) -> Prepared:
        """The operation of *text*, parsed and validated.

        Raises:
            OperationErrors: Request errors.
        """
        key = (text, operation_name)
        found = self._kept.get(key)
        if isinstance(found, Prepared):
            if found.template.slots:
                self._kept.get(found.template.key)  # it must not go before its documents
            return found
        if len(self._refused) and (refused := self._refused.get(_digest(key))):
            raise OperationErrors(list(refused))
        # No document of so few characters has too many tokens.
        shared = self._share_shapes and len(text) <= self._limits.max_tokens
        shape = shape_of(text) if shared else None
        try:
            return self._of_shape(shape, key) if shape else self._alone(key, self._parse(key))
        except OperationErrors as error:
            self._refuse(key, error)
            raise

    def prepare_alone(self, text: str, operation_name: str | None) -> Prepared:
        """Like ``prepare``, with every literal in its place, and not from the cache: for people.

        Raises:
            OperationErrors: Request errors.
        """
        return self._made_alone((text, operation_name), self._parse((text, operation_name)))

    def _parse(self, key: _Key) -> Operation:
        return parse_operation(self._schema, *key, self._limits)

    def _made_alone(self, key: _Key, operation: Operation) -> Prepared:
        template = Template(operation, key[0], key)
        return Prepared(template, key[0], spans=template.spans)

    def _alone(self, key: _Key, operation: Operation) -> Prepared:
        prepared = self._made_alone(key, operation)
        self._kept.put(key, prepared, prepared.bytes + prepared.template.bytes)
        return prepared

    def _of_shape(self, shape: Shape, key: _Key) -> Prepared:
        shape_key = (shape.key, key[1])
        template = self._kept.get(shape_key)
        if isinstance(template, Template):
            # ``None``: one of them is wrong; what is, and where, is found in the document itself.
            literals = literal_values(template.slots, shape.literals)
            if literals is not None:
                return self._shared(template, key, literals, shape.spans)
        operation = self._parse(key)
        if template is None:
            template = self._template(shape, operation, key[0], shape_key)
            literals = literal_values(template.slots, shape.literals) if template else None
            if template is not None and literals is not None:
                return self._shared(template, key, literals, template.spans)
        return self._alone(key, operation)

    def _shared(
        self, template: Template, key: _Key, literals: dict[str, Any], spans: Sequence[Span]
    ) -> Prepared:
        prepared = Prepared(template, key[0], VariableValues({}, literals), spans)
        self._kept.put(key, prepared, prepared.bytes)
        return prepared

    def _template(self, shape: Shape, operation: Operation, text: str, key: _Key) -> Template | None:
        abstract = abstract_literals(self._schema, operation.document, shape)
        if abstract is None:
            self._keep_alone(key)
            return None
        document, slots = abstract
        template = Template(choose_operation(document, key[1]), text, key, slots, shape.spans)
        self._kept.put(key, template, template.bytes)
        return template

    def _keep_alone(self, shape_key: _Key) -> None:
        self._kept.put(shape_key, _ALONE, sys.getsizeof(shape_key[0]) + _DOCUMENT_BYTES)

    def _refuse(self, key: _Key, error: OperationErrors) -> None:
        texts = sum(len(str(one)) + 56 * len(one.locations) for one in error.errors)
        # Without what caused them: a syntax error holds the document.
        kept = tuple(OperationError(str(e), code=e.code, locations=e.locations) for e in error.errors)
        self._refused.put(_digest(key), kept, _REFUSED_BYTES * (1 + len(kept)) + texts)

    def variables(self, prepared: Prepared, given: Mapping[str, Any]) -> VariableValues:
        """The coerced values of the operation's variables, the document's literals among them.

        Raises:
            OperationErrors: They do not fit their types.

        Source: GraphQL specification, ``CoerceVariableValues``.
        """
        definitions = prepared.operation.definition.variable_definitions
        if not definitions:
            return prepared.literals
        values = get_variable_values(
            self._schema, definitions, dict(given), max_errors=self._limits.max_errors
        )
        if isinstance(values, list):
            raise OperationErrors(
                [prepared.relocated(_variable_error(error, self._schema)) for error in values]
            )
        return prepared.with_literals(values)

    def compiled(self, prepared: Prepared, plan: Plan) -> Compiled | None:
        """*plan*, compiled; ``None`` if it is to be interpreted.

        A plan is compiled when it is run for the second time: an operation that comes but once is not worth
        it.
        """
        template = prepared.template
        key = id(plan)
        if key in template.compiled:
            found = template.compiled[key]
            if found is None and key in template.once:
                template.once.discard(key)
                found = template.compiled[key] = compile_plan(plan)
                self._resize(prepared)
            return found
        if any(kept is plan for kept in template.plans.values()):
            template.compiled[key] = None
            template.once.add(key)
        return None

    def plan(self, prepared: Prepared, variables: VariableValues) -> Plan | HandWritten:
        """The plan for these values of the condition variables.

        Raises:
            OperationError: The operation is over a limit, or a condition variable is null.
        """
        operation = prepared.operation
        if not operation.condition_variables and (known := prepared.template.plans.get(())) is not None:
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
        found = prepared.template.plans.get(values)
        if found is None:
            try:
                found = self._plan(prepared, conditions)
            except OperationError as error:
                raise prepared.relocated(error) from error
            if len(prepared.template.plans) < _MAX_PLANS:
                prepared.template.plans[values] = found
                self._resize(prepared)
        return found

    def _plan(self, prepared: Prepared, conditions: Mapping[str, bool]) -> Plan | HandWritten:
        found = plan_operation(self._schema, prepared.operation, conditions, self._limits)
        if isinstance(found, Plan):
            return improve(found, self._passes)
        if prepared.template.slots:
            # graphql-core executes the document itself, and knows nothing of our variables.
            _, name = shape_key = prepared.template.key
            self._keep_alone(shape_key)
            key = (prepared.text, name)
            prepared.template = Template(self._parse(key), prepared.text, key)
            prepared.literals, prepared.spans = _NO_VARIABLES, prepared.template.spans
            self._kept.put(key, prepared, prepared.bytes + prepared.template.bytes)
        return found

    def _resize(self, prepared: Prepared) -> None:
        template = prepared.template
        self._kept.resize(template.key, template, template.bytes)
        if not template.slots:
            self._kept.resize(template.key, prepared, prepared.bytes + template.bytes)


def _variable_error(error: GraphQLError, schema: GraphQLSchema) -> OperationError:
    locations = tuple((at.line, at.column) for at in error.locations or ())
    return OperationError(without_secrets(schema, error.message), code="BAD_USER_INPUT", locations=locations)


def _digest(key: _Key) -> bytes:
    text, name = key
    whole = f"{text}\0{'' if name is None else f'={name}'}"
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _offset(text: str, at: Location) -> int:
    """Characters before line and column *at*."""
    line, column = at
    place = 0
    for _ in range(line - 1):
        found = _LINE_END.search(text, place)
        assert found is not None
        place = found.end()
    return place + column - 1
