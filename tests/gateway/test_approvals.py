"""The gate's doors: what awaits approval, and the reviewer's word about it (S38-S41)."""

from __future__ import annotations

import asyncio

import pytest

from events import (
    ApprovalGiven,
    ApprovalRefused,
    Content,
    PostCancelled,
    PostCommented,
    PostEdited,
    PostHeld,
    PostRejected,
    PostTakenIn,
)
from events.subjects import approval_stream, post_stream
from tests.gateway.test_asks import SCHEDULED

STORY, OTHER = "acme.spring", "acme.summer"
EDITED = PostEdited(content=Content(text="Summer!"), content_hash="b2")


async def gated(house, story=STORY, text="Spring!", hashed="a1", **more):
    taken_in = PostTakenIn(post=story.split(".")[1], connection=f"{story.split('.')[0]}.linkedin",
                           content=Content(text=text), content_hash=hashed, approval_required=True, **more)  # fmt: skip
    return await house.say(post_stream(story), taken_in, story=story)


async def awaiting(by, query=""):
    answer = await by.ask("GET", f"/v1/approvals{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def ids(by, query=""):
    return [each["id"] for each in await awaiting(by, query)]


async def said(house, story=STORY):
    return await house.facts(approval_stream(story))


@pytest.fixture
async def reviewer(house, owner):
    return await house.caller("reviewer", ["acme"])


# What awaits.


async def test_what_awaits_approval_is_told_with_its_content_its_hash_and_its_thread(house, owner, reviewer):
    await gated(house, bucket="research")
    await owner.ask("POST", f"/v1/posts/{STORY}/comments", {"text": "The figures are audited."})
    (item,) = await awaiting(reviewer)
    assert (item["id"], item["account"], item["channel"], item["bucket"]) == (STORY, "acme", "linkedin", "research")
    assert (item["status"], item["text"], item["content_hash"]) == ("awaiting_approval", "Spring!", "a1")
    assert (item["version"], item["asked_at"]) == ("1.0", "2026-11-24T09:00:00Z")
    assert [(each["by"], each["text"]) for each in item["comments"]] == [
        (f"key:{owner.key[3:11]}", "The figures are audited.")
    ]


async def test_who_has_waited_longest_comes_first_and_a_page_goes_on_where_the_last_one_ended(house, reviewer):
    names = [f"acme.post-{number}" for number in range(5)]
    for name in names:
        await gated(house, name)
    await house.post("acme.ungated")
    await house.say(post_stream(names[0]), EDITED, story=names[0])
    in_order = [*names[1:], names[0]]
    assert await ids(reviewer) == in_order, "an edit waits anew"
    pages, following = [], ""
    while following is not None:
        body = (await reviewer.ask("GET", f"/v1/approvals?limit=2&cursor={following}")).json()
        pages.append([each["id"] for each in body["items"]])
        following = body["next_cursor"]
    assert pages == [in_order[:2], in_order[2:4], in_order[4:]]
    answer = await reviewer.ask("GET", "/v1/approvals?cursor=guessed")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_what_of_others_awaits_is_told_to_nobody_else(house, owner, reviewer):
    await house.account(owner, "globex")
    await gated(house)
    await gated(house, "globex.launch")
    assert await ids(reviewer) == [STORY]
    assert await ids(owner) == [STORY, "globex.launch"]
    assert await ids(owner, "?account=globex") == ["globex.launch"]
    assert await ids(reviewer, "?account=globex") == []


async def test_what_was_decided_or_cancelled_awaits_nothing_more(house, reviewer):
    for name in (STORY, OTHER, "acme.autumn", "acme.winter"):
        await gated(house, name)
    await reviewer.ask("POST", f"/v1/posts/{STORY}/approve")
    await reviewer.ask("POST", f"/v1/posts/{OTHER}/reject", {"comment": "No."})
    await house.say(post_stream("acme.autumn"), PostCancelled(), story="acme.autumn")
    assert await ids(reviewer) == ["acme.winter"]
    back = PostHeld(connection="acme.linkedin", reason="not_approved")
    await house.say(post_stream("acme.autumn"), back, story="acme.autumn")
    assert await ids(reviewer) == ["acme.winter", "acme.autumn"], "the cancel was undone, and it waits anew"


async def test_an_edit_of_an_approved_post_awaits_again_and_has_no_slot_meanwhile(house, owner, reviewer):
    """S40. Whatever the scheduler says of its slot, the queue says at once that it will not go out."""
    await gated(house)
    await reviewer.ask("POST", f"/v1/posts/{STORY}/approve")
    await house.say(post_stream(STORY), SCHEDULED, story=STORY)
    assert await ids(reviewer) == []
    await house.say(post_stream(STORY), EDITED, story=STORY)
    (item,) = await awaiting(reviewer)
    assert (item["text"], item["content_hash"], item["version"]) == ("Summer!", "b2", "3.0")
    shown = (await owner.ask("GET", f"/v1/posts/{STORY}")).json()
    assert (shown["status"], shown["scheduled_at"]) == ("awaiting_approval", None)
    await house.say(post_stream(STORY), PostEdited(content=Content(text="Spring!"), content_hash="a1"), story=STORY)
    assert (await owner.ask("GET", f"/v1/posts/{STORY}")).json()["status"] == "pending"
    assert await ids(reviewer) == []


async def test_its_doors_are_in_the_document_that_describes_the_api(house):
    paths = (await house.http.get("/openapi.json")).json()["paths"]
    doors = ("/v1/approvals", *(f"/v1/posts/{{id}}/{word}" for word in ("approve", "reject", "comments")))
    assert [list(paths[door]) for door in doors] == [["get"], ["post"], ["post"], ["post"]]


# Approving.


async def test_an_approval_binds_to_the_hash_and_the_post_is_pending(house, reviewer):
    told = await gated(house)
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", version="1.0")
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "pending", "planning")
    assert answer.headers["etag"] == '"1.0"'
    (given,) = await house.store.read(approval_stream(STORY))
    assert given.fact == ApprovalGiven(content_hash="a1")
    assert (given.story, given.account, given.about.channel) == (STORY, "acme", told.about.channel)
    assert given.about.actor == f"key:{reviewer.key[3:11]}"


