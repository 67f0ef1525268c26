"""WordPress: https://developer.wordpress.org/rest-api/reference/posts/

The marker is the slug's end. A second post of the same slug silently becomes `slug-2`, so the slug is looked up before
anything is sent. The words before the marker are those of the title, which may have been another when a post went out:
whether it did is asked by the slug, and then by the ends of all slugs since. Both are exact, and absence needs one look
(D10).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

import nh3
import orjson
from markdown_it import MarkdownIt

from events import Metrics
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
)
from services.channels.outcome import (
    Absent,
    Delivered,
    Found,
    Kind,
    Limited,
    Look,
    LookFailed,
    Measured,
    Measurement,
    Outcome,
    Refused,
    Unavailable,
    Unclear,
)

name = "blog"
hosts: tuple[str, ...] = ()
"""A blog lives at the address its owner typed."""

SLUG_WORDS_MAX = 60
LISTED = "id,link,status,slug"
LIST_COUNT, PAGES_MAX = 100, 10
EARLIER = timedelta(days=1)
"""A site's clock is its owner's own, and so is its zone; a blog has few posts a day, so one more costs little."""
REVOKED = {"incorrect_password", "invalid_username", "invalid_email", "rest_not_logged_in",
           "application_passwords_disabled"}  # fmt: skip
PERMISSION = {"rest_cannot_create", "rest_cannot_publish", "rest_cannot_edit", "rest_cannot_assign_term",
              "rest_cannot_edit_others", "rest_cookie_invalid_nonce", "rest_no_route", "rest_post_invalid_id",
              "rest_forbidden_context", "rest_forbidden_status"}  # fmt: skip
UNSPOKEN = "http_{}"
"""The code of an answer that brought none."""
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": True}).enable(["linkify"])


async def refresh(http: Http, client: Client, *, secret: Mapping[str, str], now: datetime) -> Granting:
    """A key does not expire; one that is refused is gone."""
    return GrantRefused("key_refused", "The application password no longer works; its owner has to make a new one.")


async def check(http: Http, credential: Credential) -> Granting:
    """`/users/me` in the context `edit`: public reads answer 200 even to a wrong password, this one does not."""
    answer = await http.send("GET", _address(credential, "users/me", context="edit"), headers=_headers(credential))
    told = mapping(parsed(answer))
    if answer.status == 200 and (id := an_id(told.get("id"))):
        if mapping(told.get("capabilities")).get("publish_posts") is not True:
            return GrantRefused("rest_cannot_publish", "This user may not publish posts; make them Author or above.")
        return Granted(secret=credential.secret, member=id, member_name=clean(told.get("name")))
    if answer.status == 404 or (answer.status == 200 and not told):
        return GrantUnclear("no_rest_api", "There is no WordPress with its REST API at this address.")
    return not_proven(answer, _code(answer, told), str(told.get("message") or ""))


async def publish(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Outcome:
    there = await _at_its_slug(http, credential, wish, now=now)
    match there:
        case Found():
            return Delivered(there.channel_post_id, there.url)
        case LookFailed(until=datetime()) | LookFailed(http_status=429):
            return Limited(there.code, there.http_status, there.until)
        case LookFailed(http_status=int(status)) if 400 <= status < 500 and status != 408:
            return Refused(_kind(there.code, status), there.code, status, there.detail)
        case LookFailed():
            # Nothing has been sent yet, whatever the look came to.
            return Unavailable(there.code, there.detail, there.http_status)
        case Absent():
            pass
    body = orjson.dumps({"title": wish.title or _first_line(wish.text), "content": _content(wish),
                         "slug": slug_of(wish), "status": "publish"})  # fmt: skip
    answer = await http.send(
        "POST", _address(credential, "posts"), headers=_headers(credential), body=body, deadline=wish.deadline
    )
    return _outcome(answer, now)


async def find(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
    look = await _at_its_slug(http, credential, wish, now=now)
    return await _by_its_marker(http, credential, wish, now=now) if isinstance(look, Absent) else look


async def _at_its_slug(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
    asked = _address(credential, "posts", slug=slug_of(wish), status="any", _fields=LISTED)
    answer = await http.send("GET", asked, headers=_headers(credential), deadline=wish.deadline)
    found = _listed(answer)
    return _looked(found, slug_of(wish)) if found is not None else _failed(answer, now)


async def _by_its_marker(http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
    """Under whatever title it went out, with a link in it or without: WordPress's own search does not read slugs."""
    since = (wish.started_at - EARLIER).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for page in range(1, PAGES_MAX + 1):
        asked = _address(credential, "posts", after=since, status="any", _fields=LISTED, per_page=str(LIST_COUNT),
                         page=str(page))  # fmt: skip
        answer = await http.send("GET", asked, headers=_headers(credential), deadline=wish.deadline)
        found, total = _listed(answer), answer.headers.get("x-wp-total", "")
        if found is None or not total.isdecimal():
            return _failed(answer, now)
        look = _looked(found, wish.marker, at_the_end=True)
        # A page holds less than was asked for where a user may not read all of it, so its length says nothing.
        if isinstance(look, Found) or page * LIST_COUNT >= int(total):
            return look
    return LookFailed("list_without_end", f"The attempt is further back than {PAGES_MAX} pages.")


