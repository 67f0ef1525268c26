"""A secret that does not open: its channel says so when the gateway starts, and its posts do not wait unheard (I14)."""

from __future__ import annotations

from services.chassis.rows import VAULT, Pick, Put
from services.chassis.store import Append


async def test_a_channel_whose_secret_was_damaged_is_disconnected_and_says_why(house, owner):
    for channel in ("linkedin", "x"):
        await house.connected(owner, channel)
    [row] = await house.store.pick(Pick(VAULT, {"connection": "acme.x"}))
    damaged = bytes([row["ciphertext"][0], *row["ciphertext"][1:-1], row["ciphertext"][-1] ^ 1])
    await house.store.append(Append(rows=[Put(VAULT, {**row, "ciphertext": damaged})]))
    await house.gateway.prove_seals()
    await house.calm()
    assert await house.said("acme.linkedin") == ["ChannelConnected"]
    assert await house.said("acme.x") == ["ChannelConnected", "ChannelDisconnected"]
    sheet = (await owner.ask("GET", "/v1/accounts/acme/connections")).json()["items"]
    [shown] = [each for each in sheet if each["id"] == "acme.x"]
    assert shown["status"] == "disconnected"
    assert "does not open" in str(shown)


async def test_what_opens_is_left_as_it_is(house, owner):
    await house.connected(owner, "x")
    await house.gateway.prove_seals()
    assert await house.said("acme.x") == ["ChannelConnected"]
