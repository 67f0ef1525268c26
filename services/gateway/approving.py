"""One post at the gate as the log has it, and the page of everything that waits there.

What a reviewer reads and what an approval is bound to come from one reading of the log, never from a view that may be
behind: the hash beside a content is that content's (S40).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlalchemy import select

from events import ApprovalRefused, Fact, PostCommented, PostEdited, PostTakenIn, Told, draft
from events.channels import account_of
from events.envelope import About
from events.production import Content
from events.subjects import approval_stream, delivery_stream, post_stream
from services.chassis.store import Append, Say
from services.gateway import approval, reading
from services.gateway.asking import Asked
from services.gateway.desk import Desk
from services.gateway.principal import Principal
from services.gateway.views import approvals, queue
from services.gateway.views.question import Mark, cursor_of
from services.gateway.views.view import Document, unpacked

DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class Case:
    """`told` are the post's own facts, `said` what was said about it at the gate."""

    story: str
    told: Sequence[Told]
    said: Sequence[Told]
    delivery_version: int

    @property
    def gate(self) -> approval.Gate:
        return _folded([*self.told, *self.said])

    @property
    def version(self) -> str:
        """As the queue's ETag spells it (D18)."""
        return f"{len(self.told)}.{self.delivery_version}"

    @property
    def content(self) -> Content:
        return next(
            each.fact.content for each in reversed(self.told) if isinstance(each.fact, PostTakenIn | PostEdited)
        )

    @property
    def thread(self) -> list[Document]:
        return [
            approvals.comment_of(each) for each in self.said if isinstance(each.fact, PostCommented | ApprovalRefused)
        ]

    def hash_at(self, version: str | None) -> str:
        """Of what the post said at this version; of what it says now, where there is none such."""
        count, _, _ = (version or "").partition(".")
        known = count.isdecimal() and len(count) <= DIGITS_MAX
        return _folded(self.told[: int(count)] if known else self.told).content_hash

    def saying(self, facts: Sequence[Fact], asked: Asked, desk: Desk) -> Append:
        """Only if neither the post nor what was said at its gate has moved since it was read."""
        channel = self.told[0].about.channel
        about = About(self.story, asked.by.name, desk.now(), account=account_of(self.story), channel=channel)
        drafts = draft(tuple(facts), about, asked.ids())
        still = {post_stream(self.story): len(self.told), delivery_stream(self.story): self.delivery_version}
        return Append([Say(approval_stream(self.story), len(self.said), drafts)], still) if facts else Append()


def _folded(told: Sequence[Told]) -> approval.Gate:
    in_order = sorted(told, key=lambda each: each.position)
    return reduce(approval.evolve, (each.fact for each in in_order), approval.initial)


async def cases(desk: Desk, stories: Sequence[str]) -> list[Case]:
    of: Sequence[Callable[[str], str]] = (post_stream, approval_stream, delivery_stream)
    found = await desk.store.read_all([stream(story) for stream in of for story in stories])
    count = len(stories)
    return [
        Case(story, found[number], found[count + number], len(found[2 * count + number]))
        for number, story in enumerate(stories)
    ]


async def waiting(
    desk: Desk, by: Principal, *, account: str | None, cursor: str | None, limit: int
) -> tuple[list[Document], str | None]:
    """Who has waited longest comes first; an edit waits anew. What was decided meanwhile is left out."""
    after = reading.mark("approvals", cursor)
    await desk.views.fresh()
    rows = await desk.views.rows(approvals.page(by.accounts, account=account, after=after, limit=limit))
    last = rows[limit - 1] if len(rows) > limit else None
    following = cursor_of(Mark(last.position, last.key), "approvals") if last else None
    asked_at = {row.key: unpacked(row.body)["asked_at"] for row in rows[:limit]}
    found = {each.story: each for each in await cases(desk, list(asked_at)) if each.gate.awaits}
    posts = await desk.views.documents(select(queue.table.c.body).where(queue.table.c.key.in_(found)))
    items = {each["id"]: each for each in await reading.items(desk, posts)}
    return [_item(items[story], case, asked_at[story]) for story, case in found.items() if story in items], following


def _item(item: Document, case: Case, asked_at: str) -> Document:
    return {**item, **case.content.model_dump(mode="json"), "content_hash": case.gate.content_hash,
            "version": case.version, "asked_at": asked_at, "comments": case.thread}  # fmt: skip
