"""Nobody is forgotten: whoever has not ended waits for a named reason, with an alarm or a fact that will come (I14).

And whoever asks is answered, once (I16, D18).
"""

from __future__ import annotations

from collections.abc import Sequence

from events import (
    ApprovalGiven,
    ChannelConnected,
    ChannelDisconnected,
    DeliveryReturned,
    Fact,
    PostEdited,
    PostTakenIn,
    Told,
)
from events.subjects import answer_stream, approval_stream, connection_stream
from services.gateway.asking import of_the_post
from tests.simulation.promises.book import Story, Witness


class Standing(Witness):
    reaches = ("I14 posts that waited at half time", "I14 posts that waited for a channel",
               "I14 posts that waited for a person", "I14 posts that waited for a slot",
               "I14 posts that waited in line", "I14 asks answered", "I14 asks refused", "I14 posts ended")  # fmt: skip

    def half_time(self) -> None:
        for story in self.book.stories.values():
            if story.end is None:
                self.reached["I14 posts that waited at half time"] += 1
                reason = self._waits_for(story)
                if reason:
                    self.reached[f"I14 posts that waited {reason}"] += 1
                else:
                    self.breach("I14", story.name, f"it waits for nothing after {_last(story)}")

    def _waits_for(self, story: Story) -> str:
        """What it waits for, in the rows that will bring it on its way again."""
        house, name, connection = self.house, story.name, story.connection
        alarms = {row["name"] for row in house.rows("alarm")}
        if held := {name, f"connection-{connection}"} & {str(row["key"]) for row in house.rows("held")}:
            return "in line" if {f"held-{key}" for key in held} & alarms else "for a person"
        waiting = next((row for row in house.rows("waiting") if row["story"] == name), None)
        phase = house.phase_of(name)
        if waiting and waiting["waits_for"] == "desk":
            return "for a slot" if f"plan-{connection}" in alarms else ""
        if phase == "due" and self._unread(story.due, "publisher"):
            return "in line"
        if phase == "returned" and self._unread(_latest(story.told, DeliveryReturned), "scheduler"):
            return "in line"
        if phase == "scheduled":
            return "for a slot" if f"due-{connection}/{name}" in alarms else ""
        if phase == "held" and waiting and self._awaits_its_channel(connection):
            return "for a channel"
        if phase == "missed":
            return "for a person" if f"remind-{name}" in alarms else ""
        if phase in ("held", "taken_in"):
            return self._waits_at_the_gate(story)
        if story.unknown:
            return "for a person"
        return "in line" if self._in_line(story, alarms) else ""

    def _awaits_its_channel(self, connection: str) -> bool:
        """Or the scheduler is still to read that it is back."""
        told = self.house.disk._streams.get(connection_stream(connection), ())
        last = _latest(told, ChannelConnected, ChannelDisconnected)
        back = last is not None and isinstance(last.fact, ChannelConnected)
        return not back or self._unread(last, "scheduler")

    def _waits_at_the_gate(self, story: Story) -> str:
        """For an approval of what it says now; or for the scheduler to read of the one that was given."""
        said = [each.fact for each in story.told if isinstance(each.fact, PostTakenIn | PostEdited)]
        if not (isinstance(said[0], PostTakenIn) and said[0].approval_required):
            return ""
        given = [
            each
            for each in self.house.disk._streams.get(approval_stream(story.name), ())
            if isinstance(each.fact, ApprovalGiven) and each.fact.content_hash == said[-1].content_hash
        ]
        if not given:
            return "for a person"
        return "in line" if self._unread(given[-1], "scheduler") else ""

    def _unread(self, told: Told | None, service: str) -> bool:
        """It was said, and that service has not come to it yet: what stands in the log, it will read."""
        checkpoints = {row["service"]: int(str(row["position"])) for row in self.house.rows("checkpoint")}
        return told is not None and told.position > checkpoints.get(service, 0)

    def _in_line(self, story: Story, alarms: set[str]) -> bool:
        if {f"retry-{story.name}", f"look-{story.name}"} & alarms:
            return True
        return any(row["story"] == story.name for table in ("looking", "ready") for row in self.house.rows(table))

    def ended(self) -> None:
        for story in self.book.stories.values():
            if story.end is None:
                self.breach("I14", story.name, f"it never ended; the last word was {_last(story)}")
            else:
                self.reached["I14 posts ended"] += 1
        for ask in self.house.people.asks.values():
            self._answered_once(ask)

    def _answered_once(self, ask: Told) -> None:
        """Granted by what was said for it, or refused: one of the two, and in the end surely one."""
        streams, kind = self.house.disk._streams, type(ask.fact).__name__
        refused = streams.get(answer_stream(ask.id), ())
        granted = [
            told for stream in of_the_post(ask) for told in streams.get(stream, ()) if told.about.cause == ask.id
        ]
        self.reached["I14 asks refused" if refused else "I14 asks answered"] += 1
        if not refused and not granted:
            self.breach("I14", ask.story, f"{kind} was never answered")
        if refused and granted:
            said = f"{type(granted[0].fact).__name__} at #{granted[0].position}"
            self.breach("I16", ask.story, f"{kind} was granted by {said} and refused at #{refused[0].position}")


def _last(story: Story) -> str:
    return type(story.told[-1].fact).__name__


def _latest(told: Sequence[Told], *kinds: type[Fact]) -> Told | None:
    return next((each for each in reversed(told) if isinstance(each.fact, kinds)), None)
