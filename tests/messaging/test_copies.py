"""A line of the log goes out just as the fact itself would, without being looked into."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from events import Fact, PostCancelled, PostEdited, Told
from events.envelope import EVERY_FACT, About, Said
from events.production import Content
from events.subjects import subject_of
from events.upcasts import STEPS, UnknownShape, read
from events.wire import cloud_event, on_the_wire
from services.chassis.codec import Line, line_of
from services.chassis.copies import copy_of

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
ABOUT = About(story="acme.one", actor="scheduler", happened_at=NINE, cause="fact-1", account="acme", channel="x")


def a_fact(fact: Fact, about: About = ABOUT, *, id: str = "fact-2") -> Told:
    return Told("post-acme.one", 4, 2**40, fact, Said(id, about, NINE))


TOLD = a_fact(PostCancelled())
GOLDEN = Path(__file__).parent.parent / "events" / "golden"
LARGE = 1_000_000


def written_as(name: str):
    return read(name, orjson.loads((GOLDEN / f"{name}.json").read_bytes()))


@pytest.mark.parametrize("name", [f"{fact.type}.v{fact.shape}" for fact in EVERY_FACT.values()])
def test_a_copy_is_the_fact_on_the_wire(name):
    told = a_fact(written_as(name))
    copy = copy_of(line_of(told), bytes_max=LARGE)
    assert orjson.loads(copy.body) == cloud_event(told)
    assert (copy.id, copy.type, copy.subject) == (told.id, told.fact.type, subject_of(told))


@pytest.mark.parametrize("about", [
    About(story="", actor="a", happened_at=NINE),
    About(story="acme.one", actor="a", happened_at=NINE.replace(microsecond=7)),
])  # fmt: skip
def test_whatever_was_said_about_it(about):
    told = a_fact(PostCancelled(), about)
    assert orjson.loads(copy_of(line_of(told), bytes_max=LARGE).body) == cloud_event(told)


@pytest.mark.parametrize(
    "text", ['"', "\\", ',"fact":', '","fact":{', '\\",\\"fact\\":', "}}", "Grüße, 世界 🎈", "\x00\x1f"]
)
def test_no_text_can_be_mistaken_for_where_the_fact_begins(text):
    about = ABOUT._replace(story=text, actor=text, cause=text)
    told = a_fact(PostEdited(content=Content(text=text), content_hash=text), about, id=text)
    assert orjson.loads(copy_of(line_of(told), bytes_max=LARGE).body) == cloud_event(told)


def test_an_older_shape_goes_out_in_todays(monkeypatch):
    fact = EVERY_FACT["scheduler.post_cancelled"]
    monkeypatch.setattr(fact, "shape", 2)
    monkeypatch.setitem(STEPS, ("scheduler.post_cancelled", 1), lambda data: {"reason": data["old_reason"]})
    written = line_of(a_fact(PostCancelled(reason="late")))
    older = written._replace(
        topic="scheduler.post_cancelled.v1", state=written.state.replace(b'"reason"', b'"old_reason"')
    )
    event = orjson.loads(copy_of(older, bytes_max=LARGE).body)
    assert (event["shape"], event["data"]) == ("2", {"reason": "late"})


def test_a_shape_of_tomorrow_stops_whoever_copies():
    line = line_of(TOLD)
    with pytest.raises(UnknownShape):
        copy_of(
            Line(line.stream, line.version, line.position, "scheduler.post_vanished.v1", line.state), bytes_max=LARGE
        )


def test_one_too_large_goes_without_its_data_and_says_so():
    told = a_fact(PostEdited(content=Content(text="x" * 1000), content_hash="h"))
    event = orjson.loads(copy_of(line_of(told), bytes_max=len(on_the_wire(told)) - 1).body)
    assert event.pop("datatoolarge") == "true"
    assert event == {name: value for name, value in cloud_event(told).items() if name != "data"}
    assert "data" in orjson.loads(copy_of(line_of(told), bytes_max=len(on_the_wire(told))).body)
