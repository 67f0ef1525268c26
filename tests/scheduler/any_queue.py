"""One connection's queue with everything that can happen to it, and the books of its slots, kept append by append."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from events import (
    AccountChanged,
    AccountDocument,
    CancelAsked,
    EditAsked,
    EngagementProfiled,
    PostPublished,
    PostScheduled,
    PostTakenIn,
    RescheduleAsked,
    RetryAsked,
    SlotFreed,
    SlotTaken,
    Told,
    UndoAsked,
)
from events.channels import CHANNELS
from events.subjects import delivery_stream, engagement_stream, name_of, story_of
from services.chassis.store import Append
from services.planning.zones import zone_called
from services.scheduler.case import Case, read_case
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, HOUR, failed, published, returned, started

CAP = 3
TIMES = {day: ("03:30", "08:00", "12:30", "18:15", "23:45") for day in ("mon", "tue", "fri", "sun")}
IN_ORDER = ("planned", "reconnected", "late", "replanned", "over the cap")
"""Why posts are planned without anybody having asked for this one: then intake's order is kept (S14)."""


@dataclass
class Books:
    """Which slots are held, by (day, post); every append is looked at as it is made, by the cap then in force."""

    channel: str
    document: AccountDocument = field(default_factory=lambda: AccountDocument(id=ACME, zone="UTC"))
    taken: dict[tuple[date, str], SlotTaken] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    out: dict[str, datetime] = field(default_factory=dict)
    """Since when posts are live: each counts there, and what was planned beside it may have to leave (S17a)."""
    breaches: list[str] = field(default_factory=list)

    def hear(self, told: Sequence[Told]) -> None:
        """A scheduler survives whatever breaks in an append, so a breach is kept for whoever asks afterwards."""
        try:
            self._hear(told)
        except AssertionError as breach:
            self.breaches.append(str(breach))

    def _hear(self, told: Sequence[Told]) -> None:
        before = dict(self.taken)
        for each in told:
            match each.fact:
                case AccountChanged(document=document):
                    self.document = document
                case PostPublished(published_at=out):
                    self.out[each.story.partition(".")[2]] = out
                case PostTakenIn(post=post):
                    self.turns[post] = each.position
                case SlotTaken(day=day, post=post) as fact:
                    assert (day, post) not in self.taken, f"{post} took two slots on {day}"
                    assert each.stream == f"posting_day-{ACME}.{self.channel}-{day}"
                    self.taken[day, post] = fact
                case SlotFreed(day=day, post=post):
                    del self.taken[day, post]
        newly = [fact for key, fact in self.taken.items() if before.get(key) != fact]
        self.no_slot_twice()
        for fact in newly:
            if fact.post not in self.out:
                self.within_cap(fact.at)
        self.in_order(told)

    def no_slot_twice(self) -> None:
        owners = Counter(slot.post for slot in self.taken.values())
        assert max(owners.values(), default=1) == 1, f"two slots for one post: {owners}"
        chosen = Counter(slot.at for slot in self.taken.values() if not slot.exactly)
        assert max(chosen.values(), default=1) == 1, f"a slot was given twice: {chosen}"

    def within_cap(self, at: datetime) -> None:
        """In every stretch of time the channel counts by and that holds this slot (S17a, S18)."""
        facts, own = CHANNELS[self.channel], self.document.caps.get(self.channel)  # type: ignore[call-overload]
        most = own.posts_per_day_max if own else facts.posts_per_day_max
        if most is None:
            return
        everybody = [self.out.get(slot.post, slot.at) for slot in self.taken.values()]
        if facts.rolling_day:
            since = [begin for begin in everybody if begin <= at < begin + DAY]
            counts = [sum(begin <= each < begin + DAY for each in everybody) for begin in since]
        else:
            zone = zone_called(facts.day_zone)
            counts = [sum(each.astimezone(zone).date() == at.astimezone(zone).date() for each in everybody)]
        assert max(counts) <= most, f"over the cap of {most} with {at}: {sorted(everybody)}"

    def in_order(self, told: Sequence[Told]) -> None:
        """Who is planned together and wants nothing in particular is planned in the order of intake."""
        planned = [
            (self.turns[each.story.partition(".")[2]], each.fact.slot.at)
            for each in told
            if isinstance(each.fact, PostScheduled) and each.fact.why.reason.split(";")[0] in IN_ORDER
            and each.fact.why.mode != "exactly" and each.fact.not_before is None
        ]  # fmt: skip
        slots = [at for _, at in sorted(planned)]
        assert slots == sorted(slots), f"planned together, and not in order: {sorted(planned)}"


