"""LinkedIn: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api

Organisations and members post; a list names an organisation's posts only, since the real one closed members' lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.channels.sandbox import grants, little_text
from services.channels.sandbox.budgets import Allowance
from services.channels.sandbox.linkedin_refusals import CODES, no
from services.channels.sandbox.posts import Post, marker_in, twin
from services.channels.sandbox.tokens import Token
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.wire import Reply, Request, reply

if TYPE_CHECKING:
    from services.channels.sandbox.world import World

CHANNEL = "linkedin"
CONSENT = "/oauth/v2/authorization"
OAUTH = ("/oauth/v2/accessToken", "/oauth/v2/revoke")
MANNERS = grants.Manners(
    CHANNEL, code_life=timedelta(minutes=30), access_life=timedelta(days=60), refresh_life=timedelta(days=365),
    partners_only=True,
)  # fmt: skip

VERSIONS = tuple(f"2026{month:02}" for month in range(1, 10))
"""Live today: each for a year. Older ones have ended, later ones are not out."""
COMMENTARY_MAX = 3000
TITLE_MAX = 400
POSTS = Allowance("posts", 100, timedelta(days=1))
"""About 100 posts a day per organisation (S18); the count begins again at 00:00 UTC."""
DUPLICATE_MEMORY = timedelta(hours=1)
"""How long it remembers identical content: unpublished, minutes to hours."""
LIST_MAX = 100

REQUIRED = ("author", "commentary", "visibility", "distribution", "lifecycleState")
PERMITTED = {*REQUIRED, "content", "isReshareDisabledByAuthor", "contentLandingPage", "contentCallToActionLabel"}


def serves(request: Request) -> bool:
    return request.host in ("api.linkedin.com", "www.linkedin.com")


def publishes(request: Request) -> bool:
    return (request.method, request.path) == ("POST", "/rest/posts")


def whose(world: World, request: Request) -> str | None:
    return grants.whose(world, request, CHANNEL)


def limited(world: World, asked: Asked) -> Reply:
    told = {} if asked.retry_after is None else {"retry-after": str(asked.retry_after)}
    return no("TOO_MANY_REQUESTS", headers=told)


def refused(asked: Asked) -> Reply:
    by_status = next((code for code, (status, _) in CODES.items() if status == asked.status), "ACCESS_DENIED")
    return no(asked.code or by_status, status=asked.status)


def answer(world: World, request: Request) -> Reply:
    match request.method, request.path:
        case "GET", "/oauth/v2/authorization":
            return grants.consent(world, request, MANNERS)
        case "POST", "/oauth/v2/accessToken":
            return grants.token(world, request, MANNERS)
        case "POST", "/oauth/v2/revoke":
            return grants.revoke(world, request, CHANNEL)
    token = world.tokens.get(request.bearer, CHANNEL, "access")
    standing = token.seen(world.now()) if token else "unknown"
    if token is None or standing != "live":
        reason = {"expired": "EXPIRED_ACCESS_TOKEN", "revoked": "REVOKED_ACCESS_TOKEN"}
        return no(reason.get(standing, "INVALID_ACCESS_TOKEN"))
    if (request.method, request.path) == ("GET", "/v2/userinfo"):
        return reply(200, {"sub": _person(world, token), "name": f"{token.owner.account} on LinkedIn"})
    if request.path.startswith("/rest/"):
        return _versioned(world, request, token)
    return no("RESOURCE_NOT_FOUND", status=404, message=f"Could not find entity {request.path}")


def _versioned(world: World, request: Request, token: Token) -> Reply:
    version = request.headers.get("linkedin-version")
    if version not in VERSIONS:
        return no("NONEXISTENT_VERSION", message=f"Requested version {version} is not active")
    if request.headers.get("x-restli-protocol-version") != "2.0.0" or _badly_encoded(request):
        return no("ILLEGAL_ARGUMENT", status=400, message="Syntax exception in path or query")
    resource, routes = request.segments[1], _ROUTES
    route = routes.get((request.method, resource))
    if route is None:
        return no("RESOURCE_NOT_FOUND", status=404, message=f"No virtual resource found for {resource}")
    return route(world, request, token)


def _badly_encoded(request: Request) -> bool:
    """URNs are percent-encoded in addresses; the brackets and commas of a List are not."""
    return "urn:" in request.path + request.raw_query or "list%28" in request.raw_query.lower()


def _organisation(world: World, token: Token) -> str:
    """The one this connection administers."""
    return f"urn:li:organization:{int(world.hash('organisation', token.owner.connection)[:7], 16)}"


def _person(world: World, token: Token) -> str:
    return world.hash("person", token.owner.connection)[:10]


def _acls(world: World, request: Request, token: Token) -> Reply:
    if not token.allows("rw_organization_admin"):
        return no("ACCESS_DENIED")
    role = {"role": "ADMINISTRATOR", "state": "APPROVED", "organization": _organisation(world, token),
            "roleAssignee": f"urn:li:person:{_person(world, token)}"}  # fmt: skip
    asked = request.query
    wanted = asked.get("q") == "roleAssignee" and asked.get("role", "ADMINISTRATOR") == "ADMINISTRATOR"
    return reply(200, {"elements": [role] if wanted else [], "paging": {"start": 0, "count": 10, "links": []}})


def _may_act(world: World, token: Token, author: str, scope: str) -> bool:
    if author == f"urn:li:person:{_person(world, token)}":
        return token.allows("w_member_social") and scope == "w_organization_social"
    return author == _organisation(world, token) and token.allows(scope)


def _create(world: World, request: Request, token: Token) -> Reply:
    body = request.json()
    if not isinstance(body, dict):
        return no("ILLEGAL_ARGUMENT", status=400, message="The request body could not be parsed as JSON")
    if refusal := _ill_formed(body):
        return refusal
    if not _may_act(world, token, body["author"], "w_organization_social"):
        return no("ACCESS_DENIED")
    now = world.now()
    lately = world.posts.since(CHANNEL, body["author"], now - DUPLICATE_MEMORY)
    if same := twin(lately, lambda post: post.raw == body):
        return no("DUPLICATE_POST", message=f"Content is a duplicate of {same.id}")
    if not world.budgets.spend(body["author"], POSTS, now).enough:
        return no("TOO_MANY_REQUESTS")
    number = world.number("linkedin")
    # Both kinds of URN occur in the wild, and no caller can choose which one it gets.
    urn = f"urn:li:{'ugcPost' if number % 3 == 0 else 'share'}:{7_265_000_000_000_000_000 + number}"
    article = (body.get("content") or {}).get("article") or {}
    text, link = little_text.visible(body["commentary"]), article.get("source")
    more = {"title": article.get("title"), "link": link, "marker": marker_in(link, text), "raw": body}
    world.posts.publish(token.owner, now, id=urn, channel=CHANNEL, author=body["author"], text=text, **more)
    return reply(201, headers={"x-restli-id": urn})


def _ill_formed(body: dict[str, Any]) -> Reply | None:
    """What it refuses to read, in the order in which it looks."""
    if unknown := sorted(set(body) - PERMITTED):
        fields = ", ".join(f"/{name}" for name in unknown)
        return no("ACCESS_DENIED", message=f"Unpermitted fields present in REQUEST_BODY: Data Processing Exception "
                                            f"while processing fields [{fields}]")  # fmt: skip
    if missing := [name for name in REQUIRED if name not in body]:
        said = "; ".join(f"ERROR :: /{name} :: field is required but not found" for name in missing)
        return no("UNPROCESSABLE_ENTITY", message=said)
    if not re.fullmatch(r"urn:li:(person|organization):\w+", str(body["author"])):
        return no("INVALID_URN_TYPE", message=f"ERROR :: /author :: {body['author']!r} is not a valid URN")
    if body["visibility"] not in ("PUBLIC", "CONNECTIONS", "LOGGED_IN") or body["lifecycleState"] != "PUBLISHED":
        return no("UNPROCESSABLE_ENTITY")
    if len(little_text.visible(str(body["commentary"]))) > COMMENTARY_MAX:
        return no("FIELD_LENGTH_TOO_LONG")
    article = (body.get("content") or {}).get("article")
    if article is not None and not (article.get("source") and article.get("title")):
        return no("UNPROCESSABLE_ENTITY", message="ERROR :: /content/article :: source and title are required")
    if article is not None and len(article["title"]) > TITLE_MAX:
        return no("FIELD_LENGTH_TOO_LONG", message="ERROR :: /content/article/title :: length is greater than 400")
    return None


def _read(world: World, request: Request, token: Token) -> Reply:
    """The author finder, or one post by its URN."""
    if len(request.segments) == 3:
        post = world.posts.get(CHANNEL, request.segments[2])
        return reply(200, _element(post)) if post else no("NOT_FOUND", status=404, message="Post not found")
    asked = request.query
    if asked.get("q") != "author" or request.headers.get("x-restli-method", "").upper() != "FINDER":
        return no("ILLEGAL_ARGUMENT", status=400, message="No finder method was named")
    author = asked.get("author", "")
    if not author.startswith("urn:li:organization:") or not _may_act(world, token, author, "r_organization_social"):
        return no("ACCESS_DENIED", message="Not enough permissions to access: partnerApiPostsExternal.FINDER-author")
    start, count = int(asked.get("start", 0)), min(int(asked.get("count", 10)), LIST_MAX)
    shown = [post for post in world.posts.of(CHANNEL, author) if not world.hidden(post)]
    elements = [_element(post) for post in shown[start : start + count]]
    return reply(200, {"elements": elements, "paging": {"start": start, "count": count, "total": len(shown)}})


def _element(post: Post) -> dict[str, Any]:
    at = int(post.created_at.timestamp() * 1000)
    return {**post.raw, "id": post.id, "createdAt": at, "publishedAt": at, "lastModifiedAt": at}


def _delete(world: World, request: Request, token: Token) -> Reply:
    """Repeatable: what is gone is gone."""
    post = world.posts.get(CHANNEL, request.segments[-1])
    if post and not _may_act(world, token, post.author, "w_organization_social"):
        return no("ACCESS_DENIED")
    if post:
        world.posts.delete(post)
    return reply(204)


def _statistics(world: World, request: Request, token: Token) -> Reply:
    asked = request.query
    author = asked.get("organizationalEntity", "")
    if asked.get("q") != "organizationalEntity" or not author:
        return no("ILLEGAL_ARGUMENT", status=400, message="organizationalEntity is required")
    if not _may_act(world, token, author, "rw_organization_admin"):
        return no("ACCESS_DENIED")
    elements = []
    for name, kind, label in (("shares", "share", "share"), ("ugcPosts", "ugcPost", "ugcPost")):
        for urn in re.findall(rf"urn:li:{kind}:\d+", asked.get(name, "")):
            post = world.posts.get(CHANNEL, urn)
            seen = world.engagement(post) if post and post.author == author else None
            # A post nobody has seen yet is left out; whoever asks reads that as zero.
            if seen and seen.impressions:
                totals = {
                    "impressionCount": seen.impressions, "uniqueImpressionsCount": seen.reach, "likeCount": seen.likes,
                    "commentCount": seen.comments, "shareCount": seen.shares, "clickCount": seen.clicks,
                    "engagement": (seen.likes + seen.comments + seen.shares + seen.clicks) / seen.impressions,
                }  # fmt: skip
                elements.append({"organizationalEntity": author, label: urn, "totalShareStatistics": totals})
    return reply(200, {"elements": elements, "paging": {"start": 0, "count": len(elements), "links": []}})


Route = Callable[["World", Request, Token], Reply]
_ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "organizationAcls"): _acls,
    ("POST", "posts"): _create,
    ("GET", "posts"): _read,
    ("DELETE", "posts"): _delete,
    ("GET", "organizationalEntityShareStatistics"): _statistics,
}
