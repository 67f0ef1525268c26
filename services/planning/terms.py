"""On which terms a connection posts: its account's zone, mode and times, its channel's cap. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

from events import AccountDocument, EngagementProfiled, Slot
from events.channels import CHANNELS, channel_of
from services.planning.posting_day import Cap
from services.planning.windows import BEST_PRACTICE, SPACING, Offer, Week, learned, week_of, week_of_times
from services.planning.zones import date_at, edition, instant, shown, shows_again, zone_called

ONE_DAY = timedelta(days=1)
DAYS_KEPT = 512


@dataclass(frozen=True, slots=True)
class Offered:
    """A time on offer on a certain day: its instant, and the slot it would be."""

    at: datetime
    offer: Offer
    slot: Slot


@dataclass(frozen=True, slots=True)
class OfferedDay:
    """In order of time; `days` are the local dates whose slots count together with these (S17a)."""

    offers: tuple[Offered, ...] = ()
    days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """`mode` is the one that takes effect: Adaptive without enough data, or Custom without times, is Best Practice."""

    connection: str
    zone: ZoneInfo
    mode: str
    week: Week
    cap: Cap
    tolerance: timedelta
    _known: dict[date, OfferedDay] = field(default_factory=dict, repr=False, compare=False)

    @property
    def mark(self) -> int:
        """The same for all terms under which the same days are full: zone and its rules, times, and cap."""
        walls = [[offer.wall.isoformat() for offer in offers] for offers in self.week]
        by = [str(self.zone), edition(), walls, self.cap.posts_max, str(self.cap.zone), self.cap.rolling]
        return int.from_bytes(blake2b(repr(by).encode(), digest_size=7).digest())

    def offered_on(self, day: date) -> OfferedDay:
        """A long queue asks for the same day again and again, so it is worked out once."""
        if day not in self._known:
            if len(self._known) >= DAYS_KEPT:
                self._known.clear()
            self._known[day] = self._offered(day)
        return self._known[day]

    def _offered(self, day: date) -> OfferedDay:
        """Two wall clocks that a gap makes one instant are one offer (S19)."""
        found: dict[datetime, Offered] = {}
        for offer in self.week[day.weekday()]:
            at = instant(day, offer.wall, self.zone)
            slot = self.slot(at, offer.wall)
            if at not in found or slot.wanted is None:
                found[at] = Offered(at, offer, slot)
        offers = tuple(found[at] for at in sorted(found))
        return OfferedDay(offers, self.days_with(offers[0].at, offers[-1].at)) if offers else OfferedDay()

    def days_with(self, first: datetime, last: datetime) -> tuple[date, ...]:
        """The local dates whose slots count together with slots between `first` and `last` (S17a)."""
        day = date_at(min(first, self.cap.counts_with(first)[0]), self.zone)
        until = date_at(max(last, self.cap.counts_with(last)[1]), self.zone)
        return tuple(day + ONE_DAY * number for number in range((until - day).days + 1))

    def slot(self, at: datetime, wall: time | None = None) -> Slot:
        """An instant as the account's people read it; `wanted` tells the wall clock a gap has moved, and of a wall
        clock that comes twice it is said that this is the first time (S19)."""
        local, name = shown(at, self.zone).isoformat(timespec="minutes"), str(self.zone)
        if wall is None or local.endswith(_clock(wall)):
            return Slot(at=at, local=local, zone=name, why="overlap" if shows_again(at, self.zone) else None)
        return Slot(at=at, local=local, zone=name, wanted=_clock(wall), why="gap")


def counted_by(connection: str) -> Cap:
    """How its channel counts, whatever the account has chosen (S17a)."""
    facts = CHANNELS[channel_of(connection)]
    return Cap(facts.posts_per_day_max, zone_called(facts.day_zone), facts.rolling_day)


def terms_of(connection: str, document: AccountDocument, profile: EngagementProfiled | None = None) -> Terms:
    channel = channel_of(connection)
    own = document.caps.get(channel)  # type: ignore[call-overload]
    cap = replace(counted_by(connection), posts_max=own.posts_per_day_max) if own else counted_by(connection)
    mode, week = _week(channel, document, profile)
    zone = zone_called(document.zone)
    return Terms(connection, zone, mode, week, cap, document.tolerance, _known_days(zone, week, cap))


@lru_cache(maxsize=1024)
def _known_days(zone: ZoneInfo, week: Week, cap: Cap) -> dict[date, OfferedDay]:
    """Whoever plans by the same zone, times and cap has the same days, and most do."""
    return {}


def _week(channel: str, document: AccountDocument, profile: EngagementProfiled | None) -> tuple[str, Week]:
    spacing = document.spacing.get(channel, SPACING)  # type: ignore[call-overload]
    if document.mode == "custom":
        week = week_of_times(document.times.get(channel, {}))  # type: ignore[call-overload]
        if any(week):
            return "custom", week
    if document.mode == "adaptive" and profile is not None:
        week = week_of(learned(profile.windows), spacing)
        if any(week):
            return "adaptive", week
    return "best_practice", _best_practice(channel, spacing)


@lru_cache(maxsize=256)
def _best_practice(channel: str, spacing: timedelta) -> Week:
    return week_of(BEST_PRACTICE[channel], spacing)


def _clock(wall: time) -> str:
    return wall.isoformat(timespec="minutes")
