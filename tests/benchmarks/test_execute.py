import json

import pytest

from .stages import executing
from .workload import workloads


@pytest.mark.slow
@pytest.mark.parametrize("name", ["posts", "titles", "wide"])
async def test_weft_and_graphql_core_give_the_workloads_answer(name: str) -> None:
    stage = executing(name)
    expected = json.dumps(workloads()[name].answer)
    # Plans are compiled when they are run again.
    assert [json.dumps(json.loads(await stage.ours())) for _ in range(3)] == [expected] * 3
    assert json.dumps(json.loads(await stage.theirs())) == expected
