import os

import pytest

from .install import NotInstalled, need_programs, run


def test_programs_that_are_there_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    need_programs("sh", "env")


def test_who_may_not_install_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotInstalled, match="sudo apt-get install no-such-package"):
        need_programs("sh", "no-such-program", packages={"no-such-program": "no-such-package"})


def test_what_a_failed_installation_printed_is_told() -> None:
    with pytest.raises(NotInstalled, match="no luck"):
        run(["sh", "-c", "echo no luck; exit 1"])
