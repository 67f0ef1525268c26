"""A log of a million facts on disk: the lives of 83 thousand posts, each fact encoded as the store encodes it."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from events import (
    About,
    AttemptStarted,
    Content,
    DiscoveryWeightsRecalculated,
    Draft,
    Fact,
    MeasurementClosed,
    MeasurementPlanned,
    Metrics,
    MetricsCollected,
    PostDue,
    PostPublished,
    PostScheduled,
    PostTakenIn,
    Slot,
    SlotTaken,
    Why,
)
from services.chassis import codec
from services.chassis.recorder_sqlite import SqliteRecorder, Stored

POSTS, FACTS_EACH, ACCOUNTS, AT_ONCE = 83_334, 12, 50, 500
AT = datetime(2026, 11, 24, 9, 0, 0, 250_000, tzinfo=UTC)
ACCOUNT, POST, ID, CAUSE = "account-00", "spring-0000000", "f" * 32, "c" * 32
STORY, CONNECTION = f"{ACCOUNT}.{POST}", f"{ACCOUNT}.linkedin"


def one_life() -> list[tuple[str, Fact]]:
    """What is said of one post, from Production's message to the new weights: the stream's kind, and the fact."""
    content = Content(text="How Acme halved its returns: what changed, and in which order.",
                      link="https://acme.example/stories/42")  # fmt: skip
    slot = Slot(at=AT, local="2026-11-24T10:00", zone="Europe/Berlin")
    of_post = {"connection": CONNECTION, "bucket": "stories", "campaign": "spring"}
    approved, marked = {"content_hash": "h" * 64}, {"content_hash": "h" * 64, "marker": "d0123456789abcde"}
    counted = Metrics(impressions=1200, likes=40, comments=3, shares=5, clicks=17)
    taken = SlotTaken(connection=CONNECTION, day=AT.date(), post=POST, at=AT, local=slot.local)
    started = AttemptStarted(round=1, attempt=1, epoch=1, connection=CONNECTION, deadline=AT, look_at=AT, tier="B",
                             credential_version=1, **marked)  # fmt: skip
    published = PostPublished(round=1, attempt=1, tries=1, channel_post_id="urn:li:share:7000000000000000001",
                              published_at=AT, url="https://www.linkedin.com/feed/update/urn:li:share:7000000000000",
                              **of_post, **marked)  # fmt: skip
    return [
        ("post", PostTakenIn(post=POST, content=content, **of_post, **approved)),
        ("posting_day", taken),
        ("post", PostScheduled(connection=CONNECTION, slot=slot, why=Why(mode="best_practice", window="Tue 10-12"))),
        ("post", PostDue(round=1, content=content, slot_at=AT, **of_post, **approved)),
        ("delivery", started),
        ("delivery", published),
        ("measurement", MeasurementPlanned(channel_post_id=published.channel_post_id, published_at=AT, **of_post)),
        ("measurement", MetricsCollected(window="1h", metrics=counted)),
        ("measurement", MetricsCollected(window="24h", metrics=counted)),
        ("measurement", MetricsCollected(window="7d", metrics=counted)),
        ("measurement", MeasurementClosed(metrics=counted, **of_post)),
        ("weights", DiscoveryWeightsRecalculated(account=ACCOUNT, weights={"stories": 1.0}, inputs={"posts": 100})),
    ]


STREAMS = {
    "post": STORY, "delivery": STORY, "measurement": STORY, "posting_day": f"{CONNECTION}-{AT.date()}",
    "weights": ACCOUNT,
}  # fmt: skip


def _lines(posts: int) -> Iterator[Stored]:
    """Five hundred posts live at a time. What is encoded once becomes every post's by its names."""
    about = About(STORY, "scheduler", AT, CAUSE, ACCOUNT, "linkedin")
    stamp = codec.stamp(AT)
    facts = [
        (f"{kind}-{STREAMS[kind]}", fact.topic(), codec.splice(stamp, codec.encode(Draft(ID, fact, about))))
        for kind, fact in one_life()
    ]
    versions: Counter[str] = Counter()
    ids = itertools.count()
    for first in range(0, posts, AT_ONCE):
        for stream, topic, state in facts:
            for number in range(first, min(first + AT_ONCE, posts)):
                account, post = f"account-{number % ACCOUNTS:02}", f"spring-{number:07}"
                name = stream.replace(ACCOUNT, account).replace(POST, post)
                versions[name] += 1
                own = state.replace(ACCOUNT.encode(), account.encode()).replace(POST.encode(), post.encode())
                yield name, versions[name], topic, own.replace(ID.encode(), f"{next(ids):032x}".encode())


def write_log(path: Path, posts: int = POSTS) -> None:
    """As the store would have left it."""
    recorder = SqliteRecorder(path)
    recorder.prepare()
    with sqlite3.connect(path) as db:
        db.executemany(recorder.insert_events_statement, _lines(posts))
    recorder.close()
