"""Many fortnights, or one again: `python -m tests.simulation --seeds 10000`, or `--seed 41` to be told its story."""

from __future__ import annotations

import argparse
import os
import sys

from tests.progress import counted
from tests.simulation.bugs import BUGS
from tests.simulation.report import Tally, play, play_all, told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, aloud")
    parser.add_argument("--bug", default="", choices=["", *BUGS], help="plant this fault in the product")
    parser.add_argument("--hashes", action="store_true", help="one line a seed: its number and the hash of its log")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.seed is not None:
        outcome = play(asked.seed, bug=asked.bug, aloud=True)
        print(told(outcome))
        print(f"{outcome.facts} facts, {outcome.hash}")
        return 1 if outcome.breaches else 0
    seeds = range(asked.first, asked.first + asked.seeds)
    outcomes = counted(play_all(seeds, workers=asked.workers, bug=asked.bug), len(seeds))
    if asked.hashes:
        for outcome in outcomes:
            print(outcome.seed, outcome.hash)
        return 0
    tally = Tally().add(outcomes)
    if tally.failed:
        print(tally.failures(), end="\n\n")
    print(tally.table())
    return 1 if tally.failed or tally.never else 0


if __name__ == "__main__":
    sys.exit(main())
