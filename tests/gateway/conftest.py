"""Fixtures of the gateway's tests."""

from __future__ import annotations

import pytest

from tests.gateway.house import running


@pytest.fixture
async def house():
    async with running() as it:
        yield it


@pytest.fixture
async def owner(house):
    """A key for the whole house, with the account `acme`."""
    by = await house.caller("owner")
    await house.account(by)
    return by
