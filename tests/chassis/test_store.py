"""One suite, every store: what it means to be the log and the rows beside it (I1-I4, I24)."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from events import About, Draft, PostCancelled, PostEdited
from events.production import Content
from services.chassis import codec
from services.chassis.opening import migrate, open_store
from services.chassis.rows import ALARM, CHAIN, LINE, READY, Change, Claim, Drop, Pick, Put
from services.chassis.store import Append, CheckpointMoved, FenceLost, Read, RowsRefused, Say, StreamMoved
from services.chassis.verifying import snapshot_of, verify

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Wall:
    """A clock the tests set by hand."""

    def __init__(self) -> None:
        self.moment = NINE

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def wall():
    return Wall()


def said(ident: str, fact=None, story: str = "acme.one") -> Draft:
    return Draft(ident, fact or PostCancelled(), About(story=story, actor="tester", happened_at=NINE, account="acme"))


def say(stream: str, after: int, *idents: str) -> Say:
    return Say(stream, after, [said(ident) for ident in idents])


async def test_what_the_database_refuses_is_the_fault_of_whoever_asked_for_it(store):
    """Also where somebody else's claim, or a drop that names no key, has to see its rows first."""
    bad = Append(rows=[Put(ALARM, {**_alarm("bad").row, "turn": 2**70})])
    drop = Append(rows=[Drop(ALARM, {"service": "scheduler", "ring": "nobody's"})])
    claim = Claim(Pick(ALARM, {"name": "good"}), {"holder": "us"})
    await store.append(Append(rows=[_alarm("good")]))
    answers = await asyncio.gather(
        *(store.append(each) for each in (bad, Append([say("post-a", 0, "a1")]), drop)), store.claim(claim),
        return_exceptions=True,
    )  # fmt: skip
    assert [isinstance(answer, RowsRefused) for answer in answers] == [True, False, False, False], answers
    assert [row["holder"] for row in answers[3]] == ["us"]


async def test_what_is_told_comes_back_as_it_was_said(store):
    fact = PostEdited(content=Content(text="Grüße, 世界", link="https://acme.example/?a=1"), content_hash="c0ffee")
    [told] = await store.append(Append([Say("post-acme.one", 0, [said("f1", fact)])]))
    assert (told.id, told.version, told.fact, told.recorded_at) == ("f1", 1, fact, NINE)
    assert await store.read("post-acme.one") == [told]
    assert await store.tail(0) == [told]


async def test_the_lines_of_the_log_are_what_it_tells_as_it_is_written(store):
    fact = PostEdited(content=Content(text='Grüße, ","fact":{'), content_hash="c0ffee")
    for number in range(5):
        await store.append(Append([Say(f"post-acme.{number}", 0, [said(f"f{number}", fact)])]))
    lines = await store.lines(1, 3)
    assert [codec.decode(*line) for line in lines] == await store.tail(1, 3)
    about, written = codec.opened(lines[0].state)
    assert about["id"] == "f1"
    assert PostEdited.model_validate_json(written) == fact


async def test_lines_leave_out_what_nobody_asked_for_but_never_the_last_of_a_page(store):
    edited = PostEdited(content=Content(text="again"), content_hash="c0ffee")
    for number in range(6):
        fact = edited if number % 2 else PostCancelled()
        await store.append(Append([Say(f"post-acme.{number}", 0, [said(f"f{number}", fact)])]))
    every, without = await store.lines(0), [PostCancelled.topic()]
    assert await store.lines(0, 5, without) == [each for each in every[:5] if each.position in (2, 4, 5)]
    assert await store.lines(4, 5, without) == [each for each in every if each.position == 6]
    assert await store.lines(6, 5, without) == []


async def test_versions_are_dense_and_positions_rise_over_all_streams(store):
    await store.append(Append([say("post-a", 0, "a1", "a2"), say("post-b", 0, "b1")]))
    await store.append(Append([say("post-a", 2, "a3")]))
    told = await store.tail(0)
    assert [(each.stream, each.version) for each in told] == [
        ("post-a", 1),
        ("post-a", 2),
        ("post-b", 1),
        ("post-a", 3),
    ]
    assert [each.position for each in told] == [1, 2, 3, 4]
    assert await store.position() == 4


