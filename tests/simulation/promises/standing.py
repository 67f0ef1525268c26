"""Nobody is forgotten: whoever has not ended waits for a named reason, with an alarm or a fact that will come (I14).

And whoever asks is answered, once (I16, D18).
"""

from __future__ import annotations

from events import Told
from events.subjects import answer_stream
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
        if phase == "due" and house.unheard(name):
            return "in line"
        if phase == "scheduled":
            return "for a slot" if f"due-{connection}/{name}" in alarms else ""
        if phase == "held":
            return "for a channel" if waiting and not house.is_open(connection) else ""
        if phase == "missed":
            return "for a person" if f"remind-{name}" in alarms else ""
        if phase == "taken_in":
            return "for a person" if house.awaits_approval(name) else ""
        if story.unknown:
            return "for a person"
        return "in line" if self._in_line(story, alarms) else ""

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
