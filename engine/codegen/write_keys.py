"""The functions that take keys out of answers, and put what they lead to into dictionaries.

They read the *state* of one execution: a list that holds, by a fetch's id, the decoded answer of a root fetch, and
the dictionary of what the keys of a link led to.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..plan import Fetch, Plan
from ..plan.steps import (
    EntriesStep,
    ListValue,
    MemberStep,
    NonNullValue,
    ObjectValue,
    PathStep,
    TypeStep,
    ValuePlan,
)
from .access import Access, key_converter, wanted_kind
from .needs import AnswerNeed, AnyNode, Node, UnionNode
from .source import Source
from .types import Types


class KeysWriter:
    """Writes these functions of one plan into a ``Source``."""

    def __init__(self, plan: Plan, needs: Mapping[int, AnswerNeed], types: Types, source: Source) -> None:
        self._plan = plan
        self._needs = needs
        self._types = types
        self._source = source
        self._access = Access(types, source)

    def keys_function(self, fetch: Fetch) -> str:
        """A function from the state to the distinct keys of *fetch*, in the order of its parents."""
        assert fetch.parent is not None
        parent = self._plan.fetches[fetch.parent]
        need = self._needs[parent.answers]
        clauses: list[str] = []
        if parent.link is not None:
            at = self._source.name("v")
            clauses.append(f"for {at} in state[{parent.id}].values()")
        else:
            at = f"state[{parent.id}]"
        node, found = self._path(need.plan, need.node, at, fetch.path, clauses)
        key, conditions = self._key_for_set(fetch, node, found)
        clauses += conditions
        if not clauses[0].startswith("for"):
            clauses.insert(0, "for _ in (None,)")
        name = self._source.name("keys_of")
        with self._source.block(f"def {name}(state)"):
            self._source.line(f"keys = {{{' '.join([f'{key}: None', *clauses])}}}")
            self._source.line("keys.pop(None, None)")
            self._source.line("return list(keys)")
        return name

    def add_function(self, fetch: Fetch) -> str:
        """A function that puts the items of one bulk answer into a dictionary that holds the keys asked for."""
        need = self._needs[fetch.answers]
        assert fetch.keyed is not None
        assert fetch.keyed.bulk is not None
        assert isinstance(need.node, Node)
        bulk = fetch.keyed.bulk
        name, item, key = self._source.name("add"), self._source.name("v"), self._source.name("k")
        with self._source.block(f"def {name}(answer, found)"):
            for _ in bulk.items:
                with self._source.block("if answer is None"):
                    self._source.line("return")
                self._source.line("answer = answer.inner")
            with self._source.block(f"for {item} in answer or ()"):
                self._source.line(f"{key} = {item}.{self._types.attribute(need.node, bulk.key)}")
                if self._types.key_kind(need.node, bulk.key) != wanted_kind(fetch, 0):
                    with self._source.block(f"if {key} is None"):
                        self._source.line("continue")
                    convert = self._source.hold(key_converter(fetch, 0), "convert")
                    self._source.line(f"{key} = {convert}({key})")
                with self._source.block(f"if {key} in found"):
                    put = f"found[{key}].append({item})" if bulk.many else f"found[{key}] = {item}"
                    self._source.line(put)
        return name

    def _path(
        self,
        plan: ValuePlan,
        node: AnyNode | None,
        at: str,
        path: tuple[PathStep, ...],
        clauses: list[str],
    ) -> tuple[Node, str]:
        """The objects at *path* below *at*, as clauses of a comprehension and the name or member they have."""
        nullable = not isinstance(plan, NonNullValue)
        inner = plan.of if isinstance(plan, NonNullValue) else plan
        if isinstance(inner, ListValue):
            item = self._source.name("v")
            if not inner.entries:
                clauses.append(f"for {item} in {at}{' or ()' if nullable else ''}")
                return self._path(inner.item, node, item, path, clauses)
            clauses.append(f"for {item} in {f'({at} or {{}})' if nullable else at}.values()")
            assert isinstance(node, Node)
            assert isinstance(path[0], EntriesStep)
            assert path[1] == MemberStep("value")
            need = node.members["value"]
            assert need.plan is not None
            return self._path(need.plan, need.node, item, path[2:], clauses)
        assert isinstance(inner, ObjectValue)
        if nullable and not at.isidentifier():
            name = self._source.name("v")
            clauses.append(f"if ({name} := {at}) is not None")
            at = name
        elif nullable:
            clauses.append(f"if {at} is not None")
        if isinstance(node, UnionNode):
            assert isinstance(path[0], TypeStep)
            node = node.nodes[path[0].type_name]
            clauses.append(f"if {self._access.is_of(node, f'{at}.__class__')}")
            path = path[1:]
        assert isinstance(node, Node)
        if not path:
            return node, at
        step = path[0]
        assert isinstance(step, MemberStep)
        need = node.members[step.member]
        assert need.plan is not None
        attribute = f"{at}.{self._types.attribute(node, step.member)}"
        return self._path(need.plan, need.node, attribute, path[1:], clauses)

    def _key_for_set(self, fetch: Fetch, node: Node, at: str) -> tuple[str, list[str]]:
        """The expression of one key, and the clauses before it. A single one may be ``None``."""
        assert fetch.link is not None
        members = [self._access.member(node, key.member, at) for key in fetch.link.keys]
        if fetch.link.each:
            key = self._source.name("k")
            clause = f"for {key} in {members[0]} or ()"
            if not self._access.converts(fetch, node, 0):
                return key, [clause]
            return self._access.converted(fetch, node, 0, key), [clause, f"if {key} is not None"]
        if len(members) == 1 and not self._access.converts(fetch, node, 0):
            return members[0], []
        return self._access.key(fetch, node, members)
