"""Writes the published contract from the facts themselves: `make catalogue`; `--check` says what is out of date.

A producer or a consumer in any language works from these files alone (S45).
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from events import EVERY_FACT, Fact, PostApprovedMessage
from events.subjects import DISTRIBUTION, POST_APPROVED, POST_RETURNED, PRODUCTION

CONTRACT = Path(__file__).resolve().parent.parent / "events" / "contract"
OWNERS = ("scheduler", "publisher", "collector", "gateway")
ENVELOPE = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "description": "the fact's id"},
    "source": {"type": "string", "description": "/distribution/<service>"},
    "type": {"type": "string", "description": "<service>.<fact>"},
    "subject": {"type": "string", "description": "the story, else the connection or account"},
    "time": {"type": "string", "format": "date-time", "description": "when it happened"},
    "recordedat": {"type": "string", "format": "date-time", "description": "when the log took it"},
    "datacontenttype": {"const": "application/json"},
    "position": {"type": "string", "description": "its place in the log, a decimal number"},
    "stream": {"type": "string"},
    "streamversion": {"type": "string", "description": "its place in the stream, a decimal number"},
    "story": {"type": "string"},
    "cause": {"type": "string", "description": "the id of the fact it followed from"},
    "actor": {"type": "string"},
    "account": {"type": "string"},
    "channel": {"type": "string"},
    "shape": {"type": "string", "description": "version of the data's shape, a decimal number"},
    "datatoolarge": {"const": "true", "description": "instead of data that no broker would carry: ask the API for it"},
}


def meaning(model: type[BaseModel]) -> str:
    own = model.__dict__.get("__doc__")
    return inspect.cleandoc(own).replace("\n", " ") if own else ""


def schema(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(mode="serialization"), indent=1, sort_keys=True) + "\n"


def facts_of(owner: str) -> list[type[Fact]]:
    return [fact for name, fact in EVERY_FACT.items() if name.startswith(owner + ".")]


def file_of(fact: type[Fact]) -> str:
    return f"schemas/{fact.topic()}.json"


def catalogue() -> str:
    lines = ["# Every fact", "", "Generated from `events/` by `make catalogue`; compared in CI.", ""]
    for owner in OWNERS:
        lines += [f"## {owner}", "", "| fact | subject | says | fields |", "|---|---|---|---|"]
        for fact in facts_of(owner):
            fields = ", ".join(f"`{name}`" for name in fact.model_fields) or "-"
            lines.append(
                f"| [`{fact.__name__}`]({file_of(fact)}) | `distribution.{fact.type}.<channel>` "
                f"| {meaning(fact) or '-'} | {fields} |"
            )
        lines.append("")
    return "\n".join(lines)


def asyncapi() -> str:
    channels: dict[str, Any] = {
        "post_approved": {
            "address": POST_APPROVED,
            "description": f"JetStream stream {PRODUCTION}",
            "messages": {"PostApproved": {"$ref": "#/components/messages/PostApproved"}},
        },
        "post_returned": {
            "address": POST_RETURNED,
            "description": f"JetStream stream {PRODUCTION}; a rejected post with its comment thread",
            "messages": {"PostRejected": {"$ref": "#/components/messages/PostRejected"}},
        },
    }
    operations: dict[str, Any] = {
        "take_in": {"action": "receive", "channel": {"$ref": "#/channels/post_approved"}},
        "return_post": {"action": "send", "channel": {"$ref": "#/channels/post_returned"}},
    }
    messages: dict[str, Any] = {
        "PostApproved": {
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": "./schemas/production.post_approved.v1.json"},
        }
    }
    for fact in EVERY_FACT.values():
        key = fact.type.replace(".", "_")
        channels[key] = {
            "address": f"distribution.{fact.type}.{{channel}}",
            "parameters": {"channel": {"description": "the channel, or `any`"}},
            "messages": {fact.__name__: {"$ref": f"#/components/messages/{fact.__name__}"}},
        }
        operations[f"say_{key}"] = {"action": "send", "channel": {"$ref": f"#/channels/{key}"}}
        messages[fact.__name__] = {
            "contentType": "application/cloudevents+json",
            "summary": meaning(fact),
            "payload": {
                "type": "object",
                "required": ["specversion", "id", "source", "type", "time", "data", "position", "stream"],
                "properties": {**ENVELOPE, "type": {"const": fact.type}, "data": {"$ref": f"./{file_of(fact)}"}},
            },
        }
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Distribution",
            "version": "1",
            "description": f"Facts on the JetStream stream {DISTRIBUTION}: CloudEvents 1.0 in structured JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }
    return yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def contract() -> dict[str, str]:
    """File name -> text of everything under events/contract/."""
    files = {file_of(fact): schema(fact) for fact in EVERY_FACT.values()}
    files["schemas/production.post_approved.v1.json"] = schema(PostApprovedMessage)
    return files | {"CATALOGUE.md": catalogue(), "asyncapi.yaml": asyncapi()}


def out_of_date(root: Path = CONTRACT) -> list[str]:
    """Files that differ from what the facts say, are missing, or belong to no fact any more."""
    wanted = contract()
    there = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> None:
    if "--check" in sys.argv:
        stale = out_of_date()
        for name in stale:
            print(f"events/contract/{name} is out of date: run `make catalogue` and commit what it writes")
        sys.exit(bool(stale))
    for path in CONTRACT.rglob("*.json"):
        path.unlink()
    for name, text in contract().items():
        path = CONTRACT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"wrote the contract of {len(EVERY_FACT)} facts to events/contract/")


if __name__ == "__main__":
    main()
