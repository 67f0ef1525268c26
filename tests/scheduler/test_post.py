"""One post's life in the queue, rule by rule: it says yes, it says no, it stays quiet."""

from __future__ import annotations

from functools import reduce

import pytest

from events import (
    Comment,
    CredentialRefused,
    OutcomeUnknown,
    PostCancelled,
    PostEdited,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    RateLimited,
)
from services.planning.plan import Wish
from services.scheduler import post
from tests.scheduler.given import given
from tests.scheduler.posts import (
    CONTENT,
    HOUR,
    LINKEDIN,
    MINUTE,
    MONDAY,
    OTHER,
    SECOND,
    TEN,
    TOLERANCE,
    attempt_failed,
    due,
    failed,
    published,
    returned,
    scheduled,
    started,
    taken_in,
    unclear,
)

HELD = PostHeld(connection=LINKEDIN, reason="disconnected")
CANCELLED = PostCancelled(reason="asked")
EDITED = PostEdited(content=OTHER, content_hash=post.hash_of(OTHER))
REFUSED = PostRefused(code="text_too_long", detail="")


def state(*facts) -> post.State:
    return reduce(post.evolve, facts, post.initial)


class TestTheSlotHasCome:
    """S10, S20, D11."""

    now = {"now": TEN, "connected": True, "tolerance": TOLERANCE}

    def test_it_is_due(self):
        given(post, taken_in(), scheduled()).when(post.come_due, **self.now).then(due())

    def test_a_disconnected_channel_holds_it(self):
        given(post, taken_in(), scheduled()).when(post.come_due, **{**self.now, "connected": False}).then(HELD)

    def test_what_came_while_the_channel_was_away_is_lost(self):
        assert post.lost(state(taken_in(), scheduled(), HELD), now=TEN) == scheduled().slot

    @pytest.mark.parametrize("facts", [
        (HELD,), (scheduled(),), (scheduled(TEN + HOUR), HELD),
        (scheduled(), due(), started(), returned("disconnected"), HELD),
    ], ids=["it had none", "it is not held", "it is still to come", "an attempt had it"])  # fmt: skip
    def test_no_other_slot_is_lost(self, facts):
        assert post.lost(state(taken_in(), *facts), now=TEN) is None

    def test_found_within_the_tolerance_it_goes_out_late(self):
        late = {**self.now, "now": TEN + TOLERANCE}
        given(post, taken_in(), scheduled()).when(post.come_due, **late).then(due())

    def test_found_later_than_the_tolerance_it_is_planned_again_and_nothing_is_said(self):
        late = {**self.now, "now": TEN + TOLERANCE + SECOND}
        given(post, taken_in(), scheduled()).when(post.come_due, **late).then()

    def test_found_later_than_the_tolerance_exactly_at_is_missed(self):
        late = {**self.now, "now": TEN + TOLERANCE + SECOND}
        said = PostMissed(wanted_at=TEN, reason="it was found later than the tolerance")
        given(post, taken_in(exactly_at=TEN), scheduled(mode="exactly")).when(post.come_due, **late).then(said)

    def test_exactly_at_goes_along_to_the_publisher(self):
        exactly = (taken_in(exactly_at=TEN), scheduled(mode="exactly"))
        given(post, *exactly).when(post.come_due, **self.now).then(due(exactly=True))

    @pytest.mark.parametrize("facts", [(), (due(),), (CANCELLED,), (HELD,), (scheduled(TEN + HOUR),)])
    def test_a_slot_that_is_not_its_own_any_more_says_nothing(self, facts):
        given(post, taken_in(), *([scheduled(), *facts] if facts else [])).when(post.come_due, **self.now).then()


