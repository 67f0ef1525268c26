"""The whole house through random fortnights: a line for each promise (G1)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tests.progress import counted
from tests.simulation.promises import ANTECEDENTS
from tests.simulation.promises.words import said
from tests.simulation.report import Tally, play_all
from tests.simulation.troubles import KINDS
from tests.soak.row import Row, Tried


async def fortnights(folder: Path, seeds: int) -> Sequence[Tried]:
    """`reached` is the rarest of what a promise asks for. What was never reached, or never struck, is a violation."""
    tally = Tally().add(counted(play_all(range(seeds), workers=os.cpu_count() or 1), seeds))
    broken = [f"seed {outcome.seed}: {breach}" for outcome in tally.failed for breach in outcome.breaches]
    asked: dict[str, list[str]] = {}
    for name in ANTECEDENTS:
        asked.setdefault(name.split()[0], []).append(name)
    promises = [_tried(promise, names, tally, broken) for promise, names in asked.items()]
    told = {violation for promise in promises for violation in promise.violations}
    others = [each for each in broken if each not in told]
    others += [f"{kind} never struck" for kind in KINDS if not tally.fired[kind]]
    return [*promises, Tried(f"{len(KINDS)} kinds of faults", seeds, sum(tally.fired.values()), others)]


def _tried(promise: str, names: Sequence[str], tally: Tally, broken: Sequence[str]) -> Tried:
    violations = [each for each in broken if each.split(": ", 1)[1].split()[0] == promise]
    violations += [f"{name}: never" for name in names if not tally.reached[name]]
    return Tried(said(promise), tally.seeds, min(tally.reached[name] for name in names), violations)


ROWS = [Row("fortnights", fortnights, 10_000)]
