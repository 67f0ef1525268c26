"""What the gateway says: accounts, connections, approvals, keys, mails, and everything people ask for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer

from events.envelope import Fact, Frozen
from events.production import Content, Media, Name

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WallClock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""In ASCII digits: other scripts have nines of their own, and one time could be written twice."""
Channel = Literal["linkedin", "x", "facebook", "instagram", "tiktok", "youtube", "pinterest", "blog"]


class Caps(Frozen):
    posts_per_day_max: Annotated[int, Field(ge=1, le=10_000)]


class Approval(Frozen):
    required: bool = False
    reviewer: str | None = None
    digest: Literal["immediate", "hourly", "daily"] = "daily"
    digest_at: WallClock = "08:00"


class AccountDocument(Frozen):
    """A client account's choices, as `interfaces.md` shows them. Only `zone` is required."""

    id: Name
    name: str = ""
    zone: str
    owner: str | None = None
    mode: Literal["best_practice", "custom", "adaptive"] = "best_practice"
    times: dict[Channel, dict[Weekday, tuple[WallClock, ...]]] = {}
    caps: dict[Channel, Caps] = {}
    spacing: dict[Channel, timedelta] = {}
    tolerance: timedelta = timedelta(hours=2)
    approval: Approval = Approval()
    utm: dict[str, str] = {"utm_source": "{channel}", "utm_medium": "social", "utm_campaign": "{campaign}"}


class AccountChanged(Fact, type="gateway.account_changed"):
    """`keep` is what a change of zone alone leaves to the slots to come: their wall clock, or their instant."""

    document: AccountDocument
    keep: Literal["wall_clock", "instant"] = "wall_clock"

    @model_serializer(mode="wrap")
    def _as_before(self, written: SerializerFunctionWrapHandler):  # the schema stays that of the fields
        """What is not chosen is not written: such a fact is, byte for byte, what it was before there was a choice."""
        data = written(self)
        if self.keep == "wall_clock":
            del data["keep"]
        return data


class ConnectionListed(Fact, type="gateway.connection_listed"):
    connection: str


class ConnectionDropped(Fact, type="gateway.connection_dropped"):
    connection: str


class KeyIssued(Fact, type="gateway.key_issued"):
    """Stored hashed (SHA-256); the key itself is shown once (D18)."""

    prefix: str
    sha256: str
    role: Literal["owner", "operator", "reviewer", "viewer"]
    accounts: tuple[str, ...] | None = None
    name: str = ""


class KeyRevoked(Fact, type="gateway.key_revoked"):
    prefix: str


class ChannelConnected(Fact, type="gateway.channel_connected"):
    """A grant is Active. `member` is the channel's own name for the author; `site` only for a blog."""

    connection: str
    credential_version: int
    member: str
    member_name: str = ""
    scopes: tuple[str, ...] = ()
    access_expires_at: datetime | None = None
    grant_expires_at: datetime | None = None
    site: str | None = None
    premium: bool = False


class GrantRefreshed(Fact, type="gateway.grant_refreshed"):
    connection: str
    credential_version: int
    access_expires_at: datetime | None = None
    grant_expires_at: datetime | None = None


class GrantExpiring(Fact, type="gateway.grant_expiring"):
    """Said once, 7 days before (S8)."""

    connection: str
    grant_expires_at: datetime


class ChannelDisconnected(Fact, type="gateway.channel_disconnected"):
    """Only after a definite refusal, at the grant's end, or because a person asked (S12)."""

    connections: tuple[str, ...]
    reason: Literal["asked", "expired", "refused", "revoked"]
    code: str = ""
    sentence: str = ""


class ApprovalAsked(Fact, type="gateway.approval_asked"):
    content_hash: str


class ApprovalGiven(Fact, type="gateway.approval_given"):
    content_hash: str


class ApprovalLapsed(Fact, type="gateway.approval_lapsed"):
    reason: str


class PostCommented(Fact, type="gateway.post_commented"):
    text: str


class ApprovalRefused(Fact, type="gateway.approval_refused"):
    comment: str


class MailIntended(Fact, type="gateway.mail_intended"):
    to: str
    subject: str
    kind: Literal["expiry", "digest"]


class MailSent(Fact, type="gateway.mail_sent"):
    pass


class MailFailed(Fact, type="gateway.mail_failed"):
    reason: str
    retry_at: datetime | None = None


class Ask(Fact):
    """What every ask carries: the hash of its body, and the version it relied on (`If-Match`), if any."""

    post: str
    body_hash: str
    expected: str | None = None


class RetryAsked(Ask, type="gateway.retry_asked"):
    pass


class CancelAsked(Ask, type="gateway.cancel_asked"):
    reason: str = "asked"


class RescheduleAsked(Ask, type="gateway.reschedule_asked"):
    at: datetime | None = None
    not_before: datetime | None = None


class EditAsked(Ask, type="gateway.edit_asked"):
    text: str | None = None
    title: str | None = None
    link: str | None = None
    media: tuple[Media, ...] | None = None
    content: Content | None = None


class UndoAsked(Ask, type="gateway.undo_asked"):
    bulk: str


class SettleAsked(Ask, type="gateway.settle_asked"):
    """For an unknown outcome: it did go out (under this id or address), or send it again."""

    verdict: Literal["published", "send_again"]
    channel_post_id: str | None = None
    url: str | None = None


class RedriveAsked(Fact, type="gateway.redrive_asked"):
    """A parked message is offered again, perhaps with another body (kept beside the fact, not in it)."""

    parked: str
    body_hash: str
    mended: bool = False
    discard: bool = False


class PublishingPaused(Fact, type="gateway.publishing_paused"):
    scope: str
    reason: str = ""


class PublishingResumed(Fact, type="gateway.publishing_resumed"):
    scope: str