async def test_several_streams_are_read_in_the_order_asked_for(store):
    await store.append(Append([say("post-b", 0, "b1"), say("post-a", 0, "a1", "a2")]))
    found = await store.read_all(["post-a", "post-none", "post-b", "post-a"])
    assert [[told.id for told in stream] for stream in found] == [["a1", "a2"], [], ["b1"], ["a1", "a2"]]
    assert await store.read_all([]) == []


async def test_of_two_appends_at_one_version_exactly_one_wins(store):
    asked = [Append([say("post-a", 0, f"f{number}")], rows=[_alarm(f"n{number}")]) for number in range(8)]
    answers = await asyncio.gather(*(store.append(append) for append in asked), return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert all(isinstance(answer, StreamMoved | list | tuple) for answer in answers)
    assert len(await store.read("post-a")) == 1
    assert len(await store.pick(Pick(ALARM))) == 1


async def test_a_caller_that_goes_away_leaves_its_append_and_its_neighbours_alone(store):
    """Whoever is cancelled while it waits has asked all the same; those asked with it are answered."""
    gone = asyncio.ensure_future(store.append(Append([say("post-a", 0, "a1")])))
    neighbour = asyncio.ensure_future(store.append(Append([say("post-b", 0, "b1")])))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone, neighbour})
    assert [told.id for told in neighbour.result()] == ["b1"]
    assert [told.id for told in await store.read("post-a")] == ["a1"]


async def test_a_gap_is_a_conflict_and_leaves_no_trace(store):
    with pytest.raises(StreamMoved):
        await store.append(Append([say("post-b", 0, "b1"), say("post-a", 5, "a6")], rows=[_alarm("n")]))
    assert await store.position() == 0
    assert await store.pick(Pick(ALARM)) == []


async def test_a_guard_on_another_stream_holds_and_breaks(store):
    await store.append(Append([say("account-acme", 0, "f1")]))
    await store.append(Append([say("post-a", 0, "f2")], still={"account-acme": 1, "house-all": 0}))
    await store.append(Append([say("account-acme", 1, "f3")]))
    with pytest.raises(StreamMoved) as moved:
        await store.append(Append([say("post-a", 1, "f4")], still={"account-acme": 1}))
    assert (moved.value.stream, moved.value.expected, moved.value.found) == ("account-acme", 1, 2)


async def test_a_failed_guard_fails_only_its_own_caller(store):
    good = [Append([say(f"post-{number}", 0, f"g{number}")]) for number in range(20)]
    bad = [Append([say(f"post-x{number}", 0, f"b{number}")], still={"account-acme": 7}) for number in range(20)]
    mixed = [each for pair in zip(good, bad, strict=True) for each in pair]
    answers = await asyncio.gather(*(store.append(append) for append in mixed), return_exceptions=True)
    assert [isinstance(answer, StreamMoved) for answer in answers] == [False, True] * 20
    assert await store.position() == 20


def unkeepable(name: str) -> Put:
    """No database has whole numbers of more than 64 bits."""
    return Put(READY, {"story": name, "connection": "acme.x", "channel": "x", "turn": 2**70})


async def test_rows_that_cannot_be_kept_fail_only_their_own_caller(store):
    """Each of them is asked for in one breath with the others, and so written in one transaction with them."""
    good = [Append([say(f"post-{number}", 0, f"g{number}")], rows=[_alarm(f"n{number}")]) for number in range(20)]
    bad = [Append([say(f"post-x{number}", 0, f"b{number}")], rows=[unkeepable(f"b{number}")]) for number in range(3)]
    mine = Claim(Pick(ALARM, where={"name": "n"}), {"due_at": 2**70})
    asked = [*(store.append(append) for append in [*good[:7], bad[0], *good[7:], *bad[1:]]), store.claim(mine)]
    await store.append(Append(rows=[_alarm("n")]))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, RowsRefused)]
    assert refused == [7, 21, 22, 23], answers
    assert {told.id for told in await store.tail(0)} == {f"g{number}" for number in range(20)}
    assert len(await store.pick(Pick(ALARM))) == 21
    assert await store.pick(Pick(READY)) == []
    [told] = await store.append(Append([say("post-next", 0, "next")]))
    assert told.position >= 21


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
async def test_whoever_would_change_what_is_kept_for_ever_is_refused_alone(store):
    await store.append(Append([say("post-a", 0, "a1")]))
    asked = [Append([say("post-b", 0, "b1")]), Append(rows=[Drop(CHAIN, {})]), Append([say("post-c", 0, "c1")])]
    answers = await asyncio.gather(*map(store.append, asked), return_exceptions=True)
    assert [isinstance(answer, RowsRefused) for answer in answers] == [False, True, False], answers
    assert [told.id for told in await store.tail(0)] == ["a1", "b1", "c1"]


