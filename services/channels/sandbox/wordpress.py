"""WordPress: https://developer.wordpress.org/rest-api/reference/posts/

A site of its own for every account, with application passwords for its users, whose names are their roles: `editor`,
`contributor`, `subscriber`. A taken slug silently gets `-2`, which is why one looks before one posts.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from services.channels.sandbox import sites
from services.channels.sandbox.posts import Post, marker_in
from services.channels.sandbox.tokens import Token
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.wire import Reply, Request, page, reply
from services.channels.sandbox.wordpress_refusals import CODES, no

if TYPE_CHECKING:
    from services.channels.sandbox.world import World

CHANNEL = sites.CHANNEL
CONSENT = "/wp-admin/authorize-application.php"
OAUTH = ()

PER_PAGE_MAX = 100
SLUG_BYTES_MAX = 200
UPLOAD_BYTES_MAX = 2_000_000
STATUSES = ("publish", "future", "draft", "pending", "private")
USERS: Mapping[str, frozenset[str]] = {
    "editor": frozenset({"edit_posts", "publish_posts", "upload_files", "edit_others_posts"}),
    "contributor": frozenset({"edit_posts"}),
    "subscriber": frozenset(),
}


def serves(request: Request) -> bool:
    at_home = request.path == "/" or request.path.startswith(("/wp-json", "/wp-admin", "/index.php"))
    return sites.account_at(request.host) is not None and at_home


def publishes(request: Request) -> bool:
    return request.method == "POST" and _route(request) == ["wp", "v2", "posts"]


def whose(world: World, request: Request) -> str | None:
    return sites.account_at(request.host)


def limited(world: World, asked: Asked) -> Reply:
    """Core knows no limits; the host in front of it does, and sends a page of its own."""
    given = page(asked.status or 429, "Too Many Requests")
    told = {} if asked.retry_after is None else {"retry-after": str(asked.retry_after)}
    return Reply(given.status, {**given.headers, **told}, given.body)


def refused(asked: Asked) -> Reply:
    if asked.code is None and asked.status == 413:
        return page(413, "Request Entity Too Large")
    by_status = next((code for code, (status, _) in CODES.items() if status == asked.status), "rest_cannot_create")
    return no(asked.code or by_status, status=asked.status)


def _route(request: Request) -> list[str]:
    """`/wp-json/wp/v2/posts`, or `/?rest_route=/wp/v2/posts` on a site without pretty addresses."""
    if request.segments[:1] == ["wp-json"]:
        return request.segments[1:]
    return [piece for piece in request.query.get("rest_route", "").split("/") if piece]


def answer(world: World, request: Request) -> Reply:
    account = sites.account_at(request.host) or ""
    if request.path == CONSENT:
        return _authorize(world, request, account)
    user, turned_away = _user(world, request, account)
    if turned_away:
        return turned_away
    match request.method, _route(request):
        case "GET", []:
            return _discovery(request)
        case "GET", ["wp", "v2", "users", "me"]:
            return _me(user)
        case "POST", ["wp", "v2", "posts"]:
            return _create(world, request, account, user)
        case "GET", ["wp", "v2", "posts"]:
            return _list(world, request, account, user)
        case "GET" | "DELETE", ["wp", "v2", "posts", number]:
            return _one(world, request, account, user, number)
        case "GET", ["wp", "v2", "comments"]:
            return _comments(world, request, account)
        case "POST", ["wp", "v2", "media"]:
            return _upload(world, request, account, user)
    return no("rest_no_route")


def _authorize(world: World, request: Request, account: str) -> Reply:
    """The owner says yes at once, and the new password travels back in the address, as it does in core."""
    back = request.query.get("success_url")
    if not back:
        return page(400, "Missing: success_url")
    told = {"site_url": f"https://{request.host}", "user_login": sites.EDITOR}
    password = sites.new_password(world, account)
    return Reply(302, {"location": back + ("&" if "?" in back else "?") + urlencode({**told, "password": password})})


def _user(world: World, request: Request, account: str) -> tuple[Token | None, Reply | None]:
    """Who asks: a user, nobody (None), or somebody who is turned away."""
    if request.basic is None:
        return None, None
    name, password = request.basic
    if name not in USERS:
        return None, no("invalid_username")
    found = sites.key(world, account, password)
    if found is None or found.owner.client_id != name:
        return None, no("incorrect_password")
    return found, None


def _can(user: Token | None, capability: str) -> bool:
    return user is not None and capability in USERS[user.owner.client_id]


def _discovery(request: Request) -> Reply:
    grant = {"endpoints": {"authorization": f"https://{request.host}{CONSENT}"}}
    told = {"name": request.host, "url": f"https://{request.host}", "namespaces": ["oembed/1.0", "wp/v2"],
            "authentication": {"application-passwords": grant}}  # fmt: skip
    return reply(200, told)


def _me(user: Token | None) -> Reply:
    if user is None:
        return no("rest_not_logged_in")
    name = user.owner.client_id
    may = dict.fromkeys(sorted(USERS[name]), True)
    return reply(200, {"id": 1, "name": name, "username": name, "slug": name, "roles": [name], "capabilities": may})


def _create(world: World, request: Request, account: str, user: Token | None) -> Reply:
    body = request.json()
    if not isinstance(body, dict):
        return no("rest_invalid_json")
    if refusal := _ill_formed(body):
        return refusal
    if user is None or not _can(user, "edit_posts"):
        return no("rest_cannot_create", status=403 if user else 401)
    if body.get("status") in ("publish", "future", "private") and not _can(user, "publish_posts"):
        return no("rest_cannot_publish")
    if body.get("id"):
        return no("rest_post_exists")
    if body.get("featured_media") and int(body["featured_media"]) > world.last(f"media/{account}"):
        return no("rest_invalid_featured_media")
    title, content = _raw(body.get("title")), _raw(body.get("content"))
    if not (title or content or _raw(body.get("excerpt"))):
        return no("empty_content")
    slug = _free(world, account, _slugged(body.get("slug") or title or "post"))
    reading = html.unescape(re.sub(r"<[^>]+>", " ", content)).strip()
    kept = {"slug": slug, "status": body.get("status", "draft"), "content": content, "title": title,
            "link": f"https://{request.host}/{slug}/", "excerpt": _raw(body.get("excerpt"))}  # fmt: skip
    more = {"title": title or None, "link": kept["link"], "marker": marker_in(content) or slug[-8:], "raw": kept}
    id, now, author = str(world.number("wordpress")), world.now(), _author(account)
    post = world.posts.publish(user.owner, now, id=id, channel=CHANNEL, author=author, text=reading, **more)
    where = f"https://{request.host}/wp-json/wp/v2/posts/{post.id}"
    return reply(201, _shown(post, edit=True), {"location": where})


def _ill_formed(body: Mapping[str, Any]) -> Reply | None:
    wrong = {}
    if "status" in body and body["status"] not in STATUSES:
        wrong["status"] = "status is not one of " + ", ".join(STATUSES) + "."
    if not isinstance(body.get("slug", ""), str):
        wrong["slug"] = "slug is not of type string."
    for name in ("title", "content", "excerpt"):
        if not isinstance(body.get(name, ""), str | dict):
            wrong[name] = f"{name} is not of type object."
    if not isinstance(body.get("featured_media", 0), int):
        wrong["featured_media"] = "featured_media is not of type integer."
    return no("rest_invalid_param", params=wrong) if wrong else None


def _author(account: str) -> str:
    return f"wordpress/{account}"


def _raw(given: Any) -> str:
    return str(given.get("raw", "")) if isinstance(given, dict) else str(given or "")


def _slugged(text: str) -> str:
    slug = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    return slug.encode()[:SLUG_BYTES_MAX].decode(errors="ignore")


def _free(world: World, account: str, slug: str) -> str:
    """The slug, or the first of `slug-2`, `slug-3` … that nobody has."""
    taken = {post.raw["slug"] for post in world.posts.of(CHANNEL, _author(account))}
    numbered = itertools.chain([slug], (f"{slug}-{number}" for number in itertools.count(2)))
    return next(each for each in numbered if each not in taken)


def _shown(post: Post, *, edit: bool) -> dict[str, Any]:
    at = post.created_at.strftime("%Y-%m-%dT%H:%M:%S")

    def rich(name: str) -> dict[str, str]:
        raw = post.raw[name]
        return {"rendered": raw, **({"raw": raw} if edit else {})}

    return {
        "id": int(post.id), "date": at, "date_gmt": at, "slug": post.raw["slug"], "status": post.raw["status"],
        "type": "post", "link": post.raw["link"], "title": rich("title"), "content": rich("content"),
        "excerpt": rich("excerpt"),
    }  # fmt: skip


def _list(world: World, request: Request, account: str, user: Token | None) -> Reply:
    asked = request.query
    status, per_page = asked.get("status", "publish"), asked.get("per_page", "10")
    if not per_page.isdigit() or not 1 <= int(per_page) <= PER_PAGE_MAX:
        return no("rest_invalid_param", params={"per_page": f"per_page must be between 1 and {PER_PAGE_MAX}"})
    if status != "publish" and not _can(user, "edit_posts"):
        why = {"code": "rest_forbidden_status", "message": "Status is forbidden.",
               "data": {"status": 403 if user else 401}}  # fmt: skip
        return no("rest_invalid_param", params={"status": "Status is forbidden."}, details={"status": why})
    slugs = [slug for slug in asked.get("slug", "").split(",") if slug]
    try:
        since = datetime.fromisoformat(asked["after"]) if "after" in asked else None
    except ValueError:
        return no("rest_invalid_param", params={"after": "Invalid date."})
    found = [
        post
        for post in world.posts.of(CHANNEL, _author(account))
        if status in ("any", post.raw["status"])
        and (not slugs or post.raw["slug"] in slugs)
        and (since is None or post.created_at.replace(microsecond=0) > since)
    ]
    size, start = int(per_page), (int(asked.get("page", 1)) - 1) * int(per_page)
    if start and start >= len(found):
        return no("rest_post_invalid_page_number")
    only = [name for name in asked.get("_fields", "").split(",") if name]
    shown = [_shown(post, edit=asked.get("context") == "edit") for post in found[start : start + size]]
    if only:
        shown = [{name: post[name] for name in only if name in post} for post in shown]
    return reply(200, shown, _pages(len(found), size))


def _pages(total: int, size: int) -> dict[str, str]:
    return {"x-wp-total": str(total), "x-wp-totalpages": str(-(-total // size))}


def _one(world: World, request: Request, account: str, user: Token | None, number: str) -> Reply:
    post = world.posts.get(CHANNEL, number)
    if post is None or post.author != _author(account):
        return no("rest_post_invalid_id")
    if request.method == "GET":
        return reply(200, _shown(post, edit=request.query.get("context") == "edit"))
    if not _can(user, "edit_others_posts"):
        return no("rest_cannot_delete", status=403 if user else 401)
    world.posts.delete(post)
    return reply(200, {**_shown(post, edit=True), "status": "trash"})


def _comments(world: World, request: Request, account: str) -> Reply:
    """Core counts nothing else: how many comments a post has stands in a header."""
    asked = request.query
    post = world.posts.get(CHANNEL, asked.get("post", ""))
    total = world.engagement(post).comments if post and post.author == _author(account) else 0
    size = min(int(asked.get("per_page", 10)), PER_PAGE_MAX)
    comments = [{"id": number, "post": int(asked["post"])} for number in range(1, total + 1)]
    return reply(200, comments[:size], _pages(total, size))


def _upload(world: World, request: Request, account: str, user: Token | None) -> Reply:
    if not _can(user, "upload_files"):
        return no("rest_cannot_create", status=403 if user else 401)
    if not request.body:
        return no("rest_upload_no_data")
    if "filename=" not in request.headers.get("content-disposition", ""):
        return no("rest_upload_no_content_disposition")
    if len(request.body) > UPLOAD_BYTES_MAX:
        return no("rest_upload_file_too_big")
    expected = request.headers.get("content-md5")
    # WordPress compares MD5 sums, so the far side does too; nothing secret rests on it.
    if expected and expected != hashlib.md5(request.body, usedforsecurity=False).hexdigest():
        return no("rest_upload_hash_mismatch")
    number = world.number(f"media/{account}")
    return reply(201, {"id": number, "source_url": f"https://{request.host}/wp-content/uploads/{number}"})
