"""One post's short way, told plainly or in bad weather: what is played again and again with a death at every place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from events import AccountDocument, Fact, PostCancelled, PostPublished
from tests.simulation.plan import Crowd, Message, Plan
from tests.simulation.troubles import Trouble

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
SENT_AT = START + timedelta(minutes=5)
DAYS = 3
"""The slot comes within the first day, and the first two measurements are taken."""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Told:
    """How the post may end. `troubles` names what goes wrong on the way, of a post on this channel."""

    troubles: Callable[[str], Sequence[Trouble]]
    ends: tuple[type[Fact], ...] = (PostPublished,)


def _weather(kind: str, **more: Any) -> Callable[[str], Sequence[Trouble]]:
    return lambda channel: [
        Trouble(SENT_AT, kind, {"channel": channel, "account": "acme", "moment": _moment("PostDue"), **more})
    ]


def _people(kind: str, point: str, word: str, **more: Any) -> Callable[[str], Sequence[Trouble]]:
    """At the moment at which `word` is said, or the post is sent."""
    return lambda channel: [Trouble(SENT_AT, kind, {"number": 1, "connection": f"acme.{channel}", "scope": "acme",
                                                    "moment": _moment(word, point), **more})]  # fmt: skip


def _moment(word: str, point: str = "append_after") -> Mapping[str, Any]:
    return {"point": point, "words": (word,), "passed": 0}


SOME_HOURS = timedelta(hours=5)
EITHER = (PostPublished, PostCancelled)

STORIES: dict[str, Told] = {
    "plain": Told(lambda channel: ()),
    "5xx twice": Told(_weather("outage_before", times=2, status=503)),
    "5xx after it was done": Told(_weather("outage_after", times=1, status=502)),
    "429": Told(_weather("limit", times=1, retry_after=600)),
    "lost answer": Told(_weather("lost_answer", times=1)),
    "cancelled before it is due": Told(_people("cancel", "append_after", "PostScheduled"), EITHER),
    "cancelled as it starts": Told(_people("cancel", "append_before", "AttemptStarted"), EITHER),
    "cancelled as it is sent": Told(_people("cancel", "call_before", "publishes"), EITHER),
    "disconnected as it is due": Told(_people("disconnect", "append_before", "PostDue", lasts=SOME_HOURS)),
    "disconnected as it is sent": Told(_people("disconnect", "call_before", "publishes", lasts=SOME_HOURS)),
}


def plan_of(story: str, channel: str, *, shared: bool = False) -> Plan:
    """Everybody lets the others come between at every step, so that every question to the store is interrupted."""
    connection = f"acme.{channel}"
    data = {
        "post": "sim-post-0", "account": "acme", "channel": channel, "bucket": "news", "campaign": "spring",
        "title": "About a post" if channel == "blog" else None, "text": "How sim-post-0 grew, and what came of it.",
        "link": "https://acme.example/sim-post-0", "exactly_at": None, "not_before": None,
    }  # fmt: skip
    event = {"specversion": "1.0", "id": "event-1", "source": "/production", "type": "production.post_approved",
             "data": data}  # fmt: skip
    account = AccountDocument.model_validate(
        {"id": "acme", "zone": "Europe/Berlin", "owner": "owner@acme.example", "mode": "best_practice"}
    )
    return Plan(
        seed=0, start=START, shared=shared, between=1.0, shuffled=False, attended=True, reads=False, reads_again=False,
        accounts=[account], appears_at={"acme": START}, connections={connection: START},
        crowd=Crowd(connection, START), messages=[Message("sim-post-0", event, SENT_AT, (SENT_AT + SECOND,))],
        troubles=STORIES[story].troubles(channel), days=DAYS,
    )  # fmt: skip
