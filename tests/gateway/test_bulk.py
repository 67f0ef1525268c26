"""Up to fifty at once, each with an outcome of its own, and taking it back (S25, I21)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import AskRefused, CancelAsked, PostCancelled, RescheduleAsked, RetryAsked, UndoAsked
from events.subjects import answer_stream, post_stream
from tests.gateway.house import NINE, while_nobody_answers
from tests.gateway.test_asks import SCHEDULED


@pytest.fixture
async def posts(house, owner):
    """Four posts that wait; the scheduler cancels whatever has no `b` in its name, and undoes what it is asked to."""
    for name in ("a", "b", "c", "d"):
        await house.post(f"acme.{name}")

    def decide(told):
        match told.fact:
            case CancelAsked() if "b" in told.fact.post.split(".")[1]:
                return [(answer_stream(told.id), AskRefused(code="already_started", reason="An attempt is open."))]
            case CancelAsked():
                return [(post_stream(told.story), PostCancelled())]
            case _:
                return [(post_stream(told.story), SCHEDULED)]

    house.answers = decide
    return ["acme.a", "acme.b", "acme.c", "acme.d"]


def cancelling(*posts, **more):
    return {"action": "cancel", "posts": [{"id": each} for each in posts], **more}


async def asks(house, kind):
    return [told for told in await house.store.tail(0, 1000) if isinstance(told.fact, kind)]


async def test_every_item_has_its_own_outcome_in_the_order_it_was_named(house, owner, posts):
    answer = await owner.ask("POST", "/v1/posts/bulk", cancelling("acme.c", "acme.b", "acme.nothing", "acme.a"))
    assert answer.status_code == 200
    shown = [(each["id"], each["done"], each.get("problem", {}).get("code")) for each in answer.json()["items"]]
    assert shown == [
        ("acme.c", True, None),
        ("acme.b", False, "already_started"),
        ("acme.nothing", False, "not_found"),
        ("acme.a", True, None),
    ]


async def test_the_51st_is_a_clear_error_and_the_fifty_are_not_touched(house, owner):
    answer = await owner.ask("POST", "/v1/posts/bulk", cancelling(*(f"acme.p{number}" for number in range(51))))
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many")
    assert "50" in answer.json()["detail"]
    assert await asks(house, CancelAsked) == []


async def test_fifty_are_one_append_and_fifty_outcomes(house, owner, posts):
    names = [f"acme.p{number}" for number in range(50)]
    for each in names:
        await house.post(each)
    answer = await owner.ask("POST", "/v1/posts/bulk", cancelling(*names))
    assert [each["done"] for each in answer.json()["items"]] == [True] * 50
    streams = {told.stream for told in await asks(house, CancelAsked)}
    assert len(streams) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (cancelling("acme.a", "acme.a"), "posts"),
        (cancelling(), "posts"),
        (cancelling("acme.a", shift="PT1H"), "shift"),
        (cancelling("acme.a", shift="PT0S"), "shift"),
        (cancelling("acme.a", not_before="2026-11-25T09:00:00Z"), "not_before"),
        ({"action": "reschedule", "posts": [{"id": "acme.a"}]}, "not_before"),
        ({"action": "reschedule", "posts": [{"id": "acme.a"}], "shift": "PT1H", "not_before": "2026-11-25T09:00:00Z"},
         "not_before"),
        ({"action": "publish", "posts": [{"id": "acme.a"}]}, "action"),
        ({"action": "cancel", "posts": [{"id": "acme.a", "status": "x"}]}, "posts.0.status"),
    ],
)  # fmt: skip
async def test_a_bulk_that_says_two_things_or_none_is_refused_whole(house, owner, posts, body, field):
    answer = await owner.ask("POST", "/v1/posts/bulk", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert await asks(house, CancelAsked) == []


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("shift", 3600, "as in PT30M"),
        ("shift", 999999999999, "as in PT30M"),
        ("shift", True, "as in PT30M"),
        ("shift", "P99999999999D", "as in PT30M"),
        ("not_before", 1795600800, "as in 2026-11-25T09:00:00Z"),
        ("not_before", "1795600800", "as in 2026-11-25T09:00:00Z"),
        ("not_before", False, "as in 2026-11-25T09:00:00Z"),
        ("not_before", "0001-01-01T00:00:00+14:00", "1970"),
        ("not_before", "9999-12-31T23:59:59-12:00", "1970"),
    ],
)
async def test_a_time_or_a_shift_that_nobody_can_mean_is_refused_by_name(house, owner, posts, field, value, mend):
    body = {"action": "reschedule", "posts": [{"id": "acme.a"}], field: value}
    answer = await owner.ask("POST", "/v1/posts/bulk", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    (wrong,) = answer.json()["errors"]
    assert wrong["field"] == field
    assert mend in wrong["detail"]
    assert await asks(house, RescheduleAsked) == []


@pytest.mark.parametrize("shift", ["P99999999D", "-P99999999D", "P4000000D", "-P30000D"])
async def test_a_shift_beyond_any_calendar_is_refused_for_each_post_by_name(house, owner, posts, shift):
    """The post without a slot has its own reason, for every item has its own outcome."""
    await house.say(post_stream("acme.a"), SCHEDULED, story="acme.a")
    body = {"action": "reschedule", "posts": [{"id": "acme.a"}, {"id": "acme.d"}], "shift": shift}
    answer = await owner.ask("POST", "/v1/posts/bulk", body)
    assert answer.status_code == 200
    far, without = (each["problem"] for each in answer.json()["items"])
    assert (far["status"], far["code"], far["errors"][0]["field"]) == (422, "invalid", "shift")
    assert "choose a shorter one" in far["errors"][0]["detail"]
    assert without["code"] == "no_slot"
    assert await asks(house, RescheduleAsked) == []


async def test_each_item_may_rely_on_its_own_version(house, owner, posts):
    body = {"action": "retry", "posts": [{"id": "acme.a", "version": "1.0"}, {"id": "acme.c"}]}
    await owner.ask("POST", "/v1/posts/bulk", body, version="not of any post")
    assert [told.fact.expected for told in await asks(house, RetryAsked)] == ["1.0", None]


async def test_a_shift_moves_each_from_its_own_slot(house, owner, posts):
    later = SCHEDULED.model_copy(update={"slot": SCHEDULED.slot.model_copy(update={"at": NINE + timedelta(days=1)})})
    await house.say(post_stream("acme.a"), SCHEDULED, story="acme.a")
    await house.say(post_stream("acme.c"), later, story="acme.c")
    body = {"action": "reschedule", "posts": [{"id": "acme.a"}, {"id": "acme.c"}, {"id": "acme.d"}], "shift": "PT1H"}
    items = (await owner.ask("POST", "/v1/posts/bulk", body)).json()["items"]
    hour = timedelta(hours=1)
    assert [told.fact.not_before for told in await asks(house, RescheduleAsked)] == [
        NINE + hour, NINE + timedelta(days=1) + hour,
    ]  # fmt: skip
    assert (items[2]["done"], items[2]["problem"]["code"]) == (False, "no_slot")


async def test_what_was_wrong_the_first_time_is_told_again_though_it_is_mended_by_now(house, owner, posts):
    body = {"action": "reschedule", "shift": "PT1H", "posts": [{"id": "acme.a"}, {"id": "acme.b"}]}
    await house.say(post_stream("acme.b"), SCHEDULED, story="acme.b")
    first = await owner.ask("POST", "/v1/posts/bulk", body, once="k1")
    assert [each.get("problem", {}).get("code") for each in first.json()["items"]] == ["no_slot", None]
    await house.say(post_stream("acme.a"), SCHEDULED, story="acme.a")
    again = await owner.ask("POST", "/v1/posts/bulk", body, once="k1")
    assert first.content == again.content


async def test_the_same_bulk_under_the_same_key_tells_the_same_and_does_nothing_more(house, owner, posts):
    body = cancelling("acme.a", "acme.b", "acme.nothing")
    first = await owner.ask("POST", "/v1/posts/bulk", body, once="k1")
    await house.post("acme.nothing")
    again = await owner.ask("POST", "/v1/posts/bulk", body, once="k1")
    assert first.content == again.content
    assert len(await asks(house, CancelAsked)) == 2
    other = await owner.ask("POST", "/v1/posts/bulk", cancelling("acme.c"), once="k1")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


async def test_what_is_not_decided_in_time_is_only_asked(house, owner, posts):
    house.answers = None
    answer = await while_nobody_answers(house, owner.ask("POST", "/v1/posts/bulk", cancelling("acme.a")))
    (ask,) = await asks(house, CancelAsked)
    assert answer.status_code == 202
    assert answer.json()["items"] == [{"id": "acme.a", "done": False, "asked": ask.id}]


# Taking it back.


async def test_a_bulk_is_undone_by_its_id_post_by_post(house, owner, posts):
    done = (await owner.ask("POST", "/v1/posts/bulk", cancelling("acme.a", "acme.b", "acme.c"))).json()
    answer = await owner.ask("POST", f"/v1/bulks/{done['bulk']}/undo")
    assert answer.status_code == 200
    shown = [(each["id"], each["done"], each.get("problem", {}).get("code")) for each in answer.json()["items"]]
    assert shown == [("acme.a", True, None), ("acme.b", False, "nothing_to_undo"), ("acme.c", True, None)]
    assert {(told.fact.post, told.fact.bulk) for told in await asks(house, UndoAsked)} == {
        (each, done["bulk"]) for each in ("acme.a", "acme.c")
    }


async def test_a_retry_is_nothing_to_undo_and_says_what_helps(house, owner, posts):
    done = (await owner.ask("POST", "/v1/posts/bulk", {"action": "retry", "posts": [{"id": "acme.a"}]})).json()
    (item,) = (await owner.ask("POST", f"/v1/bulks/{done['bulk']}/undo")).json()["items"]
    assert (item["done"], item["problem"]["code"]) == (False, "nothing_to_undo")
    assert "cancel the post" in item["problem"]["detail"]
    assert await asks(house, UndoAsked) == []


async def test_a_bulk_nobody_made_or_somebody_elses_cannot_be_undone(house, owner, posts):
    done = (await owner.ask("POST", "/v1/posts/bulk", cancelling("acme.a"))).json()
    stranger = await house.caller("owner", ["globex"])
    foreign = await stranger.ask("POST", f"/v1/bulks/{done['bulk']}/undo")
    unknown = await stranger.ask("POST", f"/v1/bulks/{'0' * 32}/undo")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content) == (404, unknown.content)
    assert (await owner.ask("POST", "/v1/bulks/../undo")).status_code == 404
