"""After a restore: a post that may be live without this log knowing is looked up before it is sent (I27). Pure.

unproven -> found     published, with the real id
    |-----> absent    as often as the channel's list asks for: it may go on
    '-----> unknown   the look-up fails again and again, or proves nothing here: a person decides
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from events import (
    AttemptStarted,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    LookedUp,
    OutcomeUnknown,
    PostCancelled,
    PostDue,
    PostFailed,
    PostHeld,
    PostMissed,
    PostPublished,
    PostRejected,
    PostScheduled,
    Told,
)
from events.channels import BACKOFF
from services.channels.outcome import Absent, Found, Look, LookFailed
from services.publisher.attempt import FORGOTTEN, facts_of, settled_after
from services.publisher.delivery import State
from services.publisher.sentences import DISPLAY
from services.publisher.settling import ABSENCE_PROVES, APART, found_first, look_again_at, look_failed_first

SETTLED = (PostPublished, PostFailed, OutcomeUnknown, DeliveryReturned, AttemptStarted)
"""Said of a delivery since the restore, nothing is left to be found out about it."""
LEFT_THE_QUEUE = (PostCancelled, PostRejected, PostHeld, PostMissed, PostScheduled)
"""Said of a post since the restore: should it ever be due again, it is looked up then."""


class Restored(Protocol):
    """See the chassis: up to which position the log was kept, and until when it may have forgotten; and the restore
    before, when the copy had been through one."""

    @property
    def point(self) -> int: ...

    @property
    def since(self) -> datetime: ...

    @property
    def at(self) -> datetime: ...

    @property
    def earlier(self) -> Restored | None: ...

    def concerns(self, taken_in_at: datetime) -> bool: ...


def unproven(told: Sequence[Told], *, connection: str, taken_in_at: datetime, restored: Restored | None) -> bool:
    """Whether this delivery must be looked up before its next attempt."""
    return bool(_unproven(told, connection=connection, taken_in_at=taken_in_at, restored=restored))


def back_to(told: Sequence[Told], *, connection: str, taken_in_at: datetime, restored: Restored) -> datetime:
    """From when on it is looked for: it may have been sent in what any of several restores has forgotten."""
    missing = _unproven(told, connection=connection, taken_in_at=taken_in_at, restored=restored)
    return min((each.since for each in missing), default=restored.since)


def _unproven(
    told: Sequence[Told], *, connection: str, taken_in_at: datetime, restored: Restored | None
) -> list[Restored]:
    """The restores that concern it, since which no attempt was begun, and nobody has made sure."""
    missing: list[Restored] = []
    while restored is not None:
        if restored.concerns(taken_in_at) and not _proven(_since(told, restored), connection):
            missing.append(restored)
        restored = restored.earlier
    return missing


def _proven(since: Sequence[Fact], connection: str) -> bool:
    decided = any(
        isinstance(fact, AttemptStarted) or (isinstance(fact, DeliveryReturned) and fact.reason == "send_again")
        for fact in since
    )
    return decided or _absent(since) >= facts_of(connection).looks


def may_look_at(connection: str, *, life: timedelta, restored: Restored) -> datetime:
    """A call that was in the air when the old house ended has ended itself by then, and would be seen."""
    return settled_after(facts_of(connection), restored.at + life, answered=False)


def look(
    state: State, told: Sequence[Told], *, due: PostDue, look: Look, marker: str, credential_version: int,
    now: datetime, restored: Restored, looked_from: datetime,
) -> Sequence[Fact]:  # fmt: skip
    """What a look says about a post that may have been sent in the time that was forgotten."""
    here: dict[str, Any] = {"round": due.round, "attempt": FORGOTTEN}
    since, number = _since(told, restored), state.looks_first + 1
    channel = facts_of(due.connection)
    match look:
        case Found():
            return found_first(due, number, look, marker=marker, now=now)
        case Absent() if _absent(since) + 1 < channel.looks:
            return [LookedUp(**here, look=number, found=False, look_again_at=now + APART)]
        case Absent() if channel.tier in ABSENCE_PROVES:
            return [LookedUp(**here, look=number, found=False)]
        case Absent():
            return [
                LookedUp(**here, look=number, found=False),
                _unknown(due, marker, number, "shows nothing", looked_from, restored),
            ]
        case LookFailed(auth=True):
            again = look_again_at(look, state.looks_first, now)
            seen = LookedUp(**here, look=number, found=None, detail=look.code, look_again_at=again)
            return [CredentialRefused(**here, connection=due.connection, credential_version=credential_version,
                                      code=look.code), seen]  # fmt: skip
        case LookFailed():
            if _failed(since) < len(BACKOFF):
                return look_failed_first(due, number, look, now=now, failures=_failed(since))
            seen = LookedUp(**here, look=number, found=None, detail=look.code)
            return [seen, _unknown(due, marker, number, f"did not answer ({look.code})", looked_from, restored)]


def settled(post: Sequence[Told], delivery: Sequence[Told], *, connection: str, restored: Restored) -> bool:
    """Whether a suspect is one no longer."""
    since = _since(delivery, restored)
    return (
        any(isinstance(fact, SETTLED) for fact in since)
        or _absent(since) >= facts_of(connection).looks
        or any(isinstance(fact, LEFT_THE_QUEUE) for fact in _since(post, restored))
    )


def _since(told: Iterable[Told], restored: Restored) -> list[Fact]:
    return [each.fact for each in told if each.position > restored.point]


def _absent(since: Sequence[Fact]) -> int:
    return sum(isinstance(fact, LookedUp) and fact.attempt == FORGOTTEN and fact.found is False for fact in since)


def _failed(since: Sequence[Fact]) -> int:
    return sum(isinstance(fact, LookedUp) and fact.attempt == FORGOTTEN and fact.found is None for fact in since)


def _unknown(due: PostDue, marker: str, looks: int, what: str, since: datetime, restored: Restored) -> OutcomeUnknown:
    channel = DISPLAY[facts_of(due.connection).name]
    evidence = (
        f"The house was restored, and what was sent between {since:%Y-%m-%d %H:%M:%S} and "
        f"{restored.at:%Y-%m-%d %H:%M:%S} UTC may be missing in its log. {channel} was looked at {looks} times for "
        f"{marker} and {what}. Look there yourself: if it is live, say where; if it is not, send it again."
    )
    return OutcomeUnknown(round=due.round, attempt=FORGOTTEN, evidence=evidence)
