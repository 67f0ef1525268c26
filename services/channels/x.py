"""X: https://docs.x.com/x-api/posts/create-post

One call makes a post visible; the link is part of the text. Lists catch up within seconds, so absence takes two looks.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from events import Metrics
from events.channels import X
from services.channels.adapter import (
    Answer,
    Client,
    Credential,
    Granted,
    Granting,
    Http,
    Wish,
)
from services.channels.grant import Dance
from services.channels.manners import (
    after,
    an_id,
    bounded,
    clean,
    epoch,
    look_failed,
    mapping,
    measure_failed,
    not_proven,
    objects,
    parsed,
    unheard,
    whole,
)
from services.channels.outcome import (
    Absent,
    Delivered,
    Found,
    Limited,
    Look,
    LookFailed,
    Measured,
    Measurement,
    Outcome,
    Refused,
    Unclear,
)
from services.channels.text import composed

name = "x"
hosts = ("api.x.com", "x.com")

API = "https://api.x.com/2"
DANCE = Dance("https://x.com/i/oauth2/authorize", f"{API}/oauth2/token", X.scopes, pkce=True, basic=True)
LIST_COUNT, PAGES_MAX = 100, 10
EARLIER = timedelta(minutes=1)
PREMIUM = {"Premium", "PremiumPlus"}
LIMITS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")
"""On a 429 the latest reset counts among those of which nothing is left (channels.md 2.6)."""


def authorize_url(client: Client, *, state: str, verifier: str) -> str:
    return DANCE.authorize_url(client, state=state, verifier=verifier)


async def grant(http: Http, client: Client, *, code: str, verifier: str, now: datetime) -> Granting:
    granted = await DANCE.exchange(http, client, code=code, verifier=verifier, now=now)
    if not isinstance(granted, Granted):
        return granted
    known = await check(http, Credential("", 0, granted.secret))
    if not isinstance(known, Granted):
        return known
    return replace(
        granted,
        member=known.member,
        member_name=known.member_name,
        premium=known.premium,
        grant_expires_at=_grant_ends(granted, now),
    )


async def refresh(http: Http, client: Client, *, secret: Mapping[str, str], now: datetime) -> Granting:
    """Single use: whoever calls this keeps the new pair before using it (D20). The new token's life begins anew."""
    granted = await DANCE.refresh(http, client, secret=secret, now=now)
    return replace(granted, grant_expires_at=_grant_ends(granted, now)) if isinstance(granted, Granted) else granted


def _grant_ends(granted: Granted, now: datetime) -> datetime | None:
    return granted.grant_expires_at or (now + X.grant_life if X.grant_life else None)


async def check(http: Http, credential: Credential) -> Granting:
    answer = await http.send("GET", f"{API}/users/me?user.fields=subscription_type", headers=_headers(credential))
    told = mapping(parsed(answer))
    user = mapping(told.get("data"))
    if answer.status == 200 and (id := an_id(user.get("id"))):
        premium = user.get("subscription_type") in PREMIUM
        return Granted(secret=credential.secret, member=id, member_name=clean(user.get("username")), premium=premium)
    return not_proven(answer, _code(answer, told), _detail(told))


