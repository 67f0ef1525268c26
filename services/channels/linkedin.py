"""LinkedIn organisation pages: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api

One call makes a post visible. Its look-up lags some seconds, so absence takes two looks (D10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from events import Metrics
from events.channels import LINKEDIN
from services.channels.adapter import (
    Answer,
    Client,
    Credential,
    Granted,
    Granting,
    GrantRefused,
    GrantUnclear,
    Http,
    Wish,
)
from services.channels.grant import Dance
from services.channels.manners import (
    after,
    an_id,
    clean,
    look_failed,
    mapping,
    measure_failed,
    not_proven,
    objects,
    parsed,
    unheard,
    whole,
)  # fmt: skip
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
    Unavailable,
    Unclear,
)  # fmt: skip

name = "linkedin"
hosts = ("api.linkedin.com", "www.linkedin.com")

API = "https://api.linkedin.com/rest"
VERSION = "202609"
"""Each monthly version lives at least a year; a retired one answers 426."""
DANCE = Dance(
    "https://www.linkedin.com/oauth/v2/authorization", "https://www.linkedin.com/oauth/v2/accessToken", LINKEDIN.scopes
)
LIST_COUNT, PAGES_MAX = 50, 10
EARLIER = timedelta(minutes=1)
"""Clocks differ: a look begins so long before the attempt."""
_LITTLE = re.compile(r"([|{}@\[\]()<>\\*_~]|#(?!\w))")
"""What the field's own markup would swallow; a bare #word stays a hashtag."""

REVOKED = "REVOKED_ACCESS_TOKEN"
SERVICE_CODES = {65600: "INVALID_ACCESS_TOKEN", 65601: REVOKED, 65602: "EXPIRED_ACCESS_TOKEN"}


def authorize_url(client: Client, *, state: str, verifier: str) -> str:
    return DANCE.authorize_url(client, state=state, verifier=verifier)


async def grant(http: Http, client: Client, *, code: str, verifier: str, now: datetime) -> Granting:
    granted = await DANCE.exchange(http, client, code=code, verifier=verifier, now=now)
    if not isinstance(granted, Granted):
        return granted
    known = await check(http, Credential("", 0, granted.secret))
    if isinstance(known, GrantRefused) and known.code == REVOKED:
        # A token of some seconds' age may be called revoked before it is known everywhere (channels.md 1.2).
        return GrantUnclear(known.code, known.detail)
    if not isinstance(known, Granted):
        return known
    # Without a refresh token the consent itself ends with the access token (channels.md 1.2).
    ends = granted.grant_expires_at if "refresh_token" in granted.secret else granted.access_expires_at
    return replace(granted, member=known.member, member_name=known.member_name, grant_expires_at=ends)


async def refresh(http: Http, client: Client, *, secret: Mapping[str, str], now: datetime) -> Granting:
    return await DANCE.refresh(http, client, secret=secret, now=now)


async def check(http: Http, credential: Credential) -> Granting:
    """The organisation this grant may speak for."""
    asked = f"{API}/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED"
    answer = await http.send("GET", asked, headers=_headers(credential))
    told = mapping(parsed(answer))
    if answer.status == 200 and isinstance(told.get("elements"), list):
        members = [an_id(each.get("organization")) for each in objects(told.get("elements"))]
        if members and members[0]:
            return Granted(secret=credential.secret, member=members[0])
        return GrantRefused("no_organisation", "This member administers no organisation page on LinkedIn.")
    return not_proven(answer, _code(answer, told), str(told.get("message") or ""))


