"""Whose turn it is: the rows of ready posts and of lines, as they are written (D11).

A *turn* is fair: an account that floods a channel waits behind its own posts, since each of them takes the turn after
its last, while a newcomer starts at the turn the channel is serving. A line that nobody waits in has no `head_turn`,
so ten thousand posts behind a limited or refused line cost a lane nothing.

A turn is between lines. Within a line posts go out as they came due, whatever turns they were given: one whose PostDue
could not be taken for a moment, or was decided side by side with others, joins behind them and still goes first (I19).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from events import PostDue
from events.channels import account_of, channel_of
from services.chassis.rows import LINE, READY, Change, Drop, Pick, Put, Row, Write

IN_ORDER = ("due_at", "position")
CLOSED: Row = {"head_turn": None, "last_turn": None}


@dataclass(frozen=True, slots=True)
class Joining:
    """A post that becomes ready by the PostDue at `position`, and the fresh mark its line will carry.

    `due_at` is its slot, or when the wait for its next try is over (S29).
    """

    story: str
    due: PostDue
    due_at: datetime
    position: int
    mark: str


def last_line(connection: str) -> Pick:
    """The line of the account on this channel in which its last post waits."""
    here = {"account": account_of(connection), "channel": channel_of(connection)}
    return Pick(LINE, here, since={"last_turn": 0}, order=("last_turn",), limit=1, backwards=True)


def first_line(connection: str) -> Pick:
    """The line whose turn comes first on this channel."""
    return Pick(LINE, where={"channel": channel_of(connection)}, since={"head_turn": 0}, order=("head_turn",), limit=1)


def fair_turn(last: Sequence[Row], first: Sequence[Row]) -> int:
    """The turn after the account's last one that still waits, and never before the channel's current one."""
    waiting = [_whole(line["last_turn"]) + 1 for line in last]
    current = [_whole(line["head_turn"]) for line in first]
    return max([0, *waiting, *current])


def join(joining: Joining, turn: int) -> list[Write]:
    """The post is ready and its line is there, with somebody in it; no line of the account has given out more."""
    due = joining.due
    line = {"connection": due.connection, "account": account_of(due.connection), "channel": channel_of(due.connection)}
    return [
        Put(READY, ready_row(joining, turn)),
        # Epochs only rise: a line that is already there keeps its own.
        Put(LINE, {**line, "epoch": 0}, over=False),
        Change(LINE, {"connection": due.connection}, {"last_turn": turn, "joined": joining.mark}),
        # Whether the line is closed is asked as this is written: a lane may have closed it since we looked.
        Change(LINE, {"connection": due.connection, "head_turn": None}, {"head_turn": turn}),
    ]


def ready_row(joining: Joining, turn: int) -> Row:
    due = joining.due
    return {
        "story": joining.story,
        "connection": due.connection,
        "account": account_of(due.connection),
        "channel": channel_of(due.connection),
        "turn": turn,
        "due_at": joining.due_at,
        "position": joining.position,
        "round": due.round,
        "taken": 0,
    }


def leave(story: str) -> Drop:
    return Drop(READY, {"story": story})


def wake(connection: str, head: Row, mark: str) -> list[Write]:
    """Somebody waits in a line that had been set aside (a refused grant, the kill switch): it may be claimed again."""
    return [
        Change(LINE, {"connection": connection}, {"head_turn": head["turn"], "last_turn": head["turn"], "joined": mark})
    ]


def free(line: Row, next_ready: Iterable[Row]) -> list[Write]:
    """The lane is done with the line. It closes only if nobody has joined since the lane looked who is next."""
    here = {"connection": line["connection"], "epoch": line["epoch"]}
    head = next((row["turn"] for row in next_ready), None)
    return [
        Change(LINE, here, {"holder": None, "lease_until": None}),
        Change(LINE, {**here, "joined": line["joined"]}, {"head_turn": head} if head is not None else CLOSED),
    ]


def hold(connection: str, until: datetime) -> Change:
    """A limit is the connection's, not only the post's (S32)."""
    return Change(LINE, {"connection": connection}, {"not_before": until})


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
