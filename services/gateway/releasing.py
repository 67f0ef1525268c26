"""What a reconnect would release: a connection's held posts, planned as the scheduler will, and nothing said (S10).

They come in the order of their intake and each takes a slot within the caps, so that there is never a burst. Posts
whose slots are still to come keep them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from events import Slot, SlotTaken
from services.gateway.views.view import Document
from services.planning.full_days import FullDays
from services.planning.plan import Missed, Wish, answered, plan
from services.planning.posting_day import Day, day_of, evolve
from services.planning.terms import Terms
from services.planning.zones import date_at


@dataclass(frozen=True, slots=True)
class Released:
    """One post and the slot it would take; without one `missed` says why a person has to decide."""

    document: Document
    slot: Slot | None
    missed: str = ""


def released(
    held: Iterable[Document], taken: Sequence[datetime], terms: Terms, *, now: datetime, most: int
) -> list[Released]:
    """`held` as the queue shows them; `taken` is what is or may be visible on the connection. `most` are looked at."""
    days: dict[date, Day] = defaultdict(Day)
    for number, at in enumerate(taken):
        slot = terms.slot(at)
        day = date_at(at, terms.zone)
        days[day] = evolve(days[day], SlotTaken(connection=terms.connection, day=day, post=f"taken-{number}", at=at,
                                                local=slot.local))  # fmt: skip
    full, found = FullDays(), []
    for each in sorted(held, key=lambda each: each["taken_in"])[:most]:
        planning = plan(wish_of(each), terms, now=now, reason="reconnected")
        planned = answered(planning, first_open=full.first_open, look=lambda day: days.get(day, Day()))
        if isinstance(planned, Missed):
            found.append(Released(each, None, planned.reason))
            continue
        full.add([*planned.full, planned.day] if planned.fills and planned.day else planned.full)
        day, slot = day_of(planned.slot), planned.slot
        days[day] = evolve(days[day], SlotTaken(connection=terms.connection, day=day, post=each["id"], at=slot.at,
                                                local=slot.local))  # fmt: skip
        found.append(Released(each, slot))
    return found


def wish_of(document: Document) -> Wish:
    """What it was planned by last; one that never had a slot is planned by what Production asked for."""
    return Wish(_moment(document["not_before"]), _moment(document["exactly_at"]))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