async def publish(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Outcome:
    body = orjson.dumps(_post(credential, wish))
    answer = await http.send("POST", f"{API}/posts", headers=_headers(credential), body=body, deadline=wish.deadline)
    return _outcome(answer, now)


async def find(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
    """Reads the organisation's own posts back to shortly before the attempt."""
    since = wish.started_at - EARLIER
    for page in range(PAGES_MAX):
        asked = (f"{API}/posts?q=author&author={quote(credential.member, safe='')}&count={LIST_COUNT}"
                 f"&start={page * LIST_COUNT}&sortBy=LAST_MODIFIED")  # fmt: skip
        answer = await http.send("GET", asked, headers=_headers(credential) | {"x-restli-method": "FINDER"})
        told = mapping(parsed(answer))
        if answer.status != 200 or not isinstance(told.get("elements"), list):
            limited = after(answer, now) if answer.status == 429 else None
            return look_failed(answer, _code(answer, told), until=limited, detail=str(told.get("message") or ""))
        elements = objects(told["elements"])
        for element in elements:
            id = an_id(element.get("id"))
            if id and id not in wish.others and _is_ours(element, wish, since):
                return Found(id, _url(id))
        if len(elements) < LIST_COUNT or (_made(elements[-1]) or now) < since:
            return Absent()
    return LookFailed("list_without_end", f"The attempt is further back than {PAGES_MAX} pages.")


async def measure(http: Http, credential: Credential, channel_post_id: str, *, now: datetime) -> Measurement:
    kind = "ugcPosts" if ":ugcPost:" in channel_post_id else "shares"
    asked = (f"{API}/organizationalEntityShareStatistics?q=organizationalEntity"
             f"&organizationalEntity={quote(credential.member, safe='')}"
             f"&{kind}=List({quote(channel_post_id, safe='')})")  # fmt: skip
    answer = await http.send("GET", asked, headers=_headers(credential))
    told = mapping(parsed(answer))
    if answer.status != 200 or not isinstance(told.get("elements"), list):
        until = after(answer, now) if answer.status == 429 else None
        return measure_failed(answer, _code(answer, told), until=until, detail=str(told.get("message") or ""))
    elements = objects(told["elements"])
    # A post nobody has acted on is left out of the list: that is a true zero (channels.md 1.9).
    totals = mapping(elements[0].get("totalShareStatistics")) if elements else dict.fromkeys(_COUNTERS.values(), 0)
    counted = {ours: whole(totals.get(theirs)) for ours, theirs in _COUNTERS.items()}
    return Measured(Metrics(**counted))


_COUNTERS = {"reach": "uniqueImpressionsCount", "impressions": "impressionCount", "likes": "likeCount",
             "comments": "commentCount", "shares": "shareCount", "clicks": "clickCount"}  # fmt: skip


def _headers(credential: Credential) -> dict[str, str]:
    return {
        "authorization": f"Bearer {credential.secret.get('access_token', '')}",
        "linkedin-version": VERSION,
        "x-restli-protocol-version": "2.0.0",
        "content-type": "application/json",
    }


def _post(credential: Credential, wish: Wish) -> dict[str, Any]:
    body: dict[str, Any] = {
        "author": credential.member,
        "commentary": _LITTLE.sub(r"\\\1", wish.text),
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }
    if wish.link:
        # LinkedIn does not read the page, so a card needs a title of ours.
        title = wish.title or urlsplit(wish.link).hostname or wish.link
        body["content"] = {"article": {"source": wish.link, "title": title[: LINKEDIN.title_max]}}
    return body


def _outcome(answer: Answer, now: datetime) -> Outcome:
    if silent := unheard(answer):
        return silent
    told, status = mapping(parsed(answer)), answer.status or 0
    code, detail = _code(answer, told), clean(told.get("message"))
    id = an_id(answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id"))
    if status == 201 and id:
        return Delivered(id, _url(id))
    if status >= 500 or status < 400:
        return Unclear(code, detail, status)
    match status, code:
        case 429, _:
            return Limited(code, status, after(answer, now))
        case 426, _:
            # Our version header has retired: no fault of the post, so the connection waits until we are mended.
            return Limited(code, status, None)
        case 409, _:
            return Unavailable(code, detail, status)
        case _, "DUPLICATE_POST":
            return Refused("duplicate", code, status, detail)
        case _, "REVOKED_ACCESS_TOKEN":
            return Refused("revoked", code, status, detail)
        case 401, _:
            return Refused("auth", code, status, detail)
        case 403, _:
            return Refused("permission", code, status, detail)
        case 408, _:
            return Unclear(code, detail, status)
    return Refused("content", code, status, detail)


def _code(answer: Answer, told: Mapping[str, Any]) -> str:
    """LinkedIn's own word; for a token the number beside it, which says more than UNAUTHORIZED does (S33)."""
    service = told.get("serviceErrorCode")
    if isinstance(service, int) and service in SERVICE_CODES:
        return SERVICE_CODES[service]
    if code := told.get("code"):
        return clean(code)
    return f"http_{answer.status}" if answer.status else "no_answer"


def _is_ours(element: Mapping[str, Any], wish: Wish, since: datetime) -> bool:
    commentary = str(element.get("commentary") or "").replace("\\", "")
    source = str(mapping(mapping(element.get("content")).get("article")).get("source") or "")
    if wish.marker and (wish.marker in commentary or wish.marker in source):
        return True
    # A post without any link carries no marker; its words do.
    marked = wish.marker in wish.text or wish.marker in (wish.link or "")
    return not marked and commentary == wish.text.replace("\\", "") and (_made(element) or since) >= since


def _made(element: Mapping[str, Any]) -> datetime | None:
    at = whole(element.get("createdAt"))
    return datetime.fromtimestamp(at / 1000, UTC) if at and at < 10**14 else None


def _url(urn: str) -> str:
    return f"https://www.linkedin.com/feed/update/{urn}"
