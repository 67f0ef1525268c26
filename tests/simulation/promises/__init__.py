"""What must hold whatever happens: witnesses of promises, each of which counts how often they were put to the test."""

from __future__ import annotations

from tests.simulation.promises.attempts import Attempts
from tests.simulation.promises.book import Book, Breach, Witness
from tests.simulation.promises.disorder import Disorder
from tests.simulation.promises.feeding import Feeding
from tests.simulation.promises.hands import Hands
from tests.simulation.promises.intents import Intents
from tests.simulation.promises.log import Log
from tests.simulation.promises.outside import Outside
from tests.simulation.promises.reading import Reading
from tests.simulation.promises.slots import Slots
from tests.simulation.promises.standing import Standing

WITNESSES: tuple[type[Witness], ...] = (
    Log,
    Attempts,
    Intents,
    Outside,
    Standing,
    Slots,
    Reading,
    Disorder,
    Feeding,
    Hands,
)

ANTECEDENTS: tuple[str, ...] = tuple(name for witness in WITNESSES for name in witness.reaches)
"""Everything that must have been put to the test at least once over many seeds."""

__all__ = ["ANTECEDENTS", "WITNESSES", "Book", "Breach", "Witness"]
