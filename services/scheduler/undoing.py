"""Which change of a post an undo would take back, and how the post stood before it (S25). Pure.

Only what a person asked for can be taken back, and only while nobody has changed the post again: an undo of one change
must never take back another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from events import Fact, PostCancelled, PostHeld, PostMissed, PostScheduled, Told
from services.scheduler.post import FAILED, MOVED, UNDONE, State, evolve, initial


@dataclass(frozen=True, slots=True)
class Change:
    """`asked` is the id of the ask that brought it about."""

    asked: str | None
    before: State


def before_the_change(told: Sequence[Told], asks: Collection[str]) -> State | None:
    """How the post stood before its last change, if one of these asked for that; else there is nothing to undo."""
    changes: list[Change] = []
    state = initial
    for each in told:
        changes = _with(changes, state, each)
        state = evolve(state, each.fact)
    return changes[-1].before if changes and changes[-1].asked in asks else None


def _with(changes: list[Change], state: State, told: Told) -> list[Change]:
    """A change that was undone leaves the one before it; whatever came before a failure is past once it is retried."""
    match told.fact:
        case PostScheduled() | PostHeld() if state.phase in FAILED:
            return []
        case PostScheduled() | PostHeld() | PostMissed() if state.phase == "cancelled":
            return changes[:-1]
        case PostScheduled() if _reason(told.fact) == UNDONE:
            return changes[:-1]
        case PostCancelled() | PostScheduled() if _asked_for(told.fact):
            return [*changes, Change(told.about.cause, state)]
        case _:
            return changes


def _asked_for(fact: Fact) -> bool:
    return isinstance(fact, PostCancelled) or _reason(fact) == MOVED


def _reason(fact: Fact) -> str:
    """Without what is said after it about a time that could not be had."""
    return fact.why.reason.partition(";")[0] if isinstance(fact, PostScheduled) else ""
