"""What people ask of one post: the scheduler or the publisher decides, and the answer is awaited here (D18)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from events import CancelAsked, EditAsked, PostEdited, PostTakenIn, RescheduleAsked, RetryAsked, SettleAsked
from events.channels import account_of, channel_of
from events.envelope import Fact
from events.production import Content, GivenAddress, Media
from events.subjects import delivery_stream, post_stream
from services.gateway.answers import ANSWER_S
from services.gateway.asking import Asked, Wish, of_the_post
from services.gateway.bodies import Ask, Body, Door, etag
from services.gateway.desk import Desk, allow_story
from services.gateway.problems import Problem, Wrong, not_found
from services.gateway.times import Moment
from services.gateway.views import showing


class Edit(Body):
    """What is named is changed; null takes a title or a link away."""

    text: str | None = None
    title: str | None = None
    link: GivenAddress | None = None
    media: Annotated[tuple[Media, ...], Field(max_length=35)] = ()


class Reason(Body):
    reason: Annotated[str, StringConstraints(max_length=500)] = "asked"


class Move(Body):
    """*Exactly at* this instant, or the next slot *not before* it."""

    at: Moment | None = None
    not_before: Moment | None = None


class Settle(Body):
    verdict: Annotated[Literal["published", "send_again"], Field(alias="as")]
    channel_post_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    url: GivenAddress | None = None


def asks(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/posts", tags=["posts"], route_class=Door)

    @router.patch("/{id}")
    async def edit(id: str, change: Edit, asked: Ask) -> JSONResponse:
        """Before an attempt is open (S28)."""
        return await edited(desk, asked, id, change)

    @router.post("/{id}/retry")
    async def retry(id: str, asked: Ask) -> JSONResponse:
        """A failed post once more, after its cause was mended (S30)."""
        return await retried(desk, asked, id)

    @router.post("/{id}/cancel")
    async def cancel(id: str, asked: Ask, why: Reason | None = None) -> JSONResponse:
        """Once this is answered 200, no call starts any more (I16)."""
        return await cancelled(desk, asked, id, why or Reason())

    @router.post("/{id}/reschedule")
    async def reschedule(id: str, move: Move, asked: Ask) -> JSONResponse:
        return await rescheduled(desk, asked, id, move)

    @router.post("/{id}/settle")
    async def settle(id: str, how: Settle, asked: Ask) -> JSONResponse:
        """For an unknown outcome: it did go out, or send it again (S35)."""
        return await settled(desk, asked, id, how)

    return router


# One function an ask; the page asks by the same ones.


async def edited(desk: Desk, asked: Asked, id: str, change: Edit) -> JSONResponse:
    told = await visible(desk, asked, id)
    named, content = named_in(change), content_of(told)
    whole = content.model_copy(update=named)
    version = await version_of(desk, id, told)
    if whole == content and asked.relies_on(version) in (None, version):
        # Nobody has to decide about what it says already.
        return await as_shown(desk, id, await desk.store.position())
    if None in named.values():
        # Taking something away takes the whole content, and then it must be the one that was read.
        return await decided(desk, asked, EditAsked(content=whole, **common(id, asked, version)), id)
    return await decided(desk, asked, EditAsked(**named, **common(id, asked)), id)


async def retried(desk: Desk, asked: Asked, id: str) -> JSONResponse:
    await visible(desk, asked, id)
    return await decided(desk, asked, RetryAsked(**common(id, asked)), id)


async def cancelled(desk: Desk, asked: Asked, id: str, why: Reason) -> JSONResponse:
    await visible(desk, asked, id)
    return await decided(desk, asked, CancelAsked(reason=why.reason, **common(id, asked)), id)


async def rescheduled(desk: Desk, asked: Asked, id: str, move: Move) -> JSONResponse:
    await visible(desk, asked, id)
    if (move.at is None) == (move.not_before is None):
        raise Problem("invalid", "Say either `at` or `not_before`.", errors=[Wrong("at", "one of the two")])
    fact = RescheduleAsked(at=move.at, not_before=move.not_before, **common(id, asked))
    return await decided(desk, asked, fact, id)


async def settled(desk: Desk, asked: Asked, id: str, how: Settle) -> JSONResponse:
    await visible(desk, asked, id)
    if how.verdict == "published" and not (how.channel_post_id or how.url):
        raise Problem("where_is_it", "Say where it is live: `channel_post_id`, or `url`.",
                      errors=[Wrong("channel_post_id", "this or `url` is needed")])  # fmt: skip
    fact = SettleAsked(verdict=how.verdict, channel_post_id=how.channel_post_id, url=how.url, **common(id, asked))
    return await decided(desk, asked, fact, id)


def common(story: str, asked: Asked, version: str | None = None) -> dict[str, Any]:
    """What every ask carries; `version` is relied on where the asker named none."""
    return {"post": story, "body_hash": asked.fingerprint, "expected": asked.expected or version}


async def version_of(desk: Desk, story: str, told: list[Fact]) -> str:
    """As the queue's ETag spells it (D18)."""
    return f"{len(told)}.{len(await desk.store.read(delivery_stream(story)))}"


async def visible(desk: Desk, asked: Asked, story: str) -> list[Fact]:
    """The post's facts; one that is not there and somebody else's are the same nothing (I30)."""
    allow_story(asked.by, "queue", story)
    told = await desk.store.read(post_stream(story))
    if not told:
        raise not_found()
    return [each.fact for each in told]


def wish_for(fact: Fact, story: str, told: list[Fact]) -> Wish:
    taken_in = next(each for each in told if isinstance(each, PostTakenIn))
    return Wish(fact, story, account_of(story), channel_of(taken_in.connection))


def content_of(told: list[Fact]) -> Content:
    """The content as it stands."""
    return next(each.content for each in reversed(told) if isinstance(each, PostTakenIn | PostEdited))


def named_in(change: Edit) -> dict[str, Any]:
    named = {name: getattr(change, name) for name in change.model_fields_set}
    if not named:
        raise Problem("invalid", "Name what shall change: text, title, link or media.")
    if "text" in named and named["text"] is None:
        raise Problem("invalid", "text: a post needs one", errors=[Wrong("text", "a post needs one")])
    return named


async def decided(desk: Desk, asked: Asked, fact: Fact, story: str) -> JSONResponse:
    """Ask, wait, answer: 200 with the post as it now is, the decider's own no, or 202, which promises nothing."""
    told = [each.fact for each in await desk.store.read(post_stream(story))]
    if asked.others:
        fact = fact.model_copy(update={"expected": asked.relies_on(await version_of(desk, story, told))})
    said = await desk.asking.ask(asked, [wish_for(fact, story, told)])
    (verdict,) = await desk.asking.verdicts(said, of_the_post)
    if refusal := verdict.refusal:
        raise refusal
    if verdict.fact is None:
        return JSONResponse({"asked": verdict.ask.id}, 202)
    return await as_shown(desk, story, verdict.fact.position)


async def as_shown(desk: Desk, story: str, position: int) -> JSONResponse:
    item = await shown(desk, story, position)
    return JSONResponse(item, headers=etag(item.get("version")))


async def shown(desk: Desk, story: str, position: int) -> dict[str, Any]:
    """The post as the queue shows it from this position on; views that are far behind hold nobody up."""
    document = await desk.views.post(story) if await desk.views.reached(position, ANSWER_S) else None
    if document is None:
        return {"id": story}
    spoken = desk.grants.channels
    return await desk.views.together(lambda db: showing.post(document, showing.surroundings(db, [document], spoken)))
