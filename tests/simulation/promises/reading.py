"""What people read is what the log says, however it was folded; and reading again calls nobody (I6, I8)."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from events import PostCancelled, PostFailed, PostPublished, PostRefused, PostRejected, Told
from services.gateway.views.fold import VIEWS
from services.gateway.views.folding import fold, heard
from services.gateway.views.view import packed
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House

STATUS = {PostPublished: "published", PostFailed: "failed", PostRefused: "failed", PostCancelled: "cancelled",
          PostRejected: "rejected"}  # fmt: skip


class Reading(Witness):
    reaches = ("I6 documents folded", "I6 views kept and rebuilt in a database", "I8 facts read again")

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._random = Random(f"{house.plan.seed} the pages")
        self._documents: dict[str, dict[str, Any]] = {view.table.name: {} for view in VIEWS}
        self._page: list[Told] = []

    def heard(self, told: Told, story: Story | None) -> None:
        self._page.append(told)

    def written(self) -> None:
        """A page is whatever has come since the last one."""
        if self._random.random() < 0.02:
            self._fold()

    def _fold(self) -> None:
        page, self._page = self._page, []
        for view in VIEWS:
            fold(view, self._documents[view.table.name], heard(view, page))

    def ended(self) -> None:
        self._fold()
        log = self.house.disk._log
        for view in VIEWS:
            name, anew = view.table.name, dict[str, Any]()
            fold(view, anew, heard(view, log))
            self.reached["I6 documents folded"] += len(anew)
            live = self._documents[name]
            if {key: packed(each) for key, each in anew.items()} != {key: packed(each) for key, each in live.items()}:
                self.breach("I6", "", f"the view {name} folded anew is not the view as it was folded")
        for checked in self.house.views_checked:
            self.reached["I6 views kept and rebuilt in a database"] += 1
            if not checked["equal"]:
                self.breach("I6", "", f"the view {checked['view']} does not say what the log says: {checked}")
        self._read_again()
        self._as_it_ended()

    def _read_again(self) -> None:
        if self.house.read_again is None:
            return
        said, asked = self.house.read_again
        self.reached["I8 facts read again"] += said
        if self.house.world.asked != asked:
            self.breach("I8", "", f"reading the log again called channels {self.house.world.asked - asked} times")
        for told in self.house.disk._log[said:]:
            self.breach("I8", told.story, f"reading the log again said {type(told.fact).__name__}")

    def _as_it_ended(self) -> None:
        for story in self.book.stories.values():
            document = self._documents["queue"].get(story.name)
            if document is None:
                self.breach("I6", story.name, "the queue does not know it")
            elif story.end is not None and document["status"] != STATUS[type(story.end)]:
                self.breach("I6", story.name, f"the queue calls it {document['status']}, it ended with {story.end}")