class TestRounds:
    """Facts.md, who holds a post; S29, S30."""

    def test_a_later_round_goes_on_with_the_tries_of_the_earlier_one(self):
        facts = (taken_in(), scheduled(), due(), started(), attempt_failed(tries=1), returned("late", tries=1))
        given(post, *facts, scheduled(TEN + HOUR)).when(
            post.come_due, now=TEN + HOUR, connected=True, tolerance=TOLERANCE
        ).then(due(2, slot_at=TEN + HOUR, tries=1))

    def test_a_person_who_retries_begins_with_no_tries_and_looks_first(self):
        facts = (taken_in(), scheduled(), due(), started(), failed(tries=4), scheduled(TEN + HOUR))
        given(post, *facts).when(post.come_due, now=TEN + HOUR, connected=True, tolerance=TOLERANCE).then(
            due(2, slot_at=TEN + HOUR, looked_first=True)
        )

    def test_where_no_attempt_was_ever_made_there_is_nothing_to_look_for(self):
        facts = (taken_in(OTHER), REFUSED, scheduled())
        given(post, *facts).when(post.come_due, now=TEN, connected=True, tolerance=TOLERANCE).then(due(content=OTHER))

    def test_an_attempt_has_looked_so_later_rounds_need_not(self):
        again = (scheduled(TEN + HOUR), due(2), started(2, round=2), returned("late", round=2))
        facts = (taken_in(), scheduled(), due(), started(), failed(), *again)
        assert state(*facts).look_first is False

    def test_the_end_of_an_old_round_changes_nothing(self):
        withdrawn = (taken_in(), scheduled(), due(), scheduled(TEN + HOUR), returned("withdrawn"))
        assert state(*withdrawn).phase == "scheduled"
        assert (
            state(taken_in(), scheduled(), due(), EDITED, due(2, content=OTHER), returned("withdrawn")).phase == "due"
        )


class TestHeld:
    """S10."""

    def test_a_post_that_comes_back_is_held(self):
        facts = (taken_in(), scheduled(), due(), returned("disconnected"))
        given(post, *facts).when(post.hold, connection=LINKEDIN, reason="disconnected").then(HELD)

    def test_a_post_that_is_held_says_nothing(self):
        given(post, taken_in(), scheduled(), HELD).when(post.hold, connection=LINKEDIN, reason="disconnected").then()


class TestMissed:
    """S3, S20."""

    def test_only_exactly_at_can_be_missed(self):
        given(post, taken_in(), scheduled()).when(post.miss, reason="late").then()
        exactly = (taken_in(exactly_at=TEN), scheduled(mode="exactly"))
        given(post, *exactly).when(post.miss, reason="late").then(PostMissed(wanted_at=TEN, reason="late"))

    def test_a_post_that_is_missed_says_nothing(self):
        missed = PostMissed(wanted_at=TEN, reason="late")
        given(post, taken_in(exactly_at=TEN), missed).when(post.miss, reason="late").then()

    def test_moved_to_any_time_it_cannot_be_missed_any_more(self):
        moved = (taken_in(exactly_at=TEN), PostMissed(wanted_at=TEN, reason="late"), scheduled(TEN + HOUR))
        given(post, *moved).when(post.miss, reason="late").then()


LIMITED = RateLimited(round=1, attempt=1, connection=LINKEDIN, until=TEN, code="429", told=True)
WITHDRAWABLE = [
    (),
    (scheduled(),),
    (scheduled(), HELD),
    (scheduled(), due()),
    (scheduled(), due(), started(), attempt_failed()),
    (
        scheduled(),
        due(),
        started(),
        RateLimited(round=1, attempt=1, connection=LINKEDIN, until=TEN, code="", told=True),
    ),
    (scheduled(), due(), returned("late")),
]
OPEN = [
    (scheduled(), due(), started()),
    (scheduled(), due(), started(), unclear()),
    (scheduled(), due(), started(), unclear(), OutcomeUnknown(round=1, attempt=1, evidence="")),
]


def credential_refused() -> CredentialRefused:
    return CredentialRefused(round=1, attempt=1, connection=LINKEDIN, credential_version=1, code="401")


class TestCancel:
    """S25, I16."""

    @pytest.mark.parametrize("facts", WITHDRAWABLE)
    def test_while_no_attempt_is_open_it_is_cancelled(self, facts):
        given(post, taken_in(), *facts).when(post.cancel, reason="asked").then(CANCELLED)

    @pytest.mark.parametrize("facts", OPEN)
    def test_while_an_attempt_is_open_it_is_not(self, facts):
        given(post, taken_in(), *facts).when(post.cancel, reason="asked").then()

    @pytest.mark.parametrize("end", [CANCELLED, PostRejected(), published(), failed(), REFUSED])
    def test_what_has_ended_says_nothing(self, end):
        given(post, taken_in(), scheduled(), due(), end).when(post.cancel, reason="asked").then()

    def test_a_post_that_was_never_taken_in_says_nothing(self):
        given(post).when(post.cancel, reason="asked").then()

    def test_a_refused_grant_ends_the_attempt_and_so_it_can_be_cancelled(self):
        facts = (taken_in(), scheduled(), due(), started(), credential_refused())
        given(post, *facts).when(post.cancel, reason="asked").then(CANCELLED)

    def test_a_look_that_was_refused_leaves_the_attempt_open(self):
        facts = (taken_in(), scheduled(), due(), started(), unclear(), credential_refused())
        given(post, *facts).when(post.cancel, reason="asked").then()


