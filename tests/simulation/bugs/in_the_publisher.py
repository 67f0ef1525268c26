"""Mistakes on the way to a channel: what is sent again too early, too often, or by whom it may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from events import ChannelDisconnected, CredentialRefused, LateSendSeen, RateLimited
from services.channels.outcome import Absent, LookFailed, Unavailable, Unclear
from services.chassis.rows import ALARM, LINE, Put
from services.publisher import app, attempt, case, consequences, delivery, lanes, looking, reactions, sending, settling
from services.publisher.grounds import Connection, connection_of
from tests.simulation.bugs.planting import Change, bug


@bug
def an_unclear_answer_is_taken_for_a_no() -> Iterator[Change]:
    """A timeout is a failure like any other, and failures are tried again (D10)."""
    settle = delivery.settle

    def blind(state: Any, *, outcome: Any, **more: Any) -> Any:
        if isinstance(outcome, Unclear):
            outcome = Unavailable(outcome.code, outcome.detail, outcome.http_status)
        return settle(state, outcome=outcome, **more)

    yield Change(delivery, "settle", blind)


@bug
def nothing_settles_before_it_is_looked_up() -> Iterator[Change]:
    """Absence is believed at once, whatever the look-up's lag (D10, I12)."""

    def at_once(channel: Any, moment: datetime, *, answered: bool) -> datetime:
        return moment

    yield Change(attempt, "settled_after", at_once)
    yield Change(settling, "settled_after", at_once)
    yield Change(attempt, "first_look", at_once)
    yield Change(delivery, "first_look", at_once)


@bug
def one_look_is_enough_for_a_weak_list() -> Iterator[Change]:
    """Absent once is absent, on every channel (D10)."""
    of = settling.facts_of
    yield Change(settling, "facts_of", lambda name: replace(of(name), looks=1))


@bug
def the_kill_switch_is_not_looked_at() -> Iterator[Change]:
    """Paused, and the posts go out all the same (G29)."""
    yield Change(case, "paused", lambda told: False)


@bug
def a_late_send_is_told_to_nobody() -> Iterator[Change]:
    """The line had been taken over meanwhile, so whatever the channel answered is forgotten (F5)."""
    told = sending.Sending._told

    async def quiet(self: Any, *about: Any, **more: Any) -> Any:
        append = await told(self, *about, **more)
        late = any(isinstance(each.fact, LateSendSeen) for say in append.says for each in say.facts)
        return append._replace(says=()) if late else append

    yield Change(sending.Sending, "_told", quiet)


@bug
def a_limit_costs_a_try() -> Iterator[Change]:
    """A 429 counts as one of the four (S32)."""
    evolve = delivery.evolve

    def counted(state: Any, fact: Any) -> Any:
        after = evolve(state, fact)
        return replace(after, tries=after.tries + 1) if isinstance(fact, RateLimited) else after

    yield Change(delivery, "evolve", counted)


@bug
def a_limit_holds_the_post_alone() -> Iterator[Change]:
    """The connection's other posts go on meanwhile (S32)."""
    rows = consequences.consequences

    def unheld(story: str, facts: Any) -> Any:
        return [row for row in rows(story, facts) if row.table is not LINE]

    yield Change(sending, "consequences", unheld)


@bug
def a_retry_does_not_wait() -> Iterator[Change]:
    """5xx again at once, and again (S29)."""
    yield Change(attempt, "BACKOFF", (timedelta(), timedelta(), timedelta()))


@bug
def a_retry_waits_in_memory_alone() -> Iterator[Change]:
    """Its alarm is in no row, so a process that dies has forgotten it (I18, D8)."""
    rows = consequences.consequences

    def without_alarm(story: str, facts: Any) -> Any:
        return [row for row in rows(story, facts) if not _rings(row, f"retry-{story}")]

    for place in (sending, looking, reactions, consequences):
        yield Change(place, "consequences", without_alarm)


def _rings(row: Any, name: str) -> bool:
    return isinstance(row, Put) and row.table is ALARM and row.row["name"] == name


@bug
def an_old_round_starts_again() -> Iterator[Change]:
    """Whatever PostDue is heard is sent, also one whose round is over or was taken back (facts.md)."""
    due_of = case.due_of

    def last_one(told: Any) -> Any:
        return due_of(told) or case.last_due(told)

    yield Change(case, "due_of", last_one)
    yield Change(delivery, "over", lambda state, due: False)