async def test_the_same_facts_again_are_the_same_answer_and_never_a_second_row(store):
    first = await store.append(Append([say("post-a", 0, "f1", "f2")], rows=[_alarm("n")]))
    await store.append(Append([say("post-a", 2, "f3")]))
    assert list(await store.append(Append([say("post-a", 0, "f1", "f2")], rows=[_alarm("n")]))) == list(first)
    assert await store.position() == 3


async def test_other_facts_at_a_taken_version_are_a_conflict(store):
    await store.append(Append([say("post-a", 0, "f1")]))
    with pytest.raises(StreamMoved):
        await store.append(Append([say("post-a", 0, "f9")]))


async def test_recorded_times_never_decrease_even_when_the_clock_does(store, wall):
    await store.append(Append([say("post-a", 0, "f1")]))
    wall.moment = NINE - timedelta(days=1)
    [told] = await store.append(Append([say("post-a", 1, "f2")]))
    assert told.recorded_at == NINE
    assert [each.recorded_at for each in await store.tail(0)] == [NINE, NINE]


async def test_a_checkpoint_moves_with_the_facts_it_belongs_to_and_in_order(store):
    await store.append(Append([say("post-a", 0, "f1")], read=Read("scheduler", 0, 3)))
    with pytest.raises(CheckpointMoved) as moved:
        await store.append(Append([say("post-b", 0, "f2")], read=Read("scheduler", 5, 6)))
    assert (moved.value.expected, moved.value.found) == (5, 3)
    await store.append(Append(read=Read("scheduler", 3, 5)))
    await store.append(Append([say("post-b", 0, "f2")], read=Read("scheduler", 5, 6)))


async def test_facts_handled_side_by_side_are_still_taken_in_order(store):
    appends = [Append([say(f"post-{n}", 0, f"f{n}")], read=Read("scheduler", n, n + 1)) for n in range(50)]
    await asyncio.gather(*(store.append(append) for append in appends))
    assert [told.id for told in await store.tail(0)] == [f"f{n}" for n in range(50)]


async def test_an_epoch_fences_out_whoever_held_the_line_before(store):
    await store.append(Append(rows=[Put(LINE, {"connection": "acme.x", "epoch": 1})]))
    await store.append(Append([say("delivery-a", 0, "f1")], fence=("acme.x", 1)))
    [line] = await store.claim(Claim(Pick(LINE, where={"connection": "acme.x"}), {"holder": "me"}, raising="epoch"))
    assert (line["epoch"], line["holder"]) == (2, "me")
    with pytest.raises(FenceLost):
        await store.append(Append([say("delivery-a", 1, "f2")], fence=("acme.x", 1)))
    await store.append(Append([say("delivery-a", 1, "f2")], fence=("acme.x", 2)))


async def test_a_number_is_raised_by_as_many_as_ask_in_one_go_and_where_there_is_no_row_by_nobody(store):
    await store.append(Append(rows=[Put(LINE, {"connection": name}) for name in ("acme.x", "borealis.x")]))
    raises = [Change(LINE, {"connection": f"{name}.x"}, {"holder": "me"}, raising="epoch")
              for name in ("acme", "nobody", "acme", "borealis", "acme")]  # fmt: skip
    await asyncio.gather(*(store.append(Append(rows=[each])) for each in raises))
    found = await store.pick(Pick(LINE, order=("connection",)))
    assert [(row["connection"], row["epoch"], row["holder"]) for row in found] == [
        ("acme.x", 3, "me"), ("borealis.x", 1, "me"),
    ]  # fmt: skip


