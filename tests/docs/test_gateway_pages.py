"""Every example of the pages in docs/gateway/, run: see ``gateway_pages``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.gateway_pages import PAGES, Example, Terminal, blocks, examples
from tests.support.shop import RunningShop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXAMPLES = [pytest.param(one, id=one.id) for page in PAGES for one in examples(page)]


@pytest.fixture(scope="module")
def terminal(shop: RunningShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A folder with the real commands, for all pages."""
    with Terminal(tmp_path_factory.mktemp("pages"), shop) as one:
        yield one


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: Example, terminal: Terminal) -> None:
    terminal.run(example)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_yaml_block_is_run_by_a_console_block(page: Path) -> None:
    text = page.read_text()
    assert {kind for kind, _, _ in blocks(text)} <= {"yaml", "console", "text", "json"}
    assert all(example.commands for example in examples(page))
