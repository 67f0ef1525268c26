"""What each fact of a post's story says, as one plain sentence for people. Every fact of the language has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import events as e
from events.channels import channel_of
from services.gateway.views.meaning import BUDGET_SPENT, MAY_STAND, UNSAID
from services.gateway.views.showing import DISPLAY
from services.gateway.views.words import day

Sentence = Callable[[Any], str]


def sentence(fact: e.Fact) -> str:
    return SENTENCES[type(fact)](fact)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def _channel(connection: str) -> str:
    return DISPLAY[channel_of(connection)]


def _answer(fact: Any) -> str:
    return f"{fact.code}, HTTP {fact.http_status}" if fact.http_status else fact.code


def _detail(fact: Any) -> str:
    return f": {fact.detail}" if fact.detail else "."


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


# The scheduler.


def _taken_in(fact: e.PostTakenIn) -> str:
    gate = " It awaits approval." if fact.approval_required else ""
    wish = ""
    if fact.exactly_at:
        wish = f" It is to go out exactly at {_at(fact.exactly_at)}."
    elif fact.not_before:
        wish = f" It is not to go out before {_at(fact.not_before)}."
    return f"Taken in from Production for {fact.connection}.{wish}{gate}"


def _scheduled(fact: e.PostScheduled) -> str:
    passed = len(fact.why.considered) + fact.why.considered_more
    skipped = f" {passed} earlier looked at and not free." if passed else ""
    because = "" if fact.why.reason == "planned" else f" ({fact.why.reason})"
    return f"Slot reserved: {day(fact.slot.local)} in {fact.slot.zone}{because}.{skipped}"


_HELD: Final = {"disconnected": "is disconnected", "not_connected": "is not connected yet",
                "restored": "must be looked up first, after a restore"}  # fmt: skip


def _held(fact: e.PostHeld) -> str:
    if fact.reason == "not_approved":
        return "Back in the queue: it waits for its approval again."
    return f"Held: {_channel(fact.connection)} {_HELD[fact.reason]}."


def _due(fact: e.PostDue) -> str:
    again = "" if fact.round == 1 else f" (round {fact.round})"
    return f"Due: handed to the publisher for {_channel(fact.connection)}{again}."


_FREED: Final = {"cancelled": "the post was cancelled", "moved": "the post moved", "failed": "the post failed",
                 "returned": "the post came back unsent", "held": "the post is held",
                 "edited": "the post was edited", "late": "the post went out later, and counts there"}  # fmt: skip


def _redriven(fact: e.MessageRedriven) -> str:
    match fact.outcome:
        case "taken_in":
            return f"Offered again and taken in as {fact.story}."
        case "already_taken_in":
            return f"Offered again; it was taken in already as {fact.story}."
        case _:
            return "Given up."


# The publisher.


def _started(fact: e.AttemptStarted) -> str:
    return f"Attempt {fact.attempt} began on {_channel(fact.connection)}; bytes may leave until {_at(fact.deadline)}."


def _attempt_failed(fact: e.AttemptFailed) -> str:
    again = f" Next try at {_at(fact.retry_at)}." if fact.retry_at else ""
    return f"Attempt {fact.attempt} failed, nothing went out ({_answer(fact)}){_detail(fact)}{again}"


def _unclear(fact: e.AttemptUnclear) -> str:
    return f"Attempt {fact.attempt} got no clear answer ({_answer(fact)}); it is looked up at {_at(fact.look_at)}."


def _limited(fact: e.RateLimited) -> str:
    if fact.code == BUDGET_SPENT:
        return f"Not sent: no call is left of what the channel allows; {fact.connection} waits until {_at(fact.until)}."
    told = "as the channel says" if fact.told else "as the channel did not say how long"
    return (
        f"Asked to slow down ({_answer(fact)}): {fact.connection} waits until {_at(fact.until)}, {told}. No try used."
    )


def _looked_up(fact: e.LookedUp) -> str:
    if fact.found:
        return f"Look {fact.look}: it is on the channel as {fact.channel_post_id}."
    again = f" Again at {_at(fact.look_again_at)}." if fact.look_again_at else ""
    what = "it is not on the channel" if fact.found is False else f"the look failed ({fact.detail})"
    return f"Look {fact.look}: {what}.{again}"


def _late_send(fact: e.LateSendSeen) -> str:
    seen = f" as {fact.channel_post_id}" if fact.channel_post_id else ""
    end = "look for a possible duplicate" if fact.outcome in MAY_STAND else "it has made nothing visible"
    return f"An answer of attempt {fact.attempt} came late ({fact.outcome}{seen}): {end}."


def _credential_refused(fact: e.CredentialRefused) -> str:
    end = "and is gone" if fact.revoked else "and is being renewed"
    return f"{_channel(fact.connection)} refused our access ({fact.code}), {end}."


_FOUND: Final = {"answer": "", "look_up": ", found by looking it up", "person": ", as a person confirmed"}


def _published(fact: e.PostPublished) -> str:
    return (
        f"Live on {_channel(fact.connection)} as {fact.channel_post_id}, {_tries(fact.tries)}{_FOUND[fact.found_by]}."
    )


_RETURNED: Final = {"disconnected": "the channel is disconnected", "late": "it was later than its tolerance",
                    "withdrawn": "it was taken back", "send_again": "a person wants it sent again"}  # fmt: skip


# The collector.


def _metrics(fact: e.MetricsCollected) -> str:
    counted = [f"{value:,} {name}" for name, value in fact.metrics.model_dump().items() if value is not None]
    return f"After {fact.window}: {', '.join(counted) if counted else 'the channel offers no figures'}."


def _measurement_failed(fact: e.MeasurementFailed) -> str:
    again = f"again at {_at(fact.retry_at)}" if fact.retry_at else "given up"
    return f"Measuring after {fact.window} failed, {again}: {fact.reason}"


# The gateway.


def _rescheduled(fact: e.RescheduleAsked) -> str:
    if fact.at:
        return f"Asked to move it to exactly {_at(fact.at)}."
    return f"Asked to move it, not before {_at(fact.not_before)}." if fact.not_before else "Asked to move it."


def _settle(fact: e.SettleAsked) -> str:
    if fact.verdict == "send_again":
        return "Decided to send it again."
    return f"Decided that it is live: {fact.channel_post_id or fact.url}."


def _disconnected(fact: e.ChannelDisconnected) -> str:
    return f"{' and '.join(fact.connections)} disconnected ({fact.reason}). {fact.sentence}".strip()


SENTENCES: Final[dict[type[e.Fact], Sentence]] = {
    e.PostTakenIn: _taken_in,
    e.PostEdited: lambda fact: "The content was changed.",
    e.PostScheduled: _scheduled,
    e.PostHeld: _held,
    e.PostMissed: lambda fact: f"Missed {_at(fact.wanted_at)}: {fact.reason}. A person decides.",
    e.PostDue: _due,
    e.PostRefused: lambda fact: f"Refused before it took a slot ({fact.code}): {fact.detail}",
    e.PostCancelled: lambda fact: "Cancelled." if fact.reason == UNSAID else f"Cancelled: {fact.reason}",
    e.PostRejected: lambda fact: "Rejected and returned to Production, with its comments.",
    e.SlotTaken: lambda fact: f"{day(fact.local)} on {fact.connection} is taken.",
    e.SlotFreed: lambda fact: f"Its slot on {fact.day} is free again: {_FREED[fact.why]}.",
    e.MessageParked: lambda fact: f"Parked ({fact.code}): {fact.reason}",
    e.MessageRedriven: _redriven,
    e.FactParked: lambda fact: f"The {fact.service} could not take {fact.fact}: {fact.reason}",
    e.FactRedriven: lambda fact: f"The {fact.service} tries it again.",
    e.AskRefused: lambda fact: f"Answered no: {fact.reason}",
    e.AttemptStarted: _started,
    e.AttemptFailed: _attempt_failed,
    e.AttemptUnclear: _unclear,
    e.RateLimited: _limited,
    e.LookedUp: _looked_up,
    e.LateSendSeen: _late_send,
    e.CredentialRefused: _credential_refused,
    e.OutcomeUnknown: lambda fact: f"Outcome unknown: {fact.evidence}",
    e.PostPublished: _published,
    e.PostFailed: lambda fact: f"Failed ({_answer(fact)}): {fact.sentence}",
    e.DeliveryReturned: lambda fact: f"Back to the scheduler: {_RETURNED[fact.reason]}.",
    e.MeasurementPlanned: lambda fact: "Will be measured after 1 hour, 24 hours and 7 days.",
    e.MetricsCollected: _metrics,
    e.MeasurementFailed: _measurement_failed,
    e.MeasurementClosed: lambda fact: "The seven days are over.",
    e.EngagementProfiled: lambda fact: f"Learned anew when {fact.connection} does well.",
    e.DiscoveryWeightsRecalculated: lambda fact: f"The weights of {fact.account} were calculated anew.",
    e.AccountChanged: lambda fact: f"The choices of {fact.document.id} were changed.",
    e.ConnectionListed: lambda fact: f"{fact.connection} joined the account.",
    e.ConnectionDropped: lambda fact: f"{fact.connection} left the account.",
    e.KeyIssued: lambda fact: f"The key {fact.prefix} was issued.",
    e.KeyRevoked: lambda fact: f"The key {fact.prefix} was revoked.",
    e.ChannelConnected: lambda fact: f"{fact.connection} was connected.",
    e.GrantRefreshed: lambda fact: f"The access of {fact.connection} was renewed.",
    e.GrantExpiring: lambda fact: f"The access of {fact.connection} ends at {_at(fact.grant_expires_at)}.",
    e.ChannelDisconnected: _disconnected,
    e.ApprovalAsked: lambda fact: "The reviewer was asked.",
    e.ApprovalGiven: lambda fact: "Approved, this content exactly.",
    e.ApprovalLapsed: lambda fact: f"The approval lapsed: {fact.reason}",
    e.PostCommented: lambda fact: f"Comment: {fact.text}",
    e.ApprovalRefused: lambda fact: f"Rejected: {fact.comment}",
    e.MailIntended: lambda fact: f"A mail to {fact.to} is on its way: {fact.subject}",
    e.MailSent: lambda fact: "The mail was sent.",
    e.MailFailed: lambda fact: f"The mail could not be sent: {fact.reason}",
    e.RetryAsked: lambda fact: "Asked for one more try.",
    e.CancelAsked: lambda fact: "Asked to cancel it.",
    e.RescheduleAsked: _rescheduled,
    e.EditAsked: lambda fact: "Asked to change the content.",
    e.UndoAsked: lambda fact: "Asked to undo the change.",
    e.SettleAsked: _settle,
    e.RedriveAsked: lambda fact: "Asked to give it up." if fact.discard else "Asked to offer it again.",
    e.PublishingPaused: lambda fact: f"Publishing was paused ({fact.scope}). {fact.reason}".strip(),
    e.PublishingResumed: lambda fact: f"Publishing goes on ({fact.scope}).",
}  # fmt: skip