@pytest.mark.parametrize("seen", [{"version": "1.0"}, {"body": {"content_hash": "a1"}}])
async def test_a_content_that_has_changed_since_the_reviewer_saw_it_is_refused(house, reviewer, seen):
    await gated(house)
    await house.say(post_stream(STORY), EDITED, story=STORY)
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", **seen)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert await said(house) == []


async def test_an_edit_between_the_request_and_its_approval_is_not_approved_unseen(house, reviewer):
    await gated(house)
    house.interrupt(ApprovalGiven, lambda: house.say(post_stream(STORY), EDITED, story=STORY))
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve")
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert await said(house) == []


async def test_approving_twice_is_the_same_answer_also_once_it_has_a_slot(house, reviewer):
    await gated(house)
    first = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", version="1.0")
    again = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", version="1.0")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    await house.say(post_stream(STORY), SCHEDULED, story=STORY)
    later = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", version="1.0")
    assert (later.status_code, later.json()["status"]) == (200, "scheduled")
    assert await said(house) == [ApprovalGiven(content_hash="a1")]


async def test_the_same_request_is_heard_once(house, reviewer):
    await gated(house)
    door = f"/v1/posts/{STORY}/comments"
    answers = await asyncio.gather(*(reviewer.ask("POST", door, {"text": "Audited?"}, once="k1") for _ in range(5)))
    assert {each.status_code for each in answers} == {200}
    assert await said(house) == [PostCommented(text="Audited?")]
    another = await reviewer.ask("POST", door, {"text": "Really?"}, once="k1")
    assert (another.status_code, another.json()["code"]) == (422, "key_reused")


