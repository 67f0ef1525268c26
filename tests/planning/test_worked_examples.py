"""The table of worked examples, row by row: the slots a person worked out are those given (S3, S10, S13 to S22).

Nothing expected here is computed: `worked_examples.md` is written by hand, and a client can read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from events import CancelAsked, EngagementProfiled, Metrics, PostDue, PostScheduled, Slot, Why
from events.subjects import engagement_stream, story_of
from services.collector import engagement
from services.collector.engagement import Seen
from services.planning.plan import Missed, Planned
from services.planning.zones import zone_called
from services.scheduler.case import read_case
from tests.planning import worked
from tests.planning.week import Week
from tests.planning.worked import Example, Expected, Step, examples, instant_of, limits_of, mode_of, windows_of
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, failed, published, started

EXAMPLES = examples()
POSTS = re.compile(r"(\d+) posts?(?: (not before|exactly at) (.+))?")
MEDIA = [{"kind": "video", "url": "https://acme.example/v.mp4"}]
NEEDS_MEDIA = {"instagram", "tiktok", "youtube", "pinterest"}
STATES = {"due": "went out"}
TO_THE_PLANNER = re.compile(rf"{POSTS.pattern}|learned .*|\d+ days of data")


@dataclass
class Found:
    """What became of one post, and everything its decision said, phrase by phrase: a reason is one of them, whole."""

    state: str
    slot: Slot | None = None
    words: list[str] = field(default_factory=list)

    def explained(self, why: Why, slot: Slot) -> Found:
        self.slot = slot
        self.words = [why.mode, why.window or "", slot.why or "", f"{slot.why}, wanted {slot.wanted}"]
        self.words += why.reason.split("; ")
        for each in why.considered:
            phrases = [each.refused, *re.split(": | or ", each.refused)]
            self.words += [*phrases, *(f"{each.local.replace('T', ' ')} {phrase}" for phrase in phrases)]
        return self


def compare(example: Example, found: list[Found]) -> None:
    for expected in example.expected:
        _compare(expected, found[expected.post - 1])
    last = example.expected[-1].post
    assert last == len(found), f"{len(found)} posts came in, and the last one named is #{last}"


def _compare(expected: Expected, found: Found) -> None:
    named = f"#{expected.post}"
    assert found.state == expected.state, (named, found)
    if expected.at is not None:
        assert found.slot is not None, (named, found)
        assert found.slot.at == expected.at, (named, found.slot)
        assert found.slot.local == f"{expected.at:%Y-%m-%dT%H:%M}", (named, found.slot)
    if expected.because is not None:
        assert expected.because in found.words, (named, expected.because, found.words)


# The scheduler.


@dataclass
class Play:
    """One connection of Acme's in a scheduler of its own, with its store; time goes by from step to step."""

    house: House
    connection: str
    choices: dict[str, Any]
    posts: int = 0
    stopped: bool = False

    @property
    def channel(self) -> str:
        return self.connection.split(".")[1]

    async def step(self, step: Step) -> None:
        now = instant_of(step.wall, self.choices["zone"])
        if self.stopped:
            self.house.clock.step_to(now)  # the house is down: nothing rings
        else:
            await self.house.until(now)
        await self.happens(step.what)
        if not self.stopped:
            await self.house.settle()

    async def happens(self, what: str) -> None:
        house = self.house
        if posts := POSTS.fullmatch(what):
            await self.send(int(posts[1]), posts[2], posts[3])
        elif about := re.fullmatch(r"post (\d+) (cancelled|fails|is published)", what):
            await self.ends(f"post-{about[1]}", about[2])
        elif change := re.fullmatch(r"(zone|mode|cap) becomes (.+)", what):
            await self.change(change[1], change[2])
        elif learned := re.fullmatch(r"learned (.+)", what):
            await self.learn(EngagementProfiled(connection=self.connection, windows=windows_of(learned[1]), inputs={}))
        elif days := re.fullmatch(r"(\d+) days of data", what):
            for fact in recalculated(self.connection, int(days[1]), house.clock.now(), self.choices["zone"]):
                await self.learn(fact)
        else:
            match what:
                case "disconnected":
                    await house.disconnect(self.connection)
                case "reconnected":
                    await house.connect(self.connection)
                case "stopped" | "started":
                    self.stopped = what == "stopped"
                case "look":
                    pass
                case _:
                    raise AssertionError(f"nobody knows what this means: {what}")

    async def send(self, count: int, wish: str | None, when: str | None) -> None:
        data: dict[str, Any] = {"media": MEDIA} if self.channel in NEEDS_MEDIA else {}
        if wish and when:
            data[wish.replace(" ", "_")] = instant_of(worked.moment(when), self.choices["zone"]).isoformat()
        names = [f"post-{self.posts + number}" for number in range(1, count + 1)]
        self.posts += count
        await self.house.send(*(message(name, channel=self.channel, **data) for name in names))

    async def ends(self, post: str, how: str) -> None:
        match how:
            case "cancelled":
                await self.house.ask(CancelAsked(post=post, body_hash="b"))
            case "fails":
                await self.house.deliver(post, started(), failed())
            case _:
                await self.house.deliver(post, started(), published())

    async def change(self, what: str, to: str) -> None:
        match what:
            case "zone":
                self.choices["zone"] = to
            case "mode":
                self.choices |= {"times": {}, **mode_of(self.channel, to)}
            case _:
                self.choices |= limits_of(f"{self.channel}, {to}")
        await self.house.account(**self.choices)

    async def learn(self, profile: EngagementProfiled) -> None:
        await self.house.say(engagement_stream(self.connection), profile)
        await self.house.settle()

    async def found(self, post: str) -> Found:
        case = await read_case(self.house.store, story_of(ACME, post))
        assert case is not None, f"{post} was lost"
        facts = await self.house.post(post)
        found = Found(STATES.get(case.state.phase, case.state.phase), words=[case.state.fault])
        decided = [fact for fact in facts if isinstance(fact, PostScheduled)]
        if decided and found.state in ("scheduled", "went out", "published"):
            found.explained(decided[-1].why, decided[-1].slot)
            due = [fact for fact in facts if isinstance(fact, PostDue)]
            assert not due or due[-1].slot_at == decided[-1].slot.at
        return found


