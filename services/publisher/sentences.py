"""Why a post failed, as a client understands it, and the one action that helps (S26)."""

from __future__ import annotations

from typing import Literal

from events import PostFailed
from events.channels import channel_of

Action = Literal["retry", "reconnect", "edit", "ask_operator"]

DISPLAY = {
    "linkedin": "LinkedIn",
    "x": "X",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "tiktok": "TikTok",
    "youtube": "YouTube",
    "pinterest": "Pinterest",
    "blog": "The blog",
}

SENTENCES: dict[str, tuple[str, Action]] = {
    "transient": (
        "{channel} could not be reached or had trouble of its own, four times in a row. Nothing went out; "
        "retry once it is well again.",
        "retry",
    ),
    "permission": (
        "{channel} did not let us publish here: a right is missing. Reconnect the channel and grant it.",
        "reconnect",
    ),
    "revoked": ("{channel} no longer accepts our access. Reconnect the channel, then retry.", "reconnect"),
    "auth": ("{channel} refused our access even after it was renewed. Reconnect the channel, then retry.", "reconnect"),
    "content": ("{channel} does not take this content. Edit the post, then retry.", "edit"),
    "duplicate": (
        "{channel} says it has this content already, yet it is not to be found there. Edit the post, then retry.",
        "edit",
    ),
    "quota": ("The allowance at {channel} is used up. Retry once it has been renewed.", "retry"),
    "configuration": (
        "Our registration at {channel} is not set up for this. Nothing in the post is wrong; an operator must mend it.",
        "ask_operator",
    ),
}


def said_no(
    connection: str, round: int, kind: str, code: str, http_status: int | None, detail: str, tries: int
) -> PostFailed:
    """A definite no: Failed at once, with the channel's own code and what helps (S30)."""
    sentence, action = SENTENCES[kind]
    said = sentence.format(channel=DISPLAY[channel_of(connection)])
    return PostFailed(round=round, kind=kind, code=code, http_status=http_status, action=action, tries=tries,
                      sentence=f"{said} It said: {detail}" if detail else said)  # fmt: skip


def spent(connection: str, round: int, code: str, http_status: int | None, tries: int) -> PostFailed:
    """The first try and its three retries are used up (S29)."""
    return said_no(connection, round, "transient", code, http_status, "", tries)
