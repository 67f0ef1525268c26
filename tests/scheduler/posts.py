"""One post of Acme's in the queue, fact by fact, as the scheduler's tests tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    Content,
    DeliveryReturned,
    PostDue,
    PostFailed,
    PostPublished,
    PostScheduled,
    PostTakenIn,
    Slot,
    Why,
)
from services.scheduler.post import hash_of

ACME, LINKEDIN, POST, STORY = "acme", "acme.linkedin", "spring-042", "acme.spring-042"
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""A Monday morning; LinkedIn's windows are Mon 10-12, Tue to Thu 9-12, Fri 10-12."""
TEN = MONDAY + timedelta(hours=2)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOLERANCE = 2 * HOUR
CONTENT, OTHER = Content(text="How Acme halved its returns"), Content(text="How Acme halved its returns, again")


def taken_in(content: Content = CONTENT, **more: Any) -> PostTakenIn:
    return PostTakenIn(post=POST, connection=LINKEDIN, bucket="stories", campaign="spring", content=content,
                       content_hash=hash_of(content), **more)  # fmt: skip


def scheduled(
    at: datetime = TEN, *, mode: str = "best_practice", not_before: datetime | None = None, reason: str = "planned"
) -> PostScheduled:
    slot = Slot(at=at, local=at.strftime("%Y-%m-%dT%H:%M"), zone="UTC")
    return PostScheduled(connection=LINKEDIN, slot=slot, why=Why(mode=mode, reason=reason), not_before=not_before)


def due(
    round: int = 1, *, content: Content = CONTENT, slot_at: datetime = TEN, exactly: bool = False, tries: int = 0,
    looked_first: bool = False,
) -> PostDue:  # fmt: skip
    return PostDue(
        round=round, connection=LINKEDIN, content=content, content_hash=hash_of(content), bucket="stories",
        campaign="spring", slot_at=slot_at, exactly=exactly, tolerance_seconds=7200, tries=tries,
        looked_first=looked_first,
    )  # fmt: skip


def started(attempt: int = 1, *, round: int = 1, tries: int = 0, at: datetime = TEN) -> AttemptStarted:
    return AttemptStarted(
        round=round, attempt=attempt, epoch=1, connection=LINKEDIN, deadline=at + 20 * SECOND,
        look_at=at + 40 * SECOND, content_hash="a1", marker="d1", tier="B", credential_version=1, tries=tries,
    )  # fmt: skip


def attempt_failed(attempt: int = 1, *, tries: int = 1, round: int = 1) -> AttemptFailed:
    return AttemptFailed(round=round, attempt=attempt, code="refused", detail="connection refused", tries=tries,
                         retry_at=TEN + MINUTE)  # fmt: skip


def unclear(attempt: int = 1) -> AttemptUnclear:
    return AttemptUnclear(round=1, attempt=attempt, code="503", http_status=503, detail="", answered_at=TEN,
                          look_at=TEN + 40 * SECOND)  # fmt: skip


def failed(round: int = 1, *, tries: int = 1) -> PostFailed:
    return PostFailed(round=round, kind="content", code="422", sentence="No.", action="edit", tries=tries)


def published(
    round: int = 1, *, connection: str = LINKEDIN, at: datetime = TEN, slot_at: datetime = TEN
) -> PostPublished:
    return PostPublished(round=round, attempt=1, connection=connection, channel_post_id="urn:7", published_at=at,
                         slot_at=slot_at, content_hash="a1", marker="d1", tries=1)  # fmt: skip


def returned(
    reason: Literal["disconnected", "late", "withdrawn", "send_again"], *, round: int = 1, tries: int = 0
) -> DeliveryReturned:
    return DeliveryReturned(round=round, reason=reason, tries=tries)
