"""The log of Weft's own processes: each record in one line, with its fields."""

from __future__ import annotations

import logging
import os
from typing import Final

_STANDARD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """A record's sentence, and the fields that it carries: ``detector failed upstream=orders``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class names it
        """The line, before what was raised."""
        line = super().formatMessage(record)
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD]
        return " ".join((line, *fields)).replace("\n", " ")


def log_level(default: str = "WARNING") -> str:
    """The level that ``WEFT_LOG`` asks for, in upper case; *default* where it names none."""
    asked = os.environ.get("WEFT_LOG", "").upper()
    return asked if asked in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"} else default


def configure_logging(default: str = "WARNING") -> None:
    """Send records of the level that ``WEFT_LOG`` asks for, or of *default*, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=log_level(default), handlers=[handler])
