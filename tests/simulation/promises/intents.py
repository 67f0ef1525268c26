"""What an attempt says it is about to do, before it does it, and that just this is done: I11, I15."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from events import AttemptStarted, PostDue, Told
from events.channels import ATTEMPT_LIFE, CHANNELS, channel_of
from events.production import Content
from services.channels.sandbox.posts import Post
from services.channels.utm import marker_of
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.outside import Call

_TRACKING = re.compile(r"[?&](?:(?:utm_source|utm_medium|utm_campaign|utm_content|dst)=[^&\s\"'<>]*&?)+")


class Intents(Witness):
    reaches = ("I11 intents with all they must say", "I11 calls of a line that was taken over", "I15 posts shown",
               "I15 posts sent again")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._sent: dict[tuple[str, str], bytes] = {}

    def heard(self, told: Told, story: Story | None) -> None:
        if isinstance(told.fact, AttemptStarted) and story and story.due and isinstance(story.due.fact, PostDue):
            self.reached["I11 intents with all they must say"] += 1
            for what in self._lacking(told, told.fact, story.due.fact, story):
                self.breach("I11", story.name, f"attempt {told.fact.attempt} says {what}")

    def _lacking(self, told: Told, fact: AttemptStarted, due: PostDue, story: Story) -> list[str]:
        channel, began = channel_of(fact.connection), told.about.happened_at
        said = {
            "epoch": (fact.epoch, self._epoch(fact.connection)),
            "deadline": (fact.deadline, began + ATTEMPT_LIFE),
            "content_hash": (fact.content_hash, _hash_of(due.content)),
            "marker": (fact.marker, marker_of(channel, story.name)),
            "tier": (fact.tier, CHANNELS[channel].tier),
            "round": (fact.round, due.round),
            "attempt": (fact.attempt, len(story.attempts)),
        }
        wrong = [f"{name} {says}, and it is {is_so}" for name, (says, is_so) in said.items() if says != is_so]
        return wrong + ([] if fact.look_at >= fact.deadline else [f"look_at {fact.look_at}, before its deadline"])

    def _epoch(self, connection: str) -> object:
        return next((row["epoch"] for row in self.house.rows("line") if row["connection"] == connection), None)

    def called(self, call: Call, story: Story | None) -> None:
        """A process that stood still may send for a line that has another epoch by then, and no other one may (F5)."""
        if story is None or story.open is None or not isinstance(story.open.fact, AttemptStarted):
            return
        started = story.open.fact
        if started.epoch != self._epoch(started.connection):
            self.reached["I11 calls of a line that was taken over"] += 1
            if not call.stood_still:
                self.breach("I11", story.name, f"a call in epoch {started.epoch}, of a process that never stood still")
        self._same_bytes(call, story, started.content_hash)
        if call.post and story.due and isinstance(story.due.fact, PostDue):
            self._as_approved(call.post, story.due.fact.content, story)

    def _same_bytes(self, call: Call, story: Story, hashed: str) -> None:
        before = self._sent.setdefault((story.name, hashed), call.body)
        if before is not call.body:
            self.reached["I15 posts sent again"] += 1
        if before != call.body:
            self.breach("I15", story.name, f"{call.body!r} was sent, and {before!r} before")

    def _as_approved(self, shown: Post, approved: Content, story: Story) -> None:
        """The approved words and nothing else, the approved link with the tracking parameters on, and the marker."""
        self.reached["I15 posts shown"] += 1
        words = approved.text.split()
        beside = shown.channel == "linkedin"
        if approved.link and not beside and approved.link not in words:
            words.append(approved.link)
        if (seen := _undressed(shown.text).split()) != words:
            self.breach("I15", story.name, f"{' '.join(seen)!r} was shown, {' '.join(words)!r} was approved")
        if approved.link and beside and _undressed(shown.link or "") != approved.link:
            self.breach("I15", story.name, f"it links to {shown.link}, {approved.link} was approved")
        if approved.link and shown.marker != marker_of(shown.channel, story.name):
            self.breach("I15", story.name, f"its marker is {shown.marker}")


def _undressed(text: str) -> str:
    return _TRACKING.sub("", text)


def _hash_of(content: Content) -> str:
    return hashlib.sha256(content.model_dump_json().encode()).hexdigest()