class TestReject:
    """S41."""

    thread = (Comment(by="reviewer", text="Too loud", at=MONDAY),)

    def test_it_goes_back_to_production_with_the_whole_thread(self):
        given(post, taken_in(approval_required=True)).when(post.reject, comments=self.thread).then(
            PostRejected(comments=self.thread)
        )

    def test_what_is_on_its_way_cannot_be_called_back(self):
        given(post, taken_in(), scheduled(), due(), started()).when(post.reject, comments=self.thread).then()

    def test_what_was_rejected_says_nothing(self):
        given(post, taken_in(), PostRejected()).when(post.reject, comments=self.thread).then()


class TestEdit:
    """S28, S40."""

    details = {"content": OTHER, "tolerance": TOLERANCE}

    @pytest.mark.parametrize("facts", [(), (scheduled(),), (scheduled(), HELD), (REFUSED,)])
    def test_a_queued_post_is_edited(self, facts):
        given(post, taken_in(), *facts).when(post.edit, **self.details).then(EDITED)

    def test_a_post_that_is_due_is_due_again_in_the_next_round(self):
        facts = (taken_in(), scheduled(), due(), started(), attempt_failed(tries=2))
        given(post, *facts).when(post.edit, **self.details).then(EDITED, due(2, content=OTHER, tries=2))

    def test_a_failed_post_is_edited_and_waits_for_its_retry(self):
        given(post, taken_in(), scheduled(), due(), started(), failed()).when(post.edit, **self.details).then(EDITED)

    def test_a_gated_post_that_is_due_must_be_approved_again_first(self):
        gated = (taken_in(approval_required=True), scheduled(), due())
        given(post, *gated).when(post.edit, **self.details).then(EDITED)
        assert state(*gated, EDITED).phase == "taken_in"

    @pytest.mark.parametrize("facts", [*OPEN, (published(),), (CANCELLED,), (PostRejected(),)])
    def test_what_is_on_its_way_or_over_is_not_edited(self, facts):
        given(post, taken_in(), *facts).when(post.edit, **self.details).then()

    def test_the_same_content_says_nothing(self):
        given(post, taken_in(), scheduled()).when(post.edit, content=CONTENT, tolerance=TOLERANCE).then()


class TestPlaces:
    def test_a_wish_is_kept_for_whoever_plans_again(self):
        assert state(taken_in(not_before=TEN)).wish == Wish(TEN, None)
        assert state(taken_in(), scheduled(not_before=TEN)).wish == Wish(TEN, None)
        assert state(taken_in(exactly_at=TEN), scheduled(mode="exactly")).wish == Wish(None, TEN)

    def test_a_slot_taken_at_once_is_no_promise_to_keep_to_it(self):
        assert state(taken_in(), scheduled(mode=post.AT_ONCE)).wish == Wish()

    def test_late_is_counted_from_the_slot(self):
        there = state(taken_in(), scheduled())
        assert not post.late(there, now=TEN + TOLERANCE, tolerance=TOLERANCE)
        assert post.late(there, now=TEN + TOLERANCE + MINUTE, tolerance=TOLERANCE)
        assert not post.late(state(taken_in()), now=TEN + 9 * HOUR, tolerance=TOLERANCE)


def test_the_hash_is_of_everything_a_reader_sees():
    assert post.hash_of(CONTENT) == post.hash_of(CONTENT.model_copy())
    changes = [{"text": "x"}, {"title": "x"}, {"link": "https://x.example"}]
    assert len({post.hash_of(CONTENT.model_copy(update=change)) for change in [{}, *changes]}) == 4