@pytest.mark.parametrize("held", [{}, {"epoch": 1}])
async def test_an_append_that_raises_an_epoch_fences_out_whoever_comes_after_it_in_the_same_go(store, held):
    await store.append(Append(rows=[Put(LINE, {"connection": "acme.x", "epoch": 1})]))
    taken = Append([say("delivery-a", 0, "f1")], fence=("acme.x", 1),
                   rows=[Change(LINE, {"connection": "acme.x", **held}, {}, raising="epoch")])  # fmt: skip
    late = Append([say("delivery-b", 0, "f2")], fence=("acme.x", 1))
    first, second = await asyncio.gather(store.append(taken), store.append(late), return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert isinstance(second, FenceLost)


async def test_what_stands_is_answered_again_also_after_its_line_was_taken_over(store):
    """I4: an outcome whose answer was lost is no late one, however the line has moved on."""
    await store.append(Append(rows=[Put(LINE, {"connection": "acme.x", "channel": "x", "epoch": 1})]))
    outcome = Append([say("delivery-a", 0, "f1")], fence=("acme.x", 1))
    first = await store.append(outcome)
    await store.append(Append(rows=[Change(LINE, {"connection": "acme.x"}, {"epoch": 2})]))
    assert list(await store.append(outcome)) == list(first)
    assert await store.position() == 1


async def test_no_line_no_fence(store):
    with pytest.raises(FenceLost):
        await store.append(Append([say("delivery-a", 0, "f1")], fence=("acme.x", 1)))


def _alarm(name: str, due_at: datetime = NINE, lease_until: datetime | None = None) -> Put:
    row = {"service": "scheduler", "name": name, "due_at": due_at, "ring": "{}", "lease_until": lease_until}
    return Put(ALARM, row)


async def test_rows_are_put_over_made_sure_of_changed_and_dropped(store):
    await store.append(Append(rows=[_alarm("a"), _alarm("b"), _alarm("c", NINE + MINUTE)]))
    await store.append(Append(rows=[_alarm("a", NINE + 5 * MINUTE)]))
    await store.append(Append(rows=[Put(ALARM, {"service": "scheduler", "name": "b", "due_at": None}, over=False)]))
    await store.append(Append(rows=[Change(ALARM, {"service": "scheduler", "name": "c"}, {"holder": "me"})]))
    await store.append(Append(rows=[Drop(ALARM, {"service": "scheduler", "name": "b", "due_at": NINE})]))
    await store.append(Append(rows=[Drop(ALARM, {"service": "scheduler", "name": "c", "due_at": NINE})]))
    rows = await store.pick(Pick(ALARM, order=("name",)))
    assert [(row["name"], row["due_at"], row["holder"]) for row in rows] == [
        ("a", NINE + 5 * MINUTE, None), ("c", NINE + MINUTE, "me"),
    ]  # fmt: skip


async def test_a_pick_is_bounded_ordered_and_lets_nulls_pass_below(store):
    leases = [None, NINE, NINE + 2 * MINUTE]
    await store.append(
        Append(rows=[_alarm(f"n{number}", NINE + (5 - number) * MINUTE, lease) for number, lease in enumerate(leases)])
    )
    found = await store.pick(
        Pick(ALARM, where={"service": "scheduler"}, upto={"due_at": NINE + 5 * MINUTE, "lease_until": NINE + MINUTE},
             order=("due_at",))
    )  # fmt: skip
    assert [row["name"] for row in found] == ["n1", "n0"]
    assert [row["name"] for row in await store.pick(Pick(ALARM, order=("lease_until",), limit=2))] == ["n0", "n1"]
    last = await store.pick(Pick(ALARM, order=("lease_until",), limit=2, backwards=True))
    assert [row["name"] for row in last] == ["n2", "n1"]
    late = await store.pick(Pick(ALARM, since={"due_at": NINE + 5 * MINUTE}))
    assert [row["name"] for row in late] == ["n0"]


async def test_two_claimers_never_get_the_same_row(store):
    await store.append(Append(rows=[_alarm(f"n{number:03}") for number in range(100)]))

    async def take(holder: str) -> list[str]:
        mine: list[str] = []
        while True:
            free = Pick(ALARM, where={"service": "scheduler"}, upto={"lease_until": NINE}, order=("due_at",), limit=7)
            rows = await store.claim(Claim(free, {"holder": holder, "lease_until": NINE + MINUTE}))
            if not rows:
                return mine
            assert {row["holder"] for row in rows} == {holder}
            mine += [str(row["name"]) for row in rows]

    takings = await asyncio.gather(*(take(f"h{number}") for number in range(5)))
    assert sorted(name for mine in takings for name in mine) == [f"n{number:03}" for number in range(100)]


async def test_a_row_of_every_kind_of_value_comes_back_as_it_was(store):
    row = {"story": "acme.one", "connection": "acme.x", "account": "acme", "channel": "x", "turn": 2**40,
           "due_at": datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC), "position": 7, "round": 1,
           "taken": 0}  # fmt: skip
    await store.append(Append(rows=[Put(READY, row)]))
    assert await store.pick(Pick(READY, where={"story": "acme.one"})) == [row]


