"""What the writer of a log keeps at hand is what stands in the log, and no more than there is room for (D4)."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from events import About, PostCancelled, Told
from events.envelope import Said
from services.chassis import kept
from services.chassis.kept import Kept

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    monkeypatch.setattr(kept, "RECENT_MAX", 10)
    monkeypatch.setattr(kept, "STREAMS_MAX", 30)


class Log:
    """A log beside it, whole."""

    def __init__(self, before: int = 0) -> None:
        self.told: list[Told] = []
        for _ in range(before):
            self.say("post-before")

    def say(self, *streams: str) -> list[Told]:
        said = []
        for stream in streams:
            version = 1 + sum(told.stream == stream for told in self.told)
            about = About(story="s", actor="tester", happened_at=NINE)
            position = len(self.told) + 1
            self.told.append(Told(stream, version, position, PostCancelled(), Said(f"f{position}", about, NINE)))
            said.append(self.told[-1])
        return said

    def stream(self, name: str) -> list[Told]:
        return [told for told in self.told if told.stream == name]


def test_what_was_written_is_at_hand():
    log, kept = Log(), Kept(0)
    kept.written(log.say("post-a", "post-b", "post-a"))
    assert kept.position == 3
    assert kept.tail(0, 10) == log.told
    assert kept.tail(1, 1) == log.told[1:2]
    assert kept.tail(3, 10) == []
    assert kept.stream("post-a") == log.stream("post-a")


def test_what_stood_there_before_has_to_be_read():
    log = Log(before=5)
    kept = Kept(5)
    assert kept.tail(4, 10) is None
    assert kept.tail(5, 10) == []
    kept.written(log.say("post-before", "post-a"))
    assert kept.tail(5, 10) == log.told[5:]
    assert kept.stream("post-before") is None
    assert kept.stream("post-a") == log.stream("post-a")


def test_a_stream_that_was_read_grows_with_what_is_written():
    log = Log(before=2)
    kept = Kept(2)
    kept.read("post-before", log.stream("post-before"))
    kept.read("post-none", [])
    kept.written(log.say("post-before", "post-none"))
    assert kept.stream("post-before") == log.stream("post-before")
    assert kept.stream("post-none") == log.stream("post-none")


def test_a_stream_read_from_the_file_before_its_last_facts_were_told_has_them_once():
    log = Log(before=1)
    kept = Kept(1)
    late = log.say("post-before")
    kept.read("post-before", log.stream("post-before"))
    kept.written(late)
    assert kept.stream("post-before") == log.stream("post-before")


def test_a_repeated_append_changes_nothing():
    log, kept = Log(), Kept(0)
    first = log.say("post-a")
    kept.written(first)
    kept.written(log.say("post-b"))
    kept.written(first)
    assert kept.tail(0, 10) == log.told
    assert kept.stream("post-a") == first


def test_what_was_given_away_does_not_grow():
    log, kept = Log(), Kept(0)
    kept.written(log.say("post-a"))
    given = kept.stream("post-a")
    kept.written(log.say("post-a"))
    assert given == log.told[:1]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_at_hand_is_what_the_log_says(seed):
    chance = random.Random(seed)
    log = Log(before=chance.randrange(5))
    kept = Kept(len(log.told))
    names = [f"post-{number}" for number in range(12)]
    for _ in range(300):
        name = chance.choice(names)
        match chance.randrange(6):
            case 0 | 1 | 2:
                kept.written(log.say(*chance.choices(names, k=chance.randrange(1, 4))))
            case 3:
                if kept.stream(name) is None:
                    kept.read(name, log.stream(name))
            case 4:
                kept.forget(name)
            case 5 if chance.random() < 0.1:
                kept.clear()
        after, limit = chance.randrange(len(log.told) + 1), chance.randrange(1, 20)
        assert kept.position == len(log.told)
        assert kept.tail(after, limit) in (None, log.told[after : after + limit])
        assert kept.stream(name) in (None, log.stream(name))
        assert len(kept._recent) <= 2 * 10 + 3
        assert sum(1 + len(told) for told in kept._streams.values()) == 30 - kept._room <= 30
    assert kept.tail(len(log.told) - 10, 10) is not None
