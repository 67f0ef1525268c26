"""What each fact means for a post of the queue: its status and reason, its slot, its error, its version (S23, S26)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from events import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalLapsed,
    AskRefused,
    AttemptFailed,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    FactParked,
    FactRedriven,
    LateSendSeen,
    LookedUp,
    MessageParked,
    MessageRedriven,
    OutcomeUnknown,
    PostCancelled,
    PostEdited,
    PostFailed,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    RateLimited,
    SlotFreed,
    SlotTaken,
)
from events.envelope import EVERY_FACT
from events.production import Content
from services.gateway.views import queue, showing, timeline
from services.gateway.views.fold import VIEWS, Views
from services.gateway.views.meaning import CHANGES
from services.gateway.views.sentences import SENTENCES
from services.gateway.views.showing import Surroundings
from tests.gateway.examples import STATES, THURSDAY, at, the_week
from tests.gateway.lives import MONDAY
from tests.gateway.telling import HASH, Teller, slot

STORY, LINKEDIN = "acme.spring", "acme.linkedin"
HERE = {"round": 1, "attempt": 1}


class One:
    """One post and the view of it."""

    def __init__(self) -> None:
        self.teller = Teller(MONDAY)
        self.views = Views(self.teller.store, None, clock=self.teller.clock)

    async def taken_in(self, **more) -> One:
        await self.teller.take_in(STORY, LINKEDIN, **more)
        return self

    async def scheduled(self, **more) -> One:
        await self.taken_in(**more)
        await self.teller.schedule(STORY, LINKEDIN, slot(at(24, 8), "Europe/Berlin", 1))
        return self

    async def started(self) -> One:
        await self.scheduled()
        self.due = await self.teller.come_due(STORY)
        await self.teller.start(STORY, self.due, 1)
        return self

    async def say(self, *facts) -> One:
        kind = facts[0].type.split(".")[0]
        kind = {"scheduler": "post", "publisher": "delivery", "gateway": "approval"}[kind]
        await self.teller.of_post(kind, STORY, *facts)
        return self

    async def shown(self) -> dict:
        await self.views.catch_up()
        return showing.post(await self.views.post(STORY), Surroundings())

    async def stands(self) -> tuple[str, str | None]:
        item = await self.shown()
        return item["status"], item["reason"]


@pytest.fixture
def one():
    return One()


async def test_every_state_of_the_example_week_is_as_its_story_says():
    teller = Teller(MONDAY)
    await the_week(teller)
    views = Views(teller.store, None, clock=teller.clock)
    await views.catch_up()
    rows = await views.rows(queue.table.select())
    assert {row.key: (row.status, row.reason) for row in rows} == STATES
    assert teller.now == THURSDAY


def facts_of(*services: str) -> set:
    return {fact for name, fact in EVERY_FACT.items() if name.split(".")[0] in services}


def test_every_fact_of_a_post_and_its_delivery_is_heard_so_that_its_version_is_exact():
    """`version` is what a change relies on: one fact not counted, and every change would be stale."""
    others = {SlotTaken, SlotFreed, MessageParked, MessageRedriven, FactParked, FactRedriven, AskRefused}
    assert facts_of("scheduler", "publisher") - others <= set(CHANGES)


def test_every_fact_of_the_language_has_a_sentence():
    assert set(SENTENCES) == facts_of("scheduler", "publisher", "collector", "gateway")


def test_every_view_has_a_name_of_its_own():
    assert len({view.table.name for view in VIEWS}) == len(VIEWS)


async def test_taken_in_it_is_pending_until_it_has_a_slot(one):
    item = await (await one.taken_in(bucket="b", campaign="c")).shown()
    assert (item["status"], item["reason"], item["scheduled_at"], item["slot"]) == ("pending", "planning", None, None)
    assert (item["id"], item["post"], item["account"], item["channel"]) == (STORY, "spring", "acme", "linkedin")
    assert (item["bucket"], item["campaign"], item["attempts"], item["tries"]) == ("b", "c", 0, 0)
    assert item["version"] == "1.0"


async def test_with_a_gate_it_awaits_approval_then_is_planned(one):
    await one.taken_in(approval_required=True)
    assert await one.stands() == ("awaiting_approval", None)
    await one.say(ApprovalAsked(content_hash=HASH))
    assert await one.stands() == ("awaiting_approval", None)
    await one.say(ApprovalGiven(content_hash=HASH))
    assert await one.stands() == ("pending", "planning")


async def test_an_edit_of_an_approved_post_gives_its_slot_back_and_asks_again(one):
    await one.scheduled(approval_required=True)
    await one.say(PostEdited(content=Content(text="Other words"), content_hash="beef"))
    await one.say(ApprovalLapsed(reason="edited"), ApprovalAsked(content_hash="beef"))
    item = await one.shown()
    assert (item["status"], item["text"], item["scheduled_at"]) == ("awaiting_approval", "Other words", None)


async def test_an_approval_that_lapses_with_its_cancelled_post_changes_nothing(one):
    await (await one.scheduled()).say(PostCancelled())
    await one.say(ApprovalLapsed(reason="cancelled"))
    assert await one.stands() == ("cancelled", None)


async def test_a_slot_is_an_instant_and_a_wall_clock(one):
    item = await (await one.scheduled()).shown()
    assert (item["status"], item["reason"]) == ("scheduled", None)
    assert item["scheduled_at"] == "2026-11-24T08:00:00Z"
    assert item["slot"] == {"local": "2026-11-24T09:00", "zone": "Europe/Berlin", "wanted": None, "why": None}
    assert item["version"] == "2.0"


async def test_held_and_missed_have_no_slot_any_more(one):
    await (await one.scheduled()).say(PostHeld(connection=LINKEDIN, reason="disconnected"))
    item = await one.shown()
    assert (item["status"], item["reason"], item["scheduled_at"], item["slot"]) == ("pending", "held", None, None)
    await one.say(PostMissed(wanted_at=at(24, 8), reason="it was found later than the tolerance"))
    item = await one.shown()
    assert (item["status"], item["reason"]) == ("pending", "missed")
    assert item["waiting"]["sentence"] == (
        "It was to go out exactly at 2026-11-24 08:00 UTC, and could not: it was found later than the tolerance. Move "
        "it to another time, or cancel it."
    )


async def test_refused_at_intake_is_failed_with_the_class_content(one):
    await (await one.taken_in()).say(PostRefused(code="text_too_long", detail="Shorten it."))
    item = await one.shown()
    assert (item["status"], item["reason"]) == ("failed", "content")
    assert item["error"] == {"class": "content", "code": "text_too_long", "http_status": None,
                             "sentence": "Shorten it.", "action": "edit"}  # fmt: skip


async def test_what_asked_for_an_edit_asks_for_a_retry_once_it_was_edited(one):
    """The sentence was about a text that is gone (S26)."""
    await (await one.taken_in()).say(PostRefused(code="text_too_long", detail="It has 324, and 280 are taken."))
    await one.say(PostEdited(content=Content(text="Short"), content_hash="beef"))
    item = await one.shown()
    assert (item["status"], item["reason"], item["text"]) == ("failed", "content", "Short")
    assert item["error"] == {"class": "content", "code": "text_too_long", "http_status": None,
                             "sentence": "The content was changed since it failed. Try again.",
                             "action": "retry"}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "before", "after"), [("duplicate", "edit", "retry"), ("auth", "reconnect", "reconnect")]
)
async def test_an_edit_mends_only_what_an_edit_was_asked_for(one, kind, before, after):
    failed = PostFailed(round=1, kind=kind, code="C", sentence="No.", action=before, tries=1)
    await (await one.started()).say(failed)
    await one.say(PostEdited(content=Content(text="Other words"), content_hash="beef"))
    error = (await one.shown())["error"]
    assert (error["action"], error["sentence"] == "No.") == (after, before == after)


async def test_an_attempt_in_flight_is_counted_and_the_version_counts_the_delivery(one):
    item = await (await one.started()).shown()
    assert (item["status"], item["reason"], item["attempts"], item["tries"]) == ("scheduled", None, 1, 0)
    assert item["version"] == "3.1"


async def test_a_failed_attempt_is_retrying_until_its_time(one):
    again = at(24, 9)
    await (await one.started()).say(AttemptFailed(**HERE, code="503", http_status=503, detail="down", tries=1,
                                                  retry_at=again))  # fmt: skip
    item = await one.shown()
    assert (item["status"], item["reason"], item["tries"]) == ("scheduled", "retrying", 1)
    assert item["waiting"] == {"until": "2026-11-24T09:00:00Z", "sentence": "503: down"}
    assert item["error"] is None


async def test_a_limit_uses_no_try(one):
    await (await one.started()).say(RateLimited(**HERE, connection=LINKEDIN, until=at(24, 9), code="429", told=True))
    item = await one.shown()
    assert (item["reason"], item["tries"], item["waiting"]["until"]) == ("limited", 0, "2026-11-24T09:00:00Z")


async def test_an_unclear_attempt_is_checked_until_it_is_known(one):
    now = one.teller.now
    await (await one.started()).say(AttemptUnclear(**HERE, code="timeout", detail="", answered_at=now, look_at=now))
    assert await one.stands() == ("scheduled", "checking")
    await one.say(CredentialRefused(**HERE, connection=LINKEDIN, credential_version=1, code="401"))
    assert await one.stands() == ("scheduled", "checking")
    await one.say(LookedUp(**HERE, look=1, found=False, look_again_at=now + timedelta(minutes=1)))
    assert (await one.shown())["waiting"]["until"] == (now + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    await one.say(LookedUp(**HERE, look=2, found=True, channel_post_id="9"))
    await one.teller.publish(STORY, one.due, found_by="look_up", channel_post_id="9")
    item = await one.shown()
    assert (item["status"], item["reason"], item["channel_post_id"], item["waiting"]) == ("published", None, "9", None)


async def test_a_refused_access_waits_for_its_renewal(one):
    await (await one.started()).say(CredentialRefused(**HERE, connection=LINKEDIN, credential_version=1, code="401"))
    assert await one.stands() == ("scheduled", "retrying")


async def test_an_unknown_outcome_shows_its_evidence_and_the_two_actions(one):
    await (await one.started()).say(OutcomeUnknown(**HERE, evidence="Looked at four times."))
    item = await one.shown()
    assert (item["status"], item["reason"]) == ("scheduled", "outcome_unknown")
    assert item["evidence"] == {"sentence": "Looked at four times.", "attempt": 1,
                                "actions": ["published", "send_again"]}  # fmt: skip
    await one.say(DeliveryReturned(round=1, reason="send_again", tries=0))
    item = await one.shown()
    assert (item["status"], item["evidence"]) == ("pending", None)


async def test_published_has_the_channels_id_and_when(one):
    await one.started()
    one.teller.wait(seconds=2)
    await one.teller.publish(STORY, one.due, url="https://linkedin.example/1", channel_post_id="urn:1")
    item = await one.shown()
    assert (item["status"], item["reason"], item["tries"]) == ("published", None, 1)
    assert (item["channel_post_id"], item["url"]) == ("urn:1", "https://linkedin.example/1")
    assert datetime.fromisoformat(item["published_at"]) == one.teller.now


async def test_failed_shows_its_class_until_a_retry_makes_it_due(one):
    failed = PostFailed(round=1, kind="quota", code="Q1", http_status=403, sentence="Used up.", action="retry", tries=1)
    await (await one.started()).say(failed)
    item = await one.shown()
    assert (item["status"], item["reason"], item["tries"]) == ("failed", "quota", 1)
    assert item["error"] == {"class": "quota", "code": "Q1", "http_status": 403, "sentence": "Used up.",
                             "action": "retry"}  # fmt: skip
    await one.teller.come_due(STORY, round=2)
    item = await one.shown()
    assert (item["status"], item["reason"], item["error"], item["tries"]) == ("scheduled", None, None, 0)


async def test_a_retry_while_the_channel_is_disconnected_is_held_and_no_longer_failed(one):
    failed = PostFailed(round=1, kind="revoked", code="R", sentence="Gone.", action="reconnect", tries=1)
    await (await one.started()).say(failed)
    await one.say(PostHeld(connection=LINKEDIN, reason="disconnected"))
    item = await one.shown()
    assert (item["status"], item["reason"], item["error"]) == ("pending", "held", None)


async def test_a_withdrawal_that_is_heard_late_does_not_undo_what_was_said_meanwhile(one):
    """The scheduler plans again at once; the publisher's DeliveryReturned comes after that in the log."""
    await (await one.started()).say(AttemptFailed(**HERE, code="503", detail="", tries=1, retry_at=at(24, 9)))
    await one.teller.schedule(STORY, LINKEDIN, slot(at(25, 8)))
    await one.say(DeliveryReturned(round=1, reason="withdrawn", tries=1))
    item = await one.shown()
    assert (item["status"], item["reason"], item["scheduled_at"]) == ("scheduled", None, "2026-11-25T08:00:00Z")


