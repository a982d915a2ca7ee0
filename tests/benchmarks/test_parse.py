from typing import Final

import pytest
from graphql import print_ast

from .stages import parsing

NAMES: Final = ("posts", "titles", "wide")


@pytest.mark.parametrize("name", NAMES)
async def test_weft_and_graphql_core_read_the_same_operation(name: str) -> None:
    stage = parsing(name)
    assert print_ast(await stage.ours()) == print_ast(await stage.theirs())


async def test_each_round_parses_a_document_that_no_cache_holds() -> None:
    stage = parsing("titles")
    assert await stage.ours() is not await stage.ours()
