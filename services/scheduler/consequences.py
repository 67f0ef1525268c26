"""Which alarms follow from what was said of a post in the queue (D5, D8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce

from events import (
    Fact,
    PostCancelled,
    PostDue,
    PostEdited,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    PostScheduled,
)
from services.chassis.rows import Write
from services.scheduler.post import State, evolve
from services.scheduler.waiting import call_at_slot, call_person, no_call_at_slot, person_came

REMINDED_AFTER = timedelta(days=1)
"""A post that waits for a person calls again after a day, and again (I14)."""


def consequences(story: str, state: State, facts: Sequence[Fact], *, now: datetime) -> list[Write]:
    """In the order of the facts; where two touch one alarm, the later one stands. `state` is before them."""
    connection = state.connection
    rows: list[Write] = []
    for fact in facts:
        match fact:
            case PostScheduled():
                rows += [call_at_slot(connection, story, fact.slot.at)]
            case PostMissed():
                rows += [no_call_at_slot(connection, story), call_person(story, now + REMINDED_AFTER)]
            case PostEdited() if state.gated:
                rows += [no_call_at_slot(connection, story)]
            case PostDue() | PostHeld() | PostCancelled() | PostRejected() | PostRefused():
                rows += [no_call_at_slot(connection, story)]
    if state.phase == "missed" and reduce(evolve, facts, state).phase != "missed":
        rows.append(person_came(story))
    return rows
