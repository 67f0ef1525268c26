"""All that is known of one post at the moment of deciding: its own stream and its delivery's, in the order of the log,
and the approval where there is a gate. Every append names these streams at the versions read here (D2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from events import About, ApprovalGiven, ApprovalRefused, Comment, Fact, PostCommented, Told, UndoAsked, draft
from events.channels import account_of, channel_of
from events.subjects import approval_stream, bulk_stream, delivery_stream, post_stream
from services.chassis.store import Say, Store
from services.scheduler import post
from services.scheduler.undoing import before_the_change

ACTOR = "scheduler"


class Case(NamedTuple):
    """`turn` is the position of its intake: the order that every replan keeps. `approved` covers this very content.

    `told` is its whole story, in the order of the log.
    """

    story: str
    state: post.State
    post_version: int
    delivery_version: int
    turn: int
    told: Sequence[Told]
    approved: bool = True

    @property
    def last(self) -> Told:
        return self.told[-1]

    @property
    def version(self) -> str:
        """As the gateway's ETag spells it (D18)."""
        return f"{self.post_version}.{self.delivery_version}"

    @property
    def name(self) -> str:
        """The post's own name within its account."""
        return self.story.partition(".")[2]

    @property
    def still(self) -> Mapping[str, int]:
        return {delivery_stream(self.story): self.delivery_version}

    def about(self, at: datetime, cause: Told | None = None) -> About:
        return About(self.story, ACTOR, at, (cause or self.last).id, account_of(self.story),
                     channel_of(self.state.connection))  # fmt: skip

    def say(self, facts: Sequence[Fact], *, at: datetime, new_id: Callable[[], str], cause: Told | None = None) -> Say:
        about = self.about(at, cause)
        return Say(post_stream(self.story), self.post_version, draft(tuple(facts), about, new_id))


async def read_case(store: Store, story: str) -> Case | None:
    """None for a post that was never taken in."""
    told, delivery = await store.read_all((post_stream(story), delivery_stream(story)))
    if not told:
        return None
    everything = sorted([*told, *delivery], key=lambda each: each.position)
    state = reduce(post.evolve, (each.fact for each in everything), post.initial)
    approved = not state.gated or state.content_hash in approved_hashes(await store.read(approval_stream(story)))
    return Case(story, state, len(told), len(delivery), told[0].position, everything, approved)


async def undone_by(store: Store, case: Case, ask: Fact) -> post.State | None:
    """How the post stood before the change that this ask would take back; None if it would take back none."""
    if not isinstance(ask, UndoAsked):
        return None
    asks = {each.id for each in await store.read(bulk_stream(ask.bulk))}
    return before_the_change(case.told, asks)


def approved_hashes(told: Sequence[Told]) -> set[str]:
    """Every content that was approved. Approving an older one as well takes nothing back from the one that stands."""
    return {each.fact.content_hash for each in told if isinstance(each.fact, ApprovalGiven)}


def thread(told: Sequence[Told]) -> list[Comment]:
    """Everything that was said about a post before it was refused, in order (S41)."""
    comments = []
    for each in told:
        match each.fact:
            case PostCommented(text=text) | ApprovalRefused(comment=text):
                comments.append(Comment(by=each.about.actor, text=text, at=each.about.happened_at))
    return comments
