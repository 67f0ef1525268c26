"""A post, and a connection, as people and programs are shown them: the promised fields, and what stands in their way.

The words of a warning depend on more than the post itself (its channel, the kill switch), so they are found when
somebody looks and never kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from services.gateway.views import channels, house
from services.gateway.views.meaning import BUDGET_SPENT
from services.gateway.views.view import Document, unpacked

ITEM: Final = (
    "id", "post", "account", "channel", "connection", "bucket", "campaign", "status", "reason", "scheduled_at", "slot",
    "published_at", "channel_post_id", "url", "attempts", "tries", "error", "waiting", "evidence", "late_send",
)  # fmt: skip
DISPLAY: Final = {
    "linkedin": "LinkedIn", "x": "X", "facebook": "Facebook", "instagram": "Instagram", "tiktok": "TikTok",
    "youtube": "YouTube", "pinterest": "Pinterest", "blog": "Blog",
}  # fmt: skip
EVERYTHING: Final = "all"
NOT_SENT: Final = frozenset({"awaiting_approval", "pending", "scheduled"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The connections of some posts, where publishing is paused, and which channels this house can speak to."""

    connections: Mapping[str, Document] = field(default_factory=dict)
    paused: Mapping[str, Document] = field(default_factory=dict)
    spoken: Collection[str] = tuple(DISPLAY)


def surroundings(db: Connection, documents: Sequence[Document], spoken: Collection[str]) -> Surroundings:
    names = {document["connection"] for document in documents if document["status"] in NOT_SENT}
    if not names:
        return Surroundings()
    found = db.execute(channels.select_connections(names=sorted(names)))
    switched = [unpacked(row.body) for row in db.execute(select(house.table.c.body))]
    return Surroundings(
        {row.key: unpacked(row.body) for row in found},
        {each["scope"]: each for each in switched if each["paused"]},
        spoken,
    )


def version(document: Document) -> str:
    """`<version of post->.<version of delivery->` (D18)."""
    return "{}.{}".format(*document["versions"])


def item(document: Document, around: Surroundings) -> Document:
    """One line of the queue."""
    shown = {name: document[name] for name in ITEM}
    if document["reason"] == "held" and out_of_reach(document, around):
        shown["waiting"] = document["waiting"] | {"sentence": no_way(document["channel"])}
    return shown | {"warning": warning(document, around), "version": version(document)}


def post(document: Document, around: Surroundings) -> Document:
    """One post whole, with its content."""
    more = {name: document[name] for name in ("not_before", "exactly_at", "taken_in_at", "round")}
    return item(document, around) | document["content"] | more


def out_of_reach(document: Document, around: Surroundings) -> bool:
    """There is nothing to connect: the channel is one that a later release speaks to."""
    return document["connection"] not in around.connections and document["channel"] not in around.spoken


def no_way(channel: str) -> str:
    return f"This house has no way to speak to {DISPLAY[channel]} yet, so it cannot be connected; the post waits."


def warning(document: Document, around: Surroundings) -> str | None:
    """What will hold this post up, or does already, though the post itself does not say so (S10)."""
    if document["status"] not in NOT_SENT or document["reason"] == "held":
        return None
    for scope in (EVERYTHING, document["channel"], document["account"]):
        if switched := around.paused.get(scope):
            return pause(switched)
    known, name = around.connections.get(document["connection"]), DISPLAY[document["channel"]]
    if out_of_reach(document, around):
        return no_way(document["channel"])
    if known is None:
        return f"{name} is not connected; the post waits until it is."
    at = document["scheduled_at"]
    if known["status"] == "disconnected":
        return f"{name} is disconnected; unless it is reconnected before, the post is held when its slot comes."
    if at and known["grant_expires_at"] and known["grant_expires_at"] < at:
        return f"The access to {name} ends before this slot, at {clock(known['grant_expires_at'])}; reconnect it."
    if at and document["reason"] is None and known["limited_until"] and known["limited_until"] >= at:
        return limited(name, known)
    return None


def limited(name: str, known: Document) -> str:
    """Whether the channel has asked for it, or we keep to its limit before it has to (I17)."""
    until = clock(known["limited_until"])
    if known["limited_code"] == BUDGET_SPENT:
        return f"No call is left of what {name} allows; the connection waits until {until}."
    return f"{name} asked us to slow down until {until}."


def pause(switched: Document) -> str:
    scope, because = switched["scope"], f": {switched['reason'].rstrip('.')}" if switched["reason"] else ""
    return f"Publishing is paused for {'everything' if scope == EVERYTHING else DISPLAY.get(scope, scope)}{because}."


def clock(instant: str) -> str:
    """An instant for people, to the minute."""
    return f"{instant[:16].replace('T', ' ')} UTC"


def connection(document: Document, *, held: int, posts: Mapping[str, Any]) -> Document:
    """One connection: its grant, and what it still may do (S8, S18)."""
    kept = {name: value for name, value in document.items() if name not in ("credential_version", "limited_code")}
    return kept | {
        "expires_at": document["grant_expires_at"],
        "held": held,
        "posts": dict(posts),
        "posts_today": posts["used"],
        "posts_per_day_max": posts["max"],
    }
