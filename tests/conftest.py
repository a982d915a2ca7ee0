"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.shop import RunningShop, start_shop

# What the tests start must not see this machine's AWS account or Weft's own settings.
for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "WEFT_CONFIG"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """The example's four services, running."""
    with start_shop(tmp_path_factory.mktemp("shop")) as running:
        yield running
