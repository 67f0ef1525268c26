"""Codes, tokens and keys: what was given to whom, what it may, and whether it still works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.channels.sandbox.books import Books

Use = Literal["code", "access", "refresh", "key"]
Standing = Literal["live", "used", "expired", "revoked"]


class Owner(BaseModel):
    """For whom somebody consented, through which client, and to what."""

    model_config = ConfigDict(frozen=True)

    account: str
    connection: str
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    redirect_uri: str = ""
    challenge: str = ""
    granted_at: AwareDatetime


class Token(BaseModel):
    model_config = ConfigDict(frozen=True)

    value: str
    use: Use
    channel: str
    owner: Owner
    expires_at: AwareDatetime | None = None
    standing: Standing = "live"

    def seen(self, now: datetime) -> Standing:
        """Live, or the reason why not."""
        ran_out = self.expires_at is not None and now >= self.expires_at
        return "expired" if self.standing == "live" and ran_out else self.standing

    def allows(self, scope: str) -> bool:
        return scope in self.owner.scopes


class Tokens:
    def __init__(self, books: Books) -> None:
        self._books = books
        self._all = {value: Token.model_validate(kept) for value, kept in books.shelf("tokens").items()}

    def give(self, value: str, use: Use, *, channel: str, owner: Owner, now: datetime, life: timedelta | None) -> Token:
        return self._keep(
            Token(value=value, use=use, channel=channel, owner=owner, expires_at=now + life if life else None)
        )

    def get(self, value: str | None, channel: str, *uses: Use) -> Token | None:
        """A token of this channel and of one of these uses; another channel's is as unknown as an invented one."""
        token = self._all.get(value or "")
        return token if token and token.channel == channel and token.use in uses else None

    def end(self, token: Token, standing: Standing) -> None:
        self._keep(token.model_copy(update={"standing": standing}))

    def of(self, channel: str, account: str | None, *uses: Use) -> Iterator[Token]:
        """The living ones of one account, or of everybody."""
        for token in list(self._all.values()):
            known = token.channel == channel and token.use in uses and account in (None, token.owner.account)
            if known and token.standing == "live":
                yield token

    def end_grant(self, token: Token) -> None:
        """Everything that came from the same consent ends with it."""
        for other in self.of(token.channel, token.owner.account, "access", "refresh"):
            if other.owner.connection == token.owner.connection:
                self.end(other, "revoked")

    def _keep(self, token: Token) -> Token:
        self._all[token.value] = token
        self._books.keep("tokens", token.value, token.model_dump(mode="json"))
        return token
