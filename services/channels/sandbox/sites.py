"""Clients' own sites, one for every account at `https://<account>.sites.sandbox`, and the keys their owners give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.channels.sandbox.tokens import Owner, Token

if TYPE_CHECKING:
    from services.channels.sandbox.world import World

CHANNEL = "blog"
DOMAIN = ".sites.sandbox"
EDITOR = "editor"


def account_at(host: str) -> str | None:
    """Whose site it is; None when the host is no client's site."""
    return host.removesuffix(DOMAIN) if host.endswith(DOMAIN) else None


def host_of(account: str) -> str:
    return account + DOMAIN


def new_password(world: World, account: str, user: str = EDITOR) -> str:
    """A fresh application password, in groups of four as its owner sees it once."""
    number = world.number(f"password/{account}")
    letters = world.hash("password", account, user, str(number))[:24]
    owner = Owner(account=account, connection=f"{account}.{CHANNEL}", client_id=user, granted_at=world.now())
    world.tokens.give(letters, "key", channel=CHANNEL, owner=owner, now=world.now(), life=None)
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def key(world: World, account: str, value: str) -> Token | None:
    """A living key of this very site; the spaces in it mean nothing."""
    found = world.tokens.get(value.replace(" ", ""), CHANNEL, "key")
    return found if found and found.owner.account == account and found.seen(world.now()) == "live" else None
