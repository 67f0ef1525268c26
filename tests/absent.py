"""What this machine lacks: a part that needs a system package ends in the list *not run here*, or is red with ALL=1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest

ABSENT = " is absent: "


def needs(what: str, missing: Sequence[str]) -> None:
    """`missing` names what to install for the current test, which does not run where anything is missing."""
    if not missing:
        return
    lacking = f"{what}{ABSENT}install {' '.join(missing)}"
    if os.environ.get("ALL") == "1":
        pytest.fail(f"{lacking}; with ALL=1 every part has to run", pytrace=False)
    pytest.skip(lacking)


def not_run_here(terminalreporter: Any) -> None:
    """Read from the reports, so that it is known whichever process has skipped it."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())}
    lacking = sorted(reason.removeprefix("Skipped: ") for reason in reasons if ABSENT in reason)
    if lacking:
        terminalreporter.section("not run here")
        for each in lacking:
            terminalreporter.write_line(each.replace(ABSENT, ": "))
