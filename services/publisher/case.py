"""All that is known of one delivery at the moment of deciding: its own stream, and the streams it relies on (D2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import NamedTuple

from events import AccountDocument, AttemptStarted, Fact, PostDue, Told, draft, follow
from events.channels import account_of, channel_of
from events.subjects import account_stream, connection_stream, delivery_stream, post_stream
from services.channels.utm import marker_of
from services.chassis.store import Say, Store
from services.publisher import delivery
from services.publisher.grounds import Connection, connection_of, document_of, due_of, house_streams, last_due, paused


class Case(NamedTuple):
    """`standing` is None while the scheduler holds the post; `last` is the latest PostDue, withdrawn or not."""

    story: str
    state: delivery.State
    told: Sequence[Told]
    standing: Told | None
    last: Told
    taken_in_at: datetime
    connection: Connection
    account: AccountDocument | None
    paused: bool
    still: Mapping[str, int]

    @property
    def due(self) -> PostDue:
        """The latest PostDue: what the publisher was asked to make visible."""
        assert isinstance(self.last.fact, PostDue)  # noqa: S101 - read_case looked for one
        return self.last.fact

    @property
    def marker(self) -> str:
        """What it is found by on its channel (S34)."""
        return marker_of(channel_of(self.due.connection), self.story)

    @property
    def attempt(self) -> Told | None:
        """The attempt last started, with the time it was said."""
        return next((each for each in reversed(self.told) if isinstance(each.fact, AttemptStarted)), None)

    @property
    def cause(self) -> Told:
        """Whatever came last, of the post or of its delivery, is what the next fact follows."""
        return max([self.last, *self.told[-1:]], key=lambda each: each.position)

    def followed_by(self, told: Told) -> Case:
        """After one more fact of the delivery, without reading anything again."""
        return self._replace(state=delivery.evolve(self.state, told.fact), told=[*self.told, told])

    def say(self, facts: Sequence[Fact], *, at: datetime, new_id: Callable[[], str], cause: Told | None = None) -> Say:
        about = follow(cause or self.cause, actor="publisher", at=at)
        return Say(delivery_stream(self.story), len(self.told), draft(tuple(facts), about, new_id))


async def read_case(store: Store, story: str) -> Case | None:
    """None for a post that was never due."""
    post = await store.read(post_stream(story))
    last = last_due(post)
    if last is None or not isinstance(last.fact, PostDue):
        return None
    named = last.fact.connection
    house = house_streams(named)
    streams = (delivery_stream(story), connection_stream(named), account_stream(account_of(named)), *house)
    told, connection, account, *switches = await store.read_all(streams)
    relied_on = (connection, account, *switches)
    return Case(
        story=story,
        state=reduce(delivery.evolve, (each.fact for each in told), delivery.initial),
        told=told,
        standing=due_of(post),
        last=last,
        taken_in_at=post[0].about.happened_at,
        connection=connection_of(connection),
        account=document_of(account),
        paused=any(map(paused, switches)),
        still={post_stream(story): len(post)}
        | {stream: len(read) for stream, read in zip(streams[1:], relied_on, strict=True)},
    )
