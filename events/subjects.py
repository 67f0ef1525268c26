"""Fact <-> subject and stream names. The one place a subject or a stream is spelled."""

from __future__ import annotations

import hashlib
from datetime import date

from events.envelope import Told

PRODUCTION = "PRODUCTION"
DISTRIBUTION = "DISTRIBUTION"
REPLAY = "REPLAY"
ALL_OF = {PRODUCTION: "production.>", DISTRIBUTION: "distribution.>", REPLAY: "replay.>"}
"""What each JetStream stream holds."""
POST_APPROVED = "production.post_approved"
POST_RETURNED = "production.post_returned"


def subject_of(told: Told) -> str:
    return feed_subject(told.fact.type, told.about.channel)


def feed_subject(type: str, channel: str | None) -> str:
    """`distribution.<service>.<fact>.<channel>`; `any` where there is no channel."""
    return f"distribution.{type}.{channel or 'any'}"


def replay_subject_of(told: Told, replay: str) -> str:
    """`replay.<id>.<service>.<fact>.<channel>`: what is said again is never mistaken for news (S47)."""
    return f"replay.{replay}.{told.fact.type}.{told.about.channel or 'any'}"


def story_of(account: str, post: str) -> str:
    return f"{account}.{post}"


def post_stream(story: str) -> str:
    return f"post-{story}"


def delivery_stream(story: str) -> str:
    return f"delivery-{story}"


def measurement_stream(story: str) -> str:
    return f"measurement-{story}"


def approval_stream(story: str) -> str:
    return f"approval-{story}"


def posting_day_stream(connection: str, day: date) -> str:
    return f"posting_day-{connection}-{day.isoformat()}"


def connection_stream(connection: str) -> str:
    return f"connection-{connection}"


def account_stream(account: str) -> str:
    return f"account-{account}"


def engagement_stream(connection: str) -> str:
    return f"engagement-{connection}"


def weights_stream(account: str) -> str:
    return f"weights-{account}"


def house_stream(scope: str) -> str:
    """`all`, a channel, or an account: the kill switch's reach."""
    return f"house-{scope}"


def parked_stream(body: bytes) -> str:
    return f"parked-{hashlib.sha256(body).hexdigest()[:32]}"


def stuck_stream(service: str, position: int) -> str:
    return f"stuck-{service}.{position}"


def asking_stream(principal: str, key: str) -> str:
    return bulk_stream(hashlib.sha256(f"{principal}|{key}".encode()).hexdigest()[:32])


def bulk_stream(bulk: str) -> str:
    """The asks of one request; a bulk change is called after it."""
    return f"asking-{bulk}"


def answer_stream(ask: str) -> str:
    return f"answer-{ask}"


def mail_stream(mail: str) -> str:
    return f"mail-{mail}"


def key_stream(prefix: str) -> str:
    return f"key-{prefix}"


def kind_of(stream: str) -> str:
    """`post-acme.one` is a `post`."""
    return stream.split("-", 1)[0]


def name_of(stream: str) -> str:
    """`post-acme.one` is called `acme.one`."""
    return stream.split("-", 1)[1]
