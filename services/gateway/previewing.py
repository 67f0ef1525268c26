"""What a change of an account would move (S22): the real queue planned once more, by the planner, and nothing said.

It goes as the scheduler goes: whoever may move lets go of the slot, those promised *exactly at* a time stay or are
missed (S3), and then all others are planned in the order of their intake; after a change of zone alone slots are kept,
and whoever cannot keep the same one is planned after all others (S19).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from events import AccountDocument, EngagementProfiled, SlotTaken, Why
from events.envelope import utc
from events.scheduler import Slot
from services.gateway.views.view import Document
from services.planning.full_days import FullDays
from services.planning.plan import LEAD, Look, Open, Planned, Wish, answered, plan
from services.planning.posting_day import Day, day_of, evolve
from services.planning.rezoning import Keep, kept, off
from services.planning.terms import Terms, terms_of
from services.planning.zones import date_at

COUNTED_SINCE = timedelta(days=2)
"""A cap looks a day back, in a zone that may be a day away."""
Found = TypeVar("Found")
FREE = frozenset({"cancelled", "failed", "rejected", "awaiting_approval"})


@dataclass(frozen=True, slots=True)
class Move:
    """One post that would go out at another time, and why there."""

    id: str
    before: Slot
    after: Slot
    why: Why


@dataclass(frozen=True, slots=True)
class Miss:
    """One post that was to go out exactly at a time, and could not any more: a person would have to decide (S3)."""

    id: str
    before: Slot
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One connection: `posts` may move at all, `moves` are those that would; none of the `missed` may."""

    connection: str
    before: Terms
    after: Terms
    posts: int
    moves: Sequence[Move] = ()
    missed: Sequence[Miss] = ()


def preview(
    connection: str, documents: Iterable[Document], *, before: AccountDocument, after: AccountDocument,
    profile: EngagementProfiled | None, now: datetime, keep: Keep = "wall_clock",
) -> Preview:  # fmt: skip
    """`documents` are the connection's posts as the queue shows them."""
    terms = terms_of(connection, before, profile), terms_of(connection, after, profile)
    there = [each for each in documents if each["slot"] and each["status"] not in FREE]
    waiting = sorted((each for each in there if waits(each, now)), key=lambda each: each["taken_in"])
    queue = [each for each in waiting if not is_promised(each)]
    if alike(*terms):
        return Preview(connection, *terms, len(queue))
    keeps = alike_but_for_the_zone(*terms)
    moving = [each for each in queue if off(slot(each), terms[1])] if keeps else queue
    promised = [] if keeps else [each for each in waiting if is_promised(each)]
    lifted = {each["id"] for each in [*moving, *promised]}
    days = _days(connection, [each for each in there if each["id"] not in lifted], terms[1], now)
    replan = Replan(connection, terms[1], now, days)
    for each in promised:
        replan.stand(each)
    for each in [each for each in moving if not replan.kept(each, keep)] if keeps else moving:
        replan.plan(each)
    moves = [replan.moves[each["id"]] for each in moving if each["id"] in replan.moves]
    return Preview(connection, *terms, len(queue), moves, replan.missed)


@dataclass(frozen=True, slots=True)
class Replan:
    """The days of the connection as they fill up again, and who has moved or was missed so far."""

    connection: str
    terms: Terms
    now: datetime
    days: dict[date, Day]
    full: FullDays = field(default_factory=FullDays)
    moves: dict[str, Move] = field(default_factory=dict)
    missed: list[Miss] = field(default_factory=list)

    def stand(self, each: Document) -> None:
        """Where it was promised, if the cap to come allows that."""
        planned = self._answered(plan(Wish(exactly_at=slot(each).at), self.terms, now=self.now))
        if isinstance(planned, Planned):
            self._take(each, planned.slot)
        else:
            self.missed.append(Miss(each["id"], slot(each), planned.reason))

    def kept(self, each: Document, keep: Keep) -> bool:
        """Whether it can have the same slot by the zone to come."""
        planned = self._answered(kept(slot(each), _wish(each), self.terms, now=self.now, keep=keep))
        if planned is not None:
            self._put(each, planned)
        return planned is not None

    def plan(self, each: Document) -> None:
        planned = self._answered(plan(_wish(each), self.terms, now=self.now, reason="replanned"))
        assert isinstance(planned, Planned)  # noqa: S101 - only *exactly at* can be missed
        self.full.add([*planned.full, planned.day] if planned.fills and planned.day else planned.full)
        self._put(each, planned)

    def _answered(self, planning: Generator[Open | Look, Any, Found]) -> Found:
        return answered(planning, first_open=self.full.first_open, look=lambda day: self.days.get(day, Day()))

    def _put(self, each: Document, planned: Planned) -> None:
        self._take(each, planned.slot)
        if planned.slot != slot(each):
            self.moves[each["id"]] = Move(each["id"], slot(each), planned.slot, planned.why)

    def _take(self, each: Document, where: Slot) -> None:
        day = day_of(where)
        self.days[day] = evolve(self.days.get(day, Day()), _taken(self.connection, each["id"], where))


def _wish(document: Document) -> Wish:
    return Wish(moment(document["not_before"]))


def waits(document: Document, now: datetime) -> bool:
    """What is under way, or within the next minute, is out of our hands."""
    planned = document["status"] == "scheduled" and document["reason"] is None and not document["open"]
    return planned and slot(document).at >= now + LEAD


def is_promised(document: Document) -> bool:
    """*Exactly at* is a promise of its own: it is never moved."""
    return (document["why"] or {}).get("mode") == "exactly"


def alike(before: Terms, after: Terms) -> bool:
    """The same zone, times and cap move nobody; the tolerance moves nobody either."""
    return before.zone == after.zone and alike_but_for_the_zone(before, after)


def alike_but_for_the_zone(before: Terms, after: Terms) -> bool:
    return (before.mode, before.week, before.cap) == (after.mode, after.week, after.cap)


def slot(document: Document) -> Slot:
    at = moment(document["scheduled_at"])
    assert at is not None  # noqa: S101 - asked of posts with a slot alone
    return Slot(at=at, **document["slot"])


def moment(text: str | None) -> datetime | None:
    return utc(datetime.fromisoformat(text)) if text else None


def _days(connection: str, documents: Iterable[Document], terms: Terms, now: datetime) -> dict[date, Day]:
    """Who has which slot and keeps it, by the dates of the zone to come; one that went out on another day of its
    channel's counts there (S17a)."""
    found: Mapping[date, dict[str, SlotTaken]] = defaultdict(dict)
    for each in documents:
        out = moment(each["published_at"])
        taken = terms.slot(out) if out and terms.cap.parts(slot(each).at, out) else slot(each)
        if taken.at > now - COUNTED_SINCE:
            found[date_at(taken.at, terms.zone)][each["id"]] = _taken(connection, each["id"], taken)
    return {day: Day(taken) for day, taken in found.items()}


def _taken(connection: str, id: str, slot: Slot) -> SlotTaken:
    return SlotTaken(connection=connection, day=day_of(slot), post=id, at=slot.at, local=slot.local)
