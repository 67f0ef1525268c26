"""What the publisher says: one post on its way to one channel."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from events.envelope import Fact

FailureClass = Literal["transient", "permission", "revoked", "content", "duplicate", "auth", "configuration", "quota"]
"""The classes of channels.md that can end a post."""


class AttemptStarted(Fact, type="publisher.attempt_started"):
    """Durable before the call (D9): until `deadline` bytes may leave; `marker` and `tier` say how it will be found.

    `tries` are those already used up when it started: a person's Retry begins at 0 again (S29, S30).
    """

    round: int
    attempt: int
    epoch: int
    connection: str
    deadline: datetime
    look_at: datetime
    content_hash: str
    marker: str
    tier: Literal["A", "B", "C", "R"]
    credential_version: int
    tries: int = 0


class AttemptFailed(Fact, type="publisher.attempt_failed"):
    """It is known that nothing went out. `retry_at` is the next of 1, 5, 25 minutes (S29); none means no retry."""

    round: int
    attempt: int
    code: str
    http_status: int | None = None
    detail: str
    tries: int
    retry_at: datetime | None = None


class AttemptUnclear(Fact, type="publisher.attempt_unclear"):
    """Nobody knows yet whether it went out; it is looked up at `look_at` (S35).

    `duplicate`: the channel says it has this already. Then absence is no reason to send again, but the end (F9).
    """

    round: int
    attempt: int
    code: str
    http_status: int | None = None
    detail: str
    answered_at: datetime
    look_at: datetime
    duplicate: bool = False


class RateLimited(Fact, type="publisher.rate_limited"):
    """The connection waits until `until` (S32); no try is used."""

    round: int
    attempt: int
    connection: str
    until: datetime
    code: str
    http_status: int | None = None
    told: bool


class LookedUp(Fact, type="publisher.looked_up"):
    """One look on the channel for an unclear attempt; `found` is None when the look itself failed."""

    round: int
    attempt: int
    look: int
    found: bool | None
    channel_post_id: str | None = None
    url: str | None = None
    detail: str = ""
    look_again_at: datetime | None = None


class LateSendSeen(Fact, type="publisher.late_send_seen"):
    """An outcome that came after its line had been taken over: a possible duplicate, shown (F5)."""

    round: int
    attempt: int
    epoch: int
    outcome: str
    channel_post_id: str | None = None


class CredentialRefused(Fact, type="publisher.credential_refused"):
    """A 401 that a refresh may cure; names the version that was refused (D20)."""

    round: int
    attempt: int
    connection: str
    credential_version: int
    code: str
    revoked: bool = False


class OutcomeUnknown(Fact, type="publisher.outcome_unknown"):
    """It cannot be settled by looking; a person, shown the evidence, decides (S35)."""

    round: int
    attempt: int
    evidence: str


class PostPublished(Fact, type="publisher.post_published"):
    """The channel gave a post id (S36). `slot_at`, where it is known, is when it was to go out: how late it was."""

    round: int
    attempt: int
    connection: str
    channel_post_id: str
    url: str | None = None
    published_at: datetime
    content_hash: str
    marker: str
    bucket: str | None = None
    campaign: str | None = None
    tries: int
    found_by: Literal["answer", "look_up", "person"] = "answer"
    slot_at: datetime | None = None


class PostFailed(Fact, type="publisher.post_failed"):
    """It is known not to be live. `kind` is the class, `code` the channel's own, `sentence` for people (S26)."""

    round: int
    kind: str
    code: str
    http_status: int | None = None
    sentence: str
    action: Literal["retry", "reconnect", "edit", "ask_operator"]
    tries: int


class DeliveryReturned(Fact, type="publisher.delivery_returned"):
    """The round ended without an attempt that counts; the scheduler holds the post again."""

    round: int
    reason: Literal["disconnected", "late", "withdrawn", "send_again"]
    tries: int
