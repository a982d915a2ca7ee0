"""Upstreams that are described by OpenAPI, on loopback, and settings for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings_for(tmp_path: Path) -> MakeSettings:
    """Makes the settings for some upstreams, with other sections as keywords; files lie in the test's folder."""

    def make(*upstreams: Any, **sections: Any) -> Settings:
        return Settings.from_mapping({"upstreams": upstreams, **sections}, tmp_path)

    return make
