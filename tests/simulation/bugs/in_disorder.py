"""Mistakes that show only when the house itself is out of order, or when the bytes that leave it are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.chassis import drain, held
from services.publisher import app, lanes, sending
from tests.simulation.bugs.planting import Change, bug


@bug
def attempts_begin_while_the_clocks_have_parted() -> Iterator[Change]:
    """Nobody knows what time it is, and whoever is due goes out all the same (I22)."""
    yield Change(lanes, "parted", lambda clock: False)
    yield Change(sending, "parted", lambda clock: False)


@bug
def a_fact_is_tried_once_too_often() -> Iterator[Change]:
    """Six tries instead of five (I25)."""
    yield Change(held, "TRIES_MAX", held.TRIES_MAX + 1)
    yield Change(held, "TRY_AFTER", (*held.TRY_AFTER, timedelta(minutes=10)))


@bug
def a_fact_overtakes_the_held_one_of_its_story() -> Iterator[Change]:
    """Whatever comes next of the same story is taken at once (I25)."""

    async def never(self: held.Held, told: Any) -> bool:
        return False

    yield Change(held.Held, "waits", never)


@bug
def a_text_is_tidied_on_its_way_out() -> Iterator[Change]:
    """Not the words that were approved, if only by a full stop (I15)."""
    dress = app.dress

    def tidied(text: str, link: str | None, **more: Any) -> Any:
        done = dress(text, link, **more)
        return replace(done, text=done.text.rstrip("."))

    yield Change(app, "dress", tidied)


@bug
def a_link_is_dressed_for_the_campaign_of_the_day() -> Iterator[Change]:
    """A second attempt sends other bytes than the first one (I15)."""
    dress, numbers = app.dress, iter(range(10**9))

    def anew(text: str, link: str | None, *, campaign: str | None, **more: Any) -> Any:
        return dress(text, link, campaign=f"{campaign} {next(numbers)}", **more)

    yield Change(app, "dress", anew)


@bug
def an_intent_lasts_a_minute() -> Iterator[Change]:
    """Longer than what the look-up of an open attempt allows for (I11, D9)."""
    yield Change(lanes, "ATTEMPT_LIFE", timedelta(minutes=1))


@bug
def whoever_leaves_waits_for_nobody() -> Iterator[Change]:
    """Nothing new begins, and what is in hand is dropped with its outcome (I29)."""

    async def at_once(self: Any) -> None:
        self.begun.set()

    yield Change(drain.Drain, "left", at_once)
