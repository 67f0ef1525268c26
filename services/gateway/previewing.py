"""What a change of an account would move (S22): the real queue planned once more, by the planner, and nothing said.

It goes as the scheduler goes: whoever may move lets go of the slot, then all are planned in the order of their intake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from events import AccountDocument, EngagementProfiled, SlotTaken, Why
from events.envelope import utc
from events.scheduler import Slot
from services.gateway.views.view import Document
from services.planning.full_days import FullDays
from services.planning.plan import Planned, Wish, answered, plan
from services.planning.posting_day import Day, day_of, evolve
from services.planning.terms import Terms, terms_of
from services.planning.zones import date_at

COUNTED_SINCE = timedelta(days=2)
"""A cap looks a day back, in a zone that may be a day away."""
FREE = frozenset({"cancelled", "failed", "rejected", "awaiting_approval"})


@dataclass(frozen=True, slots=True)
class Move:
    """One post that would go out at another time, and why there."""

    id: str
    before: Slot
    after: Slot
    why: Why


@dataclass(frozen=True, slots=True)
class Preview:
    """One connection: `posts` may move at all, `moves` are those that would."""

    connection: str
    before: Terms
    after: Terms
    posts: int
    moves: Sequence[Move]


def preview(
    connection: str, documents: Iterable[Document], *, before: AccountDocument, after: AccountDocument,
    profile: EngagementProfiled | None, now: datetime,
) -> Preview:  # fmt: skip
    """`documents` are the connection's posts as the queue shows them."""
    terms = terms_of(connection, before, profile), terms_of(connection, after, profile)
    there = [each for each in documents if each["slot"] and each["status"] not in FREE]
    queue = sorted((each for each in there if may_move(each, now)), key=lambda each: each["taken_in"])
    if alike(*terms):
        return Preview(connection, *terms, len(queue), ())
    days = _days(connection, [each for each in there if not may_move(each, now)], terms[1], now)
    return Preview(connection, *terms, len(queue), list(_moves(connection, queue, days, terms[1], now)))


def _moves(
    connection: str, queue: Sequence[Document], days: dict[date, Day], terms: Terms, now: datetime
) -> Iterable[Move]:
    full = FullDays()
    for each in queue:
        planning = plan(Wish(moment(each["not_before"])), terms, now=now, reason="replanned")
        planned = answered(planning, first_open=full.first_open, look=lambda day: days.get(day, Day()))
        assert isinstance(planned, Planned)  # noqa: S101 - only *exactly at* can be missed
        full.add([*planned.full, planned.day] if planned.fills and planned.day else planned.full)
        day = day_of(planned.slot)
        days[day] = evolve(days.get(day, Day()), _taken(connection, each["id"], planned.slot))
        if planned.slot != slot(each):
            yield Move(each["id"], slot(each), planned.slot, planned.why)


def may_move(document: Document, now: datetime) -> bool:
    """*Exactly at* is a promise of its own; whatever is under way is out of the scheduler's hands."""
    waits = document["status"] == "scheduled" and document["reason"] is None and not document["open"]
    return waits and (document["why"] or {}).get("mode") != "exactly" and slot(document).at > now


def alike(before: Terms, after: Terms) -> bool:
    """The same zone, times and cap move nobody; the tolerance moves nobody either."""
    return (before.zone, before.mode, before.week, before.cap) == (after.zone, after.mode, after.week, after.cap)


def slot(document: Document) -> Slot:
    at = moment(document["scheduled_at"])
    assert at is not None  # noqa: S101 - asked of posts with a slot alone
    return Slot(at=at, **document["slot"])


def moment(text: str | None) -> datetime | None:
    return utc(datetime.fromisoformat(text)) if text else None


def _days(connection: str, documents: Iterable[Document], terms: Terms, now: datetime) -> dict[date, Day]:
    """Who has which slot and keeps it, by the dates of the zone to come: what is or may be visible counts (S17a)."""
    found: Mapping[date, dict[str, SlotTaken]] = defaultdict(dict)
    for each in documents:
        taken = slot(each)
        if taken.at > now - COUNTED_SINCE:
            found[date_at(taken.at, terms.zone)][each["id"]] = _taken(connection, each["id"], taken)
    return {day: Day(taken) for day, taken in found.items()}


def _taken(connection: str, id: str, slot: Slot) -> SlotTaken:
    return SlotTaken(connection=connection, day=day_of(slot), post=id, at=slot.at, local=slot.local)
