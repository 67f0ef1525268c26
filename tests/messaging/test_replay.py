"""Facts of the log once more: by position, time, account and type; onto a subject or a file, and nowhere else (S47)."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from itertools import chain

import orjson
import pytest
from nats.errors import ConnectionClosedError

from events import Draft, PostCancelled, PostEdited, RateLimited
from events.envelope import About
from events.production import Content
from events.subjects import DISTRIBUTION, REPLAY
from events.wire import cloud_event, on_the_wire
from services.chassis.replay import Nowhere, OnSubject, Replayed, ReplayStopped, ReplayWrong, page_of, replay
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore
from tests.servers_nats import everything, ready

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMITED = RateLimited(round=1, attempt=1, connection="acme.x", until=NINE, code="429", told=True)
SAID = (LIMITED, PostCancelled(), PostEdited(content=Content(text="t"), content_hash="h"))


class Kept:
    """Keeps what it is offered."""

    def __init__(self) -> None:
        self.told: list = []

    async def offer(self, told) -> None:
        self.told += told

    @property
    def positions(self) -> list[int]:
        return [each.position for each in self.told]


class Looked(MemoryStore):
    """A log that is only ever looked at: whatever else is asked of it is kept in `asked`."""

    watching = False

    def __getattribute__(self, name: str):
        if name in {"append", "claim"} and object.__getattribute__(self, "watching"):
            raise AssertionError(f"a replay asked for {name}")
        return object.__getattribute__(self, name)


@pytest.fixture
async def store():
    """Twelve facts of two accounts, three of a kind, one a minute."""
    clock = iter(itertools.count())
    made = Looked(lambda: NINE + next(clock) * MINUTE)
    for number in range(12):
        account = ("acme", "globex")[number % 2]
        about = About(story=f"{account}.p", actor="a", happened_at=NINE, account=account, channel="x")
        draft = Draft(f"fact-{number + 1}", SAID[number % 3], about)
        await made.append(Append([Say(f"post-{account}.{number}", 0, [draft])]))
    made.watching = True
    return made


async def offered(store, **choice) -> list[int]:
    kept = Kept()
    done = await replay(store, kept, **choice)
    assert done.offered == len(kept.told)
    return kept.positions


async def test_all_of_it_in_order(store):
    assert await offered(store) == list(range(1, 13))


@pytest.mark.parametrize(("choice", "positions"), [
    ({"since": 5}, range(5, 13)),
    ({"until": 4}, range(1, 5)),
    ({"since": 5, "until": 5}, [5]),
    ({"since": 13}, []),
    ({"until": 99}, range(1, 13)),
    ({"account": "globex"}, range(2, 13, 2)),
    ({"account": "nobody"}, []),
    ({"type": "scheduler.post_cancelled"}, range(2, 13, 3)),
    ({"type": "publisher"}, range(1, 13, 3)),
    ({"account": "acme", "type": "scheduler.post_edited", "since": 4}, [9]),
    ({"after": NINE + 3 * MINUTE}, range(4, 13)),
    ({"after": NINE + 3 * MINUTE - timedelta(seconds=1)}, range(4, 13)),
    ({"before": NINE + 3 * MINUTE}, range(1, 4)),
    ({"after": NINE + 3 * MINUTE, "before": NINE + 5 * MINUTE}, [4, 5]),
    ({"after": NINE - MINUTE, "before": NINE + 99 * MINUTE}, range(1, 13)),
    ({"after": NINE + 99 * MINUTE}, []),
    ({"before": NINE}, []),
    ({"after": NINE + 3 * MINUTE, "since": 8}, range(8, 13)),
])  # fmt: skip
async def test_by_position_time_account_and_type(store, choice, positions):
    assert await offered(store, **choice) == list(positions)


async def test_an_empty_log_has_nothing_to_replay():
    assert await offered(MemoryStore(lambda: NINE), after=NINE) == []


async def test_a_dry_run_counts_and_says_how_far_it_is(store, monkeypatch):
    monkeypatch.setattr("services.chassis.replay.PAGE", 5)
    steps: list[Replayed] = []
    done = await replay(store, Nowhere(), account="acme", progress=steps.append)
    assert done == Replayed(since=1, until=12, last=12, read=12, offered=6)
    assert [(step.last, step.offered) for step in steps] == [(5, 3), (10, 5), (12, 6)]


async def test_what_is_said_meanwhile_is_not_replayed(store):
    store.watching = False

    class Talking(Kept):
        async def offer(self, told) -> None:
            await super().offer(told)
            about = About(story="acme.new", actor="a", happened_at=NINE)
            await store.append(Append([Say("post-acme.new", 0, [Draft("new", PostCancelled(), about)])]))

    talking = Talking()
    await replay(store, talking)
    assert talking.positions == list(range(1, 13))


async def test_onto_a_subject_of_its_own_and_nowhere_else(store, client):
    await ready(client)
    done = await replay(store, OnSubject(client, "look-again"), account="acme")
    js = client.jetstream()
    assert await everything(client, REPLAY) == [cloud_event(each) for each in await store.tail(0) if each.position % 2]
    assert done.offered == 6
    subjects = (await js.stream_info(REPLAY, subjects_filter=">")).state.subjects
    assert subjects == {
        "replay.look-again.publisher.rate_limited.x": 2,
        "replay.look-again.scheduler.post_cancelled.x": 2,
        "replay.look-again.scheduler.post_edited.x": 2,
    }
    assert (await js.stream_info(DISTRIBUTION)).state.messages == 0


async def pages(store, **choice):
    """Every page, and the positions in it."""
    since: int | None = 1
    while since is not None:
        told, since = await page_of(store, since=since, **choice)
        yield [each.position for each in told]


@pytest.mark.parametrize("limit", [1, 4, 12, 1000])
async def test_for_a_file_the_same_facts_come_page_by_page(store, limit):
    found = [page async for page in pages(store, limit=limit)]
    assert list(chain(*found)) == list(range(1, 13))
    assert all(found)
    assert max(map(len, found)) == min(limit, 12)
    odd = [page async for page in pages(store, limit=limit, account="acme", until=9)]
    assert list(chain(*odd)) == [1, 3, 5, 7, 9]


async def test_a_page_is_empty_where_so_much_was_looked_through_in_vain(store, monkeypatch):
    monkeypatch.setattr("services.chassis.replay.PAGE", 2)
    monkeypatch.setattr("services.chassis.replay.PAGES_AT_ONCE", 2)
    assert [page async for page in pages(store, limit=5, account="nobody")] == [[], [], []]


async def test_a_hundred_replays_change_nothing(store, tmp_path):
    before = [orjson.loads(on_the_wire(told)) for told in await store.tail(0)]
    for _ in range(100):
        await replay(store, Nowhere())
    assert [orjson.loads(on_the_wire(told)) for told in await store.tail(0)] == before


async def test_one_that_stops_in_the_middle_says_where_to_go_on(store, monkeypatch):
    monkeypatch.setattr("services.chassis.replay.PAGE", 5)

    class Breaking(Kept):
        async def offer(self, told) -> None:
            if self.told:
                raise ConnectionClosedError
            await super().offer(told)

    breaking = Breaking()
    with pytest.raises(ReplayStopped, match="after position 5, ask again from 6"):
        await replay(store, breaking)


@pytest.mark.parametrize(("choice", "said"), [
    ({"since": 0}, "from: the first position is 1"),
    ({"since": 5, "until": 4}, "until: 4 lies before from"),
    ({"after": datetime(2026, 11, 24)}, "after: .* names no zone"),  # noqa: DTZ001
    ({"before": datetime(2026, 11, 24)}, "before: .* names no zone"),  # noqa: DTZ001
    ({"after": NINE, "before": NINE}, "before: it does not lie after"),
    ({"type": "publisher.post_vanished"}, "type: no fact is called publisher.post_vanished.*CATALOGUE"),
])  # fmt: skip
async def test_what_cannot_be_asked_is_said_with_its_mend(store, choice, said):
    with pytest.raises(ReplayWrong, match=said):
        await replay(store, Nowhere(), **choice)


@pytest.mark.parametrize("name", ["", "A", "a.b", "a b", "x" * 65, "a>", "a*", "a\r\nPUB x"])
def test_a_name_that_would_be_more_than_a_part_of_a_subject_is_refused(name):
    with pytest.raises(ReplayWrong, match="id: "):
        OnSubject(None, name)  # type: ignore[arg-type]
