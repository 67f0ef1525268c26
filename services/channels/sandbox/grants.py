"""The far side of the OAuth dance: the owner consents at once, and the token endpoint is as strict as a real one."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from services.channels.sandbox.tokens import Owner, Token
from services.channels.sandbox.wire import Reply, Request, page, reply

if TYPE_CHECKING:
    from services.channels.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Manners:
    """How one channel runs its token endpoint. `refresh_scope`: without it no refresh token is given."""

    channel: str
    code_life: timedelta
    access_life: timedelta
    refresh_life: timedelta | None
    single_use: bool = False
    pkce: bool = False
    refresh_scope: str | None = None
    partners_only: bool = False
    no: str = "invalid_grant"


def whose(world: World, request: Request, channel: str) -> str | None:
    """The account behind a call, read from its bearer token or from the code or token in its form."""
    form = (
        request.form if "refresh_token" in (body := request.body.decode("utf-8", "replace")) or "code=" in body else {}
    )
    for value in (request.bearer, form.get("refresh_token"), form.get("code")):
        if token := world.tokens.get(value, channel, "access", "refresh", "code"):
            return token.owner.account
    return None


def consent(world: World, request: Request, manners: Manners) -> Reply:
    """The page on which an owner says yes; here it says yes by itself and sends the browser back."""
    asked = request.query
    missing = [name for name in ("client_id", "redirect_uri", "state", "scope") if not asked.get(name)]
    if manners.pkce and asked.get("code_challenge_method") != "S256":
        missing.append("code_challenge_method=S256")
    if manners.pkce and not asked.get("code_challenge"):
        missing.append("code_challenge")
    if asked.get("response_type") != "code":
        missing.append("response_type=code")
    if missing:
        return page(400, "Missing: " + ", ".join(missing))
    now = world.now()
    account, connection = _for_whom(asked["state"], manners.channel)
    owner = Owner(
        account=account, connection=connection, client_id=asked["client_id"], scopes=tuple(asked["scope"].split()),
        redirect_uri=asked["redirect_uri"], challenge=asked.get("code_challenge", ""), granted_at=now,
    )  # fmt: skip
    code = world.fresh("code")
    world.tokens.give(code, "code", channel=manners.channel, owner=owner, now=now, life=manners.code_life)
    joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    back = asked["redirect_uri"] + joint + urlencode({"code": code, "state": asked["state"]})
    return Reply(302, {"location": back})


def _for_whom(state: str, channel: str) -> tuple[str, str]:
    """`acme.…` is acme's only connection; `acme.linkedin.team.…` is the one it calls `team`."""
    pieces = state.split(".")
    label = "." + pieces[2] if len(pieces) == 4 and pieces[1] == channel else ""
    return pieces[0], f"{pieces[0]}.{channel}{label}"


def token(world: World, request: Request, manners: Manners) -> Reply:
    """The token endpoint: a code once, a refresh token as often as the channel allows."""
    form, basic = request.form, request.basic
    client = basic[0] if basic else form.get("client_id", "")
    if not client or not (basic or form.get("client_secret") or manners.pkce):
        return _no("invalid_client", "The client could not be authenticated.", 401)
    match form.get("grant_type"):
        case "authorization_code":
            return _exchange(world, form, client, manners)
        case "refresh_token":
            return _refresh(world, form, client, manners)
        case _:
            return _no("invalid_request", "A required parameter is missing: grant_type.")


def _exchange(world: World, form: dict[str, str], client: str, manners: Manners) -> Reply:
    now = world.now()
    code = world.tokens.get(form.get("code"), manners.channel, "code")
    if code is None or code.seen(now) != "live":
        return _no(manners.no, "The authorization code was invalid, expired or already used.")
    world.tokens.end(code, "used")
    if code.owner.client_id != client or code.owner.redirect_uri != form.get("redirect_uri"):
        return _no(manners.no, "The client or the redirect_uri is not the one the code was given for.")
    if manners.pkce and _challenge(form.get("code_verifier", "")) != code.owner.challenge:
        return _no(manners.no, "Value passed for the code verifier did not match the code challenge.")
    return _tokens(world, code.owner, manners, old=None)


def _refresh(world: World, form: dict[str, str], client: str, manners: Manners) -> Reply:
    old = world.tokens.get(form.get("refresh_token"), manners.channel, "refresh")
    if old is None or old.seen(world.now()) != "live" or old.owner.client_id != client:
        return _no(manners.no, "Value passed for the token was invalid.")
    if manners.single_use:
        world.tokens.end(old, "used")
    return _tokens(world, old.owner, manners, old=None if manners.single_use else old)


def _tokens(world: World, owner: Owner, manners: Manners, *, old: Token | None) -> Reply:
    """A new access token, and a refresh token where the client may have one; a lasting one is given again."""
    now = world.now()
    access = world.tokens.give(
        world.fresh("access"), "access", channel=manners.channel, owner=owner, now=now, life=manners.access_life
    )
    told: dict[str, object] = {
        "token_type": "bearer", "access_token": access.value, "scope": " ".join(owner.scopes),
        "expires_in": int(manners.access_life.total_seconds()),
    }  # fmt: skip
    if _may_refresh(owner, manners):
        refresh = old or world.tokens.give(
            world.fresh("refresh"), "refresh", channel=manners.channel, owner=owner, now=now, life=manners.refresh_life
        )
        told["refresh_token"] = refresh.value
        if refresh.expires_at and not manners.single_use:
            told["refresh_token_expires_in"] = int((refresh.expires_at - now).total_seconds())
    return reply(200, told)


def _may_refresh(owner: Owner, manners: Manners) -> bool:
    if manners.refresh_scope and manners.refresh_scope not in owner.scopes:
        return False
    return not manners.partners_only or "partner" in owner.client_id


def revoke(world: World, request: Request, channel: str) -> Reply:
    """Ends everything that came from the consent of this token; an unknown one is as gone as it can be."""
    if found := world.tokens.get(request.form.get("token"), channel, "access", "refresh"):
        world.tokens.end_grant(found)
    return reply(200, {"revoked": True})


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _no(error: str, description: str, status: int = 400) -> Reply:
    return reply(status, {"error": error, "error_description": description})
