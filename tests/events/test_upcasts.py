"""Every shape ever written stays readable, and an unknown one stops its reader by name (I9)."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from events.envelope import EVERY_FACT
from events.upcasts import STEPS, UnknownShape, read

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted(GOLDEN.glob("*.json"))


def test_every_shape_of_every_fact_has_a_sample_that_is_never_rewritten():
    wanted = {f"{fact.type}.v{shape}" for fact in EVERY_FACT.values() for shape in range(1, fact.shape + 1)}
    assert {sample.stem for sample in SAMPLES} == wanted


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_reads_in_todays_shape_and_todays_shape_is_written_as_it_was(sample):
    data = orjson.loads(sample.read_bytes())
    fact = read(sample.stem, data)
    if sample.stem == type(fact).topic():
        assert orjson.loads(fact.model_dump_json()) == data


def test_an_older_shape_is_taken_over_step_by_step(monkeypatch):
    """A shape 2 of a fact: what was called `reason` is called `why`."""
    fact = EVERY_FACT["scheduler.post_cancelled"]
    monkeypatch.setattr(fact, "shape", 2)
    monkeypatch.setitem(STEPS, ("scheduler.post_cancelled", 1), lambda data: {"reason": data["old_reason"]})
    assert read("scheduler.post_cancelled.v1", {"old_reason": "asked"}) == fact(reason="asked")
    assert read("scheduler.post_cancelled.v2", {"reason": "asked"}) == fact(reason="asked")


@pytest.mark.parametrize(
    "topic", ["scheduler.post_vanished.v1", "scheduler.post_due.v99", "scheduler.post_due.v0", "post_due", ""]
)
def test_a_shape_of_another_release_is_named_and_never_skipped(topic):
    with pytest.raises(UnknownShape, match="no fact is called"):
        read(topic, {})
