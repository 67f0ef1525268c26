"""Which rows follow from what was said of one delivery: its alarms, its places in tables, its line's hold (D5, D8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    LookedUp,
    OutcomeUnknown,
    PostFailed,
    PostPublished,
    RateLimited,
)
from services.chassis.alarms import clear_alarm, set_alarm
from services.chassis.rows import LOOKING, Drop, Put, Write
from services.publisher.live import live_row
from services.publisher.turns import hold, leave

SERVICE = "publisher"


def consequences(story: str, facts: Sequence[Fact]) -> list[Write]:
    """In the order of the facts; where two touch one alarm, the later one stands."""
    rows: list[Write] = []
    for fact in facts:
        match fact:
            case AttemptStarted():
                # Should this lane never come back, the alarm looks the attempt up once it has settled (D9, I12).
                rows += [leave(story), clear_alarm(SERVICE, f"retry-{story}"), look_alarm(story, fact.look_at)]
            case AttemptUnclear():
                rows += [look_alarm(story, fact.look_at)]
            case LookedUp(look_again_at=datetime() as again):
                rows += [look_alarm(story, again)]
            case AttemptFailed(retry_at=datetime() as again):
                rows += [*looked_no_more(story), retry_alarm(story, again)]
            case RateLimited():
                line = {"ring": "line", "connection": fact.connection}
                rows += [*looked_no_more(story), hold(fact.connection, fact.until)]
                rows += [set_alarm(SERVICE, f"line-{fact.connection}", fact.until, line)]
            case CredentialRefused() | OutcomeUnknown():
                rows += looked_no_more(story)
            case PostPublished() | PostFailed() | DeliveryReturned():
                rows += [*looked_no_more(story), leave(story), clear_alarm(SERVICE, f"retry-{story}")]
                rows += [live_row(story, fact)] if isinstance(fact, PostPublished) else []
    return rows


def retry_alarm(story: str, at: datetime) -> Put:
    return set_alarm(SERVICE, f"retry-{story}", at, {"ring": "retry", "story": story})


def look_alarm(story: str, at: datetime) -> Put:
    return set_alarm(SERVICE, f"look-{story}", at, {"ring": "look", "story": story})


def looked_no_more(story: str) -> list[Write]:
    return [clear_alarm(SERVICE, f"look-{story}"), Drop(LOOKING, {"story": story})]
