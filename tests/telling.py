"""What a test has to say beyond that it passed: it goes with its report, and is printed whichever process ran it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

TOLD = "told: "
Tell = Callable[[str, str], None]
"""A heading, and what is printed under it; what several tests say is printed once, with how many said it."""


@pytest.fixture
def tell(record_property) -> Tell:
    return lambda heading, words: record_property(TOLD + heading, words)


def told_at_the_end(terminalreporter: Any) -> None:
    headings: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, words in report.user_properties if getattr(report, "when", "") == "call" else ():
                if name.startswith(TOLD):
                    headings.setdefault(name.removeprefix(TOLD), Counter())[words] += 1
    for heading, said in headings.items():
        terminalreporter.section(heading)
        for words, times in said.items():
            terminalreporter.write_line(words if times == 1 else f"{words}: {times}")
