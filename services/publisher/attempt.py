"""One attempt: while it is open, how long it settles, and the ways it can end that leave the post's round going on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from events import AttemptFailed, AttemptStarted, AttemptUnclear, Fact, LookedUp, PostDue, PostPublished
from events.channels import BACKOFF, CHANNELS, HOLD_MAX, HOLD_UNTOLD, ChannelFacts, channel_of
from services.publisher.sentences import spent

FORGOTTEN = 0
"""The number of an attempt the log does not know of, because it was made after the backup it was restored from."""
UNANSWERED_MARGIN = timedelta(seconds=10)
"""D10's margin, also where the look-up has no lag: a call that was cut may still be at work on the far side."""


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt nobody has settled: in flight, unclear, or being looked up (S28)."""

    started: AttemptStarted
    look_at: datetime
    unclear: AttemptUnclear | None = None
    absent: int = 0
    looks: int = 0
    looks_failed: int = 0


def looked(attempt: Open, look: LookedUp) -> Open:
    return replace(
        attempt,
        look_at=look.look_again_at or attempt.look_at,
        looks=look.look,
        absent=attempt.absent + (look.found is False),
        looks_failed=attempt.looks_failed + (look.found is None),
    )


def facts_of(connection: str) -> ChannelFacts:
    return CHANNELS[channel_of(connection)]


def settled_after(channel: ChannelFacts, moment: datetime, *, answered: bool) -> datetime:
    """When absence begins to prove something: the lag and a margin after the answer, or after the send deadline."""
    return moment + (channel.settle if answered else max(channel.settle, UNANSWERED_MARGIN))


def first_look(channel: ChannelFacts, moment: datetime, *, answered: bool) -> datetime:
    return moment + channel.first_look if channel.looks == 2 else settled_after(channel, moment, answered=answered)


def held_until(until: datetime | None, now: datetime) -> tuple[datetime, bool]:
    """As long as the channel says, a day at most; a time that is none or past is the untold 15 minutes (S32, F8)."""
    if until is None or until <= now:
        return now + HOLD_UNTOLD, False
    return min(until, now + HOLD_MAX), True


def unclear(
    started: AttemptStarted, code: str, status: int | None, detail: str, at: datetime, *, duplicate: bool = False
) -> AttemptUnclear:
    look_at = first_look(facts_of(started.connection), at, answered=status is not None)
    return AttemptUnclear(round=started.round, attempt=started.attempt, code=code, http_status=status, detail=detail,
                          answered_at=at, look_at=look_at, duplicate=duplicate)  # fmt: skip


def failed(
    attempt: Open, code: str, status: int | None, detail: str, *, at: datetime, not_before: datetime
) -> Sequence[Fact]:
    """A try that is known to have shown nothing: again after 1, 5, 25 minutes from `at`, then Failed (S29)."""
    started = attempt.started
    tries = started.tries + 1
    waits_left = tries <= len(BACKOFF)
    retry_at = max(at + BACKOFF[tries - 1], not_before) if waits_left else None
    lost = AttemptFailed(round=started.round, attempt=started.attempt, code=code, http_status=status, detail=detail,
                         tries=tries, retry_at=retry_at)  # fmt: skip
    return [lost] if waits_left else [lost, spent(started.connection, started.round, code, status, tries)]


def published(
    started: AttemptStarted,
    due: PostDue,
    post_id: str,
    url: str | None,
    at: datetime,
    found_by: Literal["answer", "look_up", "person"],
) -> PostPublished:
    return PostPublished(
        round=started.round,
        attempt=started.attempt,
        connection=started.connection,
        channel_post_id=post_id,
        url=url,
        published_at=at,
        content_hash=started.content_hash,
        marker=started.marker,
        bucket=due.bucket,
        campaign=due.campaign,
        tries=started.tries + 1,
        found_by=found_by,
        slot_at=due.slot_at,
    )
