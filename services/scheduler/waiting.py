"""Who waits for which connection: rows in the order of intake, and the alarm by which the desk takes them up.

desk         the desk looks at it next: to plan it, or to give its slot back
connection   held, until the channel is connected (S10)
account      a parked message whose account nobody has set up yet (S2a); its `connection` is that account
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from services.chassis.alarms import clear_alarm, set_alarm
from services.chassis.rows import ALARM, WAITING, Change, Drop, Pick, Put, Row, Write
from services.planning.rezoning import Keep

SERVICE = "scheduler"
WaitsFor = Literal["desk", "connection", "later", "account"]
BATCH_MAX = 50
"""So many posts the desk plans in one append; then it lets others through before it goes on."""


def wait(connection: str, story: str, *, turn: int, waits_for: WaitsFor, cause: int = 0) -> Put:
    row: Row = {"connection": connection, "turn": turn, "story": story, "waits_for": waits_for, "cause": cause}
    return Put(WAITING, row)


def served(row: Row) -> Drop:
    """This very row: if somebody has made the post wait for something else meanwhile, that stays."""
    return Drop(WAITING, row)


def gone(story: str) -> Drop:
    return Drop(WAITING, {"story": story})


def wait_on(row: Row) -> Put:
    """What the desk could do is done, an ask answered; it waits for its connection now, and for no other reason."""
    return wait(str(row["connection"]), str(row["story"]), turn=int(str(row["turn"])), waits_for="connection")


def wait_no_more(story: str) -> Drop:
    """Whatever the desk decides, it decides also for a post that waited for its connection."""
    return Drop(WAITING, {"story": story, "waits_for": "connection"})


def release(connection: str) -> Change:
    """Everybody who waited for this connection comes to the desk, in order."""
    return Change(WAITING, {"connection": connection, "waits_for": "connection"}, {"waits_for": "desk"})


def set_aside(row: Row) -> Change:
    return Change(WAITING, row, {"waits_for": "later"})


def take_up(connection: str) -> Change:
    """Whoever was set aside comes to the desk again."""
    return Change(WAITING, {"connection": connection, "waits_for": "later"}, {"waits_for": "desk"})


def at_the_desk(connection: str, together: int = BATCH_MAX) -> Pick:
    return Pick(WAITING, {"connection": connection, "waits_for": "desk"}, order=("turn", "cause"), limit=together)


def one_each(rows: Sequence[Row]) -> Sequence[Row]:
    """Each post once: what else is asked of it is decided on what this has made of it."""
    first: dict[object, Row] = {}
    for row in rows:
        first.setdefault(row["story"], row)
    return list(first.values())


def for_account(account: str, limit: int | None = None) -> Pick:
    return Pick(WAITING, {"connection": account, "waits_for": "account"}, order=("turn",), limit=limit)


def to_the_desk(connection: str, story: str, *, turn: int, cause: int, now: datetime, mark: str) -> list[Write]:
    """The post waits for the desk, and the desk is called."""
    return [wait(connection, story, turn=turn, waits_for="desk", cause=cause), call_desk(connection, now, mark)]


def call_desk(connection: str, at: datetime, mark: str) -> Put:
    """`mark` makes this call another one than any that is being answered, so that none is lost with it."""
    return _alarm(f"plan-{connection}", at, {"ring": "plan", "connection": connection, "mark": mark})


def call_aside(connection: str, at: datetime, mark: str) -> Put:
    return _alarm(f"aside-{connection}", at, {"ring": "aside", "connection": connection, "mark": mark})


def call_for_replan(
    connection: str, at: datetime, *, cause: int = 0, keep: Keep | None = None, over: bool = True
) -> Put:
    """Without `keep` the whole queue is planned anew; not `over` a call that is there already."""
    ring = {"ring": "replan", "connection": connection, "cause": cause, "keep": keep}
    return _alarm(f"replan-{connection}", at, ring)._replace(over=over)


def call_for_room(connection: str, at: datetime, *, on: datetime, cause: int) -> Put:
    """Something went out at `on` that counts there, and its day may have become too full (S17a)."""
    ring = {"ring": "room", "connection": connection, "on": on.isoformat(), "cause": cause}
    return _alarm(f"room-{connection}-{on.date()}", at, ring)


def called_for_replan(connection: str) -> Pick:
    return Pick(ALARM, {"service": SERVICE, "name": f"replan-{connection}"})


def call_welcome(account: str, at: datetime, *, cause: int, mark: str) -> Put:
    """Somebody has set the account up: the messages that waited for it are tried, one after the other."""
    return _alarm(f"welcome-{account}", at, {"ring": "welcome", "account": account, "cause": cause, "mark": mark})


def call_redrive(parked: str, at: datetime) -> Put:
    return _alarm(f"redrive-{parked}", at, {"ring": "redrive", "parked": parked})


def no_call_redrive(parked: str) -> Drop:
    return clear_alarm(SERVICE, f"redrive-{parked}")


def call_at_slot(connection: str, story: str, at: datetime) -> Put:
    """Named by connection first, so that a connection's whole queue can be found."""
    return _alarm(_due(connection, story), at, {"ring": "due", "story": story})


def no_call_at_slot(connection: str, story: str) -> Drop:
    return clear_alarm(SERVICE, _due(connection, story))


def queue_of(connection: str, since: datetime) -> Pick:
    """The alarms of every post that has a slot on this connection at or after an instant, in order of time."""
    return Pick(ALARM, {"service": SERVICE}, upto={"name": f"due-{connection}0"},
                since={"name": f"due-{connection}/", "due_at": since}, order=("due_at",))  # fmt: skip


def queue_from(after: str, limit: int) -> Pick:
    """The same of all connections, by name, from behind one alarm on: page by page through the whole queue."""
    return Pick(ALARM, {"service": SERVICE}, since={"name": f"{after}!"}, upto={"name": "due-~"}, order=("name",),
                limit=limit)  # fmt: skip


def call_for_rules(at: datetime, *, after: str = "due-") -> Put:
    """Zones have other rules: every slot behind this alarm is looked at."""
    return _alarm("rules", at, {"ring": "rules", "after": after})


def call_person(story: str, at: datetime) -> Put:
    """A missed post waits for a person, who is reminded (I14)."""
    return _alarm(f"remind-{story}", at, {"ring": "remind", "story": story})


def person_came(story: str) -> Drop:
    return clear_alarm(SERVICE, f"remind-{story}")


def _alarm(name: str, at: datetime, ring: dict[str, Any]) -> Put:
    return set_alarm(SERVICE, name, at, ring)


def _due(connection: str, story: str) -> str:
    return f"due-{connection}/{story}"