async def publish(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Outcome:
    body = orjson.dumps({"text": composed("x", wish.text, wish.link)})
    answer = await http.send("POST", f"{API}/tweets", headers=_headers(credential), body=body, deadline=wish.deadline)
    return _outcome(answer, now)


async def find(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
    since = (wish.started_at - EARLIER).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = ""
    for _ in range(PAGES_MAX):
        asked = (
            f"{API}/users/{quote(credential.member, safe='')}/tweets?max_results={LIST_COUNT}"
            f"&start_time={since}&tweet.fields=created_at,entities,note_tweet{token}"
        )
        answer = await http.send("GET", asked, headers=_headers(credential))
        told = mapping(parsed(answer))
        if answer.status != 200 or not isinstance(told.get("meta"), dict):
            until = _until(answer, now) if answer.status == 429 else None
            return look_failed(answer, _code(answer, told), until=until, detail=_detail(told))
        for tweet in objects(told.get("data")):
            id = an_id(tweet.get("id"))
            if id and id not in wish.others and _is_ours(tweet, wish):
                return Found(id, _url(id))
        more = an_id(told["meta"].get("next_token"))
        if more is None:
            return Absent()
        token = f"&pagination_token={quote(more)}"
    return LookFailed("list_without_end", f"The attempt is further back than {PAGES_MAX} pages.")


async def measure(http: Http, credential: Credential, channel_post_id: str, *, now: datetime) -> Measurement:
    asked = f"{API}/tweets?ids={quote(channel_post_id)}&tweet.fields=public_metrics,non_public_metrics"
    answer = await http.send("GET", asked, headers=_headers(credential))
    told = mapping(parsed(answer))
    found = objects(told.get("data"))
    if answer.status != 200 or not found:
        until = _until(answer, now) if answer.status == 429 else None
        problems = objects(told.get("errors"))
        gone = answer.status == 200 and bool(problems)
        code = "not_found" if gone else _code(answer, told)
        return measure_failed(answer, code, until=until, detail=_detail(told))
    public, own = mapping(found[0].get("public_metrics")), mapping(found[0].get("non_public_metrics"))
    shares = [whole(public.get(key)) for key in ("retweet_count", "repost_count", "quote_count")]
    return Measured(
        Metrics(
            impressions=whole(public.get("impression_count")),
            likes=whole(public.get("like_count")),
            comments=whole(public.get("reply_count")),
            shares=sum(count for count in shares if count is not None) if any(c is not None for c in shares) else None,
            saves=whole(public.get("bookmark_count")),
            clicks=whole(own.get("url_link_clicks")),
        )
    )


def left(answer: Answer) -> tuple[int, datetime] | None:
    """How many calls this window still has, and when it begins anew, of the limit that is the tightest: posting."""
    told = [answer.headers.get(f"x-rate-limit-{name}", "") for name in ("limit", "remaining")]
    resets_at = epoch(answer.headers.get("x-rate-limit-reset"))
    if resets_at is None or X.budget is None or not all(re.fullmatch(r"\d{1,9}", each, re.ASCII) for each in told):
        return None
    limit, remaining = (int(each) for each in told)
    return (remaining, resets_at) if limit <= X.budget.calls_max else None


def _headers(credential: Credential) -> dict[str, str]:
    token = credential.secret.get("access_token", "")
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _outcome(answer: Answer, now: datetime) -> Outcome:
    if silent := unheard(answer):
        return silent
    told, status = mapping(parsed(answer)), answer.status or 0
    code, detail = _code(answer, told), _detail(told)
    id = an_id(mapping(told.get("data")).get("id"))
    if status == 201 and id:
        return Delivered(id, _url(id))
    if status >= 500 or status < 400 or status == 408 or code == "internal-error":
        return Unclear(code, detail, status)
    if code == "usage-capped" or status == 402:
        # The month's allowance or the credit is gone: no use asking again today (channels.md 2.6).
        return Limited(code, status, _tomorrow(now))
    if status == 429 or code in ("88", "rate-limit"):
        return Limited(code, status, _until(answer, now))
    if status == 401:
        return Refused("auth", code, status, detail)
    if status == 403:
        return _forbidden(code, detail)
    return Refused("content", code, status, detail)


def _forbidden(code: str, detail: str) -> Refused:
    if "duplicate" in detail.lower():
        return Refused("duplicate", "duplicate", 403, detail)
    if "not permitted to perform this action" in detail.lower():
        return Refused("content", code, 403, detail)
    return Refused("permission", code, 403, detail)


def _code(answer: Answer, told: Mapping[str, Any]) -> str:
    """The last word of the problem's type, else its title, else the old numbered error (S33)."""
    kind = str(told.get("type") or "")
    if "/problems/" in kind:
        return clean(kind.rsplit("/", 1)[1])
    numbered = next((error.get("code") for error in objects(told.get("errors")) if error.get("code")), None)
    if title := told.get("title"):
        return clean(title)
    return str(numbered) if numbered else f"http_{answer.status}" if answer.status else "no_answer"


def _detail(told: Mapping[str, Any]) -> str:
    errors = objects(told.get("errors"))
    first = errors[0] if errors else {}
    return clean(told.get("detail") or first.get("message") or first.get("detail"))


def _until(answer: Answer, now: datetime) -> datetime | None:
    """The latest reset of an exhausted limit; Retry-After, should one ever come, counts too."""
    resets = [epoch(answer.headers.get(f"{each}-reset")) for each in LIMITS
              if answer.headers.get(f"{each}-remaining", "0") == "0"]  # fmt: skip
    told = [reset for reset in (*resets, after(answer, now)) if reset is not None]
    return bounded(max(told), now) if told else None


def _tomorrow(now: datetime) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


def _is_ours(tweet: Mapping[str, Any], wish: Wish) -> bool:
    """Links come back shortened, texts escaped, and long ones whole in `note_tweet` alone: all is undone first."""
    whole_text = mapping(tweet.get("note_tweet")) or tweet
    text = html.unescape(str(whole_text.get("text") or ""))
    for link in objects(mapping(whole_text.get("entities")).get("urls")):
        text = text.replace(str(link.get("url") or "\0"), str(link.get("expanded_url") or ""))
    sent = composed("x", wish.text, wish.link)
    if wish.marker in text:
        return True  # also where the words that went out are not the ones that are known after a restore
    return wish.marker not in sent and _words(text) == _words(sent)


def _words(text: str) -> str:
    """What stays the same on the way: X composes letters, and expands a bare domain with a scheme."""
    return re.sub(r"https?://", "", unicodedata.normalize("NFC", text)).strip()


def _url(id: str) -> str:
    return f"https://x.com/i/status/{id}"
