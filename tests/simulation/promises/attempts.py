"""When an attempt may begin, and what its end may say: I12, I17, I18, I19's order, I20, and the kill switch (G29)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    ChannelConnected,
    ChannelDisconnected,
    CredentialRefused,
    DeliveryReturned,
    LookedUp,
    PostDue,
    PostFailed,
    PublishingPaused,
    PublishingResumed,
    RateLimited,
    Told,
)
from events.channels import BACKOFF, CHANNELS, account_of, channel_of
from services.chassis.rows import LINE, Claim, Row
from services.publisher.outside import BUDGET_SPENT
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

ONE_SECOND = timedelta(seconds=1)


class Attempts(Witness):
    reaches = ("I12 attempts after an unclear one", "I12 looks that found it", "I17 attempts after a limit",
               "I18 retries after 1 minute", "I18 retries after 5 minutes", "I18 retries after 25 minutes",
               "I19 attempts with others waiting", "I20 attempts after a reconnect",
               "I20 disconnects with posts due", "G29 attempts after a pause")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._connected: dict[str, bool] = {}
        self._reconnected: set[str] = set()
        self._limits: dict[str, Told] = {}
        self._paused: dict[str, bool] = {}
        self._not_taken: dict[str, set[object]] = {}

    def claimed(self, life: Life, claim: Claim, before: Sequence[Row], rows: Sequence[Row]) -> None:
        if claim.pick.table is LINE:
            held = {row["key"] for row in self.house.rows("held")}
            self._not_taken |= {str(row["connection"]): held for row in rows}

    def heard(self, told: Told, story: Story | None) -> None:
        match told.fact:
            case ChannelConnected(connection=name):
                self._reconnected |= {name} if name in self._connected else set()
                self._connected[name] = True
            case ChannelDisconnected(connections=names):
                for name in names:
                    self._connected[name] = False
                    waiting = [each for each in self.book.by_connection[name] if each.due and not each.open]
                    self.reached["I20 disconnects with posts due"] += bool(waiting)
            case PublishingPaused(scope=scope) | PublishingResumed(scope=scope):
                self._paused[scope] = isinstance(told.fact, PublishingPaused)
            case RateLimited(connection=name):
                self._limits[name] = told
            case AttemptFailed() if story:
                self._failed(told, told.fact, story)
            case LookedUp(found=True):
                self.reached["I12 looks that found it"] += 1
            case AttemptStarted() if story:
                self._started(told, told.fact, story)
            case PostFailed(kind="transient", tries=tries) if story and tries != len(BACKOFF) + 1:
                self.breach("I18", story.name, f"it failed for good after {tries} tries")

    def _started(self, told: Told, fact: AttemptStarted, story: Story) -> None:
        at, name = told.about.happened_at, fact.connection
        if not self._connected.get(name):
            self.breach("I20", story.name, f"attempt {fact.attempt} began while {name} was disconnected")
        self.reached["I20 attempts after a reconnect"] += name in self._reconnected
        switches = [self._paused.get(scope) for scope in ("all", channel_of(name), account_of(name))]
        self.reached["G29 attempts after a pause"] += False in switches
        if True in switches:
            self.breach("G29", story.name, f"attempt {fact.attempt} began while publishing there was paused")
        limit = self._limits.get(name)
        if limit and isinstance(limit.fact, RateLimited):
            self.reached["I17 attempts after a limit"] += 1
            if at < limit.fact.until:
                self.breach(
                    "I17", story.name, f"attempt {fact.attempt} began at {at}, limited until {limit.fact.until}"
                )
        if story.due is None:
            self.breach("I16", story.name, f"attempt {fact.attempt} began while the scheduler held the post")
        self._counts(fact, story)
        self._follows(at, fact, story)
        self._in_turn(told, fact, story)

    def _counts(self, fact: AttemptStarted, story: Story) -> None:
        """The tries it has behind it are those the last failure of this round told, or those the round began with."""
        failed = [each.fact.tries for each in story.told
                  if isinstance(each.fact, AttemptFailed) and each.fact.round == fact.round]  # fmt: skip
        due = story.due.fact.tries if story.due and isinstance(story.due.fact, PostDue) else 0
        tries = failed[-1] if failed else due
        if fact.tries != tries:
            self.breach("I18", story.name, f"attempt {fact.attempt} has {fact.tries} tries behind it, and not {tries}")

    def _follows(self, at: datetime, fact: AttemptStarted, story: Story) -> None:
        """What must have been said since the attempt before."""
        refused = [each for each in story.told if isinstance(each.fact, CredentialRefused) and each.fact.attempt
                   and each.fact.round == fact.round and not _while_unclear(each, story)]  # fmt: skip
        if len(refused) > 1:
            self.breach("I20", story.name, f"attempt {fact.attempt} began after {len(refused)} refusals of its grant")
        before = [each for each in story.told if isinstance(each.fact, AttemptStarted)][:-1]
        if not before:
            return
        last = before[-1]
        said = [each.fact for each in story.since(last)][:-1]
        assert isinstance(last.fact, AttemptStarted)
        unclear = [each for each in said if isinstance(each, AttemptUnclear)]
        if unclear:
            self.reached["I12 attempts after an unclear one"] += 1
        if not _settled(last.fact, said):
            self.breach(
                "I12", story.name, f"attempt {fact.attempt} began without proof that {last.fact.attempt} is gone"
            )
        failed = [each for each in said if isinstance(each, AttemptFailed)]
        if failed and fact.round == last.fact.round and failed[-1].retry_at and at < failed[-1].retry_at:
            self.breach("I18", story.name, f"attempt {fact.attempt} began at {at}, before {failed[-1].retry_at}")
        limited = [each for each in said if isinstance(each, RateLimited)]
        if limited and fact.round == last.fact.round and fact.tries != last.fact.tries:
            self.breach("I17", story.name, f"a limit used a try: {last.fact.tries} before, {fact.tries} after")

    def _failed(self, told: Told, fact: AttemptFailed, story: Story) -> None:
        started = story.last_attempt
        if started is None or not isinstance(started.fact, AttemptStarted):
            return self.breach("I18", story.name, "an attempt failed that never began")
        if fact.tries != started.fact.tries + 1:
            self.breach("I18", story.name, f"one failure made {started.fact.tries} tries {fact.tries}")
        if fact.retry_at is None:
            return
        unclear = [each.fact for each in story.since(started) if isinstance(each.fact, AttemptUnclear)]
        base = unclear[-1].answered_at if unclear else told.about.happened_at
        wait = BACKOFF[fact.tries - 1]
        self.reached[f"I18 retries after {int(wait.total_seconds() // 60)} minute{'s' * (wait > BACKOFF[0])}"] += 1
        if fact.retry_at != max(base + wait, told.about.happened_at if unclear else base):
            self.breach("I18", story.name, f"failed at {base}, try {fact.tries}, again at {fact.retry_at}")

    def _in_turn(self, told: Told, fact: AttemptStarted, story: Story) -> None:
        """Nobody who was due before is still waiting for the first attempt of this round."""
        if story.due is None or not isinstance(story.due.fact, PostDue) or self._was_tried(story, excepted=told):
            return
        for other in self.book.by_connection[fact.connection]:
            due = other.due
            if other is story or due is None or not isinstance(due.fact, PostDue) or other.open:
                continue
            if other.name in self._not_taken.get(fact.connection, ()):
                continue  # when a lane took the line, the publisher could not take its PostDue yet (I25)
            self.reached["I19 attempts with others waiting"] += 1
            earlier = due.position < story.due.position and self._came_before(due.fact, story.due.fact)
            if earlier and (not self._was_tried(other) or isinstance(other.told[-1].fact, RateLimited)):
                self.breach(
                    "I19", story.name, f"attempt {fact.attempt} began before {other.name}, due earlier, had its turn"
                )

    def _came_before(self, due: PostDue, other: PostDue) -> bool:
        """By the slot. At one instant by the log, unless an edit kept its place."""
        return due.slot_at < other.slot_at or (due.slot_at == other.slot_at and other.round == 1)

    def _was_tried(self, story: Story, *, excepted: Told | None = None) -> bool:
        assert story.due is not None
        return any(isinstance(each.fact, AttemptStarted | LookedUp) and each is not excepted
                   for each in story.since(story.due))  # fmt: skip


def _while_unclear(refused: Told, story: Story) -> bool:
    """Then it was a look that was refused, not an attempt."""
    earlier = [each.fact for each in story.told if each.position < refused.position]
    last = next((fact for fact in reversed(earlier) if isinstance(fact, AttemptStarted | AttemptUnclear)), None)
    return isinstance(last, AttemptUnclear)


def _settled(attempt: AttemptStarted, said: Sequence[object]) -> bool:
    """Whether what was said since proves that the attempt shows nothing, or a person took it upon themselves (I12)."""
    unclear = next((each for each in said if isinstance(each, AttemptUnclear)), None)
    returned = any(isinstance(each, DeliveryReturned) and each.reason == "send_again" for each in said)
    if returned or any(isinstance(each, RateLimited) and each.code == BUDGET_SPENT for each in said):
        return True  # whoever had no call left made none, though the look may have come before that was written
    if unclear is None:
        return any(isinstance(each, AttemptFailed | RateLimited | CredentialRefused | PostFailed) for each in said)
    channel = CHANNELS[channel_of(attempt.connection)]
    absent = [each for each in said if isinstance(each, LookedUp) and each.found is False]
    ended = any(isinstance(each, AttemptFailed | PostFailed) for each in said)
    return ended and len(absent) >= channel.looks
