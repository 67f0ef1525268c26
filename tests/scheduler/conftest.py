"""A fixture that several rooms of the scheduler's tests begin with; a file whose house is another has its own."""

from __future__ import annotations

import pytest

from tests.scheduler.house import House, message
from tests.scheduler.posts import LINKEDIN


@pytest.fixture
async def house() -> House:
    """One post with its slot at ten."""
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.send(message())
    return house
