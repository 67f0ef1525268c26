"""Everything that may go wrong in a fortnight, by kind. A seed draws some of it; `KINDS` are all that must be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.plan import Plan

OF_THE_HOUSE = ("crash_before_append", "crash_after_append", "crash_before_call", "crash_after_call", "pause",
                "disk_full", "answer_of_store_lost", "bell_lost", "checkpoint_set_back", "wall_jump",
                "poison", "leave")  # fmt: skip
OF_THE_WORLD = ("lost_answer", "outage_before", "outage_after", "limit", "slow", "refuse", "expired", "revoked",
                "look_up_lag", "unreachable")  # fmt: skip
OF_PEOPLE = ("cancel", "retry", "reschedule", "edit", "undo", "disconnect", "reconnect", "paused", "account_changed",
             "asked_in_one_breath")  # fmt: skip
OF_PRODUCTION = ("message_again", "message_late", "message_out_of_order", "message_malformed", "message_redelivered")
OF_THE_BROKER = ("feed_away", "feed_wiped", "feed_answer_lost", "feed_aged", "feed_forged", "feed_copied")
KINDS = (*OF_THE_HOUSE, *OF_THE_WORLD, *OF_PEOPLE, *OF_PRODUCTION, *OF_THE_BROKER)

WEIGHED = {
    "crash_before_append": 3, "crash_after_append": 3, "crash_before_call": 3, "crash_after_call": 3, "pause": 4,
    "disk_full": 2, "answer_of_store_lost": 3, "bell_lost": 2, "checkpoint_set_back": 1,
    "lost_answer": 4, "outage_before": 2, "outage_after": 4, "limit": 3, "slow": 2, "refuse": 2, "expired": 2,
    "revoked": 2, "look_up_lag": 3, "unreachable": 1,
    "cancel": 3, "reschedule": 2, "edit": 3, "undo": 1, "disconnect": 2, "paused": 2, "account_changed": 1,
}  # fmt: skip
POINTS = {"crash_before_append": "append_before", "crash_after_append": "append_after", "crash_before_call":
          "call_before", "crash_after_call": "call_after", "disk_full": "append_before",
          "answer_of_store_lost": "append_after"}  # fmt: skip
SERVICES = ("publisher", "scheduler", "collector", "gateway")
DAYS_LEFT = 20 * 24 * 60
"""Until the fortnight is over, whenever it began."""
TELLING = ("AttemptStarted", "PostPublished", "AttemptUnclear", "AttemptFailed", "PostDue", "PostScheduled",
           "PostTakenIn", "RateLimited", "LookedUp", "MeasurementPlanned", "MetricsCollected", "PostCancelled",
           "GrantRefreshed")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    at: datetime
    kind: str
    what: Mapping[str, Any]

    @property
    def kind_of_weather(self) -> str:
        return "outage_before" if self.kind == "unreachable" else self.kind


def troubles(random: Random, plan: Plan) -> list[Trouble]:
    """At least seven, mostly in the days in which most posts go out."""
    drawn = random.choices(list(WEIGHED), list(WEIGHED.values()), k=random.randrange(8, 18))
    found = []
    for kind in drawn:
        at = plan.start + timedelta(minutes=random.randrange(10, 9 * 24 * 60))
        if random.random() < 0.5:
            at = plan.start + timedelta(minutes=random.randrange(5, 3000))
        found.append(Trouble(at, kind, _what(random, kind, plan)))
    if random.random() < 0.2:
        found.append(_slow_crowd(random, plan))
    return sorted(found, key=lambda each: each.at)


HANDLERS = (("publisher", "PostDue"), ("publisher", "PostCancelled"), ("publisher", "ChannelConnected"),
            ("publisher", "GrantRefreshed"), ("scheduler", "PostPublished"), ("scheduler", "PostFailed"),
            ("scheduler", "ChannelConnected"), ("scheduler", "CancelAsked"), ("scheduler", "RetryAsked"),
            ("collector", "PostPublished"), ("gateway", "CredentialRefused"))  # fmt: skip
"""Who may turn out not to be able to take what."""


LEAVING = (("call_before", "publishes"), ("call_before", "publishes"), ("call_before", "asks"),
           ("append_before", "AttemptStarted"), ("append_after", "PostDue"))  # fmt: skip
"""Just when a process is asked to leave."""


def rare(random: Random, plan: Plan) -> list[Trouble]:
    """Drawn apart, so that the fortnights that were there before these troubles are what they were."""
    found = []
    if random.random() < 0.25:
        at = random.choice(
            (plan.crowd.at - timedelta(minutes=5), plan.start + timedelta(hours=random.randrange(1, 90)))
        )
        by = timedelta(seconds=random.choice((-86_400, -90, -6, 3, 6, 3600, 86_400)))
        found.append(
            Trouble(at, "wall_jump", {"by": by, "lasts": timedelta(minutes=random.choice((1, 20, 300, 2000)))})
        )
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        service, fact = random.choice(HANDLERS)
        at = plan.start + timedelta(minutes=random.randrange(3000))
        what = {"service": service, "fact": fact, "passed": random.randrange(2), "times": random.choice((1, 3, 1000))}
        found.append(Trouble(at, "poison", what))
    for _ in range(random.randrange(1, 7) if plan.relays else 0):
        at = plan.start + timedelta(minutes=random.randrange(14 * 24 * 60))
        how = random.choice(("away", "wiped", "answer_lost", "aged", "forged", "copied"))
        lasts = timedelta(minutes=random.choice((1, 90, 3000)))
        found.append(Trouble(at, "feed", {"how": how, "lasts": lasts, "which": random.randrange(1000)}))
    if random.random() < 0.1:
        found.append(_limited_crowd(random, plan))
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        point, word = random.choice(LEAVING)
        at = plan.start + timedelta(minutes=random.randrange(5, 5000))
        what = {"point": point, "words": (word,), "passed": random.randrange(3)}
        what["hold_ms"] = random.choice((2_000, 14_000, 19_900, 30_000))
        found.append(Trouble(at, "leave", what))
    return found


def _limited_crowd(random: Random, plan: Plan) -> Trouble:
    """The first of several that are due at one minute is told to wait, and the others must not overtake it."""
    account, channel = plan.crowd.connection.split(".")
    what = {"channel": channel, "account": account, "times": 1, "retry_after": random.choice((30, 600))}
    return Trouble(plan.crowd.at - timedelta(minutes=1), "limit", what)


def _slow_crowd(random: Random, plan: Plan) -> Trouble:
    """Just when several posts of one connection come due, its channel takes its time."""
    account, channel = plan.crowd.connection.split(".")
    slow = {"times": 3, "hold_ms": random.choice((9_000, 14_000, 19_500))}
    return Trouble(plan.crowd.at - timedelta(minutes=1), "slow", {"channel": channel, "account": account, **slow})


def _what(random: Random, kind: str, plan: Plan) -> dict[str, Any]:
    channel = random.choice(("linkedin", "x", "blog"))
    connection = next(name for name in plan.connections if name.endswith(channel))
    match kind:
        case "crash_before_append" | "crash_after_append" | "disk_full" | "answer_of_store_lost":
            words = (random.choice(TELLING),) if random.random() < 0.6 else ()
            lasts = _full(random) if kind == "disk_full" else _gone(random)
            return {"point": POINTS[kind], "words": words, "passed": random.randrange(4 if words else 25),
                    "lasts": lasts}  # fmt: skip
        case "crash_before_call" | "crash_after_call":
            words = ("publishes",) if random.random() < 0.7 else ()
            return {"point": POINTS[kind], "words": words, "passed": random.randrange(4), "lasts": _gone(random)}
        case "pause":
            point = random.choice(("append_before", "append_after", "call_before", "call_before", "call_after"))
            words = ("publishes",) if point.startswith("call") else (random.choice(TELLING[:4]),)
            return {"point": point, "words": words, "passed": random.randrange(3),
                    "lasts": timedelta(seconds=random.choice((4, 12, 25, 90, 400, 4000)))}  # fmt: skip
        case "checkpoint_set_back":
            return {"by": random.choice((1, 5, 40, 1000)), "services": random.choice((SERVICES[:1], SERVICES))}
        case "bell_lost":
            return {"bells": random.randrange(1, 40)}
        case "cancel" | "edit" | "reschedule":
            return {"number": random.randrange(100), "moment": _moment(random), "shift": random.randrange(-60, 3000)}
        case "disconnect" | "paused":
            scope = random.choice(("all", connection.split(".")[0], channel))
            lasts = timedelta(minutes=random.choice((1, 30, 400, 3000, DAYS_LEFT)))
            return {"connection": connection, "scope": scope, "lasts": lasts, "moment": _moment(random)}
        case "undo" | "account_changed":
            zone = random.choice(("Europe/Berlin", "Asia/Tokyo"))
            return {"number": random.randrange(100), "account": random.choice(plan.accounts).id,
                    "cap": random.choice((1, 2, 5)), "zone": zone}  # fmt: skip
        case _:
            moment = {"point": "append_after", "words": ("PostDue",), "passed": random.randrange(4)}
            return {"channel": channel, "account": connection.split(".")[0], **_weather(random, kind),
                    "moment": moment if random.random() < 0.4 else None}  # fmt: skip


def _gone(random: Random) -> timedelta:
    return timedelta(seconds=random.choice((1, 5, 20, 120, 3600, 4 * 3600)))


def _full(random: Random) -> timedelta:
    return timedelta(seconds=random.choice((1, 1, 15, 90)))


WORST = ("AttemptStarted", "AttemptStarted", "AttemptStarted", "PostDue", "AttemptUnclear", "AttemptFailed",
         "PostScheduled", "PostPublished")  # fmt: skip


def _moment(random: Random) -> dict[str, Any] | None:
    """Most of what people do, they do at the worst moment: right before or after something is said or sent."""
    which = random.random()
    if which < 0.35:
        return None
    if which < 0.6:
        return {"point": random.choice(("call_before", "call_after")), "words": ("publishes",),
                "passed": random.randrange(3)}  # fmt: skip
    return {"point": random.choice(("append_before", "append_after")), "passed": random.randrange(3),
            "words": (random.choice(WORST),)}  # fmt: skip


def _weather(random: Random, kind: str) -> dict[str, Any]:
    times = {"times": random.choice((1, 1, 2, 3, 5))}
    match kind:
        case "limit":
            return {**times, "retry_after": random.choice((None, 0, 30, 600, 5400, 90_000))}
        case "slow":
            return {**times, "hold_ms": random.choice((2_000, 9_000, 14_000, 19_500, 25_000))}
        case "outage_before" if random.random() < 0.3:
            return {"for": timedelta(hours=random.choice((1, 8))), "status": 503}
        case "outage_before" | "outage_after":
            return {**times, "status": random.choice((500, 502, 503, 504))}
        case "unreachable":
            return {**times, "status": 0}
        case "look_up_lag":
            return {"for": timedelta(days=random.choice((1, 3))), "lag": timedelta(seconds=random.choice((5, 44)))}
        case "refuse" | "lost_answer":
            return times
        case _:
            return {}