def recalculated(connection: str, days: int, now: datetime, zone: str) -> list[EngagementProfiled]:
    """What the collector learns from a post a day, each as good as the others."""
    seen = [Seen(now - timedelta(days=back), None, Metrics(impressions=1000, likes=30)) for back in range(1, days + 1)]
    facts = engagement.recalculate(
        engagement.initial, connection=connection, zone=zone_called(zone), seen=seen, now=now
    )
    return [fact for fact in facts if isinstance(fact, EngagementProfiled)]


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.name for each in EXAMPLES])
async def test_the_scheduler_gives_the_slots_that_were_worked_out_by_hand(example):
    channel = example.channel.split(",")[0]
    begins = instant_of(example.steps[0].wall, example.zone)
    play = Play(House(begins), f"acme.{channel}", example.choices)
    await play.house.account(**play.choices)
    await play.house.connect(play.connection)
    await play.house.settle()
    for step in example.steps:
        await play.step(step)
    compare(example, [await play.found(f"post-{number}") for number in range(1, play.posts + 1)])


# The planner alone.

PLANNED = [each for each in EXAMPLES if all(TO_THE_PLANNER.fullmatch(step.what) for step in each.steps)]


@pytest.mark.parametrize("example", PLANNED, ids=[each.name for each in PLANNED])
def test_the_planner_alone_says_the_same(example):
    connection, profile = f"acme.{example.channel.split(',')[0]}", None
    week, found = Week(connection, **example.choices), []
    for step in example.steps:
        now = instant_of(step.wall, example.zone)
        posts = POSTS.fullmatch(step.what)
        if posts is None:
            profile = learned(connection, step.what, now, example.zone)
            days, full = week.days, set()
            week = Week(connection, profile=profile, **example.choices)
            week.days, week.full = days, full
            continue
        wish: dict[str, Any] = {}
        if posts[2]:
            wish = {posts[2].replace(" ", "_"): instant_of(worked.moment(posts[3]), example.zone)}
        for _ in range(int(posts[1])):
            planned = week.ask(now, **wish)
            if isinstance(planned, Missed):
                found.append(Found("missed", words=[planned.reason]))
                continue
            assert isinstance(planned, Planned)
            week.take(now, **wish)
            found.append(Found("scheduled").explained(planned.why, planned.slot))
    compare(example, found)


def learned(connection: str, what: str, now: datetime, zone: str) -> EngagementProfiled | None:
    if what.startswith("learned "):
        windows = windows_of(what.removeprefix("learned "))
        return EngagementProfiled(connection=connection, windows=windows, inputs={})
    facts = recalculated(connection, int(what.split()[0]), now, zone)
    return facts[-1] if facts else None


# The table itself.


def test_the_table_is_whole():
    """Forty rows and more, each with its own number, sentence and slots; many of them where it gets difficult."""
    assert [each.number.split(" ")[0] for each in EXAMPLES] == [str(number + 1) for number in range(len(EXAMPLES))]
    assert len(EXAMPLES) >= 40
    assert len({each.words for each in EXAMPLES}) == len(EXAMPLES)
    named = {name for each in EXAMPLES for name in each.number.split(" ")[2:]}
    assert named >= {"S3", "S13", "S14", "S15", "S16", "S17a", "S18", "S19", "S20", "S22"}


def test_a_slot_that_is_wrong_by_one_minute_one_hour_or_one_word_is_seen():
    """The comparison can fail: whoever reads the table can rely on it."""
    at = worked.moment("Sun 2027-03-14 03:00-04:00")
    slot = Slot(at=at, local="2027-03-14T03:00", zone="America/New_York", wanted="02:30", why="gap")
    found = Found("scheduled").explained(Why(mode="custom", reason="replanned; no time was left on 2027-03-07"), slot)
    for right in ("gap, wanted 02:30", "custom", "replanned", "no time was left on 2027-03-07"):
        _compare(Expected(1, "scheduled", at, right), found)
    for wrong in (
        Expected(1, "scheduled", at + timedelta(minutes=1), None),
        Expected(1, "scheduled", worked.moment("Sun 2027-03-14 03:00-05:00"), None),
        Expected(1, "scheduled", worked.moment("Sun 2027-03-14 02:00-05:00"), None),
        Expected(1, "held", at, None),
        Expected(1, "scheduled", at, "gap, wanted 02:15"),
        Expected(1, "scheduled", at, "planned"),
        Expected(1, "scheduled", at, "no time was left"),
    ):
        with pytest.raises(AssertionError):
            _compare(wrong, found)
