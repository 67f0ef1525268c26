"""The people around the house: owners who connect and disconnect, reviewers, and whoever works the queue.

They speak through what the gateway would say for them: facts about asking in `asking-`, and the gateway's own facts
about accounts, connections, approvals and the kill switch. They come late, and often at the worst moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from events import (
    AccountChanged,
    ApprovalGiven,
    CancelAsked,
    Caps,
    ChannelDisconnected,
    EditAsked,
    Fact,
    FactParked,
    OutcomeUnknown,
    PostEdited,
    PostFailed,
    PostMissed,
    PostRefused,
    PostTakenIn,
    PublishingPaused,
    PublishingResumed,
    RedriveAsked,
    RescheduleAsked,
    RetryAsked,
    SettleAsked,
    Told,
    UndoAsked,
)
from events.channels import account_of, channel_of
from events.envelope import About, Draft
from events.subjects import (
    account_stream,
    answer_stream,
    approval_stream,
    asking_stream,
    connection_stream,
    house_stream,
    name_of,
)
from services.channels.adapter import Client, Granted
from services.channels.sandbox import sites
from services.chassis.bells import BelledStore
from services.chassis.store import Append, Conflict, Say
from services.gateway import account, connection
from services.gateway.asking import of_the_post
from services.gateway.grants import Grants, Standing
from services.gateway.principal import Principal
from tests.channels.world_http import WorldHttp
from tests.simulation.keys import vault_of
from tests.simulation.troubles import Trouble

if TYPE_CHECKING:
    from tests.simulation.house import House

OWNER = Principal("owner", "owner", None)
CLIENTS = {name: Client("partner-app", "a secret") for name in ("linkedin", "x")}
PUBLIC_URL = "https://distribution.example"
RETRIES_MAX = 2
TOMORROW = timedelta(days=1)


class People:
    def __init__(self, house: House) -> None:
        self._house, self._random = house, Random(f"{house.plan.seed} the people")
        self._numbers = itertools.count(1)
        self._retried: dict[str, int] = {}
        self.stories: list[str] = []
        self._left: set[str] = set()
        """Connections nobody will connect again before the fortnight is over."""
        self.asks: dict[str, Told] = {}
        self._changed: dict[str, str] = {}
        """Under which name each post was last asked to be cancelled or moved: what an undo is about."""
        store = BelledStore(house.disk)
        self._grants = Grants(store, clock=house.clock, vault=vault_of(store, house.plan.seed, "people"),
                              adapters=house.adapters, http_for=lambda name: WorldHttp(house.world, house.clock),
                              clients=CLIENTS, public_url=lambda: PUBLIC_URL)  # fmt: skip

    # From the first day.

    def move_in(self) -> None:
        house = self._house
        for document in house.plan.accounts:
            at = house.plan.appears_at[document.id]
            house.passing.at(
                at, lambda document=document: self.say(account_stream(document.id), AccountChanged(document=document))
            )
        for name, at in house.plan.connections.items():
            house.passing.at(at + timedelta(seconds=1), lambda name=name: self.connect(name))
        for trouble in house.plan.troubles:
            house.passing.at(trouble.at, lambda trouble=trouble: self._house.begin_trouble(trouble))

    def say(self, stream: str, *facts: Fact, story: str = "") -> Told:
        """Said at once, between two steps of whoever else is at work."""
        house = self._house
        of = story or stream.split("-", 1)[1]
        whose = account_of(of) if "." in of or stream.startswith("account-") else None
        about = About(story, "a person", house.clock.now(), account=whose)
        after = len(house.disk._streams.get(stream, ()))
        drafts = [Draft(house.new_id(), fact, about) for fact in facts]
        return house.now(house.disk.append(Append([Say(stream, after, drafts)])))[-1]

    # Connections.

    def connect(self, name: str) -> None:
        """The whole dance: the owner consents, the code is exchanged, the secret is sealed."""
        self._house.loop.create_task(self._connect(name))

    async def _connect(self, name: str) -> None:
        house, channel = self._house, channel_of(name)
        standing = await self._grants.standing(name)
        if standing.account.document is None or standing.state.connected:
            return
        site = None
        if channel == "blog":
            key = sites.new_password(house.world, account_of(name))
            site = f"https://{sites.host_of(account_of(name))}"
            granted: Any = Granted(secret={"user": "editor", "key": key}, member="1")
        else:
            granted = await self._consented(name, channel)
        if not isinstance(granted, Granted):
            house.passing.after(timedelta(hours=1), lambda: self.connect(name))
            return
        while True:
            try:
                standing = await self._grants.standing(name)
                if standing.state.connected:
                    return
                await house.disk.append(await self._grants.connecting(standing, granted, by=OWNER, site=site,
                                                                      ids=house.new_id))  # fmt: skip
                return
            except Conflict:
                continue

    async def _consented(self, name: str, channel: str) -> Any:
        house = self._house
        page, client = self._grants.consent_page(channel), self._grants.client(channel)
        verifier = "a-verifier-of-at-least-forty-three-characters-long"
        address = urlsplit(page.authorize_url(client, state=f"{account_of(name)}.{channel}", verifier=verifier))
        answer = house.world.answer("GET", address.netloc, f"{address.path}?{address.query}", {}, None)
        code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
        return await page.grant(WorldHttp(house.world, house.clock), client, code=code, verifier=verifier,
                                now=house.clock.now())  # fmt: skip

    def disconnect(self, name: str) -> None:
        house = self._house
        of_connection = house.now(house.disk.fold(connection_stream(name), connection))
        standing = Standing(
            name, *of_connection, *house.now(house.disk.fold(account_stream(account_of(name)), account))
        )
        if not standing.state.connected:
            return
        facts = connection.disconnect(standing.state, by=OWNER, account=account_of(name), version=standing.version,
                                      expected=None)  # fmt: skip
        about = self._grants.about(name, actor="owner")
        house.now(house.disk.append(house.now(self._grants.ending(standing, facts, about, house.new_id))))
        house.faults.fired["disconnect"] += 1

    # What they notice, and do about it hours later.

    def hear(self, told: Told) -> None:
        match told.fact:
            case PostTakenIn(approval_required=gated, content_hash=hashed):
                self.stories.append(told.story)
                if gated:
                    self._later(told, lambda: self._approve(told.story, hashed))
            case PostEdited(content_hash=hashed) if self._gated(told.story):
                self._later(told, lambda: self._approve(told.story, hashed))
            case OutcomeUnknown():
                self._later(told, lambda: self._settle(told.story))
            case PostFailed() | PostRefused():
                self._later(told, lambda: self._mend(told.story))
            case FactParked(service=service, position=position):
                self._later(told, lambda: self._redrive(service, position))
            case PostMissed():
                self._later(told, lambda: self._decide_missed(told.story))
            case ChannelDisconnected(connections=names):
                for name in names:
                    self._later(told, lambda name=name: self._reconnect(name))

    def _later(self, told: Told, do: Callable[[], None]) -> None:
        house, wait = self._house, timedelta(minutes=self._random.choice((1, 20, 200, 900)))
        house.passing.at(
            house.clock.now() + wait if house.plan.attended or house.healed else house.plan.until + wait, do
        )

    def _gated(self, story: str) -> bool:
        taken_in = self._house.facts_of(story)[0].fact
        return isinstance(taken_in, PostTakenIn) and taken_in.approval_required

    def _approve(self, story: str, hashed: str) -> None:
        self.say(approval_stream(story), ApprovalGiven(content_hash=hashed), story=story)

    def _reconnect(self, name: str) -> None:
        if name in self._left and not self._house.healed:
            return
        self._house.faults.fired["reconnect"] += 1
        self.connect(name)

    def _settle(self, story: str) -> None:
        """Shown the evidence, they look for themselves; and again tomorrow, should it stand as it was."""
        if not self._house.book.stories[story].unknown:
            return
        self._house.passing.after(TOMORROW, lambda: self._settle(story))
        live = self._house.world.live(self._house.connection_of(story), story)
        if live:
            self.ask(SettleAsked(**self._of(story), verdict="published", channel_post_id=live[0].id), story)
        else:
            self.ask(SettleAsked(**self._of(story), verdict="send_again"), story)

    def _mend(self, story: str) -> None:
        if self._retried.get(story, 0) >= RETRIES_MAX:
            return
        self._retried[story] = self._retried.get(story, 0) + 1
        if self._house.refused_for_length(story):
            self.ask(EditAsked(**self._of(story), text=f"Shorter: {story.split('.', 1)[1]}."), story)
        self._house.faults.fired["retry"] += 1
        self.ask(RetryAsked(**self._of(story)), story)

    def _redrive(self, service: str, position: int) -> None:
        """The handler is mended, and the fact offered to it again."""
        self._house.poison.mend((service, position))
        asking = asking_stream("a person", str(next(self._numbers)))
        self.say(asking, RedriveAsked(parked=f"stuck-{service}.{position}", body_hash="mended"))

    def _decide_missed(self, story: str) -> None:
        if self._house.phase_of(story) != "missed":
            return
        self._house.passing.after(TOMORROW, lambda: self._decide_missed(story))
        if self._random.random() < 0.5:
            self.ask(CancelAsked(**self._of(story)), story)
        else:
            self.ask(RescheduleAsked(**self._of(story), not_before=self._house.clock.now()), story)

    # What they ask out of the blue.

    def _of(self, story: str) -> dict[str, Any]:
        return {"post": story, "body_hash": f"hash-{next(self._numbers)}"}

    def waiting(self) -> bool:
        """Whether anybody has asked and not been answered yet."""
        streams = self._house.disk._streams
        return not all(
            any(told.about.cause == ask.id for stream in (answer_stream(ask.id), *of_the_post(ask))
                for told in streams.get(stream, ()))
            for ask in self.asks.values()
        )  # fmt: skip

    def ask(self, fact: Fact, story: str) -> Told:
        told = self.say(asking_stream("a person", str(next(self._numbers))), fact, story=story)
        self.asks[told.id] = told
        if isinstance(fact, CancelAsked | RescheduleAsked):
            self._changed[story] = name_of(told.stream)
        return told

    def pick(self, number: int) -> str | None:
        return self.stories[number % len(self.stories)] if self.stories else None

    def do(self, trouble: Trouble, story: str = "") -> None:
        """At a bad moment it is mostly the very post that is on its way."""
        what = trouble.what
        match trouble.kind:
            case "disconnect":
                self._left |= {what["connection"]} if what["lasts"] > timedelta(days=14) else set()
                self.disconnect(what["connection"])
            case "paused":
                self._pause(what["scope"], what["lasts"])
            case "account_changed":
                self._change(what)
            case kind:
                meant = story if story in self.stories and what["number"] % 5 else self.pick(what["number"])
                if meant is None:
                    return
                self._house.faults.fired[kind] += 1
                self.ask(self._asked(kind, meant, what), meant)
                if what["number"] % 3 == 0:
                    self._ask_more(kind, meant, what)

    def _ask_more(self, kind: str, story: str, what: Any) -> None:
        """In the same breath, or two people at once."""
        for other in ("reschedule", "cancel" if what["number"] % 2 else "edit"):
            if other != kind:
                self._house.faults.fired["asked_in_one_breath"] += 1
                self.ask(self._asked(other, story, what), story)

    def _asked(self, kind: str, story: str, what: Any) -> Fact:
        common, at = self._of(story), self._house.clock.now() + timedelta(minutes=what.get("shift", 0))
        match kind:
            case "cancel":
                return CancelAsked(**common)
            case "edit":
                anew = f"{story.split('.', 1)[1]}, told anew: {common['body_hash']}."
                return EditAsked(**common, text=anew, title=anew if what["number"] % 2 else None)
            case "reschedule" if what.get("shift", 0) % 2:
                return RescheduleAsked(**common, at=at)
            case "reschedule":
                return RescheduleAsked(**common, not_before=at)
            case _:
                return UndoAsked(**common, bulk=self._changed.get(story, "nobody's"))

    def _pause(self, scope: str, lasts: timedelta) -> None:
        self._house.faults.fired["paused"] += 1
        self.say(house_stream(scope), PublishingPaused(scope=scope, reason="asked"))
        self._house.passing.after(lasts, lambda: self.resume(scope))

    def resume(self, scope: str) -> None:
        self.say(house_stream(scope), PublishingResumed(scope=scope))

    def _change(self, what: Any) -> None:
        told: Sequence[Told] = self._house.disk._streams.get(account_stream(what["account"]), ())
        documents = [each.fact.document for each in told if isinstance(each.fact, AccountChanged)]
        if not documents:
            return
        self._house.faults.fired["account_changed"] += 1
        caps = {"linkedin": Caps(posts_per_day_max=what["cap"]), "x": Caps(posts_per_day_max=what["cap"])}
        changed = documents[-1].model_copy(update={"caps": caps, "zone": what["zone"]})
        self.say(account_stream(what["account"]), AccountChanged(document=changed))
