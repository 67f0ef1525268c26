"""X: https://docs.x.com/x-api/posts/create-post

Links come back as t.co and texts with `&amp;`, lists are newest first, and every answer tells what is left of its rate.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.channels.sandbox import grants
from services.channels.sandbox.budgets import Allowance, Spent
from services.channels.sandbox.posts import Post, marker_in, twin
from services.channels.sandbox.tokens import Token
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.weighted import addresses, weight
from services.channels.sandbox.wire import Reply, Request, reply
from services.channels.sandbox.x_refusals import CODES, PROBLEMS, no

if TYPE_CHECKING:
    from services.channels.sandbox.world import World

CHANNEL = "x"
CONSENT = "/i/oauth2/authorize"
OAUTH = ("/2/oauth2/token", "/2/oauth2/revoke")
MANNERS = grants.Manners(
    CHANNEL, code_life=timedelta(seconds=30), access_life=timedelta(hours=2), refresh_life=timedelta(days=180),
    single_use=True, pkce=True, refresh_scope="offline.access", no="invalid_request",
)  # fmt: skip

QUARTER = timedelta(minutes=15)
TEXT_MAX = 280
PREMIUM_TEXT_MAX = 25_000
"""What X itself allows a paying account: one whose name begins with `premium`."""
DUPLICATE_MEMORY = timedelta(hours=12)
"""How long it remembers identical words: unpublished."""
OWN_METRICS_LIFE = timedelta(days=30)
LIST_MIN, LIST_MAX = 5, 100
FIELDS = {"text", "media", "poll", "reply", "reply_settings", "made_with_ai", "paid_partnership", "edit_options",
          "quote_tweet_id", "for_super_followers_only", "direct_message_deep_link", "geo", "nullcast"}  # fmt: skip


def serves(request: Request) -> bool:
    return request.host in ("api.x.com", "x.com")


def publishes(request: Request) -> bool:
    return (request.method, request.path) == ("POST", "/2/tweets")


def whose(world: World, request: Request) -> str | None:
    return grants.whose(world, request, CHANNEL)


def limited(world: World, asked: Asked) -> Reply:
    """Nothing is left, and the reset says until when: as long as was asked, else a quarter of an hour."""
    now = world.now()
    seconds = asked.retry_after
    if seconds is None and asked.lasts:
        seconds = int(asked.lasts.total_seconds())
    reset_at = now + timedelta(seconds=900 if seconds is None else seconds)
    return no("rate-limit", headers=_rate(Spent(False, 100, 0, reset_at)))


def refused(asked: Asked) -> Reply:
    by_status = next((code for code, words in CODES.items() if words[0] == asked.status), "client-forbidden")
    return no(asked.code or by_status, status=asked.status)


def answer(world: World, request: Request) -> Reply:
    match request.method, request.path:
        case "GET", "/i/oauth2/authorize":
            return grants.consent(world, request, MANNERS)
        case "POST", "/2/oauth2/token":
            return grants.token(world, request, MANNERS)
        case "POST", "/2/oauth2/revoke":
            return grants.revoke(world, request, CHANNEL)
    token = world.tokens.get(request.bearer, CHANNEL, "access")
    if token is None or token.seen(world.now()) != "live":
        return no("Unauthorized")
    found = _route(request)
    if found is None:
        return no("resource-not-found", status=404)
    scopes, allowance, route = found
    if not all(token.allows(scope) for scope in scopes):
        return no("client-forbidden")
    spent = world.budgets.spend(token.owner.connection, allowance, world.now())
    if not spent.enough:
        return no("rate-limit", headers=_rate(spent))
    given = route(world, request, token)
    return Reply(given.status, {**given.headers, **_rate(spent)}, given.body)


Route = Callable[["World", Request, Token], Reply]


def _route(request: Request) -> tuple[tuple[str, ...], Allowance, Route] | None:
    """What a call needs, what it is counted against, and who answers it."""
    read = ("tweet.read", "users.read")
    match request.method, request.segments:
        case "GET", ["2", "users", "me"]:
            return ("users.read",), Allowance("me", 900, QUARTER), _me
        case "GET", ["2", "users", _, "tweets"]:
            return read, Allowance("timeline", 900, QUARTER), _timeline
        case "GET", ["2", "tweets"]:
            return read, Allowance("read", 5000, QUARTER), _look_up
        case "POST", ["2", "tweets"]:
            return ("tweet.read", "tweet.write", "users.read"), Allowance("posts", 100, QUARTER), _create
        case "DELETE", ["2", "tweets", _]:
            return ("tweet.read", "tweet.write", "users.read"), Allowance("deletes", 50, QUARTER), _delete
    return None


def _rate(spent: Spent) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(spent.most),
        "x-rate-limit-remaining": str(spent.left),
        "x-rate-limit-reset": str(int(spent.reset_at.timestamp())),
    }


def _user(world: World, token: Token) -> str:
    return str(10**9 + int(world.hash("user", token.owner.connection)[:10], 16))


def _premium(token: Token) -> bool:
    return token.owner.account.startswith("premium")


def _me(world: World, request: Request, token: Token) -> Reply:
    data = {
        "id": _user(world, token),
        "name": token.owner.account,
        "username": token.owner.connection.replace(".", "_"),
    }
    wanted = request.query.get("user.fields", "").split(",")
    if "subscription_type" in wanted:
        data["subscription_type"] = "Premium" if _premium(token) else "None"
    if "verified_type" in wanted:
        data["verified_type"] = "blue" if _premium(token) else "none"
    return reply(200, {"data": data})


def _create(world: World, request: Request, token: Token) -> Reply:
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("text"), str) or not body["text"].strip():
        return no("invalid-request")
    if unknown := sorted(set(body) - FIELDS):
        said = f"$.{unknown[0]}: is not defined in the schema and the schema does not allow additional properties"
        return no("invalid-request", errors=[{"parameters": {}, "message": said}])
    if (body.get("media") or {}).get("media_ids"):
        return no("invalid-request", errors=[{"parameters": {}, "message": "Your media IDs are invalid."}])
    text, now, author = body["text"], world.now(), _user(world, token)
    if weight(text) > (PREMIUM_TEXT_MAX if _premium(token) else TEXT_MAX):
        return no("not-permitted")
    if twin(world.posts.since(CHANNEL, author, now - DUPLICATE_MEMORY), lambda post: post.text == text):
        return no("duplicate")
    links = [url for _, _, url in addresses(text)]
    id = str(1_860_000_000_000_000_000 + world.number("x"))
    more = {"link": links[0] if links else None, "marker": marker_in(text), "raw": body}
    post = world.posts.publish(token.owner, now, id=id, channel=CHANNEL, author=author, text=text, **more)
    return reply(201, {"data": {"id": id, "text": _shown(world, post)[0], "edit_history_tweet_ids": [id]}})


def _shown(world: World, post: Post) -> tuple[str, list[dict[str, Any]]]:
    """The text as X gives it back, and where its shortened links lead."""
    text, shown, urls = post.text, "", []
    at = 0
    for begin, end, url in addresses(text):
        short = f"https://t.co/{world.hash('t.co', url)[:10]}"
        shown, at = shown + html.escape(text[at:begin], quote=False) + short, end
        urls.append({"start": len(shown) - len(short), "end": len(shown), "url": short, "expanded_url": url,
                     "display_url": url.partition("//")[2][:26]})  # fmt: skip
    return shown + html.escape(text[at:], quote=False), urls


def _timeline(world: World, request: Request, token: Token) -> Reply:
    asked, author = request.query, request.segments[2]
    most = int(asked.get("max_results", 10))
    if not LIST_MIN <= most <= LIST_MAX:
        said = f"The `max_results` query parameter value [{most}] is not between {LIST_MIN} and {LIST_MAX}"
        return no("invalid-request", errors=[{"parameters": {"max_results": [str(most)]}, "message": said}])
    begin = asked.get("start_time")
    since = datetime.fromisoformat(begin) if begin else None
    shown = [
        post
        for post in world.posts.of(CHANNEL, author)
        if (since is None or post.created_at >= since) and not world.hidden(post)
    ]
    start = int(asked.get("pagination_token", 0))
    part = shown[start : start + most]
    meta: dict[str, Any] = {"result_count": len(part)}
    if start + most < len(shown):
        meta["next_token"] = str(start + most)
    told: dict[str, Any] = {"meta": meta}
    if part:
        # An empty list is told by leaving `data` out.
        told["data"] = [_tweet(world, post, asked, token) for post in part]
    return reply(200, told)


def _look_up(world: World, request: Request, token: Token) -> Reply:
    """Named posts; what cannot be shown stands under `errors` beside `data`, and the answer is 200 all the same."""
    asked = request.query
    ids = [id for id in asked.get("ids", "").split(",") if id]
    if not 1 <= len(ids) <= LIST_MAX:
        return no("invalid-request")
    found = {id: world.posts.get(CHANNEL, id) for id in ids}
    errors = [
        {"value": id, "resource_type": "tweet", "parameter": "ids", "title": "Not Found Error",
         "type": PROBLEMS + "resource-not-found", "detail": f"Could not find tweet with ids: [{id}]."}
        for id, post in found.items() if post is None
    ]  # fmt: skip
    wanted = asked.get("tweet.fields", "")
    errors += [
        {"value": post.id, "resource_type": "tweet", "field": "non_public_metrics", "title": "Field Authorization",
         "type": PROBLEMS + "not-authorized-for-field", "detail": "The post is older than 30 days or not your own."}
        for post in found.values()
        if post and "non_public_metrics" in wanted and not _own_and_young(world, post, token)
    ]  # fmt: skip
    told: dict[str, Any] = {}
    if data := [_tweet(world, post, asked, token) for post in found.values() if post]:
        told["data"] = data
    if errors:
        told["errors"] = errors
    return reply(200, told)


def _own_and_young(world: World, post: Post, token: Token) -> bool:
    return post.author == _user(world, token) and world.now() - post.created_at < OWN_METRICS_LIFE


def _tweet(world: World, post: Post, asked: Mapping[str, str], token: Token) -> dict[str, Any]:
    """Only what was asked for, beside the id and the text."""
    wanted = set(asked.get("tweet.fields", "").split(","))
    text, urls = _shown(world, post)
    tweet: dict[str, Any] = {"id": post.id, "text": text, "edit_history_tweet_ids": [post.id]}
    if "created_at" in wanted:
        tweet["created_at"] = post.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if "entities" in wanted and urls:
        tweet["entities"] = {"urls": urls}
    seen = world.engagement(post)
    if "public_metrics" in wanted:
        tweet["public_metrics"] = {
            "impression_count": seen.impressions, "like_count": seen.likes, "reply_count": seen.comments,
            "retweet_count": seen.shares - seen.shares // 4, "quote_count": seen.shares // 4,
            "bookmark_count": seen.saves,
        }  # fmt: skip
    if "non_public_metrics" in wanted and _own_and_young(world, post, token):
        tweet["non_public_metrics"] = {"impression_count": seen.impressions, "url_link_clicks": seen.clicks,
                                       "user_profile_clicks": seen.clicks // 3}  # fmt: skip
    return tweet


def _delete(world: World, request: Request, token: Token) -> Reply:
    post = world.posts.get(CHANNEL, request.segments[-1])
    if post and post.author != _user(world, token):
        return no("not-permitted")
    if post:
        world.posts.delete(post)
    return reply(200, {"data": {"deleted": True}})