@bug
def a_disconnect_is_not_noticed() -> Iterator[Change]:
    """Once connected, for ever connected (S10)."""

    def without_ends(told: Any) -> Connection:
        return connection_of([each for each in told if not isinstance(each.fact, ChannelDisconnected)])

    yield Change(case, "connection_of", without_ends)


@bug
def the_intent_is_written_after_the_call() -> Iterator[Change]:
    """First the channel, then the log: a process that dies between the two has never sent anything (D9, I11)."""
    begin = sending.Sending._begin

    async def call_first(self: Any, line: Any, ready: Any, http: Any) -> Any:
        found = await case.read_case(self.store, str(ready[0]["story"]))
        credential = await self.outside.open_credential(str(ready[0]["connection"]))
        if found and found.standing and found.connection.connected and credential and not _busy(found):
            now = self.clock.now()
            wish = self.outside.wish(found, started_at=now, deadline=now + self.life)
            await self.outside.publish(http, credential, wish, now)
        return await begin(self, line, ready, http)

    yield Change(sending.Sending, "_begin", call_first)


def _busy(found: case.Case) -> bool:
    return bool(found.state.open or found.paused or found.state.retry_at)


@bug
def a_failed_look_is_taken_for_absence() -> Iterator[Change]:
    """Whatever is not found is not there (D10)."""
    really = settling.look

    def believing(state: Any, *, look: Any, **more: Any) -> Any:
        return really(state, look=Absent() if isinstance(look, LookFailed) else look, **more)

    yield Change(settling, "look", believing)


@bug
def a_line_set_aside_for_a_grant_is_not_woken() -> Iterator[Change]:
    """The grant is renewed or back, and nobody tells the line (D20)."""

    async def nobody(store: Any, reaches: Any, new_id: Any) -> None:
        return None

    yield Change(reactions, "woken", nobody)


@bug
def a_withdrawn_post_keeps_its_place_in_line() -> Iterator[Change]:
    """A cancel ends nothing that is under way to the channel (S28)."""
    yield Change(delivery, "withdraw", lambda state, *, due: [])
    yield Change(case, "due_of", case.last_due)


@bug
def two_lanes_may_have_one_line() -> Iterator[Change]:
    """A line is free while its first post is being sent (I19)."""
    due = lanes.Lanes._due

    def any_line(self: Any, table: Any, channel: str, limit: int) -> Any:
        pick = due(self, table, channel, limit)
        return pick._replace(upto={name: value for name, value in pick.upto.items() if name != "lease_until"})

    yield Change(lanes.Lanes, "_due", any_line)


@bug
def a_first_look_that_failed_is_forgotten() -> Iterator[Change]:
    """A retry that had to be looked for first: its earlier round is over, and with it the alarm's reason (I14)."""
    rings = reactions.rings

    def without_later_rounds(store: Any, **wiring: Any) -> Any:
        made = rings(store, **wiring)

        async def next_step_due(asked: Any, alarm: Any) -> Any:
            found = await case.read_case(store, asked["story"])
            over = found and isinstance(delivery.next_step(found.state, wiring["clock"].now()), delivery.Done)
            return None if over else await made["retry"](asked, alarm)

        return {**made, "retry": next_step_due, "look": next_step_due}

    yield Change(app, "rings", without_later_rounds)


@bug
def a_refused_first_look_tells_nobody() -> Iterator[Change]:
    """The credential is no good, only the publisher knows, and looks again for ever (D20)."""
    look_first = settling.look_first

    def quiet(state: Any, **more: Any) -> Any:
        return [fact for fact in look_first(state, **more) if not isinstance(fact, CredentialRefused)]

    yield Change(settling, "look_first", quiet)


@bug
def posts_of_one_instant_have_no_order() -> Iterator[Change]:
    """Their time is the same, and whichever row comes first goes first (S3)."""
    yield Change(sending, "IN_ORDER", ("due_at",))


@bug
def a_line_goes_by_its_turns() -> Iterator[Change]:
    """Whoever was given a later turn goes later, also when it came due before (I19)."""
    yield Change(sending, "IN_ORDER", ("turn", "due_at", "position"))


@bug
def an_attempt_that_began_unheard_is_left_lying() -> Iterator[Change]:
    """The store's answer is lost, so its lane drops it: nothing is sent, and somebody has to look for it (I4, I29)."""

    async def nobody_looks(self: Any, say: Any) -> None:
        return None

    yield Change(sending.Sending, "_there", nobody_looks)