class Queue:
    """A house of one connection, and the publisher's side of it played by hand."""

    def __init__(self, channel: str = "linkedin") -> None:
        self.house, self.channel, self.connection = House(), channel, f"{ACME}.{channel}"
        self.books, self.sent = Books(channel), list[str]()
        self.changed: dict[str, str] = {}
        """Under which name each post was last asked to move or to end: what an undo is about."""
        self.choices: dict[str, Any] = {"zone": "UTC", "mode": "best_practice", "cap": CAP, "spacing": 30}
        write = self.house.store.append

        async def heard(append: Append) -> Sequence[Told]:
            told = await write(append)
            self.books.hear(told)
            return told

        self.house.store.append = heard

    @property
    def has_days(self) -> bool:
        """A day that rolls is left as it was planned when something goes out late (S17a)."""
        return not CHANNELS[self.channel].rolling_day

    async def begin(self) -> None:
        await self.choose({})
        await self.house.connect(self.connection)
        await self.house.settle()

    async def choose(self, choices: dict[str, Any]) -> None:
        self.choices |= choices
        zone, mode, cap, spacing = (self.choices[name] for name in ("zone", "mode", "cap", "spacing"))
        await self.house.account(
            zone=zone, mode=mode, times={self.channel: TIMES}, caps={self.channel: {"posts_per_day_max": cap}},
            spacing={self.channel: f"PT{spacing}M"},
        )  # fmt: skip

    async def do(self, step: tuple[Any, ...]) -> None:
        house, now = self.house, self.house.clock.now()
        match step:
            case ("send", count, hours, exactly):
                await self.send(count, {"exactly_at" if exactly else "not_before": hours and now + hours * HOUR})
            case ("connect",):
                await house.connect(self.connection)
            case ("disconnect",):
                await house.disconnect(self.connection)
            case ("choose", choices):
                await self.choose(choices)
            case ("learn", days, hour):
                windows = ({"days": days, "from": f"{hour:02}:00", "to": f"{hour + 2:02}:00", "weight": 1},)
                profile = EngagementProfiled(connection=self.connection, windows=windows, inputs={})
                await house.say(engagement_stream(self.connection), profile)
            case ("until", hours):
                await house.until(now + hours * HOUR)
            case ("asleep", hours):
                house.clock.step_to(now + hours * HOUR)
            case ("ask", what, which, hours) if self.sent:
                await self.ask(what, self.sent[which % len(self.sent)], now + hours * HOUR)
            case ("deliver", outcome, which) if self.sent:
                await self.deliver(self.sent[which % len(self.sent)], outcome)
        await house.settle()

    async def send(self, count: int, wish: dict[str, datetime | None]) -> None:
        names = [f"post-{len(self.sent) + number}" for number in range(count)]
        data: dict[str, Any] = {name: at.isoformat() for name, at in wish.items() if at}
        if not CHANNELS[self.channel].text_alone:
            data["media"] = [{"kind": "video", "url": "https://acme.example/v.mp4"}]
        self.sent += names
        await self.house.send(*(message(name, channel=self.channel, **data) for name in names))

    async def ask(self, what: str, post: str, at: datetime) -> None:
        body: dict[str, Any] = {"post": post, "body_hash": "b"}
        asks = {
            "cancel": CancelAsked(**body), "retry": RetryAsked(**body),
            "undo": UndoAsked(**body, bulk=self.changed.get(post, "b")),
            "exactly": RescheduleAsked(**body, at=at), "not_before": RescheduleAsked(**body, not_before=at),
            "edit": EditAsked(**body, text=f"Edited at {at}"),
        }  # fmt: skip
        told = await self.house.ask(asks[what])
        if what != "undo":
            self.changed[post] = name_of(told.stream)

    async def deliver(self, post: str, outcome: str) -> None:
        """Only what a publisher could say of a post it holds."""
        case = await self.case(post)
        if case.state.phase != "due":
            return
        begin = started(case.state.attempts + 1, round=case.state.round, at=self.house.clock.now())
        facts: list[Any] = [] if case.state.open else [begin]
        match outcome:
            case "published":
                assert case.state.place is not None
                facts.append(published(case.state.round, connection=self.connection, at=self.house.clock.now(),
                                       slot_at=case.state.place.slot.at))  # fmt: skip
            case "failed":
                facts.append(failed(case.state.round))
            case "late" | "disconnected" | "withdrawn" if not case.state.open:
                facts = [returned(outcome, round=case.state.round)]
            case "send_again":
                facts.append(returned("send_again", round=case.state.round))
        story = story_of(ACME, post)
        if facts:
            await self.house.say(delivery_stream(story), *facts, story=story, account=ACME)

    async def case(self, post: str) -> Case:
        case = await read_case(self.house.store, story_of(ACME, post))
        assert case is not None, f"{post} was lost"
        return case
