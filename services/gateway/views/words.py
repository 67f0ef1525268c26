"""How a slot was chosen, or why there is none, as a sentence (S21)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from services.channels.registry import ADAPTERS
from services.gateway.views.showing import DISPLAY, no_way
from services.gateway.views.view import Document
from services.planning.zones import shown, zone_called

MODES: Final = {"best_practice": "Best Practice", "custom": "the account's own times", "adaptive": "Adaptive"}
NAMED_MAX: Final = 3
PUT_BACK, OVER_THE_CAP, KEPT = "undone", "over the cap", "was kept"
"""How the planner's reasons begin, or end, of a slot that is not simply the first free one."""


def why(document: Document, spoken: Collection[str] = ADAPTERS) -> Document:
    """The decision as data, and the sentence for people; `spoken` are the channels that can be connected."""
    said = document["why"]
    slot = document["slot"]
    if said is None or slot is None:
        return {"id": document["id"], "slot": None, "scheduled_at": document["scheduled_at"], "mode": None,
                "window": None, "weight": None, "considered": [], "considered_more": 0, "reason": None,
                "not_before": document["not_before"], "sentence": no_slot(document, spoken)}  # fmt: skip
    return {"id": document["id"], "slot": slot, "scheduled_at": document["scheduled_at"], **said,
            "not_before": document["not_before"], "sentence": sentence(document, said, slot)}  # fmt: skip


def no_slot(document: Document, spoken: Collection[str]) -> str:
    if over := ended(document):
        return over
    if document["reason"] == "held" and document["channel"] not in spoken:
        return f"It has no slot now. {no_way(document['channel'])}"
    if document["waiting"]:
        return f"It has no slot now. {document['waiting']['sentence']}"
    if document["status"] == "awaiting_approval":
        return "No slot is chosen before the post is approved."
    if document["error"] and document["error"]["class"] == "content" and not document["attempts"]:
        return f"It was refused before it took a slot ({document['error']['code']}): {document['error']['sentence']}"
    return "No slot has been chosen."


def ended(document: Document) -> str | None:
    """By whom and why it was taken out of the queue; how the slot it had was chosen is only half of that."""
    end = document["end"]
    if document["status"] not in ("cancelled", "rejected"):
        return None
    by = f" by {end['by']}" if end and end["by"] else ""
    because = f": {end['said'].rstrip('.')}" if end and end["said"] else ""
    return f"It was {document['status']}{by}{because}."


def sentence(document: Document, why: Document, slot: Document) -> str:
    when = f"{day(slot['local'])} in {slot['zone']}"
    parts = [f"{when}{_moved(slot)}: {_because(document, why)}."]
    if over := ended(document):
        parts = [over, f"The slot it had was {parts[0]}"]
    if skipped := _skipped(why):
        parts.append(skipped)
    if why["reason"] not in ("planned", ""):
        parts.append(f"({why['reason']})")
    return " ".join(parts)


def day(local: str) -> str:
    """A slot as people say it; a whole day that was full has no clock."""
    return f"{datetime.fromisoformat(local):{'%A %-d %B %Y, %H:%M' if 'T' in local else '%A %-d %B %Y'}}"


def _moved(slot: Document) -> str:
    """The clock was changed that night: the wall clock time that was wanted is another, or comes twice (S19)."""
    match slot["why"]:
        case "gap":
            return f" (wanted {slot['wanted']}, which the clocks skip that day)"
        case "overlap":
            return " (the clocks show it twice that day; it is the first time)"
        case _:
            return ""


def _because(document: Document, why: Document) -> str:
    channel = DISPLAY[document["channel"]]
    match why["mode"]:
        case "exactly":
            return "exactly the time that was asked for"
        case "at once":
            return "at once, because somebody asked for it"
        case _ if before := _had_before(why):
            return before
        case "custom":
            return f"the first time still free among the account's own times for {channel}{_after(document, why)}"
        case mode:
            after = _after(document, why)
            window = f"{',' * bool(after)} in the window {why['window']}" if why["window"] else ""
            return f"the first free slot{after}{window}, which suits {channel} by {MODES.get(mode, mode)}"


def _had_before(why: Document) -> str | None:
    """A slot that a post has again was not chosen among others: it may be no time on offer at all (S19, S25)."""
    if why["reason"].endswith(KEPT) and not why["reason"].startswith(PUT_BACK):
        return "the slot it had, which was kept"
    if why["reason"].startswith(PUT_BACK) and why["window"] is None:
        return "the slot it had before the change, which was put back"
    return None


def _after(document: Document, why: Document) -> str:
    """From when on the first free one was looked for, where that was not simply the moment of planning (S3, S17a)."""
    if why["reason"].startswith(OVER_THE_CAP):
        return " after the one it had"
    if document["not_before"] is None:
        return ""
    wished = shown(datetime.fromisoformat(document["not_before"]), zone_called(document["slot"]["zone"]))
    return f" not before {day(wished.isoformat())}, as was asked"


def _skipped(why: Document) -> str | None:
    considered: list[dict[str, Any]] = why["considered"]
    count = len(considered) + why["considered_more"]
    if not count:
        return None
    named = "; ".join(f"{each['local'].replace('T', ' ')} was {each['refused']}" for each in considered[:NAMED_MAX])
    rest = f"; and {count - NAMED_MAX} more" if count > NAMED_MAX else ""
    earlier = "One earlier slot was" if count == 1 else f"{count} earlier slots were"
    return f"{earlier} looked at and not taken: {named}{rest}."
