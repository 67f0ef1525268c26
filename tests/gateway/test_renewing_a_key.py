"""A blog's key cannot be renewed: one that is refused is gone, and whoever waits for it is held (S10, S12)."""

from __future__ import annotations

from events import ChannelConnected, ChannelDisconnected, CredentialRefused
from events.subjects import connection_stream, delivery_stream

STORY = "acme.spring"


async def test_a_refused_key_disconnects_the_blog(house, owner):
    """No registration of ours is needed for that, and this house has none for blogs."""
    await owner.ask("PUT", "/v1/accounts/acme/connections/blog", house.blog_key())
    fact = CredentialRefused(
        round=1, attempt=1, connection="acme.blog", credential_version=1, code="incorrect_password"
    )
    await house.say(delivery_stream(STORY), fact, story=STORY)
    await house.calm()
    connected, gone = await house.facts(connection_stream("acme.blog"))
    assert isinstance(connected, ChannelConnected)
    assert isinstance(gone, ChannelDisconnected)
    assert (gone.reason, gone.code) == ("refused", "key_refused")
    assert "refresh-acme.blog" not in await house.alarms()
