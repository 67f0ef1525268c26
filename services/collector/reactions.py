"""What the collector hears: a post was published, a poll is due, windows or weights are to be learned anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from events import (
    AccountChanged,
    Fact,
    MeasurementClosed,
    MeasurementFailed,
    Metrics,
    MetricsCollected,
    PostPublished,
    Told,
    draft,
    follow,
)
from events.channels import account_of, channel_of
from events.envelope import About
from events.subjects import account_stream, engagement_stream, measurement_stream, weights_stream
from services.channels.adapter import Adapter, Credential, Http
from services.channels.outcome import MeasureFailed, Measurement
from services.chassis.alarms import set_alarm
from services.chassis.budget import BudgetSpent
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction
from services.chassis.rows import READING, Pick, Put, Row, Write
from services.chassis.store import Append, Say, Store
from services.collector import engagement, measurement, weights
from services.collector.engagement import REMEMBERED
from services.collector.measurement import Measuring, next_step
from services.planning.zones import zone_called

ACTOR = "collector"
STILL_PUBLISHING: Final = timedelta(weeks=4)
"""Whoever has published nothing for so long has nothing new to learn from (our setting)."""
Ring = Callable[[dict[str, Any], Row], Awaitable[Append | None]]


def reactions(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    async def post_published(told: Told) -> Append | None:
        assert isinstance(told.fact, PostPublished)  # noqa: S101
        stream = measurement_stream(told.story)
        state, version = await store.fold(stream, measurement)
        facts = measurement.plan(state, published=told.fact)
        if not facts:
            return None
        after = measurement.evolve(state, facts[0])
        about = follow(told, actor=ACTOR, at=clock.now())
        rows = _next_alarm(told.story, after, at=None)
        return Append([Say(stream, version, draft(list(facts), about, new_id))], rows=rows)

    return {PostPublished: post_published}


def rings(
    store: Store,
    *,
    clock: Clock,
    new_id: Callable[[], str],
    adapters: Mapping[str, Adapter],
    http_for: Callable[[str], Http],
    open_credential: Callable[[str], Awaitable[Credential | None]],
) -> dict[str, Ring]:
    async def measure(ring: dict[str, Any], alarm: Row) -> Append | None:
        """One poll. A look at a channel changes nothing there, so it may be repeated after a lost race."""
        story = str(ring["story"])
        stream = measurement_stream(story)
        told = await store.read(stream)
        state = measurement.initial
        for each in told:
            state = measurement.evolve(state, each.fact)
        step = next_step(state)
        if state.planned is None or step is None:
            return None
        credential = await open_credential(state.planned.connection)
        answer = await _ask(state, credential)
        now = clock.now()
        version = credential.version if credential else None
        facts = measurement.heard(state, window=step.window, answer=answer, version=version, now=now)
        about = follow(told[-1], actor=ACTOR, at=now)
        return Append([Say(stream, len(told), draft(facts, about, new_id))], rows=_rows(story, state, facts, now))

    async def _ask(state: Measuring, credential: Credential | None) -> Measurement:
        if state.planned is None or credential is None:
            return MeasureFailed("disconnected", "the channel is disconnected; reconnect it")
        channel = channel_of(state.planned.connection)
        try:
            return await adapters[channel].measure(
                http_for(state.planned.connection), credential, state.planned.channel_post_id, now=clock.now()
            )
        except BudgetSpent as spent:
            return MeasureFailed("budget_spent", str(spent), until=spent.until)

    async def learn(ring: dict[str, Any], alarm: Row) -> Append | None:
        """S16: every 7 days, as long as the connection publishes; the next post measured begins it again."""
        connection, now = str(ring["connection"]), clock.now()
        account = account_of(connection)
        rows = await store.pick(
            Pick(READING, where={"connection": connection}, since={"published_at": now - REMEMBERED})
        )
        if not any(_published(row) > now - STILL_PUBLISHING for row in rows):
            return None
        zone = zone_of(await store.read(account_stream(account)))
        state, version = await store.fold(engagement_stream(connection), engagement)
        seen = [each for row in rows if (each := _seen(row)) is not None]
        facts = engagement.recalculate(state, connection=connection, zone=zone, seen=seen, now=now)
        about = About(story=connection, actor=ACTOR, happened_at=now, account=account, channel=channel_of(connection))
        says = [Say(engagement_stream(connection), version, draft(list(facts), about, new_id))] if facts else []
        return Append(says, rows=[_learn_again(connection, now)])

    async def weigh(ring: dict[str, Any], alarm: Row) -> Append | None:
        account = str(ring["account"])
        stream = weights_stream(account)
        state, version = await store.fold(stream, weights)
        posts = [_closed_post(row) for row in await store.pick(Pick(READING, where={"account": account}))]
        closed = [post for post in posts if post is not None]
        facts = weights.recalculate(state, account=account, posts=closed)
        if not facts:
            return None
        about = About(story=account, actor=ACTOR, happened_at=clock.now(), account=account)
        return Append([Say(stream, version, draft(list(facts), about, new_id))])

    return {"measure": measure, "learn": learn, "weigh": weigh}


def _rows(story: str, state: Measuring, facts: list[Fact], now: datetime) -> list[Write]:
    """The next alarm, the row that engagement and weights read, and the hour at which weights are due."""
    after, retry_at = state, None
    for fact in facts:
        after = measurement.evolve(after, fact)
        if isinstance(fact, MeasurementFailed):
            retry_at = fact.retry_at
    rows = _next_alarm(story, after, at=retry_at)
    if state.planned is not None and any(isinstance(fact, MetricsCollected | MeasurementClosed) for fact in facts):
        rows += [_reading(story, after), _learn_again(state.planned.connection, now)._replace(over=False)]
    if any(isinstance(fact, MeasurementClosed) for fact in facts):
        account = account_of(story)
        # S43: once per closed post, coalesced per hour: every post of the hour sets the same alarm.
        hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        rows.append(set_alarm("collector", f"weigh.{account}", hour, {"ring": "weigh", "account": account}))
    return rows


def _next_alarm(story: str, state: Measuring, *, at: datetime | None) -> list[Write]:
    step = next_step(state)
    if step is None:
        return []
    return [set_alarm("collector", f"measure.{story}", at or step.at, {"ring": "measure", "story": story})]


def _reading(story: str, state: Measuring) -> Put:
    planned = state.planned
    assert planned is not None  # noqa: S101
    body = {
        "bucket": planned.bucket,
        "channel": channel_of(planned.connection),
        "closed": state.closed,
        "metrics": state.metrics.model_dump() if state.metrics else None,
        "days": state.days_measured,
    }
    return Put(
        READING,
        {
            "story": story,
            "connection": planned.connection,
            "account": account_of(story),
            "published_at": planned.published_at,
            "body": orjson.dumps(body).decode(),
        },
    )


def _learn_again(connection: str, now: datetime) -> Put:
    ring = {"ring": "learn", "connection": connection}
    return set_alarm("collector", f"learn.{connection}", now + engagement.EVERY, ring)


def zone_of(told: Sequence[Told]) -> ZoneInfo:
    """The account's own zone, as it is now (S19)."""
    zones = [each.fact.document.zone for each in told if isinstance(each.fact, AccountChanged)]
    return zone_called(zones[-1] if zones else "UTC")


def _published(row: Row) -> datetime:
    at = row["published_at"]
    assert isinstance(at, datetime)  # noqa: S101 - the table
    return at


def _seen(row: Row) -> engagement.Seen | None:
    """What an hour has brought says little yet: a day at least."""
    body = orjson.loads(str(row["body"]))
    if body["metrics"] is None or not body.get("days"):
        return None
    return engagement.Seen(_published(row), body["bucket"], Metrics(**body["metrics"]))


def _closed_post(row: Row) -> weights.ClosedPost | None:
    body = orjson.loads(str(row["body"]))
    if not body["closed"] or body["metrics"] is None or body["bucket"] is None:
        return None
    return weights.ClosedPost(str(row["story"]), body["channel"], body["bucket"], Metrics(**body["metrics"]))
