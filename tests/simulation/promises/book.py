"""What the witnesses share: every post's story as it was told, and what they found broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    OutcomeUnknown,
    PostCancelled,
    PostDue,
    PostEdited,
    PostFailed,
    PostHeld,
    PostMissed,
    PostPublished,
    PostRefused,
    PostRejected,
    PostScheduled,
    PostTakenIn,
    RateLimited,
    Told,
)
from events.subjects import kind_of

if TYPE_CHECKING:
    from services.chassis.rows import Claim, Row
    from tests.simulation.house import House
    from tests.simulation.life import Life
    from tests.simulation.outside import Call


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that did not hold: which, for which story, when, and what was seen instead."""

    promise: str
    story: str
    at: datetime
    position: int
    what: str

    def __str__(self) -> str:
        return (
            f"{self.promise} {self.story or '(the house)'} at {self.at:%m-%d %H:%M:%S}, #{self.position}: {self.what}"
        )


@dataclass(slots=True)
class Story:
    """One post as it was told so far. `open` is the attempt nobody has settled."""

    name: str
    connection: str
    told: list[Told] = field(default_factory=list)
    due: Told | None = None
    open: Told | None = None
    unclear: bool = False
    unknown: bool = False
    last_attempt: Told | None = None
    end: Fact | None = None
    calls: Counter[int] = field(default_factory=Counter)
    closed_at: int = 0
    """The position at which an attempt was last settled."""

    @property
    def attempts(self) -> list[AttemptStarted]:
        return [each.fact for each in self.told if isinstance(each.fact, AttemptStarted)]

    def since(self, told: Told) -> list[Told]:
        return [each for each in self.told if each.position > told.position]

    def was_open_since(self, position: int) -> bool:
        return self.open is not None or self.closed_at > position

    def hear(self, told: Told) -> None:
        self.told.append(told)
        before = self.open
        self._take(told)
        if before and not self.open:
            self.closed_at = told.position

    def _take(self, told: Told) -> None:
        match told.fact:
            case PostDue():
                self.due, self.end = told, None
            case PostScheduled() | PostHeld() | PostMissed():
                self.due, self.end = None, None  # a retry of a failed post may find its channel closed, too
            case PostEdited():
                self.due = None
            case PostCancelled() | PostRejected() | PostRefused():
                self.due, self.end = None, told.fact
            case _:
                self._delivered(told)

    def _delivered(self, told: Told) -> None:
        match told.fact:
            case AttemptStarted():
                self.open, self.last_attempt, self.unclear, self.unknown = told, told, False, False
            case AttemptUnclear():
                self.unclear = True
            case OutcomeUnknown():
                self.unknown = True
            case AttemptFailed() | RateLimited():
                self.open, self.unclear = None, False
            case CredentialRefused() if not self.unclear:
                self.open = None
            case PostPublished() | PostFailed():
                self.open, self.due, self.end, self.unclear, self.unknown = None, None, told.fact, False, False
            case DeliveryReturned(round=number):
                self.open, self.unclear, self.unknown = None, False, False
                if self.due and isinstance(self.due.fact, PostDue) and self.due.fact.round == number:
                    self.due = None


class Book:
    """Kept up to date before any witness is asked."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.by_connection: dict[str, list[Story]] = defaultdict(list)

    def hear(self, told: Told) -> Story | None:
        if isinstance(told.fact, PostTakenIn):
            story = Story(told.story, told.fact.connection)
            self.stories[told.story] = story
            self.by_connection[story.connection].append(story)
        if kind_of(told.stream) not in ("post", "delivery"):
            return None
        found = self.stories[told.story]
        found.hear(told)
        return found


class Witness:
    """Reads along. `reaches` names what must have been put to the test, over many seeds, at least once."""

    reaches: ClassVar[Sequence[str]] = ()

    def __init__(self, house: House, book: Book) -> None:
        self.house, self.book = house, book
        self.reached: Counter[str] = Counter()
        self.breaches: list[Breach] = []

    def breach(self, promise: str, story: str, what: str) -> None:
        self.breaches.append(Breach(promise, story, self.house.clock.now(), self.house.position, what))

    def heard(self, told: Told, story: Story | None) -> None:
        """One more fact stands in the log."""

    def written(self) -> None:
        """All facts of one append stand in the log."""

    def read(self, after: int, page: Sequence[Told]) -> None:
        """Somebody who had read up to `after` was given this page."""

    def claimed(self, life: Life, claim: Claim, before: Sequence[Row], rows: Sequence[Row]) -> None:
        """A process has taken these rows into its hand; `before` is what they were."""

    def left(self, life: Life, since: datetime, under_way: Sequence[str]) -> None:
        """A process that was asked to leave at that instant, with these attempts open, has nothing more in hand."""

    def called(self, call: Call, story: Story | None) -> None:
        """A call that makes something visible has just had its effect, if any."""

    def half_time(self) -> None:
        """The fortnight is over, and all the weather with it: who waits, waits for a reason."""

    def ended(self) -> None:
        """Everything has had time to come to its end."""
