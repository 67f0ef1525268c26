"""An account's own sheet: what it has chosen, what a change would move, and the windows with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import select

from events.channels import channel_of
from services.gateway import reading
from services.gateway.account import A_MINUTE, CAP_MAX, CAP_MIN, SPACING_MAX, SPACING_MIN
from services.gateway.desk import Desk
from services.gateway.page.rendering import excerpt
from services.gateway.principal import Principal
from services.gateway.views import learning, queue
from services.gateway.views.view import Document, unpacked
from services.planning.windows import WEEKDAYS

MOVES_MAX: Final = 50
MODES: Final = {"best_practice": "Best Practice", "custom": "Custom times", "adaptive": "Adaptive"}
BENCHMARK: Final = "By the benchmark alone: nothing of its own was learned yet."
MINUTES: Final = (SPACING_MIN // A_MINUTE, SPACING_MAX // A_MINUTE)
DURATION: Final[TypeAdapter[timedelta]] = TypeAdapter(timedelta)


async def sheet(desk: Desk, by: Principal, id: str) -> dict[str, Any]:
    found = await reading.account(desk, by, id)
    document = found["document"]
    channels = sorted({channel_of(name) for name in found["connections"]})
    profiles = {each["connection"]: each for each in await desk.views.documents(learning.profiles(id))}
    return {
        "account": document,
        "version": found["version"],
        "channels": channels,
        "fields": fields_of(document, channels),
        "modes": MODES,
        "profiles": {name: learned(profile) for name, profile in profiles.items()},
        "may_configure": by.may("configure"),
    }


def fields_of(document: Document, channels: Sequence[str]) -> dict[str, str]:
    """The document as a form has it: everything a text, and nothing where the default holds."""
    fields = {"mode": document["mode"], "zone": document["zone"], "keep": "wall_clock"}
    for channel in channels:
        cap, spacing = document["caps"].get(channel), document["spacing"].get(channel)
        fields[f"cap.{channel}"] = str(cap["posts_per_day_max"]) if cap else ""
        fields[f"spacing.{channel}"] = str(DURATION.validate_python(spacing) // A_MINUTE) if spacing else ""
        for day in WEEKDAYS:
            fields[f"times.{channel}.{day}"] = ", ".join(document["times"].get(channel, {}).get(day, []))
    return fields


def patch_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The form as a PATCH (RFC 7396): an emptied field goes back to its default."""
    patch: dict[str, Any] = {"caps": {}, "spacing": {}, "times": {}}
    for name, value in form.items():
        match name.split("."):
            case ["mode" | "zone" | "keep"]:
                patch[name] = value.strip()
            case ["cap", channel]:
                cap = _number(name, value, CAP_MIN, CAP_MAX) if value.strip() else None
                patch["caps"][channel] = {"posts_per_day_max": cap} if cap else None
            case ["spacing", channel]:
                patch["spacing"][channel] = f"PT{_number(name, value, *MINUTES)}M" if value.strip() else None
            case ["times", channel, day] if day in WEEKDAYS:
                times = [each for each in value.replace(",", " ").split() if each]
                patch["times"].setdefault(channel, {})[day] = times or None
            case _:
                pass
    return patch


def _number(field: str, text: str, least: int, most: int) -> int:
    """Said as the form asks for it: there a span of time is typed in minutes."""
    typed = text.strip()
    if typed.isascii() and typed.isdecimal() and len(typed) < 7 and least <= int(typed) <= most:
        return int(typed)
    raise reading.wrong(field, f"write a whole number from {least} to {most:,}")


# What a change would move.


async def diff(desk: Desk, found: Mapping[str, Any]) -> dict[str, Any]:
    """The preview with what its posts are recognised by."""
    ids = [each["id"] for kind in ("items", "missed") for each in found[kind]]
    rows = await desk.views.rows(select(queue.table.c.key, queue.table.c.body).where(queue.table.c.key.in_(ids)))
    content = {row.key: unpacked(row.body)["content"] for row in rows}

    def recognised(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        there = [(each, content[each["id"]]) for each in items if each["id"] in content]
        return [{**each, "excerpt": excerpt(its["title"] or its["text"], 60)} for each, its in there]

    return {**found, "items": recognised(found["items"]), "missed": recognised(found["missed"])}


# Windows.


def learned(profile: Document) -> dict[str, Any]:
    """What Adaptive knows, window by window: how many posts, how much of it is the account's own, and the benchmark."""
    rows = [
        {"days": ", ".join(WEEKDAYS[int(day) - 1].capitalize() for day in each["days"]), "order": min(each["days"]),
         "window": f"{each['from']}–{each['to']}", "weight": each.get("weight"), "posts": each.get("posts"),
         "own": each.get("own"), "benchmark": each.get("benchmark")}
        for each in profile["windows"]
    ]  # fmt: skip
    return {"at": profile["at"], "inputs": profile["inputs"], "sentence": rests_on(profile["inputs"]),
            "windows": sorted(rows, key=lambda each: (each["order"], each["window"]))}  # fmt: skip


def rests_on(inputs: Mapping[str, Any]) -> str:
    if "posts" not in inputs:
        return BENCHMARK
    seen = f"{inputs['posts']} posts on {inputs['days']} days were seen."
    if "chance_of_gain" not in inputs:
        return seen
    chance, gain = float(inputs["chance_of_gain"]), float(inputs.get("gain", 0))
    verdict = "so the windows were exchanged" if inputs.get("moved") else "which is not sure enough, so they stayed"
    return f"{seen} The best hours found are {gain:+.0%} on those before, with a chance of {chance:.0%}; {verdict}."


def week_of(offer: Mapping[str, Any]) -> list[tuple[str, list[str], int]]:
    """Each weekday with its windows, and how many slots they offer."""
    return [
        (day.capitalize(), [window for window, _ in groupby(each["window"] for each in slots)], len(slots))
        for day, slots in offer["week"].items()
    ]
