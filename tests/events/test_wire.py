"""A fact as the world outside reads it: a CloudEvent, just as the published contract says (S45)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest

from events import ChannelConnected, Fact, PostDue, Told
from events.envelope import EVERY_FACT, About, Said
from events.production import Content
from events.upcasts import class_and_shape, read
from events.wire import Place, cloud_event, event, on_the_wire, place_of
from services.catalogue import ENVELOPE

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
SAMPLES = sorted((Path(__file__).parent / "golden").glob("*.json"))
DUE = PostDue(round=1, connection="acme.x", content=Content(text="Grüße, 世界"), content_hash="h", slot_at=NINE)
ABOUT = About(story="acme.one", actor="scheduler", happened_at=NINE, cause="fact-1", account="acme", channel="x")


def told(fact: Fact = DUE, about: About = ABOUT, *, stream: str = "post-acme.one") -> Told:
    return Told(stream, 4, 2**40, fact, Said("fact-2", about, NINE + timedelta(microseconds=7)))


TOLD = told()


def test_a_fact_is_a_cloud_event_with_its_place_in_the_log():
    event = orjson.loads(on_the_wire(TOLD))
    assert event.pop("data") == orjson.loads(DUE.model_dump_json())
    assert event == {
        "specversion": "1.0",
        "id": "fact-2",
        "source": "/distribution/scheduler",
        "type": "scheduler.post_due",
        "subject": "acme.one",
        "time": "2026-11-24T09:00:00Z",
        "recordedat": "2026-11-24T09:00:00.000007Z",
        "datacontenttype": "application/json",
        "position": str(2**40),
        "stream": "post-acme.one",
        "streamversion": "4",
        "story": "acme.one",
        "cause": "fact-1",
        "actor": "scheduler",
        "account": "acme",
        "channel": "x",
        "shape": "1",
    }


def test_every_attribute_stands_in_the_contract_and_every_one_of_the_contract_is_said():
    about = {"id": "f", "story": "", "cause": None, "actor": "a", "account": None, "channel": None}
    about |= {"happened_at": NINE, "recorded_at": NINE}
    large = event(about, Place("post-a", 1, 1, "scheduler.post_due", 1), None)
    assert set(cloud_event(TOLD)) - {"data"} | set(orjson.loads(large)) == set(ENVELOPE)


def test_what_has_nothing_to_say_is_left_out():
    bare = told(about=About(story="acme.one", actor="scheduler", happened_at=NINE))
    assert set(cloud_event(TOLD)) - set(cloud_event(bare)) == {"cause", "account", "channel"}


def test_without_a_story_the_subject_is_the_connection_or_the_account():
    connected = ChannelConnected(connection="acme.x", credential_version=1, member="m")
    of_house = told(connected, ABOUT._replace(story=""), stream="connection-acme.x")
    assert cloud_event(of_house)["subject"] == "acme.x"
    assert "story" not in cloud_event(of_house)


def test_a_time_is_told_in_utc():
    berlin = ABOUT._replace(happened_at=NINE.astimezone(timezone(timedelta(hours=1))))
    assert cloud_event(told(about=berlin))["time"] == "2026-11-24T09:00:00Z"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_every_fact_goes_out_as_it_is_written(sample):
    fact = read(sample.stem, orjson.loads(sample.read_bytes()))
    event = cloud_event(told(fact))
    assert event["data"] == orjson.loads(fact.model_dump_json())
    assert EVERY_FACT[event["type"]] is class_and_shape(sample.stem)[0]
    assert event["source"] == "/distribution/" + event["type"].split(".")[0]


def test_an_event_tells_where_it_claims_to_stand():
    assert place_of(on_the_wire(TOLD)) == (2**40, "fact-2")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b'{"position":"x","id":"a"}', b'{"position":null}'])
def test_what_is_no_event_of_ours_claims_nothing(body):
    assert place_of(body) is None
