"""Every older shape of every fact, one small dict -> dict step each. Versions end at this door (I9).

`STEPS[("scheduler.post_due", 1)]` turns the data of shape 1 into that of shape 2. Inside, only today's shape exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.envelope import EVERY_FACT, Fact

Data = dict[str, Any]
Step = Callable[[Data], Data]

STEPS: dict[tuple[str, int], Step] = {}


class UnknownShape(Exception):
    """A fact, or a version of one, that this release cannot read: the reader stops and says so, it never skips."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"no fact is called {topic} in this release; a newer release wrote it, so run that one")
        self.topic = topic


def class_and_shape(topic: str) -> tuple[type[Fact], int]:
    """`scheduler.post_due.v1` -> (PostDue, 1)."""
    name, _, shape = topic.rpartition(".v")
    fact = EVERY_FACT.get(name)
    if fact is None or not shape.isdigit() or not 1 <= int(shape) <= fact.shape:
        raise UnknownShape(topic)
    return fact, int(shape)


def read(topic: str, data: Data) -> Fact:
    """The fact in today's shape."""
    fact, shape = class_and_shape(topic)
    for older in range(shape, fact.shape):
        step = STEPS.get((fact.type, older))
        if step is None:
            raise UnknownShape(topic)
        data = step(data)
    return fact.model_validate(data)
