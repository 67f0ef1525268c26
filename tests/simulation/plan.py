"""What one seed has in store: who the accounts are, what Production sends, and what will go wrong, and when.

A plan is drawn before anything happens, from the seed alone, so that a change in the house changes no plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from events import AccountDocument
from tests.simulation.troubles import Trouble, rare, troubles

DAYS = 14
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "America/Sao_Paulo", "UTC")
BEGINNINGS = (datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC),
              datetime(2027, 3, 22, tzinfo=UTC))  # fmt: skip
"""Three of four fortnights hold a change of the clocks somewhere (S19)."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SENT_AT, SENT_LATE = (5, 5, 700, 2000, 4000), 19_800
"""Minutes: most posts have had their seven days within the fortnight; a few are still in the queue when it ends."""
BUCKETS = ("customer-stories", "how-to", "news", None)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of Production: when it is sent, and each time it is delivered."""

    name: str
    body: Mapping[str, Any] | bytes
    sent_at: datetime
    delivered_at: tuple[datetime, ...]
    fit: bool = True


@dataclass(frozen=True, slots=True)
class Crowd:
    """Several posts of one connection are wanted at this very minute."""

    connection: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """`shared`: two processes run the same services. `between` is how often others come between two steps.

    `attended`: people do what waits for them within the day; else nobody looks until the fortnight is over.
    `reads`: the processes keep their views in a database, as real ones do; the others are read in memory alone.
    `real_store`: a store on a file is asked the same as the one in memory, and compared.
    `relays`: a relay in each process offers the log to a feed.
    `modelled`: faults come by chance at every step, as in the model of the publish step.
    `reads_again`: in the end everything is heard once more by services that have read nothing yet.
    """

    seed: int
    start: datetime
    shared: bool
    between: float
    shuffled: bool
    attended: bool
    reads: bool
    reads_again: bool
    accounts: Sequence[AccountDocument]
    appears_at: Mapping[str, datetime]
    connections: Mapping[str, datetime]
    crowd: Crowd
    messages: Sequence[Message]
    troubles: Sequence[Trouble] = ()
    days: int = DAYS
    real_store: bool = False
    relays: bool = False
    modelled: bool = False

    @property
    def until(self) -> datetime:
        return self.start + timedelta(days=self.days)

    @property
    def poisons(self) -> bool:
        return any(trouble.kind == "poison" for trouble in self.troubles)

    @property
    def forgets(self) -> bool:
        """Whether a service may be set back to where it had read before."""
        return self.reads_again or any(trouble.kind == "checkpoint_set_back" for trouble in self.troubles)


def plan_of(seed: int) -> Plan:
    random = Random(f"{seed} the plan")
    start = random.choice(BEGINNINGS) + timedelta(minutes=random.randrange(3 * 24 * 60))
    names = ("acme", "birch", "cedar")[: random.choice((2, 2, 3))]
    connections = tuple(f"{random.choice(names)}.{channel}" for channel in ("linkedin", "x", "blog"))
    late = {name: start + timedelta(hours=random.choice((0, 0, 0, 0, 1, 30))) for name in names}
    crowd = Crowd(random.choice(connections), start + timedelta(hours=random.randrange(6, 90)))
    plan = Plan(
        seed=seed,
        start=start,
        shared=random.random() < 0.5,
        between=random.choice((0.0, 0.05, 0.3, 0.6)),
        shuffled=random.random() < 0.5,
        attended=random.random() < 0.85,
        reads=random.random() < 0.02,
        reads_again=random.random() < 0.3,
        relays=Random(f"{seed} the feed").random() < 0.15,
        real_store=Random(f"{seed} the disk").random() < 0.03,
        accounts=[_account(random, name) for name in names],
        appears_at=late,
        connections={name: max(late[name.split(".")[0]], start + timedelta(hours=random.choice((0, 0, 0, 0, 40))))
                     for name in connections},
        crowd=crowd,
        messages=_messages(random, start, names, connections, crowd),
    )  # fmt: skip
    common = troubles(random, plan)
    return replace(
        plan, troubles=sorted([*common, *rare(Random(f"{seed} what is rare"), plan)], key=lambda each: each.at)
    )


def _account(random: Random, name: str) -> AccountDocument:
    custom = random.random() < 0.3
    times = {channel: {day: _times(random) for day in WEEKDAYS} for channel in ("linkedin", "x", "blog")}
    document: dict[str, Any] = {
        "id": name,
        "zone": random.choice(ZONES),
        "owner": f"owner@{name}.example",
        "mode": "custom" if custom else "best_practice",
        "times": times if custom else {},
        "tolerance": random.choice(("PT2H", "PT2H", "PT30M", "PT6H")),
        "approval": {"required": random.random() < 0.2},
    }
    if random.random() < 0.3:
        document["caps"] = {channel: {"posts_per_day_max": random.choice((1, 2, 3))} for channel in ("linkedin", "x")}
    if random.random() < 0.3:
        document["spacing"] = {"linkedin": "PT15M", "blog": "PT1H"}
    return AccountDocument.model_validate(document)


def _times(random: Random) -> list[str]:
    return [f"{random.randrange(24):02}:{random.choice((0, 15, 30)):02}" for _ in range(random.randrange(1, 4))]


def _messages(
    random: Random, start: datetime, names: Sequence[str], connections: Sequence[str], crowd: Crowd
) -> list[Message]:
    messages: list[Message] = []
    for number in range(random.randrange(6, 10)):
        account, channel = random.choice(connections).split(".")
        post, sent_at = f"sim-{channel}-{number}", start + timedelta(minutes=random.choice(SENT_AT))
        if random.random() < 0.02:
            sent_at = start + timedelta(minutes=SENT_LATE)
        sent_at += timedelta(seconds=random.randrange(1800))
        data = _post(random, post, account, channel, sent_at)
        if f"{account}.{channel}" == crowd.connection and random.random() < 0.5:
            # Exactly at the same minute: they go out one after the other, in order (S3, I19).
            data |= {"exactly_at": crowd.at.isoformat(), "not_before": None}
        messages.append(_message(random, post, _event(random, data), sent_at))
        if random.random() < 0.1:
            other = {**data, "text": f"{data['text']} It was changed."}
            messages.append(_message(random, post, _event(random, other), sent_at + timedelta(hours=9), fit=False))
    for number in range(random.choice((0, 1, 1, 2))):
        sent_at = start + timedelta(minutes=random.randrange(5000))
        messages.append(_message(random, f"bad-{number}", _malformed(random, names, number), sent_at, fit=False))
    return messages


def _post(random: Random, post: str, account: str, channel: str, sent_at: datetime) -> dict[str, Any]:
    wish = random.random()
    at = (sent_at + timedelta(hours=random.randrange(1, 60), minutes=random.randrange(60))).isoformat()
    linked = channel == "blog" or random.random() < 0.8
    return {
        "post": post, "account": account, "channel": channel, "bucket": random.choice(BUCKETS), "campaign": "spring",
        "title": f"About {post}" if channel == "blog" or random.random() < 0.5 else None,
        "text": f"How {post} grew, {'and ' * (80 if random.random() < 0.05 else 1)}what came of it.",
        "link": f"https://{account}.example/{post}" if linked else None,
        "exactly_at": at if wish < 0.12 else None, "not_before": at if wish > 0.85 else None,
    }  # fmt: skip


def _event(random: Random, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": f"event-{random.randrange(10**9)}", "source": "/production",
            "type": "production.post_approved", "data": data}  # fmt: skip


def _malformed(random: Random, names: Sequence[str], number: int) -> dict[str, Any] | bytes:
    data = _post(random, f"bad-{number}", names[0], "linkedin", BEGINNINGS[0])
    match random.randrange(5):
        case 0:
            return b'{"specversion": "1.0", "id": NaN'
        case 1:
            return _event(random, {**data, "channel": "myspace"})
        case 2:
            return _event(random, {**data, "not_before": "2026-11-24T09:00:00"})
        case 3:
            return _event(random, {**data, "account": "nobody-ever"})
        case _:
            return _event(random, {**data, "text": "x" * 300_000})


def _message(random: Random, name: str, body: Any, sent_at: datetime, *, fit: bool = True) -> Message:
    """At least once: mostly soon, often again, now and then hours late, and never in order."""
    copies = random.choice((1, 1, 2, 3))
    spread = random.choice((60, 60, 3600, 20 * 3600))
    delays = sorted(random.randrange(1, spread) for _ in range(copies))
    return Message(name, body, sent_at, tuple(sent_at + timedelta(seconds=delay) for delay in delays), fit)