async def test_an_old_round_that_ends_late_says_nothing_about_the_new_one(one):
    await one.started()
    await one.teller.come_due(STORY, round=2)
    await one.say(DeliveryReturned(round=1, reason="late", tries=0))
    assert await one.stands() == ("scheduled", None)


async def test_returned_late_it_is_planned_again(one):
    await (await one.started()).say(DeliveryReturned(round=1, reason="late", tries=0))
    assert await one.stands() == ("pending", "planning")


async def test_cancelled_may_be_undone(one):
    await (await one.scheduled()).say(PostCancelled())
    assert await one.stands() == ("cancelled", None)
    await one.teller.schedule(STORY, LINKEDIN, slot(at(25, 8)))
    assert await one.stands() == ("scheduled", None)


async def test_a_cancel_that_is_undone_while_its_approval_is_missing_awaits_it_again(one):
    await (await one.taken_in(approval_required=True)).say(PostCancelled())
    again = PostHeld(connection=LINKEDIN, reason="not_approved")
    await one.say(again)
    assert await one.stands() == ("awaiting_approval", None)
    assert SENTENCES[PostHeld](again) == "Back in the queue: it waits for its approval again."


async def test_rejected_is_an_end(one):
    await (await one.taken_in(approval_required=True)).say(PostRejected())
    assert await one.stands() == ("rejected", None)


@pytest.mark.parametrize("outcome", ["refused", "limited", "unavailable"])
async def test_a_late_no_is_no_possible_duplicate(one, outcome):
    await one.started()
    await one.say(LateSendSeen(**HERE, epoch=1, outcome=outcome))
    assert (await one.shown())["late_send"] is False


async def test_a_late_send_is_shown_as_a_possible_duplicate(one):
    await one.started()
    assert (await one.shown())["late_send"] is False
    await one.say(LateSendSeen(**HERE, epoch=1, outcome="delivered", channel_post_id="7"))
    assert (await one.shown())["late_send"] is True


async def test_a_story_runs_through_its_asks_and_slots_and_not_through_its_namesake_connection():
    """A post may be called like a channel: `acme.linkedin` is then a post and a connection."""
    teller = Teller(MONDAY)
    await teller.connect("acme.linkedin")
    await teller.take_in("acme.linkedin", "acme.linkedin")
    views = Views(teller.store, None, clock=teller.clock)
    await views.catch_up()
    known = await views.document(timeline, "acme.linkedin")
    assert known["positions"] == [await teller.store.position()]
