import pytest

from weft.engine.plan import Plan, explain

from .stages import planning
from .workload import workloads


@pytest.mark.parametrize("name", ["posts", "titles", "wide"])
async def test_the_plan_has_one_call_and_one_for_each_link(name: str) -> None:
    plan = await planning(name).ours()
    assert isinstance(plan, Plan)
    calls = workloads()[name].calls
    assert explain(plan).endswith(f"{calls} call{'s' if calls > 1 else ''}\n")


async def test_graphql_core_finds_the_same_document_valid() -> None:
    document = await planning("posts").theirs()
    assert len(document.definitions) == 1
