"""Seeds that once failed, by what had been wrong; each is played again at every change, and kept for ever.

A seed means something only together with how plans are drawn, so the fault itself is kept as well: planted again, it
must still be found by this very seed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """`bug` is the planted fault that is the mistake of that day."""

    seed: int
    bug: str


SEEDS: dict[str, Seed] = {}

FOUND_BY: dict[str, int] = {}
"""The first seed that finds each planted fault."""
