"""An attempt whose outcome is unknown: it settles, is looked up on the channel, and only then may anything be sent.

    unclear -> looked up -> published      found: with the real id
                  |-------> waiting        absent where absence is proof: the next of 1, 5, 25 minutes
                  |-------> looked up      absent once where the list is weak, or the look itself failed
                  '-------> unknown        cannot be settled by looking: a person, shown the evidence, decides

The state is delivery.py's: both tell of one stream.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from events import (
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    LookedUp,
    OutcomeUnknown,
    PostDue,
    PostPublished,
)
from events.channels import BACKOFF, HOLD_MAX, channel_of
from services.channels.outcome import Absent, Found, Look, LookFailed
from services.publisher.attempt import FORGOTTEN, Open, facts_of, failed, published, settled_after, unclear
from services.publisher.delivery import State, must_look_first
from services.publisher.sentences import DISPLAY, said_no

ABSENCE_PROVES = frozenset("AB")
"""Tiers whose look-up, once settled, may be believed when it finds nothing; never C after silence (D10)."""
APART = timedelta(seconds=15)
"""Two looks at a weak list are at least this far apart, however late the first one was."""

IDS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "linkedin": (re.compile(r"urn:li:(share|ugcPost):[0-9]+"), "urn:li:share:7265000000000000001"),
    "x": (re.compile(r"[0-9]+"), "1861000000000000001"),
    "blog": (re.compile(r"[0-9]+"), "417"),
}
"""How the ids of a channel's posts look, with one of them; of a channel that is not here every id is believed."""


def abandoned(state: State, *, now: datetime) -> Sequence[Fact]:
    """An attempt found open with nobody behind it, as after a crash: it settles from its send deadline (I12)."""
    if not state.open or state.open.unclear or state.unknown or now < state.open.look_at:
        return []
    started = state.open.started
    return [unclear(started, "no_answer", None, "The answer was never recorded.", started.deadline)]


def look(state: State, *, due: PostDue, look: Look, credential_version: int, now: datetime) -> Sequence[Fact]:
    """What a look on the channel means for the unclear attempt. Nothing, when it is settled already."""
    if not state.open or not state.open.unclear or state.unknown:
        return []
    attempt, told = state.open, state.open.unclear
    match look:
        case Found():
            seen = _seen(attempt, True, channel_post_id=look.channel_post_id, url=look.url)
            live = published(attempt.started, due, look.channel_post_id, look.url, told.answered_at, "look_up")
            return [seen, live]
        case Absent():
            return _absent(attempt, told, now)
        case LookFailed():
            return _look_failed(attempt, told, look, credential_version, now)


def _absent(attempt: Open, told: AttemptUnclear, now: datetime) -> Sequence[Fact]:
    channel = facts_of(attempt.started.connection)
    settled = settled_after(channel, told.answered_at, answered=told.http_status is not None)
    enough = attempt.absent + 1 >= channel.looks and now >= settled
    if not enough:
        again = max(settled, now + APART)
        return [_seen(attempt, False, look_again_at=again)]
    seen = _seen(attempt, False)
    if attempt.started.tier not in ABSENCE_PROVES:
        return [seen, _unknown(attempt, told, attempt.looks + 1)]
    if told.duplicate:
        # The channel refuses to take it again and shows it nowhere: known not to be live, known not to become so.
        started = attempt.started
        return [seen, said_no(started.connection, started.round, "duplicate", told.code, told.http_status,
                              told.detail, started.tries + 1)]  # fmt: skip
    return [seen, *failed(attempt, told.code, told.http_status, told.detail, at=told.answered_at, not_before=now)]


def _look_failed(
    attempt: Open, told: AttemptUnclear, look: LookFailed, credential_version: int, now: datetime
) -> Sequence[Fact]:
    """A failed look proves nothing: again after 1, 5, 25 minutes, or when told; after that a person."""
    detail = f"{look.code}: {look.detail}" if look.detail else look.code
    if attempt.looks_failed >= len(BACKOFF):
        return [_seen(attempt, None, detail=detail), _unknown(attempt, told, attempt.looks + 1)]
    again = look_again_at(look, attempt.looks_failed, now)
    seen = _seen(attempt, None, detail=detail, look_again_at=again)
    if not look.auth:
        return [seen]
    started = attempt.started
    refused = CredentialRefused(round=started.round, attempt=started.attempt, connection=started.connection,
                                credential_version=credential_version, code=look.code)  # fmt: skip
    # The look is said last, so that whoever folds the stream sees the attempt still being looked up.
    return [refused, seen]


