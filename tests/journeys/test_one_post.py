"""Start reading here: the life of one post, from PostApproved to the new weights, in the order of the files it meets.

The house is seen from outside, by the doors that Production, a person and a dashboard have. Read a chapter, then open
the files it names: each service is entered once and left once.
"""

from __future__ import annotations

import re

from tests.journeys.doors import approved, until
from tests.journeys.places import after

STORY = "acme.spring-042"
PLANNED = ["post_taken_in", "post_scheduled", "slot_taken"]
PUBLISHED = [*PLANNED, "post_due", "attempt_started", "post_published", "measurement_planned"]
MEASURED = [*PUBLISHED, "metrics_collected", "metrics_collected", "metrics_collected", "measurement_closed"]


async def test_one_post_from_its_approval_to_the_new_weights(place):
    """Monday in Berlin. One story, one live object with its marker, three measurements, and the loop is closed."""
    doors = place.doors
    await doors.opened("acme", "linkedin", zone="Europe/Berlin")

    # Half past eight. Production says PostApproved on NATS. scheduler/edge.py fetches it, intake.py checks it at the
    # door and plans it in the same append: planning/windows.py says which times suit LinkedIn, posting_day.py takes
    # the first one that is free, post.py says PostScheduled, and an alarm is set (chassis/alarms.py).
    await doors.approve(approved("spring-042", text="How Acme grew.", link="https://acme.example/stories/42"))
    post = await doors.in_status(STORY, "scheduled")
    assert (post["slot"]["local"], post["slot"]["zone"]) == ("2026-11-23T10:00", "Europe/Berlin")
    assert post["scheduled_at"] == "2026-11-23T09:00:00Z"
    why = await doors.get(f"/v1/posts/{STORY}/why")
    assert (why["mode"], why["window"]) == ("best_practice", "10:00-12:00")
    await tells(doors, PLANNED)

    # Ten o'clock. The alarm rings: scheduler/post.py says PostDue. The publisher makes the post ready, lanes.py gives
    # it a free lane, delivery.py says AttemptStarted, utm.py dresses the link, channels/linkedin.py makes the one
    # visible call, and what it answers is PostPublished.
    await place.until(after(post["scheduled_at"]))
    post = await doors.in_status(STORY, "published")
    await tells(doors, PUBLISHED)
    (live,) = await doors.standing("linkedin")
    assert (live["id"], live["text"]) == (post["channel_post_id"], "How Acme grew.")
    assert re.fullmatch(r"https://acme\.example/stories/42\?utm_source=linkedin&utm_medium=social&utm_campaign=spring"
                        r"&utm_content=d[0-9a-f]{15}", live["link"])  # fmt: skip

    # collector/measurement.py has planned three looks, and channels/linkedin.py answers each: an hour later, a day
    # later, and when the seven days are over. What LinkedIn does not offer is null, never 0.
    for hours, so_far in ((1, MEASURED[:-3]), (24, MEASURED[:-2]), (24 * 7, MEASURED)):
        await place.until(after(post["published_at"], hours=hours))
        await tells(doors, so_far)
    metrics = await doors.get(f"/v1/posts/{STORY}/metrics")
    assert metrics["closed"]
    assert set(metrics["windows"]) == {"1h", "24h", "7d"}
    assert metrics["metrics"]["reach"] > 0
    assert metrics["metrics"]["saves"] is None

    # Within the hour collector/weights.py turns the closed measurement into new weights, and Discovery hears them.
    await place.until(after(post["published_at"], hours=24 * 7 + 1))
    (weighed,) = await until(lambda: heard_by_discovery(doors), what="Discovery has heard of new weights")
    assert weighed["data"]["weights"] == {"news": 1.0}
    assert (await doors.get("/v1/accounts/acme/weights"))["weights"] == {"news": 1.0}

    # Meanwhile the gateway has folded every fact into its views (gateway/views/), which is where all of the above was
    # read, and chassis/relay.py has offered every fact to NATS, in the order of the log.
    feed = await doors.feed()
    assert [int(event["position"]) for event in feed] == list(range(1, len(feed) + 1))
    assert [name_of(event) for event in feed if event.get("story") == STORY] == MEASURED


async def tells(doors, facts):
    """The story tells just these facts, in this order, and each follows the one that caused it."""

    async def said():
        return await doors.said(STORY) == facts

    await until(said, what=f"{STORY} tells {facts[-1]}")
    timeline = await doors.timeline(STORY)
    ids = ["event-acme.spring-042", *(fact["id"] for fact in timeline)]
    assert all(fact["cause"] in ids[: number + 1] for number, fact in enumerate(timeline))


async def heard_by_discovery(doors):
    return await doors.feed("distribution.collector.discovery_weights_recalculated.any")


def name_of(event):
    return event["type"].split(".")[1]
