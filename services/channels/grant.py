"""The OAuth 2.0 dance (RFC 6749, PKCE by RFC 7636): the address to consent at, the exchange of a code, the refresh.

Only a definite no of the token endpoint is a refusal; a fault on the way says nothing about the grant (S12).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oauthlib.oauth2 import WebApplicationClient

from services.channels.adapter import Answer, Client, Granted, Granting, GrantRefused, GrantUnclear, Http
from services.channels.manners import clean, mapping, parsed

REFUSALS = {"invalid_grant", "invalid_request", "invalid_token", "access_denied"}
"""What speaks of the grant. `invalid_client` and kin speak of our own registration: no owner has to reconnect."""
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Dance:
    """How one channel runs its code flow. `basic`: the client authenticates by header instead of in the form."""

    authorize: str
    token: str
    scopes: tuple[str, ...]
    pkce: bool = False
    basic: bool = False

    def authorize_url(self, client: Client, *, state: str, verifier: str) -> str:
        challenge = {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"} if self.pkce else {}
        return str(
            WebApplicationClient(client.client_id).prepare_request_uri(
                self.authorize, redirect_uri=client.redirect_uri, scope=list(self.scopes), state=state, **challenge
            )
        )

    async def exchange(self, http: Http, client: Client, *, code: str, verifier: str, now: datetime) -> Granting:
        body = WebApplicationClient(client.client_id).prepare_request_body(
            code=code,
            redirect_uri=client.redirect_uri,
            code_verifier=verifier if self.pkce else None,
            client_secret=None if self.basic else client.client_secret,
        )
        return self._read(await self._ask(http, client, body), now, old={})

    async def refresh(self, http: Http, client: Client, *, secret: Mapping[str, str], now: datetime) -> Granting:
        """A grant without a refresh token cannot be refreshed: its owner has to consent again."""
        token = secret.get("refresh_token")
        if not token:
            return GrantRefused("no_refresh_token", "This grant cannot be renewed; its owner has to reconnect.")
        secret_too = {} if self.basic else {"client_secret": client.client_secret}
        body = WebApplicationClient(client.client_id).prepare_refresh_body(
            refresh_token=token, client_id=client.client_id, **secret_too
        )
        return self._read(await self._ask(http, client, body), now, old=secret)

    async def _ask(self, http: Http, client: Client, body: str) -> Answer:
        headers = dict(FORM)
        if self.basic:
            pair = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        return await http.send("POST", self.token, headers=headers, body=body.encode())

    def _read(self, answer: Answer, now: datetime, *, old: Mapping[str, str]) -> Granting:
        told = mapping(parsed(answer))
        if answer.status is None:
            return GrantUnclear("no_answer" if answer.sent else "not_reached", clean(answer.detail))
        if answer.status == 200 and isinstance(told.get("access_token"), str):
            return self._granted(told, now, old)
        error = str(told.get("error") or "")
        if 400 <= answer.status < 500 and answer.status not in (408, 429) and error in REFUSALS:
            return GrantRefused(error, clean(told.get("error_description")))
        return GrantUnclear(clean(error) or f"http_{answer.status}", clean(told.get("error_description")))

    def _granted(self, told: Mapping[str, Any], now: datetime, old: Mapping[str, str]) -> Granted:
        refresh = told.get("refresh_token") or old.get("refresh_token")
        secret = {"access_token": str(told["access_token"])} | ({"refresh_token": str(refresh)} if refresh else {})
        scopes = tuple(str(told["scope"]).replace(",", " ").split()) if told.get("scope") else self.scopes
        return Granted(
            secret=secret,
            scopes=scopes,
            access_expires_at=_later(now, told.get("expires_in")),
            grant_expires_at=_later(now, told.get("refresh_token_expires_in")),
        )


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _later(now: datetime, seconds: object) -> datetime | None:
    number = seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else None
    if isinstance(seconds, str) and seconds.isdecimal():
        number = int(seconds)
    return now + timedelta(seconds=number) if number and 0 < number < 10**9 else None
