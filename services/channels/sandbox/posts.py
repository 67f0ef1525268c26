"""What stands on the channels: every object that ever became visible, who put it there, and what people did with it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.channels.sandbox.books import Books
from services.channels.sandbox.tokens import Owner

_MARKERS = [re.compile(rf"[?&]{name}=([^&\s#\"'<>)]+)") for name in ("dst", "utm_content")]


class Post(BaseModel):
    """One object. `text` is what a reader sees; `raw` is what the API was sent and gives back."""

    model_config = ConfigDict(frozen=True)

    id: str
    channel: str
    account: str
    connection: str
    author: str
    text: str
    title: str | None = None
    link: str | None = None
    marker: str | None = None
    created_at: AwareDatetime
    deleted: bool = False
    raw: dict[str, Any] = Field(default_factory=dict)

    def listed(self) -> dict[str, Any]:
        """As `GET /sandbox/{channel}/posts` shows it."""
        shown = {"id", "account", "connection", "text", "link", "marker", "created_at", "deleted"}
        return self.model_dump(mode="json", include=shown)


def marker_in(*places: str | None) -> str | None:
    """What a post is found by: `utm_content`, or `dst` where somebody else's `utm_content` was first (S34)."""
    words = " ".join(filter(None, places)).replace("\\", "").replace("&amp;", "&")
    found = (marker.search(words) for marker in _MARKERS)
    return next((match.group(1) for match in found if match), None)


class Posts:
    """All of them in memory, each change into the books."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._all: dict[tuple[str, str], Post] = {}
        self._by_author: dict[tuple[str, str], list[str]] = defaultdict(list)
        for document in books.shelf("posts").values():
            self._remember(Post.model_validate(document))

    def _remember(self, post: Post) -> None:
        if (post.channel, post.id) not in self._all:
            self._by_author[post.channel, post.author].append(post.id)
        self._all[post.channel, post.id] = post

    def write(self, post: Post) -> Post:
        self._remember(post)
        self._books.keep("posts", f"{post.channel}/{post.id}", post.model_dump(mode="json"))
        return post

    def publish(
        self, owner: Owner, now: datetime, *, id: str, channel: str, author: str, text: str, **more: Any
    ) -> Post:
        """Something has become visible."""
        return self.write(
            Post(id=id, channel=channel, account=owner.account, connection=owner.connection, author=author,
                 text=text, created_at=now, **more)
        )  # fmt: skip

    def delete(self, post: Post) -> None:
        self.write(post.model_copy(update={"deleted": True}))

    def get(self, channel: str, id: str) -> Post | None:
        """The object if it still stands."""
        post = self._all.get((channel, id))
        return None if post is None or post.deleted else post

    def of(self, channel: str, author: str) -> Iterator[Post]:
        """What one author has standing, newest first."""
        for id in reversed(self._by_author[channel, author]):
            post = self._all[channel, id]
            if not post.deleted:
                yield post

    def since(self, channel: str, author: str, moment: datetime) -> Iterator[Post]:
        for post in self.of(channel, author):
            if post.created_at < moment:
                return
            yield post

    def everything(self, channel: str) -> list[Post]:
        """Deleted ones too, oldest first: the books, not the channel's own view."""
        return [post for (of_channel, _), post in self._all.items() if of_channel == channel]


def twin(posts: Iterable[Post], like: Callable[[Post], bool]) -> Post | None:
    """The newest of these that says the same: what a channel calls a duplicate."""
    return next(filter(like, posts), None)
