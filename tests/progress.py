"""How far a long trial is, said on stderr while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
SAY_EVERY_S = 30.0


def counted(outcomes: Iterable[T], of: int) -> Iterator[T]:
    """The same outcomes; now and then how many there were, and how many a second."""
    began = said = time.monotonic()
    for number, outcome in enumerate(outcomes, 1):
        if (now := time.monotonic()) - said >= SAY_EVERY_S:
            said = now
            took = (now - began) / number
            pace = f"{1 / took:.1f} a second" if took < 1 else f"{took:.0f} s each"
            print(f"    {number:,} of {of:,}, {pace}", file=sys.stderr, flush=True)
        yield outcome
