"""Every no that an ask can get, and the code it is known by (S25, S28, S30, D18)."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest

from events import (
    CancelAsked,
    Content,
    EditAsked,
    Media,
    OutcomeUnknown,
    PostCancelled,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    RescheduleAsked,
    RetryAsked,
    UndoAsked,
)
from services.scheduler import post
from services.scheduler.asks import edited, refusal
from tests.scheduler.posts import (
    CONTENT,
    HOUR,
    LINKEDIN,
    MONDAY,
    POST,
    TEN,
    attempt_failed,
    due,
    failed,
    published,
    scheduled,
    started,
    taken_in,
    unclear,
)

BODY = {"post": POST, "body_hash": "b1"}
RETRY, CANCEL, EDIT = RetryAsked(**BODY), CancelAsked(**BODY), EditAsked(**BODY, text="New")
MOVE, UNDO = RescheduleAsked(**BODY, not_before=TEN), UndoAsked(**BODY, bulk="b7")
EVERY = [RETRY, CANCEL, EDIT, MOVE, UNDO]
QUEUED = (taken_in(), scheduled())
QUEUED_STATE = reduce(post.evolve, QUEUED, post.initial)
ENDS = {
    "failed": (*QUEUED, due(), started(), failed()),
    "refused": (taken_in(), PostRefused(code="text_too_long", detail="")),
    "cancelled": (*QUEUED, PostCancelled()),
    "rejected": (taken_in(), PostRejected()),
    "published": (*QUEUED, due(), started(), published()),
}


def code(
    ask, *facts, version: str = "2.0", approved: bool = True, undoes: post.State | None = QUEUED_STATE
) -> str | None:
    """`undoes` is how the post stood before the change that an undo is about."""
    state = reduce(post.evolve, facts, post.initial)
    no = refusal(ask, state, version=version, approved=approved, now=MONDAY, undoes=undoes)
    return no.code if no else None


@pytest.mark.parametrize("ask", EVERY)
def test_an_ask_that_relied_on_an_older_version_is_stale(ask):
    assert code(ask.model_copy(update={"expected": "1.0"}), *QUEUED) == "stale"


def test_an_ask_that_relied_on_this_version_or_on_none_is_not():
    assert code(CANCEL.model_copy(update={"expected": "2.0"}), *QUEUED) is None
    assert code(CANCEL, *QUEUED) is None


@pytest.mark.parametrize("ask", EVERY)
@pytest.mark.parametrize(
    "facts",
    [(started(),), (started(), unclear()), (started(), unclear(), OutcomeUnknown(round=1, attempt=1, evidence=""))],
)
def test_while_an_attempt_is_open_nothing_is_granted(ask, facts):
    assert code(ask, *QUEUED, due(), *facts) == "already_started"


@pytest.mark.parametrize("ask", EVERY)
def test_nothing_is_changed_about_what_is_published(ask):
    assert code(ask, *ENDS["published"]) == "already_published"


@pytest.mark.parametrize(
    ("ask", "end", "wanted"),
    [
        (RETRY, "failed", None),
        (RETRY, "refused", None),
        (RETRY, "cancelled", "not_failed"),
        (RETRY, "rejected", "not_failed"),
        (CANCEL, "failed", "already_failed"),
        (CANCEL, "refused", "already_failed"),
        (CANCEL, "cancelled", "already_cancelled"),
        (CANCEL, "rejected", "already_rejected"),
        (MOVE, "failed", "already_failed"),
        (MOVE, "cancelled", "already_cancelled"),
        (MOVE, "rejected", "already_rejected"),
        (EDIT, "failed", None),
        (EDIT, "refused", None),
        (EDIT, "cancelled", "already_cancelled"),
        (EDIT, "rejected", "already_rejected"),
        (UNDO, "failed", "nothing_to_undo"),
        (UNDO, "cancelled", None),
        (UNDO, "rejected", "nothing_to_undo"),
    ],
)
def test_what_has_ended_grants_only_what_makes_sense(ask, end, wanted):
    assert code(ask, *ENDS[end]) == wanted


@pytest.mark.parametrize(
    "facts",
    [
        QUEUED,
        (*QUEUED, PostHeld(connection=LINKEDIN, reason="disconnected")),
        (*QUEUED, PostMissed(wanted_at=TEN, reason="")),
        (*QUEUED, due()),
        (*QUEUED, due(), started(), attempt_failed()),
    ],
)
def test_what_is_queued_can_be_moved_edited_and_cancelled_and_not_retried(facts):
    assert [code(ask, *facts) for ask in (MOVE, EDIT, CANCEL, RETRY)] == [None, None, None, "not_failed"]


def test_what_is_not_approved_gets_no_slot():
    gated = taken_in(approval_required=True)
    assert code(MOVE, gated, approved=False) == "awaiting_approval"
    assert code(UNDO, gated, PostCancelled(), approved=False) is None  # without a slot it awaits its approval again
    assert code(RETRY, gated, scheduled(), due(), started(), failed(), approved=False) == "awaiting_approval"
    assert code(CANCEL, gated, approved=False) is None
    assert code(EDIT, gated, approved=False) is None


def test_nobody_plans_further_ahead_than_five_years():
    assert code(RescheduleAsked(**BODY, at=MONDAY + timedelta(days=2000)), *QUEUED) == "too_far"
    assert code(RescheduleAsked(**BODY, at=MONDAY + timedelta(days=1500)), *QUEUED) is None


def test_undo_is_for_what_was_moved_or_cancelled_and_is_still_unsent():
    moved = scheduled(TEN + HOUR, reason="moved")
    assert code(UNDO, *QUEUED, moved) is None
    assert code(UNDO, *QUEUED, moved, undoes=None) == "nothing_to_undo"
    assert code(UNDO, *QUEUED, PostCancelled(), undoes=None) == "nothing_to_undo"
    assert code(UNDO, *QUEUED, moved, due()) == "nothing_to_undo"


def test_every_no_names_the_mend():
    facts = [(CANCEL, ENDS["cancelled"]), (RETRY, QUEUED), (UNDO, QUEUED), (MOVE, (*QUEUED, due(), started()))]
    for ask, told in facts:
        state = reduce(post.evolve, told, post.initial)
        no = refusal(ask, state, version="2.0", approved=True, now=MONDAY, undoes=None)
        assert no is not None
        assert no.reason.endswith(".")


def test_an_edit_changes_what_it_names_and_leaves_the_rest():
    before = CONTENT.model_copy(update={"title": "Returns", "link": "https://acme.example"})
    assert edited(before, EditAsked(**BODY, text="New")) == before.model_copy(update={"text": "New"})
    picture = (Media(kind="image", url="https://acme.example/p.png"),)
    assert edited(before, EditAsked(**BODY, media=picture)).media == picture
    whole = Content(text="Whole")
    assert edited(before, EditAsked(**BODY, content=whole)) == whole
