"""We stop before the channel has to: what its window has no call left for waits, and costs no try (I17, S18, S32)."""

from __future__ import annotations

from events import AccountChanged, AccountDocument, AttemptStarted, PostPublished, RateLimited
from events.subjects import account_stream
from services.channels import x
from services.channels.adapter import Credential, Wish
from services.channels.outcome import Absent, Delivered, LookFailed, Unclear
from services.channels.registry import ADAPTERS
from services.chassis.budget import Booked, BudgetSpent, booked
from services.chassis.rows import BUDGET, Pick
from services.chassis.store_memory import MemoryStore
from services.publisher.outside import BUDGET_SPENT, Outside
from tests.channels.sandbox.far_side import FarSide, X
from tests.channels.world_http import WorldHttp
from tests.publisher.house import Channel, House
from tests.publisher.posts import BLOG, LINKEDIN, MINUTE, NINE, SECOND, STORY

OTHER = "acme.other"


async def test_without_a_call_left_the_whole_line_waits_and_no_try_is_used():
    house = await House("acme.x").connected()
    channel = house.channels["x"]
    channel.answers.append(BudgetSpent(NINE + 12 * MINUTE))
    await house.due(STORY, "acme.x")
    await house.due(OTHER, "acme.x")
    await house.until(NINE + 11 * MINUTE)
    limited = await house.last()
    assert isinstance(limited, RateLimited)
    assert (limited.code, limited.until, limited.http_status) == (BUDGET_SPENT, NINE + 12 * MINUTE, None)
    assert await house.story(OTHER) == []
    await house.until(NINE + 13 * MINUTE)
    assert [type(await house.last(each)) for each in (STORY, OTHER)] == [PostPublished] * 2
    published = await house.last()
    assert isinstance(published, PostPublished)
    assert published.tries == 1


async def test_a_look_that_has_no_call_left_proves_nothing_and_is_made_later():
    house = await House("acme.x").connected()
    channel = house.channels["x"]
    channel.answers.append(Unclear("503", "", 503))
    channel.looks.extend([LookFailed(BUDGET_SPENT, "", until=NINE + 3 * MINUTE), Absent(), Absent()])
    await house.due(STORY, "acme.x")
    await house.until(NINE + 2 * MINUTE + 59 * SECOND)
    assert (len(channel.found), len(channel.sent)) == (1, 1)
    await house.until(NINE + 10 * MINUTE)
    assert isinstance(await house.last(), PostPublished)


async def test_the_first_call_of_an_attempt_is_booked_with_it_and_once_however_often_it_is_decided():
    house = await House("acme.x").connected()
    house.http_for = booked(house.store, lambda _: Wire(), lambda _: None, clock=house.clock)
    house.channels["x"] = Calling("x")
    claims, claim = [], house.store.claim

    async def counted(asked):
        claims.append(asked.pick.table)
        return await claim(asked)

    house.store.claim = counted
    house.lanes = house.more_lanes()
    await house.due(STORY, "acme.x")
    await house.settle()
    assert (await calls_booked(house), claims.count(BUDGET)) == (1, 0)
    new_terms = AccountChanged(document=AccountDocument(id="acme", zone="Europe/Berlin"))
    house.interrupt(AttemptStarted, lambda: house.say(account_stream("acme"), new_terms))
    await house.due(OTHER, "acme.x")
    await house.settle()
    assert isinstance(await house.last(OTHER), PostPublished)
    assert (await calls_booked(house), claims.count(BUDGET)) == (2, 0)


class Wire:
    async def send(self, method: str, url: str, **more: object) -> None:
        return None


class Calling(Channel):
    """It makes one call, as most channels do."""

    async def publish(self, http, credential, wish, *, now):
        await http.send("POST", "https://api.x.com/2/tweets")
        return await super().publish(http, credential, wish, now=now)


async def calls_booked(house: House) -> int:
    return sum(int(str(row["used"])) for row in await house.store.pick(Pick(BUDGET)))


async def test_x_never_has_to_say_that_it_is_enough():
    """A hundred posts in a quarter of an hour, through the doors as the publisher opens them."""
    far = FarSide()
    account = X(far).connect()
    clock = Clock(far)
    http_for = booked(MemoryStore(clock.now), lambda _: WorldHttp(far.world, clock),
                      lambda name: getattr(ADAPTERS[name], "left", None), clock=clock)  # fmt: skip
    outside = Outside(ADAPTERS, http_for, no_credential, lambda case: ("", None, ""))
    credential = Credential("acme.x", 1, {"access_token": account.token})
    answers = []
    for number in range(130):
        wish = Wish(f"Story {number}", None, None, "d-1", started_at=clock.now())
        answers.append(await outside.publish(http_for("acme.x"), credential, wish, clock.now()))
        far.later(seconds=2)
    delivered = [each for each in answers if isinstance(each, Delivered)]
    assert len(delivered) == 100
    assert {each.code for each in answers if not isinstance(each, Delivered)} == {BUDGET_SPENT}  # type: ignore[union-attr]


async def test_only_a_channel_with_a_budget_has_its_calls_counted():
    clock = Clock(FarSide())
    http_for = booked(MemoryStore(clock.now), str, lambda _: None, clock=clock)
    assert (http_for(LINKEDIN), http_for(BLOG)) == (LINKEDIN, BLOG)
    assert isinstance(http_for("acme.x"), Booked)


def test_what_x_tells_is_read_only_of_the_limit_that_we_count_by():
    def told(limit: str, remaining: str = "7") -> object:
        headers = {"x-rate-limit-limit": limit, "x-rate-limit-remaining": remaining, "x-rate-limit-reset": "1764061200"}
        return x.left(Answered(headers))  # type: ignore[arg-type]

    assert told("100") == (7, x.epoch("1764061200"))
    assert told("50") is not None
    assert (told("900"), told("100", "many"), x.left(Answered({}))) == (None, None, None)  # type: ignore[arg-type]


class Answered:
    status, body, sent, detail = 201, b"", True, ""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


class Clock:
    """The world's own."""

    def __init__(self, far: FarSide) -> None:
        self._far = far

    def now(self):
        return self._far.world.now()


async def no_credential(connection: str) -> None:
    return None
