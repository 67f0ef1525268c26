"""The gate of one post: its exact content is asked about, and approved or refused once (S38-S41).

    awaits -> approved      this content, to the letter; an edit asks again (S40)
       '----> refused       with a comment: back to Production with the whole thread (S41)

Folded from the post's own stream and its approval's together, in the order of the log. Whether there is a gate was
read when the post was taken in, so switching it off lets nothing go that waits already (S38).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from events import (
    ApprovalGiven,
    ApprovalRefused,
    Fact,
    PostCancelled,
    PostCommented,
    PostEdited,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    PostScheduled,
    PostTakenIn,
)
from services.gateway.principal import Action, Principal, who_may
from services.gateway.problems import Problem, not_found


@dataclass(frozen=True, slots=True)
class Gate:
    """`content_hash` is of what the post says now, `approved` of everything it said that was approved.

    `over`: it is out of the queue, for a while at least: a cancel can be undone, a refused content edited.
    """

    gated: bool = False
    content_hash: str = ""
    approved: tuple[str, ...] = ()
    refused: bool = False
    over: Literal["", "cancelled", "rejected", "failed"] = ""

    @property
    def passed(self) -> bool:
        return self.content_hash in self.approved

    @property
    def returned(self) -> bool:
        """On its way back to Production, or there already."""
        return self.refused or self.over == "rejected"

    @property
    def awaits(self) -> bool:
        return self.gated and self.over == "" and not (self.passed or self.refused)


initial = Gate()


def evolve(gate: Gate, fact: Fact) -> Gate:
    match fact:
        case PostTakenIn(approval_required=gated, content_hash=content_hash):
            return Gate(gated, content_hash)
        case PostEdited(content_hash=content_hash):
            return replace(gate, content_hash=content_hash, over="")
        case PostCancelled():
            return replace(gate, over="cancelled")
        case PostRejected():
            return replace(gate, over="rejected")
        case PostRefused():
            return replace(gate, over="failed")
        case PostHeld() | PostMissed() | PostScheduled() if gate.over:  # its cancel was undone, or it was retried
            return replace(gate, over="", refused=False)
        case ApprovalGiven(content_hash=content_hash) if content_hash not in gate.approved:
            return replace(gate, approved=(*gate.approved, content_hash))
        case ApprovalRefused():
            return replace(gate, refused=True)
        case _:
            return gate


def approve(
    gate: Gate, *, by: Principal, account: str, seen: str, version: str, expected: str | None
) -> Sequence[Fact]:
    """The very content that was `seen`. Whoever approves what is approved already is told the same again."""
    authorized(gate, by, account, "review")
    if seen != gate.content_hash:
        raise Problem("stale", "Its content has changed since you read it; read it again before you approve it.")
    if gate.passed and not gate.over:
        return ()
    _awaits(gate)
    _fresh(version, expected)
    return (ApprovalGiven(content_hash=seen),)


def refuse(
    gate: Gate, *, by: Principal, account: str, comment: str, version: str, expected: str | None
) -> Sequence[Fact]:
    """Back to Production, which makes it a new post or none."""
    authorized(gate, by, account, "review")
    if gate.passed and not gate.over:
        raise Problem("already_approved", "Its content is approved already; cancel the post, as long as it is unsent.")
    _awaits(gate)
    _fresh(version, expected)
    return (ApprovalRefused(comment=comment),)


def comment(
    gate: Gate, *, by: Principal, account: str, text: str, version: str, expected: str | None
) -> Sequence[Fact]:
    """Once it is returned, nobody in Production would read on."""
    authorized(gate, by, account, "comment")
    if gate.returned:
        raise _returned()
    _fresh(version, expected)
    return (PostCommented(text=text),)


def authorized(gate: Gate, by: Principal, account: str, action: Action) -> None:
    """Decided here, so that no route can forget it (I37)."""
    if not by.sees(account):
        raise not_found()
    if not by.may(action):
        raise Problem("forbidden", f"The role {by.role} may not do this; ask {who_may(action)}.")
    if not gate.content_hash:
        raise not_found()


def _awaits(gate: Gate) -> None:
    if gate.returned:
        raise _returned()
    if gate.over == "cancelled":
        raise Problem("already_cancelled", "The post is cancelled; nothing waits for an approval.")
    if gate.over == "failed":
        raise Problem("already_failed", "Its channel would not take it as it is; edit it first.")
    if not gate.gated:
        raise Problem("no_gate", "It needs no approval: its account asked for none when it was taken in.")


def _returned() -> Problem:
    return Problem("already_rejected", "The post was returned to Production; it comes back as a new post.")


def _fresh(version: str, expected: str | None) -> None:
    if expected not in (None, version):
        raise Problem("stale", f"It is at version {version} now; read it again before you decide about it.")
