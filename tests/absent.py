"""What this machine lacks: a part that needs a system package ends in the list *not run here*, or is red with ALL=1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest

_not_run: dict[str, str] = {}


def needs(what: str, missing: Sequence[str]) -> None:
    """`missing` names what to install for the current test, which does not run where anything is missing."""
    if not missing:
        return
    how = "install " + " ".join(missing)
    if os.environ.get("ALL") == "1":
        pytest.fail(f"{what} is absent: {how}; with ALL=1 every part has to run", pytrace=False)
    _not_run[what] = how
    pytest.skip(f"{what} is absent: {how}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _not_run:
        terminalreporter.section("not run here")
        for what, how in sorted(_not_run.items()):
            terminalreporter.write_line(f"{what}: {how}")
