"""Whether what people ask of a post can be granted: the code and the reason of every no (S25, S28, S30). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events import Ask, CancelAsked, Content, EditAsked, RescheduleAsked, RetryAsked, UndoAsked
from services.scheduler.limits import Broken
from services.scheduler.message import AHEAD_MAX
from services.scheduler.post import FAILED, State


@dataclass(frozen=True, slots=True)
class No:
    code: str
    reason: str


NOT_FOUND = No("not_found", "There is no such post; look at its account and its name.")
NOT_CONNECTED = No("no_slot", "The account has no connection on this channel, so no time can be had. The post is "
                   "planned as soon as there is one; if this house can speak to the channel, connect it.")  # fmt: skip
"""Which channels a house speaks to is known where they are connected, and not here: true of every one of them."""


def refusal(
    ask: Ask, state: State, *, version: str, approved: bool, now: datetime, undoes: State | None
) -> No | None:  # fmt: skip
    """None when it can be granted, as far as the post itself is concerned.

    `undoes` is how the post stood before the change that an undo takes back, if there is one.
    """
    if ask.expected is not None and ask.expected != version:
        return No("stale", f"The post has moved on to version {version}; read it again before you decide.")
    if state.open:
        return _already_started(state)
    if state.phase == "published":
        return No("already_published", "The post is published; nothing in the queue is left to change.")
    match ask:
        case RetryAsked():
            return _no_retry(state, approved)
        case CancelAsked():
            return _ended(state)
        case RescheduleAsked():
            return _ended(state) or _not_approved(approved) or _too_far(ask, now)
        case EditAsked():
            return _ended(state) if state.phase not in FAILED else None
        case UndoAsked():
            return _nothing_to_undo(state, undoes)
        case _:
            return None


def edited(content: Content, ask: EditAsked) -> Content:
    """The content with whatever the ask names; what it does not name stays."""
    if ask.content is not None:
        return ask.content
    named = {name: value for name in ("text", "title", "link", "media") if (value := getattr(ask, name)) is not None}
    return content.model_copy(update=named)


def over_limit(broken: Broken) -> No:
    """A content that the channel does not take, as the gateway's problems are called."""
    too_long = broken.code in ("text_too_long", "title_too_long")
    return No("too_long" if too_long else "invalid", broken.detail)


def _already_started(state: State) -> No:
    if state.unclear:
        return No("already_started", "An attempt was made and nobody knows yet whether it went out; wait until that "
                  "is settled, or settle it.")  # fmt: skip
    return No("already_started", "An attempt to publish is under way; wait for its outcome.")


def _ended(state: State) -> No | None:
    match state.phase:
        case "failed" | "refused":
            return No("already_failed", "The post has failed and waits for nothing; edit or retry it instead.")
        case "cancelled":
            return No("already_cancelled", "The post is cancelled already.")
        case "rejected":
            return No("already_rejected", "The post was returned to Production; it comes back as a new post.")
        case _:
            return None


def _no_retry(state: State, approved: bool) -> No | None:
    if state.phase not in FAILED:
        return No("not_failed", "Only a failed post can be retried; this one has not failed.")
    return _not_approved(approved)


def _not_approved(approved: bool) -> No | None:
    return None if approved else No("awaiting_approval", "Its content is not approved; approve it first.")


def _too_far(ask: RescheduleAsked, now: datetime) -> No | None:
    wanted = ask.at or ask.not_before
    if wanted is not None and wanted - now > AHEAD_MAX:
        return No("too_far", f"{wanted.isoformat()} lies more than five years ahead; choose a nearer time.")
    return None


def _nothing_to_undo(state: State, undoes: State | None) -> No | None:
    if undoes is None:
        return No("nothing_to_undo", "This change did nothing to the post that could be taken back, or somebody has "
                  "changed the post since; move or cancel the post itself.")  # fmt: skip
    if state.phase != "cancelled" and (state.phase != "scheduled" or undoes.place is None):
        return No("nothing_to_undo", "The post is past that move, or had no slot before it; move or cancel it instead.")
    return None
