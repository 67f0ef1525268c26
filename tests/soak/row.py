"""One promise, tried so many times: a line of the table that `make soak` prints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tried:
    """`reached` is how often the promise was put to the test: what its antecedent asks for had happened."""

    promise: str
    schedules: int
    reached: int
    violations: Sequence[str]
    """A sentence each, which names the seed or the round that shows it again."""

    @property
    def kept(self) -> bool:
        """A promise that was never put to the test is not kept."""
        return not self.violations and self.reached > 0


Trial = Callable[[Path, int], Awaitable[Sequence[Tried]]]
"""In an empty folder, so many schedules, rounds or facts: small in `make test`, large in `make soak`."""


@dataclass(frozen=True, slots=True)
class Row:
    """`size` is what `make soak` tries; the test of the same trial says its own, smaller one."""

    name: str
    trial: Trial
    size: int
