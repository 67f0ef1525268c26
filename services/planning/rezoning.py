"""A slot once more, after its account's zone or the rules of that zone have changed (S19). Pure.

wall_clock   nine o'clock stays nine o'clock, at another instant
instant      the post goes out when it would have, and the wall clock there reads otherwise
rules        the zone is the same and its rules are not: nine o'clock stays nine o'clock
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, time
from typing import Any, Literal

from events import Slot, Why
from services.planning.plan import LEAD, Look, Planned, Wish, instants
from services.planning.posting_day import day_of, refused
from services.planning.terms import Terms
from services.planning.zones import instant, shown

Keep = Literal["wall_clock", "instant", "rules"]
Keeping = Generator[Look, Any, Planned | None]


def off(slot: Slot, terms: Terms) -> bool:
    """Whether the slot is written in another zone, or its instant no longer shows its wall clock."""
    if slot.zone != str(terms.zone):
        return True
    if slot.wanted is not None:  # a gap had moved it; the gap may be gone, or another
        return resolved(slot, terms, "rules") != slot
    return shown(slot.at, terms.zone).isoformat(timespec="minutes") != slot.local


def resolved(slot: Slot, terms: Terms, keep: Keep) -> Slot:
    if keep == "instant":
        return terms.slot(slot.at)
    wall = time.fromisoformat(slot.wanted or slot.local[11:])
    return terms.slot(instant(day_of(slot), wall, terms.zone), wall)


def kept(slot: Slot, wish: Wish, terms: Terms, *, now: datetime, keep: Keep) -> Keeping:
    """The same slot by the zone of now; None when it is past, too early for the wish, taken, or over the cap."""
    again = resolved(slot, terms, keep)
    if again.at < max(now + LEAD, wish.not_before or now):
        return None
    taken = instants((yield Look(terms.days_with(again.at, again.at))))
    if refused(again.at, taken, terms.cap):
        return None
    offer = next((each.offer for each in terms.offered_on(day_of(again)).offers if each.at == again.at), None)
    why = Why(mode=terms.mode, window=offer.window if offer else None, weight=offer.weight if offer else None,
              reason=reason(terms, keep))  # fmt: skip
    return Planned(again, why, day=day_of(again))


def reason(terms: Terms, keep: Keep) -> str:
    match keep:
        case "wall_clock":
            return f"the zone is {terms.zone} now, and the wall clock was kept"
        case "instant":
            return f"the zone is {terms.zone} now, and the instant was kept"
        case "rules":
            return f"the rules of {terms.zone} have changed, and the wall clock was kept"