def _listed(answer: Answer) -> list[Any] | None:
    found = parsed(answer)
    return found if answer.status == 200 and isinstance(found, list) else None


def _looked(posts: list[Any], slug: str, *, at_the_end: bool = False) -> Look:
    """One that was unpublished since keeps its slug; a second beside it would be the twin nobody wants (S35)."""
    ours = re.compile(rf"(.*-)?{re.escape(slug)}(-\d+)?" if at_the_end else re.escape(slug))
    for post in objects(posts):
        id = an_id(post.get("id"))
        if id and ours.fullmatch(str(post.get("slug") or "")):
            return Found(id, _link(post))
    return Absent()


def _failed(answer: Answer, now: datetime) -> LookFailed:
    told = mapping(parsed(answer))
    until = after(answer, now) if answer.status in (429, 503) else None
    failed = look_failed(answer, _code(answer, told), until=until, detail=str(told.get("message") or ""))
    return replace(failed, auth=failed.auth or failed.code in REVOKED)


async def measure(http: Http, credential: Credential, channel_post_id: str, *, now: datetime) -> Measurement:
    """Core counts comments alone; everything else is not offered, which is None and not 0 (S42)."""
    asked = _address(credential, "comments", post=channel_post_id, per_page="1", _fields="id")
    answer = await http.send("GET", asked, headers=_headers(credential))
    total = answer.headers.get("x-wp-total", "")
    if answer.status != 200 or not total.isdecimal():
        told = mapping(parsed(answer))
        until = after(answer, now) if answer.status in (429, 503) else None
        return measure_failed(answer, _code(answer, told), until=until, detail=str(told.get("message") or ""))
    return Measured(Metrics(comments=int(total)))


def slug_of(wish: Wish) -> str:
    """Readable words and the marker: the same in every attempt, and nobody else's."""
    plain = unicodedata.normalize("NFKD", wish.title or _first_line(wish.text)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:SLUG_WORDS_MAX].strip("-")
    return f"{words}-{wish.marker}" if words else wish.marker


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:120] if text.strip() else "Untitled"


def _content(wish: Wish) -> str:
    """Markdown as HTML; whatever could run in a reader's browser is taken out (A5)."""
    body = str(_MARKDOWN.render(wish.text))
    if wish.link and wish.link not in wish.text:
        address = escape(wish.link, quote=True)
        body += f'<p><a href="{address}">{address}</a></p>'
    return nh3.clean(body, link_rel=None)


def _address(credential: Credential, resource: str, **asked: str) -> str:
    """`/wp-json/…`, or `?rest_route=…` where the owner's address says that pretty ones are off."""
    site, plain, _ = (credential.site or "").partition("?rest_route=")
    if plain or site.endswith("/index.php"):
        return f"{site}?{urlencode({'rest_route': f'/wp/v2/{resource}', **asked})}"
    site = site.rstrip("/")
    query = f"?{urlencode(asked)}" if asked else ""
    return f"{site}/wp-json/wp/v2/{quote(resource)}{query}"


def _headers(credential: Credential) -> dict[str, str]:
    pair = f"{credential.secret.get('user', '')}:{credential.secret.get('key', '')}"
    basic = base64.b64encode(pair.encode()).decode()
    return {"authorization": f"Basic {basic}", "content-type": "application/json", "accept": "application/json"}


def _outcome(answer: Answer, now: datetime) -> Outcome:
    if silent := unheard(answer):
        return silent
    told, status = mapping(parsed(answer)), answer.status or 0
    code, detail = _code(answer, told), clean(told.get("message"))
    id = an_id(told.get("id"))
    if status == 201 and id:
        return Delivered(id, _link(told))
    if status in (429, 503) and (status == 429 or "retry-after" in answer.headers):
        return Limited(code, status, after(answer, now))
    if status >= 500 or status < 400 or status == 408:
        return Unclear(code, detail, status)
    return Refused(_kind(code, status), code, status, detail)


def _kind(code: str, status: int) -> Kind:
    """WordPress's own code first (S33). A 401 without one is a firewall's page, not a word about the key."""
    if code in REVOKED or (status == 401 and code not in PERMISSION and code != UNSPOKEN.format(401)):
        return "revoked"
    if code in PERMISSION or status in (401, 403, 404, 405):
        return "permission"
    return "content"


def _code(answer: Answer, told: Mapping[str, Any]) -> str:
    # To a key that no longer works a bare core says that nobody is logged in, and a look for `any` status, which is
    # for users alone, is then an invalid parameter; the reason stands one level deeper.
    status = mapping(mapping(mapping(told.get("data")).get("details")).get("status"))
    if status.get("code") == "rest_forbidden_status":
        return "rest_not_logged_in" if mapping(status.get("data")).get("status") == 401 else "rest_forbidden_status"
    if code := told.get("code"):
        return clean(code)
    return UNSPOKEN.format(answer.status) if answer.status else "no_answer"


def _link(post: Mapping[str, Any]) -> str | None:
    link = str(post.get("link") or "")
    return link if link.startswith(("http://", "https://")) and len(link) <= 2048 else None
