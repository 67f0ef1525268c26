"""One post of Acme's on its way, fact by fact, as the publisher's tests tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events import AttemptFailed, AttemptStarted, AttemptUnclear, Content, LookedUp, PostDue, RateLimited
from events.channels import CHANNELS, channel_of
from services.publisher.grounds import Connection

STORY = "acme.spring-042-linkedin"
LINKEDIN, YOUTUBE, BLOG, FACEBOOK = "acme.linkedin", "acme.youtube", "acme.blog", "acme.facebook"
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ACTIVE = Connection(connected=True, credential_version=3)
REFRESHED = Connection(connected=True, credential_version=4)
GONE = Connection(connected=False, credential_version=3)
MARKER = "d-5f3a9c"


def due(connection: str = LINKEDIN, *, round: int = 1, tries: int = 0) -> PostDue:
    return PostDue(
        round=round, connection=connection, content=Content(text="How Acme grew"), content_hash="a1", slot_at=NINE,
        bucket="customer-stories", campaign="spring", tries=tries,
    )  # fmt: skip


def started(
    connection: str = LINKEDIN, *, attempt: int = 1, round: int = 1, tries: int = 0, at: datetime = NINE, epoch: int = 1
) -> AttemptStarted:
    channel = CHANNELS[channel_of(connection)]
    deadline = at + 20 * SECOND
    wait = channel.first_look if channel.looks == 2 else max(channel.settle, 10 * SECOND)
    return AttemptStarted(
        round=round, attempt=attempt, epoch=epoch, connection=connection, deadline=deadline, look_at=deadline + wait,
        content_hash="a1", marker=MARKER, tier=channel.tier, credential_version=3, tries=tries,
    )  # fmt: skip


def failed(*, attempt: int, tries: int, retry_at: datetime | None, round: int = 1) -> AttemptFailed:
    return AttemptFailed(round=round, attempt=attempt, code="refused", detail="connection refused", tries=tries,
                         retry_at=retry_at)  # fmt: skip


def unclear(*, at: datetime = NINE, look_at: datetime, attempt: int = 1, status: int | None = 503,
            code: str = "503", duplicate: bool = False) -> AttemptUnclear:  # fmt: skip
    return AttemptUnclear(round=1, attempt=attempt, code=code, http_status=status, detail="", answered_at=at,
                          look_at=look_at, duplicate=duplicate)  # fmt: skip


def limited(until: datetime, *, attempt: int = 1, connection: str = LINKEDIN) -> RateLimited:
    return RateLimited(round=1, attempt=attempt, connection=connection, until=until, code="429", http_status=429,
                       told=True)  # fmt: skip


def looked(number: int, found: bool | None, again: datetime | None = None, *, detail: str = "") -> LookedUp:
    return LookedUp(round=1, attempt=1, look=number, found=found, look_again_at=again, detail=detail)
