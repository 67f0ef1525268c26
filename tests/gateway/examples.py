"""The gateway's example: a week at two clients, with one post in every state a post can be in.

It is Thursday, 26 November 2026, a quarter past ten in Berlin. Acme has LinkedIn, X and a blog; the bistro's LinkedIn
was disconnected yesterday, and its Instagram access ends next week.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from events import (
    ApprovalAsked,
    AttemptFailed,
    AttemptUnclear,
    ChannelDisconnected,
    Considered,
    DiscoveryWeightsRecalculated,
    GrantExpiring,
    LookedUp,
    MeasurementClosed,
    MeasurementPlanned,
    Media,
    MessageParked,
    Metrics,
    MetricsCollected,
    OutcomeUnknown,
    PostCancelled,
    PostCommented,
    PostFailed,
    PostHeld,
    PostMissed,
    PostRefused,
    PostRejected,
    RateLimited,
    RetryAsked,
    Why,
)
from events.subjects import asking_stream, connection_stream, parked_stream, weights_stream
from services.chassis.rows import BUDGET, PARKED_BODY, Put
from services.chassis.store import Append
from tests.gateway.telling import Teller, slot

MONDAY: Final = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
THURSDAY: Final = datetime(2026, 11, 26, 9, 15, tzinfo=UTC)
BERLIN, LISBON = ("Europe/Berlin", 1), ("Europe/Lisbon", 0)
LINKEDIN, X, BLOG = "acme.linkedin", "acme.x", "acme.blog"
STATES: Final = {
    "acme.autumn-report": ("published", None),
    "acme.customer-voice": ("published", None),
    "acme.team-day": ("published", None),
    "acme.hiring-nurses": ("scheduled", None),
    "acme.advent-calendar": ("scheduled", None),
    "acme.winter-guide": ("scheduled", None),
    "acme.price-change": ("scheduled", "retrying"),
    "acme.product-tour": ("scheduled", "limited"),
    "acme.webinar-invite": ("scheduled", "checking"),
    "acme.founders-letter": ("scheduled", "outcome_unknown"),
    "acme.long-read": ("failed", "content"),
    "acme.too-long": ("failed", "content"),
    "acme.exact-noon": ("pending", "missed"),
    "acme.quarter-numbers": ("awaiting_approval", None),
    "acme.old-offer": ("cancelled", None),
    "acme.rough-draft": ("rejected", None),
    "acme.fresh-idea": ("pending", "planning"),
    "bistro.lunch-menu": ("pending", "held"),
    "bistro.wine-evening": ("scheduled", None),
    "bistro.new-year": ("scheduled", None),
}
"""Every post of the example, and how it stands on Thursday."""


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A day of that November, in UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def the_week(teller: Teller) -> None:
    """Tell all of it, in the order in which it happened."""
    teller.until(MONDAY)
    await _two_clients(teller)
    await _published(teller)
    await _planned(teller)
    await _trouble(teller)
    await _people(teller)
    await _bistro(teller)
    await _parked(teller)
    teller.until(THURSDAY)
    await _right_now(teller)


async def _two_clients(teller: Teller) -> None:
    await teller.account("acme", BERLIN[0], name="Acme Care", owner="owner@acme.example",
                         caps={"linkedin": {"posts_per_day_max": 5}})  # fmt: skip
    await teller.account("bistro", LISBON[0], name="Bistro Luz", owner="luz@bistro.example", mode="custom")
    await teller.connect(LINKEDIN, member_name="Acme Care GmbH", grant_expires_at=at(30, 9) + timedelta(days=30))
    await teller.connect(X, member_name="@acmecare", grant_expires_at=at(30, 9) + timedelta(days=90))
    await teller.connect(BLOG, member_name="editor", site="https://blog.acme.example")
    await teller.connect("bistro.linkedin", member_name="Bistro Luz", grant_expires_at=at(30, 9))
    await teller.connect("bistro.instagram", member_name="bistro.luz", grant_expires_at=at(30, 12) + timedelta(days=2))
    window = {"connection": X, "window": "PT15M", "starts_at": at(26, 9), "used": 37, "calls_max": 100}
    await teller.store.append(Append(rows=[Put(BUDGET, window)]))


async def _published(teller: Teller) -> None:
    """Three that went well, one of them at its second try, one found by looking it up."""
    await teller.take_in("acme.autumn-report", LINKEDIN, "What 1,200 carers told us about autumn.",
                         bucket="research", campaign="autumn", link="https://acme.example/autumn")  # fmt: skip
    await teller.take_in("acme.customer-voice", X, "“We found a place within a week.” Read Anna's story.",
                         bucket="customer-stories", campaign="autumn")  # fmt: skip
    forest = Media(kind="image", url="https://acme.example/forest.jpg", alt="Forty people under beeches")
    await teller.take_in("acme.team-day", BLOG, "Forty people, one forest, no slides.", title="Our team day",
                         bucket="culture", media=(forest,))  # fmt: skip
    teller.wait(minutes=1)
    await teller.schedule("acme.autumn-report", LINKEDIN, slot(at(24, 8), *BERLIN))
    await teller.schedule("acme.customer-voice", X, slot(at(24, 8, 30), *BERLIN))
    await teller.schedule("acme.team-day", BLOG, slot(at(25, 8), *BERLIN))
    teller.until(at(24, 8))
    due = await teller.come_due("acme.autumn-report")
    await teller.start("acme.autumn-report", due, 1)
    teller.wait(seconds=1)
    await teller.publish("acme.autumn-report", due)
    await _planned_measurement(teller, "acme.autumn-report", LINKEDIN, "research")
    teller.until(at(24, 8, 30))
    due = await teller.come_due("acme.customer-voice")
    await teller.start("acme.customer-voice", due, 1)
    await teller.of_post("delivery", "acme.customer-voice", AttemptFailed(
        round=1, attempt=1, code="503", http_status=503, detail="Service Unavailable", tries=1,
        retry_at=teller.now + timedelta(minutes=1)))  # fmt: skip
    teller.wait(minutes=1)
    await teller.start("acme.customer-voice", due, 2, 1)
    teller.wait(seconds=1)
    await teller.publish("acme.customer-voice", due, 2, 2)
    await _planned_measurement(teller, "acme.customer-voice", X, "customer-stories")
    teller.until(at(24, 9))
    counted = Metrics(impressions=4210, likes=96, comments=14, shares=11)
    await teller.of_post("measurement", "acme.autumn-report", MetricsCollected(window="1h", metrics=counted))
    teller.until(at(25, 8))
    later = counted.model_copy(update={"impressions": 9120, "likes": 188})
    await teller.of_post("measurement", "acme.autumn-report", MetricsCollected(window="24h", metrics=later))
    due = await teller.come_due("acme.team-day")
    await teller.start("acme.team-day", due, 1)
    teller.wait(seconds=20)
    await teller.of_post("delivery", "acme.team-day", AttemptUnclear(
        round=1, attempt=1, code="timeout", detail="", answered_at=teller.now, look_at=teller.now))  # fmt: skip
    await teller.of_post("delivery", "acme.team-day", LookedUp(
        round=1, attempt=1, look=1, found=True, channel_post_id="417"))  # fmt: skip
    await teller.publish("acme.team-day", due, found_by="look_up", channel_post_id="417",
                         url="https://blog.acme.example/our-team-day")  # fmt: skip


async def _planned_measurement(teller: Teller, story: str, connection: str, bucket: str | None) -> None:
    plan = MeasurementPlanned(connection=connection, channel_post_id="1", bucket=bucket, published_at=teller.now)
    await teller.of_post("measurement", story, plan)


async def _planned(teller: Teller) -> None:
    """What comes up; one had to step over slots that were taken."""
    considered = (Considered(local="2026-11-26T11:00", refused="taken"),
                  Considered(local="2026-11-26T11:30", refused="over the cap of 5 posts a day"))  # fmt: skip
    why = Why(mode="best_practice", window="10:00-12:00", weight=1, considered=considered)
    await teller.take_in("acme.hiring-nurses", LINKEDIN, "We are hiring nurses in Leipzig. Here is what the first "
                         "month looks like.", bucket="hiring", campaign="winter",
                         link="https://acme.example/jobs")  # fmt: skip
    await teller.schedule("acme.hiring-nurses", LINKEDIN, slot(at(27, 9), *BERLIN), why)
    await teller.take_in("acme.advent-calendar", X, "Twenty-four small kindnesses, one a day.", bucket="culture",
                         campaign="winter")  # fmt: skip
    await teller.schedule("acme.advent-calendar", X, slot(at(26, 13), *BERLIN),
                          Why(mode="best_practice", window="12:00-15:00", weight=2))  # fmt: skip
    await teller.take_in("acme.winter-guide", BLOG, "How to get a house through the winter.", title="The winter guide",
                         bucket="research", campaign="winter")  # fmt: skip
    await teller.schedule("acme.winter-guide", BLOG, slot(at(30, 8), *BERLIN))


async def _trouble(teller: Teller) -> None:
    await teller.take_in("acme.founders-letter", X, "A letter from our founders, ten years on.", bucket="culture")
    await teller.schedule("acme.founders-letter", X, slot(at(25, 9), *BERLIN))
    teller.until(at(25, 9))
    due = await teller.come_due("acme.founders-letter")
    await teller.start("acme.founders-letter", due, 1)
    teller.wait(seconds=20)
    here = {"round": 1, "attempt": 1}
    await teller.of_post("delivery", "acme.founders-letter", AttemptUnclear(
        **here, code="timeout", detail="no answer", answered_at=teller.now,
        look_at=teller.now + timedelta(seconds=40)))  # fmt: skip
    teller.wait(seconds=55)
    await teller.of_post("delivery", "acme.founders-letter", LookedUp(**here, look=1, found=None, detail="429"))
    evidence = (
        "Attempt 1 ended without a clear answer at 2026-11-25 09:00:20 UTC (timeout). X was looked at 4 times for "
        "dx-1, which settled nothing. Look there yourself: if it is live, say where; if it is not, send it again."
    )
    await teller.of_post("delivery", "acme.founders-letter", OutcomeUnknown(**here, evidence=evidence))
    await teller.take_in("acme.long-read", LINKEDIN, "The long read of the month.", bucket="research")
    await teller.schedule("acme.long-read", LINKEDIN, slot(at(25, 10), *BERLIN))
    teller.until(at(25, 10))
    due = await teller.come_due("acme.long-read")
    await teller.start("acme.long-read", due, 1)
    teller.wait(seconds=1)
    await teller.of_post("delivery", "acme.long-read", PostFailed(
        round=1, kind="content", code="MEDIA_ASSET_PROCESSING_FAILED", http_status=422, action="edit", tries=1,
        sentence="LinkedIn does not take this content. Edit the post, then retry."))  # fmt: skip
    await teller.take_in("acme.too-long", X, "A very long thought. " * 20, bucket="culture")
    await teller.of_post("post", "acme.too-long", PostRefused(
        code="text_too_long", detail="The text weighs 420; X takes 280. Shorten it by 140."))  # fmt: skip
    await teller.take_in("acme.exact-noon", LINKEDIN, "At noon sharp.", exactly_at=at(25, 11))
    await teller.of_post("post", "acme.exact-noon", PostMissed(
        wanted_at=at(25, 11), reason="it would be over the cap of 5 posts a day"))  # fmt: skip


async def _people(teller: Teller) -> None:
    """What waits for a person, and what persons have decided."""
    await teller.take_in("acme.quarter-numbers", LINKEDIN, "Our quarter in three numbers.", bucket="research",
                         approval_required=True)  # fmt: skip
    await teller.of_post("approval", "acme.quarter-numbers", ApprovalAsked(content_hash="c0ffee"))
    await teller.of_post("approval", "acme.quarter-numbers", PostCommented(text="Is the second number audited?"),
                         actor="key:reviewer")  # fmt: skip
    await teller.take_in("acme.old-offer", LINKEDIN, "Ten percent off until Sunday.", bucket="product")
    await teller.schedule("acme.old-offer", LINKEDIN, slot(at(27, 10), *BERLIN))
    await teller.of_post("post", "acme.old-offer", PostCancelled(), actor="key:anna")
    await teller.take_in("acme.rough-draft", X, "TBD", bucket="product", approval_required=True)
    await teller.of_post("post", "acme.rough-draft", PostRejected())


async def _bistro(teller: Teller) -> None:
    await teller.take_in("bistro.new-year", "bistro.linkedin", "Book your table for New Year's Eve.", bucket="events")
    await teller.schedule("bistro.new-year", "bistro.linkedin", slot(at(30, 12), *LISBON),
                          Why(mode="custom", window="12:00"))  # fmt: skip
    await teller.take_in("bistro.lunch-menu", "bistro.linkedin", "This week: bacalhau, twice.", bucket="menu")
    await teller.schedule("bistro.lunch-menu", "bistro.linkedin", slot(at(25, 11), *LISBON))
    await teller.take_in("bistro.wine-evening", "bistro.instagram", "Six wines, one evening, no lecture.",
                         bucket="events")  # fmt: skip
    await teller.schedule("bistro.wine-evening", "bistro.instagram", slot(at(27, 18), *LISBON))
    teller.until(at(25, 10, 30))
    gone = ChannelDisconnected(connections=("bistro.linkedin",), reason="revoked", code="65601",
                               sentence="LinkedIn says that the access was revoked; connect it again.")  # fmt: skip
    await teller.say(connection_stream("bistro.linkedin"), gone, story="bistro.linkedin", account="bistro",
                     channel="linkedin")  # fmt: skip
    teller.until(at(25, 11))
    await teller.of_post("post", "bistro.lunch-menu", PostHeld(connection="bistro.linkedin", reason="disconnected"))
    ends = GrantExpiring(connection="bistro.instagram", grant_expires_at=at(30, 12) + timedelta(days=2))
    await teller.say(connection_stream("bistro.instagram"), ends, story="bistro.instagram", account="bistro",
                     channel="instagram")  # fmt: skip


async def _parked(teller: Teller) -> None:
    for body, code, reason, account in (
        (b'{"specversion": "1.0", "id": "41", "data": {"post": "mystery", "account": "nobody"}}', "unknown_account",
         "There is no account nobody; set it up, or correct the name, and redrive the message.", None),
        (b'{"specversion": "1.0", "id": "42", "data": {"post": "Caf\xc3\xa9", "account": "acme"}}', "malformed",
         "data.post: write the name in lower-case letters, digits and hyphens.", "acme"),
    ):  # fmt: skip
        stream = parked_stream(body)
        fact = MessageParked(code=code, reason=reason, head=body.decode(), bytes=len(body), sha256="0" * 64,
                             subject="production.post_approved")  # fmt: skip
        await teller.say(stream, fact, story=stream, account=account)
        row = {"id": stream, "body": body, "subject": "production.post_approved"}
        await teller.store.append(Append(rows=[Put(PARKED_BODY, row)]))


async def _right_now(teller: Teller) -> None:
    """Thursday morning: one retrying, one limited, one being looked up, one not planned yet; and the weights."""
    for story, connection, words in (
        ("acme.price-change", BLOG, "From January on, one price for everybody."),
        ("acme.product-tour", X, "Two minutes through the new planner."),
        ("acme.webinar-invite", LINKEDIN, "Join us on Tuesday: what families ask first."),
    ):
        await teller.take_in(story, connection, words, bucket="product")
        await teller.schedule(story, connection, slot(THURSDAY, *BERLIN))
        due = await teller.come_due(story)
        await teller.start(story, due, 1)
    here, now = {"round": 1, "attempt": 1}, teller.now
    await teller.of_post("delivery", "acme.price-change", AttemptFailed(
        **here, code="503", http_status=503, detail="The site is in maintenance", tries=1,
        retry_at=now + timedelta(minutes=1)))  # fmt: skip
    await teller.of_post("delivery", "acme.product-tour", RateLimited(
        **here, connection=X, until=now + timedelta(minutes=15), code="429", http_status=429, told=True))  # fmt: skip
    await teller.of_post("delivery", "acme.webinar-invite", AttemptUnclear(
        **here, code="timeout", detail="", answered_at=now, look_at=now + timedelta(seconds=40)))  # fmt: skip
    await teller.take_in("acme.fresh-idea", LINKEDIN, "An idea, fresh from this morning.", bucket="product")
    metrics = Metrics(impressions=4210, likes=96, clicks=310)
    await teller.of_post("measurement", "acme.customer-voice", MetricsCollected(window="1h", metrics=metrics),
                         MeasurementClosed(connection=X, bucket="customer-stories", metrics=metrics))  # fmt: skip
    weights = DiscoveryWeightsRecalculated(account="acme", weights={"customer-stories": 0.4, "research": 0.6},
                                           inputs={"posts": 2})  # fmt: skip
    await teller.say(weights_stream("acme"), weights, story="acme", account="acme")
    ask = RetryAsked(post="acme.long-read", body_hash="h")
    await teller.say(asking_stream("key:anna", "k1"), ask, story="acme.long-read", account="acme", actor="key:anna")
