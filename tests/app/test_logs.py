"""The log: one line for each record, with its fields."""

from __future__ import annotations

import logging

import pytest

from weft.app.logs import FieldFormatter, log_level


def test_fields_of_a_record_stand_behind_its_sentence() -> None:
    fields = {"upstream": "orders", "reason": "first line\nsecond line"}
    record = logging.makeLogRecord(
        {"levelname": "WARNING", "name": "weft", "msg": "detector failed", **fields}
    )
    line = FieldFormatter("%(levelname)s %(name)s: %(message)s").format(record)
    assert line == "WARNING weft: detector failed upstream=orders reason=first line second line"


@pytest.mark.parametrize(("asked", "level"), [("debug", "DEBUG"), ("", "WARNING"), ("loud", "WARNING")])
def test_unknown_level_is_the_default(asked: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_LOG", asked)
    assert log_level() == level
