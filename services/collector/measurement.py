"""One published post: due at 1 hour, 24 hours and 7 days, then closed.

planned -> measured at 1h -> 24h -> 7d -> closed
             |---> again after 15 minutes, doubling, until 48 h after its time; then that window stays empty
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from events import (
    Fact,
    MeasurementClosed,
    MeasurementFailed,
    MeasurementPlanned,
    Metrics,
    MetricsCollected,
    PostPublished,
)
from events.collector import Window
from services.channels.outcome import Measured, MeasureFailed, Measurement

WINDOWS: Final[dict[Window, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
"""S42: when a published post is measured, counted from its publishing."""
GIVE_UP_AFTER: Final = timedelta(hours=48)
"""S42: a failed poll is retried until 48 h after its time."""
FIRST_WAIT: Final = timedelta(minutes=15)
LONGEST_WAIT: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Measuring:
    """`done` are the windows that need no more polls, `measured` those that brought something; `fails` counts the
    failed polls of the window at hand."""

    planned: MeasurementPlanned | None = None
    done: tuple[Window, ...] = ()
    fails: int = 0
    measured: tuple[Window, ...] = ()
    metrics: Metrics | None = None
    closed: bool = False

    @property
    def days_measured(self) -> int:
        """How old in whole days the post was when its metrics came back; 0 within the first."""
        return max((WINDOWS[window].days for window in self.measured), default=0)


initial = Measuring()


def evolve(state: Measuring, fact: Fact) -> Measuring:
    match fact:
        case MeasurementPlanned():
            return replace(state, planned=fact)
        case MetricsCollected(window=window, metrics=metrics):
            return replace(
                state, done=(*state.done, window), measured=(*state.measured, window), metrics=metrics, fails=0
            )
        case MeasurementFailed(window=window, retry_at=None):
            return replace(state, done=(*state.done, window), fails=0)
        case MeasurementFailed():
            return replace(state, fails=state.fails + 1)
        case MeasurementClosed():
            return replace(state, closed=True)
        case _:
            raise TypeError(f"a measurement never hears {type(fact).__name__}")


@dataclass(frozen=True, slots=True)
class Poll:
    """The next thing to do: ask the channel for this window, not before `at`."""

    window: Window
    at: datetime


def next_step(state: Measuring) -> Poll | None:
    """The next poll by the plan alone; retries are named by the fact that failed. None once all is done."""
    if state.planned is None or state.closed:
        return None
    for window, after in WINDOWS.items():
        if window not in state.done:
            return Poll(window, state.planned.published_at + after)
    return None


def plan(state: Measuring, *, published: PostPublished) -> Sequence[Fact]:
    """A published post is registered once, however often its publishing is heard (S42)."""
    if state.planned is not None:
        return ()
    return (
        MeasurementPlanned(
            connection=published.connection,
            channel_post_id=published.channel_post_id,
            bucket=published.bucket,
            campaign=published.campaign,
            published_at=published.published_at,
        ),
    )


def heard(state: Measuring, *, window: Window, answer: Measurement, version: int | None, now: datetime) -> list[Fact]:
    """What the channel's answer means; the third window's end closes the measurement. Silent when already known."""
    step = next_step(state)
    if state.planned is None or step is None or step.window != window:
        return []
    facts: list[Fact]
    match answer:
        case Measured(metrics):
            facts = [MetricsCollected(window=window, metrics=metrics)]
        case MeasureFailed():
            facts = [_failed(state, step, answer, version, now)]
    after = evolve(state, facts[0])
    if next_step(after) is None:
        facts.append(_closed(state.planned, after.metrics))
    return facts


def _failed(state: Measuring, step: Poll, answer: MeasureFailed, version: int | None, now: datetime) -> Fact:
    wait = min(FIRST_WAIT * 2**state.fails, LONGEST_WAIT)
    retry_at = max(now + wait, answer.until or now)
    return MeasurementFailed(
        window=step.window,
        reason=f"{answer.code}: {answer.detail}" if answer.detail else answer.code,
        credential_version=version if answer.auth else None,
        credential_refused=answer.auth,
        retry_at=retry_at if retry_at <= step.at + GIVE_UP_AFTER else None,
    )


def _closed(planned: MeasurementPlanned, metrics: Metrics | None) -> MeasurementClosed:
    return MeasurementClosed(
        connection=planned.connection, bucket=planned.bucket, campaign=planned.campaign, metrics=metrics
    )
