"""What the outside world shows, held against what the log says: I10, I11, I13, I16, I19, I20."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from events import (
    AskRefused,
    AttemptStarted,
    CancelAsked,
    PostCancelled,
    PostDue,
    PostEdited,
    PostFailed,
    PostHeld,
    PostPublished,
    PostRejected,
    PostScheduled,
    Told,
)
from events.channels import channel_of
from events.subjects import kind_of, name_of
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.outside import Call


class Outside(Witness):
    reaches = ("I10 posts sent more than once", "I11 calls", "I13 posts published", "I13 posts failed",
               "I16 cancels granted", "I16 cancels refused while an attempt was open",
               "I19 calls in flight with others waiting")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._sent: Counter[str] = Counter()

    def heard(self, told: Told, story: Story | None) -> None:
        match told.fact:
            case PostPublished() if story:
                self._published(told.fact, story)
            case PostFailed() | PostCancelled() | PostRejected() if story:
                self._gone(told, story)
            case PostEdited() | PostScheduled() | PostHeld() | PostDue() if story and story.open:
                self.breach("I16", story.name, f"{type(told.fact).__name__} while an attempt was open")
            case AskRefused(code=code) if kind_of(told.stream) == "answer":
                self._refused(name_of(told.stream), code)

    def called(self, call: Call, story: Story | None) -> None:
        self.reached["I11 calls"] += 1
        if story is None:
            return self.breach("I11", call.story, f"a call on {call.connection} for a post nobody took in")
        if any(life.awake for life in self.house.flights[call.connection]):
            self.breach("I19", story.name, f"a call on {call.connection} while another is in flight")
        self._sent[story.name] += 1
        self.reached["I10 posts sent more than once"] += self._sent[story.name] == 2
        started = story.open
        if started is None or not isinstance(started.fact, AttemptStarted):
            self.breach("I11", story.name, "a call without an open attempt in the log")
        else:
            number = started.fact.attempt
            story.calls[number] += 1
            if story.calls[number] > 1:
                self.breach("I11", story.name, f"attempt {number} made {story.calls[number]} calls")
            if call.at >= started.fact.deadline:
                self.breach("I11", story.name, f"a call at {call.at}, after its deadline {started.fact.deadline}")
            if started.fact.connection != call.connection:
                self.breach("I11", story.name, f"the call went to {call.connection}, not {started.fact.connection}")
        if story.due is None:
            self.breach("I16", story.name, "a call while the scheduler held the post")
        if call.post is not None:
            self._visible(call, story)

    def _visible(self, call: Call, story: Story) -> None:
        live = self.house.world.live(call.connection, story.name)
        if len(live) > 1:
            self.breach("I10", story.name, f"{len(live)} live objects: {', '.join(post.id for post in live)}")

    def _published(self, fact: PostPublished, story: Story) -> None:
        self.reached["I13 posts published"] += 1
        post = self.house.world.posts.get(channel_of(fact.connection), fact.channel_post_id)
        live = self.house.world.live(fact.connection, story.name)
        if post is None or post.id not in [each.id for each in live]:
            self.breach("I13", story.name, f"published as {fact.channel_post_id}, which the channel does not have")

    def _gone(self, told: Told, story: Story) -> None:
        if isinstance(told.fact, PostFailed):
            self.reached["I13 posts failed"] += 1
        if isinstance(told.fact, PostCancelled):
            self.reached["I16 cancels granted"] += 1
            if story.open:
                self.breach("I16", story.name, "it was cancelled while an attempt was open")
        if live := self.house.world.live(story.connection, story.name):
            self.breach("I13", story.name, f"{type(told.fact).__name__}, yet {live[0].id} is live")

    def _refused(self, ask: str, code: str) -> None:
        asked = self.house.people.asks.get(ask)
        if asked is None or not isinstance(asked.fact, CancelAsked) or code != "already_started":
            return
        self.reached["I16 cancels refused while an attempt was open"] += 1
        if not self.book.stories[asked.story].was_open_since(asked.position):
            self.breach("I16", asked.story, "a cancel was refused as already started, and no attempt had been open")

    def ended(self) -> None:
        for story in self.book.stories.values():
            live = self.house.world.live(story.connection, story.name)
            if len(live) > 1:
                self.breach("I10", story.name, f"{len(live)} live objects in the end")
            if live and not isinstance(story.end, PostPublished):
                self.breach("I13", story.name, f"{live[0].id} is live, and the story ends with {story.end}")
        self.reached["I19 calls in flight with others waiting"] += self.house.crowded_flights
