"""given(decider, *facts).when(decision, **details).then(*facts): a rule of a pure file, as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from events import Fact


@dataclass(frozen=True)
class Decided:
    said: Sequence[Fact]

    def then(self, *facts: Fact) -> None:
        assert list(self.said) == list(facts)


@dataclass(frozen=True)
class Given:
    state: Any

    def when(self, decision: Callable[..., Sequence[Fact]], **details: Any) -> Decided:
        return Decided(decision(self.state, **details))


def given(decider: Any, *facts: Fact) -> Given:
    return Given(reduce(decider.evolve, facts, decider.initial))