async def test_a_tailing_reader_misses_nothing_while_many_write(store):
    """I2: once a reader has seen position p, nothing below p ever appears."""
    rng, total = random.Random(11), 400
    seen: list[int] = []

    async def write(number: int) -> None:
        if rng.random() < 0.2:
            with pytest.raises(StreamMoved):
                await store.append(Append([say(f"post-{number}", 3, f"bad{number}")]))
        await store.append(Append([say(f"post-{number}", 0, f"f{number}")]))

    async def tail() -> None:
        while len(seen) < total:
            page = await store.tail(seen[-1] if seen else 0, limit=rng.randint(1, 50))
            seen.extend(told.position for told in page)
            await asyncio.sleep(0)

    await asyncio.gather(tail(), *(write(number) for number in range(total)))
    assert seen == list(range(1, total + 1))


async def test_somebody_who_listens_hears_of_every_append(store):
    heard: list[int] = []
    store.on_append.append(heard.append)
    await store.append(Append([say("post-a", 0, "f1")]))
    await store.append(Append([say("post-a", 1, "f2", "f3")]))
    assert heard == [1, 3]


async def test_a_fact_that_is_seen_in_the_file_is_in_its_stream_as_well(wall, tmp_path):
    """Between the commit and the moment its writer hears of it, a reader of the file sees the fact: one who then read
    the stream as it was before took it for nothing, and a due post waited for ever."""
    address = f"sqlite:///{tmp_path}/log.db"
    earlier = open_store(address, wall.now)
    await earlier.append(Append([say("post-acme.one", 0, "f1")]))
    await earlier.close()
    store = open_store(address, wall.now)
    committed, heard, commit = asyncio.Event(), threading.Event(), store._writing._commit
    loop = asyncio.get_running_loop()

    def and_wait(group):
        answers = commit(group)
        loop.call_soon_threadsafe(committed.set)
        heard.wait(10)
        return answers

    store._writing._commit = and_wait
    assert len(await store.read("post-acme.one")) == 1
    writing = asyncio.create_task(store.append(Append([say("post-acme.one", 1, "f2")])))
    await committed.wait()
    assert [told.id for told in await store.tail(0)] == ["f1", "f2"]
    assert [told.id for told in await store.read("post-acme.one")] == ["f1", "f2"]
    heard.set()
    await writing
    assert [told.id for told in await store.read("post-acme.one")] == ["f1", "f2"]
    await store.close()


async def test_a_commit_whose_answer_was_lost_stands_and_is_answered(wall, postgres_address):
    """F4: the connection is cut when the commit is done and its answer is on the way; and the chain goes on."""
    migrate(postgres_address)
    store: Any = open_store(postgres_address, wall.now)
    await store.append(Append([say("post-a", 0, "a1")]))
    store._writer = CutAfterCommit(store._writer)
    [told] = await store.append(Append([say("post-a", 1, "a2")], rows=[_alarm("n")]))
    assert (told.position, told.id) == (2, "a2")
    assert [each.id for each in await store.append(Append([say("post-a", 1, "a2")]))] == ["a2"]
    await store.append(Append([say("post-a", 2, "a3")]))
    assert len(await store.pick(Pick(ALARM))) == 1
    await store.close()
    with snapshot_of(postgres_address) as snapshot:
        assert verify(snapshot).facts == 3


class CutAfterCommit:
    """A connection that works, until its first commit has been done."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: Any, *values: Any, **more: Any) -> Any:
        self._committed = query == "COMMIT"
        return self._connection.execute(query, *values, **more)

    @contextmanager
    def pipeline(self) -> Iterator[Any]:
        self._committed = False
        with self._connection.pipeline() as pipeline:
            yield pipeline
        if self._committed:
            self._connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
