"""The gate of one post, decided: this very content approved, or refused with a comment, once (S38-S41)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import pytest

from events import (
    ApprovalGiven,
    ApprovalRefused,
    Content,
    Fact,
    PostCancelled,
    PostCommented,
    PostEdited,
    PostHeld,
    PostRefused,
    PostRejected,
    PostTakenIn,
)
from services.gateway import approval
from services.gateway.principal import Principal
from services.gateway.problems import Problem

REVIEWER = Principal("key:reviewer", "reviewer", ("acme",))
WORDS = Content(text="Our quarter in three numbers.")
GATED = PostTakenIn(post="quarter", connection="acme.linkedin", content=WORDS, content_hash="first",
                    approval_required=True)  # fmt: skip
UNGATED = GATED.model_copy(update={"approval_required": False})
EDITED = PostEdited(content=Content(text="Our quarter in four numbers."), content_hash="second")
APPROVED, REFUSED = ApprovalGiven(content_hash="first"), ApprovalRefused(comment="Not like this.")
COMMENTED = PostCommented(text="Is it audited?")


class Given:
    """given(*facts).when(decision, **details).then(*facts), or .refused(code)."""

    def __init__(self, *facts: Fact) -> None:
        self.gate = reduce(approval.evolve, facts, approval.initial)

    def when(self, decision: Callable[..., Sequence[Fact]], **details) -> Given:
        self.by = {"by": REVIEWER, "account": "acme", "version": "1.0", "expected": None, **details}
        self.decide = lambda: decision(self.gate, **self.by)
        return self

    def then(self, *facts: Fact) -> None:
        assert tuple(self.decide()) == facts

    def refused(self, code: str) -> None:
        with pytest.raises(Problem) as no:
            self.decide()
        assert no.value.code == code


def given(*facts: Fact) -> Given:
    return Given(*facts)


# Approving.


def test_what_the_reviewer_has_seen_is_approved():
    given(GATED).when(approval.approve, seen="first").then(APPROVED)


def test_a_content_that_has_changed_since_it_was_seen_is_not():
    given(GATED, EDITED).when(approval.approve, seen="first").refused("stale")


def test_an_edit_of_an_approved_post_asks_again():
    """S40: approval is bound to the exact content."""
    assert given(GATED, APPROVED, EDITED).gate.awaits
    given(GATED, APPROVED, EDITED).when(approval.approve, seen="second").then(ApprovalGiven(content_hash="second"))


def test_a_content_that_was_approved_once_is_approved_when_it_is_put_back():
    back = PostEdited(content=WORDS, content_hash="first")
    assert not given(GATED, APPROVED, EDITED, back).gate.awaits


def test_approving_twice_says_it_once():
    given(GATED, APPROVED).when(approval.approve, seen="first").then()
    given(GATED, APPROVED).when(approval.approve, seen="first", version="2.0", expected="1.0").then()


def test_a_version_that_is_not_the_one_that_was_read_is_stale():
    for decision, more in ((approval.approve, {"seen": "first"}), (approval.refuse, {"comment": "No."}),
                           (approval.comment, {"text": "Hm."})):  # fmt: skip
        given(GATED).when(decision, **more, version="2.0", expected="1.0").refused("stale")
        assert given(GATED).when(decision, **more, version="2.0", expected="2.0").decide()


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ((UNGATED,), "no_gate"),
        ((GATED, PostCancelled()), "already_cancelled"),
        ((GATED, APPROVED, PostCancelled()), "already_cancelled"),
        ((GATED, REFUSED), "already_rejected"),
        ((GATED, REFUSED, PostRejected()), "already_rejected"),
        ((GATED, PostRefused(code="text_too_long", detail="It is too long.")), "already_failed"),
    ],
)
def test_only_what_awaits_approval_is_approved_or_refused(facts, code):
    given(*facts).when(approval.approve, seen="first").refused(code)
    given(*facts).when(approval.refuse, comment="No.").refused(code)
    assert not given(*facts).gate.awaits


def test_what_the_channel_would_not_take_awaits_approval_once_it_is_mended():
    refused = PostRefused(code="text_too_long", detail="It is too long.")
    assert given(GATED, refused, EDITED).gate.awaits


def test_a_cancel_that_is_undone_leaves_it_awaiting_as_before():
    back = PostHeld(connection="acme.linkedin", reason="not_approved")
    assert given(GATED, PostCancelled(), back).gate.awaits
    assert given(GATED, REFUSED, PostCancelled(), back).gate.awaits, "the refusal came too late to return it"


# Refusing, and what is said on the way.


def test_a_refusal_says_why():
    given(GATED).when(approval.refuse, comment="Not like this.").then(REFUSED)


def test_what_is_approved_is_not_refused_any_more():
    given(GATED, APPROVED).when(approval.refuse, comment="Wait!").refused("already_approved")


def test_the_second_refusal_is_told_that_it_is_the_second():
    given(GATED, REFUSED).when(approval.refuse, comment="Not like that either.").refused("already_rejected")


def test_a_comment_is_said_until_the_post_is_returned():
    given(GATED).when(approval.comment, text="Is it audited?").then(COMMENTED)
    given(GATED, APPROVED).when(approval.comment, text="Is it audited?").then(COMMENTED)
    given(GATED, REFUSED).when(approval.comment, text="Is it audited?").refused("already_rejected")
    assert given(GATED, COMMENTED).gate.awaits


# Who may.


@pytest.mark.parametrize(
    ("role", "reviews", "comments"),
    [("owner", True, True), ("operator", False, True), ("reviewer", True, True), ("viewer", False, False)],
)
def test_who_may_review_and_who_may_comment(role, reviews, comments):
    by = Principal("key:somebody", role, ("acme",))
    for decision, more, may in (
        (approval.approve, {"seen": "first"}, reviews), (approval.refuse, {"comment": "No."}, reviews),
        (approval.comment, {"text": "Hm."}, comments),
    ):  # fmt: skip
        asked = given(GATED).when(decision, **more, by=by)
        if may:
            assert asked.decide()
        else:
            asked.refused("forbidden")


def test_somebody_elses_post_and_one_that_is_not_there_are_the_same_nothing():
    stranger = Principal("key:stranger", "reviewer", ("globex",))
    given(GATED).when(approval.approve, seen="first", by=stranger).refused("not_found")
    given().when(approval.approve, seen="first").refused("not_found")
