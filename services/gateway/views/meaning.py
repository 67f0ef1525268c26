"""What each fact means for one post of the queue: which cells of its document change. Pure; `queue.py` asks here.

    awaiting_approval -> pending -> scheduled -> published
                            ^          |-------> failed      until a person's Retry makes it due again
                            '----------'

The reasons under a status are those of S23: pending *planning, held, missed*; scheduled *limited, retrying, checking,
outcome_unknown*; failed: the class. A pending post has no slot; an ended one shows the last it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from events import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalLapsed,
    ApprovalRefused,
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    LateSendSeen,
    LookedUp,
    OutcomeUnknown,
    PostCancelled,
    PostDue,
    PostEdited,
    PostFailed,
    PostHeld,
    PostMissed,
    PostPublished,
    PostRefused,
    PostRejected,
    PostScheduled,
    PostTakenIn,
    RateLimited,
    Told,
)
from events.channels import account_of, channel_of
from events.production import Content
from events.subjects import name_of
from services.gateway.views.view import Document, instant

Changes = Callable[[Document, Any, Told], Document]
MAY_STAND: Final = ("delivered", "unclear")
"""The outcomes of a late send that may have made a second post."""
BUDGET_SPENT: Final = "budget_spent"
"""A limit that we keep ourselves, before the channel has to (I17)."""
UNSAID: Final = "asked"
"""The reason of a cancel for which nobody has given one."""
OVER: Final = frozenset({"published", "failed", "cancelled", "rejected"})


def _status(status: str, reason: str | None = None, **more: Any) -> Document:
    """Whatever was being waited for is over, and so is an end that was undone."""
    return {"status": status, "reason": reason, "waiting": None, "evidence": None, "end": None, **more}


def _waiting(status: str, reason: str, until: Any, sentence: str, **more: Any) -> Document:
    return _status(status, reason, **more) | {"waiting": {"until": instant(until), "sentence": sentence}}


def _content(content: Content) -> Document:
    media = [each.model_dump() for each in content.media] if content.media else []
    return {"text": content.text, "title": content.title, "link": content.link, "media": media}


NO_SLOT: Final[Document] = {"scheduled_at": None, "slot": None}
NOTHING_YET: Final[Document] = {
    **dict.fromkeys(("published_at", "channel_post_id", "url", "error", "waiting", "evidence", "end", "why")),
    **dict.fromkeys(("attempts", "tries", "round"), 0),
    **dict.fromkeys(("late_send", "open"), False),
}


# What the scheduler says.


def _taken_in(document: Document, fact: PostTakenIn, told: Told) -> Document:
    story = name_of(told.stream)
    status, reason = ("awaiting_approval", None) if fact.approval_required else ("pending", "planning")
    return {
        "id": story,
        "post": fact.post,
        "account": account_of(story),
        "channel": channel_of(fact.connection),
        "connection": fact.connection,
        "bucket": fact.bucket,
        "campaign": fact.campaign,
        "status": status,
        "reason": reason,
        **NO_SLOT,
        **NOTHING_YET,
        "content": _content(fact.content),
        "not_before": instant(fact.not_before),
        "exactly_at": instant(fact.exactly_at),
        "taken_in_at": instant(told.about.happened_at),
        "taken_in": told.position,
        "versions": [told.version, 0],
    }


def _edited(document: Document, fact: PostEdited, told: Told) -> Document:
    """An approved post that says something else waits for its approval again, and has given its slot back (S40)."""
    changed: Document = {"content": _content(fact.content), "error": _mended(document["error"])}
    if document["status"] not in ("awaiting_approval", "scheduled") and document["reason"] != "planning":
        return changed
    if "approved" not in document:
        return changed
    if fact.content_hash in document["approved"]:
        again = document["status"] == "awaiting_approval"
        return changed | (_status("pending", "planning") if again else {})
    return changed | _status("awaiting_approval", **NO_SLOT)


def _mended(error: Document | None) -> Document | None:
    """The edit it asked for has been made: a retry helps now, and what it said is of another text (S26)."""
    if not error or error["action"] != "edit":
        return error
    return error | {"sentence": "The content was changed since it failed. Try again.", "action": "retry"}


def _scheduled(document: Document, fact: PostScheduled, told: Told) -> Document:
    """What was asked for last is what it is planned by again, whatever Production had asked for at first (S10)."""
    slot, why = fact.slot, fact.why
    considered = [{"local": each.local, "refused": each.refused} for each in why.considered]
    return _status(
        "scheduled",
        connection=fact.connection,
        not_before=instant(fact.not_before),
        exactly_at=instant(slot.at) if why.mode == "exactly" else None,
        scheduled_at=instant(slot.at),
        slot={"local": slot.local, "zone": slot.zone, "wanted": slot.wanted, "why": slot.why},
        why={"mode": why.mode, "window": why.window, "weight": why.weight, "considered": considered,
             "considered_more": why.considered_more, "reason": why.reason},
        error=None,
        open=False,
    )  # fmt: skip


_HELD = {
    "disconnected": "The channel is disconnected. Reconnect it, and the post is planned again.",
    "not_connected": "The account has no connection on this channel yet. Connect it, and the post is planned.",
    "restored": "The house was restored from a backup; the channel is looked up before anything is sent.",
}


def _held(document: Document, fact: PostHeld, told: Told) -> Document:
    if fact.reason == "not_approved":
        return _status("awaiting_approval", connection=fact.connection, error=None, open=False, **NO_SLOT)
    return _waiting("pending", "held", None, _HELD[fact.reason], connection=fact.connection, error=None, open=False,
                    **NO_SLOT)  # fmt: skip


def _missed(document: Document, fact: PostMissed, told: Told) -> Document:
    """The house chooses no other time for what was wanted exactly then: a person does, or gives it up (S3)."""
    wanted = f"It was to go out exactly at {fact.wanted_at:%Y-%m-%d %H:%M} UTC, and could not: {fact.reason}."
    sentence = f"{wanted} Move it to another time, or cancel it."
    return _waiting("pending", "missed", None, sentence, error=None, open=False, **NO_SLOT)


def _due(document: Document, fact: PostDue, told: Told) -> Document:
    at = instant(fact.slot_at)
    slot = document["slot"] if at == document["scheduled_at"] else None
    return _status("scheduled", round=fact.round, connection=fact.connection, scheduled_at=at, slot=slot, error=None,
                   tries=fact.tries, open=False, content=_content(fact.content))  # fmt: skip


def _refused(document: Document, fact: PostRefused, told: Told) -> Document:
    error = {"class": "content", "code": fact.code, "http_status": None, "sentence": fact.detail, "action": "edit"}
    return _status("failed", "content", error=error)


def _cancelled(document: Document, fact: PostCancelled, told: Told) -> Document:
    said = "" if fact.reason == UNSAID else fact.reason
    return _status("cancelled", error=None, open=False, end={"by": None, "said": said})


def _rejected(document: Document, fact: PostRejected, told: Told) -> Document:
    """The no is the last of what was said about it."""
    last = fact.comments[-1] if fact.comments else None
    return _status("rejected", error=None, end={"by": last.by, "said": last.text} if last else document["end"])


# What the gateway says.


def _approval_asked(document: Document, fact: ApprovalAsked, told: Told) -> Document:
    return {} if document["status"] in OVER else _status("awaiting_approval", **NO_SLOT)


def _approval_given(document: Document, fact: ApprovalGiven, told: Told) -> Document:
    stands = _status("pending", "planning") if document["status"] == "awaiting_approval" else {}
    return stands | {"approved": [*document.get("approved", ()), fact.content_hash]}


def _approval_refused(document: Document, fact: ApprovalRefused, told: Told) -> Document:
    """The scheduler has yet to return it; nothing else becomes of it."""
    end = {"by": told.about.actor, "said": fact.comment}
    return _status("rejected", end=end) if document["status"] == "awaiting_approval" else {}


# What the publisher says.


def _started(document: Document, fact: AttemptStarted, told: Told) -> Document:
    return _status("scheduled", attempts=fact.attempt, tries=fact.tries, open=True)


def _attempt_failed(document: Document, fact: AttemptFailed, told: Told) -> Document:
    said = f"{fact.code}: {fact.detail}" if fact.detail else fact.code
    return _waiting("scheduled", "retrying", fact.retry_at, said, tries=fact.tries, open=False)


def _unclear(document: Document, fact: AttemptUnclear, told: Told) -> Document:
    sentence = f"No clear answer ({fact.code}): whether it went out is looked up on the channel."
    return _waiting("scheduled", "checking", fact.look_at, sentence, open=True)


def _looked_up(document: Document, fact: LookedUp, told: Told) -> Document:
    if fact.found or not fact.look_again_at:
        return {}
    sentence = "Not found so far; one more look." if fact.found is False else f"The look itself failed: {fact.detail}"
    return _waiting("scheduled", "checking", fact.look_again_at, sentence)


def _limited(document: Document, fact: RateLimited, told: Told) -> Document:
    sentence = f"The channel asked us to slow down ({fact.code}); the whole connection waits."
    if fact.code == BUDGET_SPENT:
        sentence = "No call is left of what the channel allows; the whole connection waits until some come back."
    return _waiting("scheduled", "limited", fact.until, sentence, open=False)


def _credential_refused(document: Document, fact: CredentialRefused, told: Told) -> Document:
    """While an attempt is being looked up, only the look was refused, and the attempt is as open as it was."""
    if document["reason"] == "checking":
        return {}
    return _waiting("scheduled", "retrying", None, f"The access is being renewed ({fact.code}).", open=False)


def _late_send(document: Document, fact: LateSendSeen, told: Told) -> Document:
    """Shown where it may have made a second one; a late no has made nothing."""
    return {"late_send": True} if fact.outcome in MAY_STAND else {}


def _unknown(document: Document, fact: OutcomeUnknown, told: Told) -> Document:
    evidence = {"sentence": fact.evidence, "attempt": fact.attempt, "actions": ["published", "send_again"]}
    return _status("scheduled", "outcome_unknown") | {"evidence": evidence}


def _published(document: Document, fact: PostPublished, told: Told) -> Document:
    return _status("published", published_at=instant(fact.published_at), channel_post_id=fact.channel_post_id,
                   url=fact.url, tries=fact.tries, error=None, open=False)  # fmt: skip


def _failed(document: Document, fact: PostFailed, told: Told) -> Document:
    error = {"class": fact.kind, "code": fact.code, "http_status": fact.http_status, "sentence": fact.sentence,
             "action": fact.action}  # fmt: skip
    return _status("failed", fact.kind, error=error, tries=fact.tries, open=False)


def _returned(document: Document, fact: DeliveryReturned, told: Told) -> Document:
    """The scheduler's next word says what becomes of it; a withdrawal it has asked for says nothing new."""
    if fact.reason == "withdrawn" or fact.round < document["round"]:
        return {}
    reason = "held" if fact.reason == "disconnected" else "planning"
    return _status("pending", reason, tries=fact.tries, open=False, **NO_SLOT)


CHANGES: Final[dict[type[Fact], Changes]] = {
    PostTakenIn: _taken_in,
    PostEdited: _edited,
    PostScheduled: _scheduled,
    PostHeld: _held,
    PostMissed: _missed,
    PostDue: _due,
    PostRefused: _refused,
    PostCancelled: _cancelled,
    PostRejected: _rejected,
    ApprovalAsked: _approval_asked,
    ApprovalLapsed: _approval_asked,
    ApprovalGiven: _approval_given,
    ApprovalRefused: _approval_refused,
    AttemptStarted: _started,
    AttemptFailed: _attempt_failed,
    AttemptUnclear: _unclear,
    LookedUp: _looked_up,
    RateLimited: _limited,
    CredentialRefused: _credential_refused,
    LateSendSeen: _late_send,
    OutcomeUnknown: _unknown,
    PostPublished: _published,
    PostFailed: _failed,
    DeliveryReturned: _returned,
}
