"""Plans to run passes on."""

from __future__ import annotations

from tests.support.shop_catalog import SHOP
from weft.engine.operation import DocumentLimits, parse_operation
from weft.engine.plan import Plan, plan_operation
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

SCHEMA = stitch(SHOP, weave(SHOP)).schema


def plan(text: str) -> Plan:
    """The plan of *text*, before any pass."""
    limits = DocumentLimits()
    made = plan_operation(SCHEMA, parse_operation(SCHEMA, text, None, limits), {}, limits)
    assert isinstance(made, Plan)
    return made
