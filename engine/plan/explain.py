"""A plan as text: what is called, in which order, with what.

query
├─ orders.listOrders(limit: 50)  for orders
│  └─ products.list_products(ids ← Order.productId)  for orders.product
1 call, then 1
"""

from __future__ import annotations

from .steps import Fetch, Plan


def explain(plan: Plan) -> str:
    """*plan* as a tree of its fetches, and the number of calls at most."""
    lines = [plan.operation_type]
    _children(plan, None, "", lines)
    lines.append(_summary(plan))
    return "\n".join(lines) + "\n"


def _children(plan: Plan, parent: int | None, indent: str, lines: list[str]) -> None:
    children = plan.children(parent)
    for index, fetch in enumerate(children):
        last = index == len(children) - 1
        lines.append(f"{indent}{'└─' if last else '├─'} {_describe(plan, fetch)}")
        _children(plan, fetch.id, indent + ("   " if last else "│  "), lines)


def _describe(plan: Plan, fetch: Fetch) -> str:
    arguments = [fetch.arguments.text] if fetch.arguments.text else []
    how = ""
    if fetch.lookup is not None and fetch.batched:
        assert fetch.lookup.bulk is not None
        arguments = [f"{fetch.lookup.bulk.argument} ← {fetch.arguments.text}"]
        how = _joined(plan, fetch)
    elif fetch.link is not None:
        parent = fetch.link.shape
        if fetch.batched:
            assert fetch.link.bulk is not None
            arguments.insert(0, f"{fetch.link.bulk.argument} ← all {parent}.{fetch.link.keys[0].member}")
            how = f", put back by {fetch.link.bulk.key}"
        else:
            arguments[:0] = [f"{key.argument} ← {parent}.{key.member}" for key in fetch.link.keys]
            how = ", one call a key"
        how += _joined(plan, fetch)
    return f"{fetch.called.id}({', '.join(arguments)}) for {'.'.join(fetch.response_path)}{how}"


def _joined(plan: Plan, fetch: Fetch) -> str:
    """With which fetch it goes, or whose keys it does not ask for again."""
    if fetch.shared is None or fetch.shared == fetch.id:
        return ""
    (stage,) = (one for one in plan.stages if fetch.id in one.fetches)
    if stage.fetches[0] != fetch.id:
        return f", together with {'.'.join(plan.fetches[stage.fetches[0]].response_path)}"
    return f", if not yet asked for {'.'.join(plan.fetches[fetch.shared].response_path)}"


def _summary(plan: Plan) -> str:
    first = [plan.fetches[stage.fetches[0]] for stage in plan.stages]
    single = sum(1 for fetch in first if fetch.link is None or fetch.batched)
    each = len(first) - single
    calls = f"{single} call{'s' if single != 1 else ''}"
    return f"{calls} and {each} for each key" if each else calls
