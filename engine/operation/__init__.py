"""A document, up to the operation that is to be planned.

- ``request``: what a client sends and gets.
- ``document``: text to a parsed, validated operation.
- ``shape``: what documents have in common that differ in literals only.
- ``literals``: an operation with variables in the place of its literals, and their values.
- ``secrets``: messages about bad input that show none.
- ``collect``: the fields of a selection set for one concrete type.
"""

from .document import Conditions, DocumentLimits, Operation, condition_variables, parse_operation
from .request import GraphQLRequest, Response

__all__ = [
    "Conditions",
    "DocumentLimits",
    "GraphQLRequest",
    "Operation",
    "Response",
    "condition_variables",
    "parse_operation",
]