def look_first(
    state: State, *, due: PostDue, look: Look, marker: str, credential_version: int, now: datetime
) -> Sequence[Fact]:
    """What a look says before a round's first attempt. One that failed is repeated, and nothing is sent until then."""
    if not must_look_first(state, due):
        return []
    here: dict[str, Any] = {"round": due.round, "attempt": FORGOTTEN}
    number = state.looks_first + 1
    match look:
        case Found():
            return found_first(due, number, look, marker=marker, now=now)
        case Absent():
            return [LookedUp(**here, look=number, found=False)]
        case LookFailed():
            seen = look_failed_first(due, number, look, now=now, failures=state.looks_first)
            if not look.auth:
                return seen
            return [CredentialRefused(**here, connection=due.connection, credential_version=credential_version,
                                      code=look.code), *seen]  # fmt: skip


def found_first(due: PostDue, number: int, look: Found, *, marker: str, now: datetime) -> Sequence[Fact]:
    """Live without an attempt that this log knows of."""
    here: dict[str, Any] = {"round": due.round, "attempt": FORGOTTEN, "channel_post_id": look.channel_post_id,
                            "url": look.url}  # fmt: skip
    return [LookedUp(**here, look=number, found=True), forgotten(due, here, marker=marker, at=now, found_by="look_up")]


def forgotten(
    due: PostDue, here: dict[str, Any], *, marker: str, at: datetime, found_by: Literal["look_up", "person"]
) -> PostPublished:
    return PostPublished(**here, connection=due.connection, published_at=at, content_hash=due.content_hash,
                         marker=marker, bucket=due.bucket, campaign=due.campaign, tries=due.tries,
                         found_by=found_by)  # fmt: skip


def look_failed_first(
    due: PostDue, number: int, look: LookFailed, *, now: datetime, failures: int
) -> Sequence[LookedUp]:
    again = look_again_at(look, failures, now)
    return [LookedUp(round=due.round, attempt=FORGOTTEN, look=number, found=None, detail=look.code,
                     look_again_at=again)]  # fmt: skip


def look_again_at(look: LookFailed, failures: int, now: datetime) -> datetime:
    """After 1, 5, 25 minutes, or as long as the channel says, a day at most."""
    again = now + BACKOFF[min(failures, len(BACKOFF) - 1)]
    return min(max(again, look.until), now + HOLD_MAX) if look.until else again


def _seen(attempt: Open, found: bool | None, **more: Any) -> LookedUp:
    started = attempt.started
    return LookedUp(round=started.round, attempt=started.attempt, look=attempt.looks + 1, found=found, **more)


def _unknown(attempt: Open, told: AttemptUnclear, looks: int) -> OutcomeUnknown:
    started = attempt.started
    channel = DISPLAY[facts_of(started.connection).name]
    evidence = (
        f"Attempt {started.attempt} ended without a clear answer at {told.answered_at:%Y-%m-%d %H:%M:%S} UTC "
        f"({told.code}). {channel} was looked at {looks} times for {started.marker}, which settled nothing. "
        "Look there yourself: if it is live, say where; if it is not, send it again."
    )
    return OutcomeUnknown(round=started.round, attempt=started.attempt, evidence=evidence)


def no_id(connection: str, channel_post_id: str | None) -> str | None:
    """Why what a person has typed is no id of a post on this channel: it would be published under it for good."""
    if channel_post_id is None or channel_of(connection) not in IDS:
        return None
    shape, example = IDS[channel_of(connection)]
    if shape.fullmatch(channel_post_id):
        return None
    channel = DISPLAY[channel_of(connection)]
    return f"{channel} gives no post such an id; one of its ids looks like {example}. Or say its address instead."


def settle_asked(
    state: State,
    *,
    due: PostDue,
    verdict: Literal["published", "send_again"],
    channel_post_id: str | None,
    url: str | None,
    now: datetime,
    marker: str = "",
) -> Sequence[Fact]:
    """A person's verdict on an unknown outcome. Nothing, when there is none to judge."""
    if not state.unknown:
        return []
    if verdict == "send_again":
        return [DeliveryReturned(round=state.unknown.round, reason="send_again", tries=state.tries)]
    post_id = channel_post_id or url
    if not post_id:
        return []
    if state.open is None:
        # Unknown since a restore: whatever was sent, this log has no attempt of it.
        here = {"round": state.unknown.round, "attempt": FORGOTTEN, "channel_post_id": post_id, "url": url}
        return [forgotten(due, here, marker=marker, at=now, found_by="person")]
    started = state.open.started
    at = state.open.unclear.answered_at if state.open.unclear else now
    return [published(started, due, post_id, url, at, "person")]