async def test_without_a_gate_there_is_nothing_to_approve_and_nothing_to_reject(house, reviewer):
    await house.post()
    for door, body in (("approve", None), ("reject", {"comment": "No."})):
        answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/{door}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "no_gate"), door
    assert await said(house) == []


async def test_switching_the_gate_off_lets_nothing_go_that_waits(house, owner):
    """S38: the gate is read when a post is taken in."""
    await house.account(owner, approval={"required": True})
    await gated(house)
    await house.account(owner, approval={"required": False})
    assert await ids(owner) == [STORY]


# Rejecting, and the thread.


async def test_a_rejected_post_goes_back_with_everything_that_was_said(house, owner, reviewer):
    await gated(house)
    thread = f"/v1/posts/{STORY}/comments"
    await reviewer.ask("POST", thread, {"text": "Is the second number audited?"})
    answer = await owner.ask("POST", thread, {"text": "  Not yet.  "})
    assert [each["text"] for each in answer.json()["comments"]] == ["Is the second number audited?", "Not yet."]
    rejected = await reviewer.ask("POST", f"/v1/posts/{STORY}/reject", {"comment": "Then not now."}, version="1.0")
    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    assert await said(house) == [PostCommented(text="Is the second number audited?"), PostCommented(text="Not yet."),
                                 ApprovalRefused(comment="Then not now.")]  # fmt: skip
    await house.say(post_stream(STORY), PostRejected(), story=STORY)
    too_late = await owner.ask("POST", thread, {"text": "But they are!"})
    assert (too_late.status_code, too_late.json()["code"]) == (409, "already_rejected")


@pytest.mark.parametrize("body", [None, {}, {"comment": None}, {"comment": "   "}, {"comment": "x" * 2001}])
async def test_a_rejection_without_a_word_is_told_which_field_is_missing(house, reviewer, body):
    await gated(house)
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/reject", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "comment")
    assert await said(house) == []


@pytest.mark.parametrize("first", ["approve", "reject"])
async def test_of_an_approval_and_a_rejection_at_once_one_is_heard(house, owner, reviewer, first):
    """A33: whoever is quicker; the other one is told so."""
    await gated(house)
    asked = {"approve": reviewer.ask("POST", f"/v1/posts/{STORY}/approve"),
             "reject": owner.ask("POST", f"/v1/posts/{STORY}/reject", {"comment": "No."})}  # fmt: skip
    in_order = sorted(asked, key=lambda door: door != first)
    answers = dict(zip(in_order, await asyncio.gather(*(asked[door] for door in in_order)), strict=True))
    assert sorted(each.status_code for each in answers.values()) == [200, 409]
    (word,) = await said(house)
    assert isinstance(word, ApprovalGiven) == (answers["approve"].status_code == 200)


async def test_an_approval_that_is_overtaken_by_a_rejection_is_told_so(house, reviewer):
    await gated(house)
    no = ApprovalRefused(comment="No.")
    house.interrupt(ApprovalGiven, lambda: house.say(approval_stream(STORY), no, story=STORY))
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_rejected")
    assert await said(house) == [no]


@pytest.mark.parametrize("version", ["9" * 200, "x", "1.0.0", "-1.0", "٣.0"])
async def test_a_version_there_never_was_is_stale(house, reviewer, version):
    await gated(house)
    headers = {"if-match": f'"{version}"'.encode()}
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", **headers)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


async def test_an_approval_of_a_held_post_leaves_it_held_until_its_channel_is_back(house, owner, reviewer):
    await gated(house)
    await reviewer.ask("POST", f"/v1/posts/{STORY}/approve")
    await house.say(
        post_stream(STORY), PostHeld(connection="acme.linkedin", reason="disconnected"), EDITED, story=STORY
    )
    assert await ids(reviewer) == [STORY]
    answer = await reviewer.ask("POST", f"/v1/posts/{STORY}/approve", version="3.0")
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "pending", "held")
