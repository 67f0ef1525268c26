"""The `distribution` command against a running house (S48): JSON alone on stdout, words on stderr, and an exit code
that a script can go by: 0 done, 1 failed, 2 usage, 3 partly."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio

from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import Ended, House, a_house, command, doors_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with a_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(house):
    async with doors_of(house) as doors:
        yield doors


async def done(house: House, *words: str, code: int = 0) -> Ended:
    """`distribution …` beside this house, found by its `up.json`."""
    ended = await command(*words, data_dir=house.data)
    assert ended.code == code, f"{' '.join(words)}: {ended.code}, {ended.err}"
    return ended


async def told(house: House, *words: str, code: int = 0):
    """What it says as JSON: all of stdout, and nothing else there."""
    return (await done(house, *words, "--output", "json", code=code)).json


async def taken_in(house: House, doors: Doors, tmp_path, *names: str, **data) -> None:
    """Imported from a file, as Production would have said it."""
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(json.dumps(approved(name, account="demo", **data)) for name in names))
    imported = await done(house, "posts", "import", str(file))
    assert f"{len(names)} handed over, 0 refused" in imported.err
    for name in names:
        await until(lambda name=name: doors.post(f"demo.{name}"), what=f"{name} is in the queue")


async def test_accounts_and_their_channels(house):
    """`up` starts with the account demo; another one is opened, changed and connected by hand."""
    assert [each["id"] for each in (await told(house, "account", "list"))["items"]] == ["demo"]
    assert (await told(house, "account", "set", "acme", "--zone", "Europe/Berlin"))["zone"] == "Europe/Berlin"
    assert (await told(house, "account", "set", "acme", "--mode", "adaptive"))["mode"] == "adaptive"
    assert (await told(house, "account", "show", "acme"))["zone"] == "Europe/Berlin"
    asked = await done(house, "connect", "channel", "acme", "linkedin")
    assert asked.out.startswith("http")
    assert len(asked.out.split()) == 1
    listed = await done(house, "connect", "list", "demo")
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [
        ["demo.blog", "active"], ["demo.linkedin", "active"], ["demo.x", "active"],
    ]  # fmt: skip
    assert "Nothing is planned for the coming 7 days." in listed.out
    assert (await told(house, "connect", "check", "demo.linkedin"))["works"]
    nowhere = await done(house, "account", "set", "acme", "--zone", "Berlin", code=1)
    assert (nowhere.out, "zone" in nowhere.err) == ("", True)
    assert "at least one choice" in (await done(house, "account", "set", "acme", code=2)).err
    moved = await done(house, "account", "set", "acme", "--zone", "Asia/Tokyo", "--keep", "instant")
    assert ("Nothing is planned that could move." in moved.err, "zone: Asia/Tokyo" in moved.out) == (True, True)
    both = await done(house, "account", "set", "acme", "--file", "acme.json", "--preview", code=2)
    assert "nothing was changed" in both.err


async def test_the_week_ahead_and_the_windows_of_an_account(house):
    week, windows = await asyncio.gather(
        done(house, "account", "forecast", "demo"), done(house, "account", "windows", "demo")
    )
    assert "demo.linkedin: Nothing is planned for the coming 7 days." in week.err
    assert [line.split()[0] for line in week.out.splitlines()[1:]] == [
        name for name in ("demo.blog", "demo.linkedin", "demo.x") for _ in range(7)
    ]
    assert "09:00-12:00" in windows.out


async def test_a_post_is_read_explained_and_changed(house, doors, tmp_path):
    await taken_in(house, doors, tmp_path, "one", channel="x")
    listed, in_words, shown, timeline, why, counts, nobody, nowhere = await asyncio.gather(
        told(house, "posts", "list", "--account", "demo", "--channel", "x", "--status", "scheduled"),
        done(house, "posts", "list", "--account", "demo"),
        told(house, "posts", "show", "demo.one"),
        told(house, "posts", "show", "demo.one", "--timeline"),
        told(house, "posts", "why", "demo.one"),
        told(house, "posts", "counts", "--account", "demo", "--channel", "x"),
        done(house, "posts", "show", "demo.nobody", code=1),
        done(house, "posts", "reschedule", "demo.one", code=2),
    )
    assert "demo.one" in [each["id"] for each in listed["items"]]
    assert listed["items"][0]["scheduled_at"] in in_words.out
    assert shown["text"] == "This is demo.one."
    assert [each["type"] for each in timeline["items"]][:2] == ["scheduler.post_taken_in", "scheduler.post_scheduled"]
    assert why["mode"] == "best_practice"
    assert counts["scheduled"] >= 1
    assert "not_found" in nobody.err
    assert "one of --at" in nowhere.err
    assert (await told(house, "posts", "edit", "demo.one", "--text", "Better."))["text"] == "Better."
    moved = await told(house, "posts", "reschedule", "demo.one", "--at", "2030-01-07T10:00:00Z")
    assert moved["scheduled_at"] == "2030-01-07T10:00:00Z"
    stale = await done(house, "posts", "cancel", "demo.one", "--version", "1.0", code=1)
    assert (stale.out, stale.err.startswith("stale:")) == ("", True)
    assert (await told(house, "posts", "cancel", "demo.one", "--version", moved["version"]))["status"] == "cancelled"
    assert "not_failed" in (await done(house, "posts", "retry", "demo.one", code=1)).err


async def test_a_title_and_a_link_are_taken_away_and_a_cancel_says_why(house, doors, tmp_path):
    await taken_in(house, doors, tmp_path, "bare", channel="blog", title="Spring", link="https://acme.example/spring",
                   bucket="bare")  # fmt: skip
    counted = ("posts", "counts", "--status", "scheduled", "--bucket", "bare", "--since", "2020-01-01")
    assert (await told(house, *counted))["scheduled"] == 1
    assert (await told(house, *counted, "--until", "2020-01-02"))["scheduled"] == 0
    bare = await told(house, "posts", "edit", "demo.bare", "--title", "", "--link", "")
    assert (bare["title"], bare["link"], bare["text"]) == (None, None, "This is demo.bare.")
    assert (await told(house, "posts", "cancel", "demo.bare", "--reason", "Not now"))["status"] == "cancelled"
    (gone,) = [each for each in (await told(house, "posts", "show", "demo.bare", "--timeline"))["items"]
               if each["type"] == "scheduler.post_cancelled"]  # fmt: skip
    assert gone["data"]["reason"] == "Not now"
    several = await done(house, "posts", "cancel", "demo.bare", "demo.one", "--reason", "Not now", code=2)
    assert "--reason is of one post" in several.err


async def test_many_posts_are_moved_and_moved_back(house, doors, tmp_path):
    """Each has its own outcome; some refused is 3, all refused is 1."""
    await taken_in(house, doors, tmp_path, "two", "three", channel="linkedin")
    before = [(await doors.post(f"demo.{name}"))["scheduled_at"] for name in ("two", "three")]
    moved = await told(house, "posts", "reschedule", "demo.two", "demo.three", "--shift", "P7D")
    assert [item["done"] for item in moved["items"]] == [True, True]
    undone = await told(house, "posts", "undo", moved["bulk"])
    assert [item["done"] for item in undone["items"]] == [True, True]
    assert [(await doors.post(f"demo.{name}"))["scheduled_at"] for name in ("two", "three")] == before
    partly = await told(house, "posts", "cancel", "demo.two", "demo.nobody", code=3)
    assert [item["done"] for item in partly["items"]] == [True, False]
    in_words = await done(house, "posts", "cancel", "demo.two", "demo.nobody", code=1)
    assert "already_cancelled: " in in_words.out
    assert "posts undo" not in in_words.err
    again = await done(house, "posts", "cancel", "demo.three", "demo.nobody", code=3)
    assert "to take it back, as long as they are unsent: distribution posts undo " in again.err


async def test_a_line_that_the_broker_refuses_is_named_with_the_reason(house, tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text("\n" + json.dumps(approved("four", account="demo")) + "\n" + "x" * 1_100_000)
    imported = await done(house, "posts", "import", str(file), code=3)
    refused = "it has 1,100,000 bytes, and the broker takes 1,064,960 at most"
    assert imported.err.splitlines() == [f"line 3 of {file} was refused: {refused}", "1 handed over, 1 refused"]
    assert imported.out == ""
    said = await told(house, "posts", "import", str(file), code=3)
    assert said == {"handed_over": 1, "refused": [{"line": 3, "reason": refused}]}
    file.write_text(json.dumps(approved("four", account="demo")))
    assert await told(house, "posts", "import", str(file)) == {"handed_over": 1, "refused": []}


async def test_what_waits_at_the_gate_is_approved_or_returned(house, doors, tmp_path):
    """S38-S41: the approved one takes a slot, the rejected one goes back to Production with all that was said."""
    await doors.done("PATCH", "/v1/accounts/demo", {"approval": {"required": True}})
    await taken_in(house, doors, tmp_path, "good", "bad", channel="linkedin")
    await doors.done("PATCH", "/v1/accounts/demo", {"approval": {"required": False}})
    waiting = (await told(house, "posts", "approvals", "--account", "demo"))["items"]
    assert sorted((each["id"], each["text"]) for each in waiting) == [
        ("demo.bad", "This is demo.bad."), ("demo.good", "This is demo.good."),
    ]  # fmt: skip
    stale = await done(house, "posts", "approve", "demo.good", "--version", "9.0", code=1)
    assert stale.err.startswith("stale:")
    await told(house, "posts", "approve", "demo.good", "--version", "1.0")
    assert (await doors.in_status("demo.good", "scheduled"))["slot"]
    await done(house, "posts", "comment", "demo.bad", "Is it audited?")
    assert (await told(house, "posts", "reject", "demo.bad", "Then not."))["status"] == "rejected"

    async def returned():
        return await doors.feed("production.post_returned", "PRODUCTION")

    (message,) = await until(returned, what="Production hears of it")
    assert message["subject"] == "demo.bad"
    assert [each["text"] for each in message["data"]["comments"]] == ["Is it audited?", "Then not."]
    assert "already_rejected" in (await done(house, "posts", "approve", "demo.bad", code=1)).err
    assert (await done(house, "posts", "approvals")).out.split("\n")[1:] == [""]


async def test_what_is_parked_is_shown_mended_and_redriven(house, doors, tmp_path):
    broken = approved("lost", account="demo", channel="fax")
    await doors.approve(broken)
    (parked,) = await until(lambda: doors.all_of("/v1/parked"), what="it is parked")
    assert [each["id"] for each in (await told(house, "parked", "list"))["items"]] == [parked["id"]]
    assert (await told(house, "parked", "show", parked["id"]))["code"] == "unknown_channel"
    again = await done(house, "parked", "redrive", parked["id"], code=1)
    assert again.err.startswith("unknown_channel:")
    (tmp_path / "mended.json").write_text(json.dumps(approved("lost", account="demo", channel="x")))
    mended = await told(house, "parked", "redrive", parked["id"], "--body", str(tmp_path / "mended.json"))
    assert (mended["outcome"], mended["post"]) == ("taken_in", "demo.lost")
    assert "no parked message" in (await done(house, "parked", "show", "parked-0", code=1)).err


async def test_keys_are_issued_used_and_ended(house):
    """A key is shown once; whoever has it names the house by DISTRIBUTION_API and DISTRIBUTION_KEY."""
    issued = await told(house, "keys", "issue", "viewer", "--account", "demo", "--name", "a dashboard")
    theirs = {"api": house.up["page"], "key": issued["key"]}
    assert (await command("account", "list", "--output", "json", **theirs)).json["items"][0]["id"] == "demo"
    refused = await command("posts", "cancel", "demo.one", **theirs)
    assert (refused.code, refused.err.startswith("forbidden:")) == (1, True)
    assert issued["key"] not in (await done(house, "keys", "list")).out
    await done(house, "keys", "revoke", issued["prefix"])
    over = await command("account", "list", **theirs)
    assert (over.code, over.err.startswith("unauthenticated:")) == (1, True)


async def test_operators_look_after_the_house(house):
    good, settings, differs, applied, checked, dry = await asyncio.gather(
        told(house, "doctor"),
        told(house, "settings"),
        told(house, "topology", "diff"),
        told(house, "topology", "apply"),
        told(house, "views", "check", "queue"),
        told(house, "replay", "--dry", "--account", "demo"),
    )
    assert "bad" not in {finding["mark"] for finding in good}
    assert f"a house answers at {house.up['page']}" in [finding["what"] for finding in good]
    assert settings["DISTRIBUTION_DATA_DIR"]["value"] == str(house.data)
    assert (differs, applied) == ([], [])
    assert checked["equal"]
    assert (dry["dry"], dry["offered"] > 0) == (True, True)
    rebuilt, offered, nobody, nothing = await asyncio.gather(
        told(house, "views", "rebuild", "queue"),
        told(house, "replay", "--type", "gateway.account_changed"),
        done(house, "replay", "--type", "nobody.said_so", code=1),
        done(house, "views", "check", "nothing", code=1),
    )
    assert rebuilt["rows"] >= 1
    assert offered["subject"].startswith("replay.")
    assert "type" in nobody.err
    assert "not_found" in nothing.err
    assert (await told(house, "pause", "--scope", "demo", "--reason", "a fire"))["paused"]
    assert not (await told(house, "resume", "--scope", "demo"))["paused"]


async def test_facts_of_the_log_are_written_to_a_file_one_event_a_line(house, tmp_path):
    """S47."""
    file = tmp_path / "facts.jsonl"
    first, keys, both, nowhere = await asyncio.gather(
        told(house, "replay", "--until", "3", "--file", str(file)),
        told(house, "replay", "--type", "gateway.key_issued", "--file", str(tmp_path / "keys.jsonl")),
        done(house, "replay", "--dry", "--file", str(file), code=2),
        done(house, "replay", "--file", str(tmp_path / "none" / "facts.jsonl"), code=1),
    )
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["position"] for event in events] == ["1", "2", "3"]
    assert first == {"file": str(file), "written": 3}
    assert keys["written"] >= 1
    assert "leave one of them out" in both.err
    assert "facts.jsonl cannot be written" in nowhere.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.jsonl", "keys.jsonl"]


async def test_a_running_house_is_backed_up_proven_and_not_replaced(house, tmp_path):
    """Beside the house, past its services; putting one back waits until nobody has the log open (I5, G20)."""
    file = tmp_path / "house.backup"
    made = await told(house, "backup", str(file))
    assert made["bytes"] == file.stat().st_size
    proven = await told(house, "log", "verify", "--head", made["head"])
    assert proven["whole"]
    assert proven["facts"] >= made["facts"] > 0
    assert (await told(house, "log", "head"))["incarnation"] == made["incarnation"]
    assert "vault.key" in (await done(house, "backup", str(file), "--force")).err
    assert "--force" in (await done(house, "backup", str(file), code=1)).err
    assert "is open in another process" in (await done(house, "restore", str(file), "--replace", code=1)).err
    assert "--promoted" in (await done(house, "restore", code=2)).err
    forked = made["head"].split(":")[0] + ":" + "0" * 64
    broken = await told(house, "log", "verify", "--head", forked, code=1)
    assert (broken["whole"], broken["position"]) == (False, made["position"])
    assert "distribution restore" in broken["mend"]
    assert "POSITION:HASH" in (await done(house, "log", "verify", "--head", "x", code=2)).err


async def test_a_backup_is_put_back_where_there_is_no_house(house, tmp_path):
    await done(house, "backup", str(tmp_path / "house.backup"))
    ended = await command("restore", str(tmp_path / "house.backup"), "--output", "json", data_dir=tmp_path / "new")
    assert ended.code == 0, ended.err
    assert ended.json["how"] == "backup"
    assert "vault's key is not in a backup" in ended.err
    proven = await command("log", "verify", "--output", "json", data_dir=tmp_path / "new")
    assert proven.json["head"] == ended.json["backup"]["head"]


async def test_a_second_house_in_the_same_folder_is_refused_and_disturbs_nobody(house, doors):
    second = await command("up", data_dir=house.data, port=0, nats_port=0)
    assert (second.code, second.out) == (1, "")
    assert "stop that one first, or give this one another DISTRIBUTION_DATA_DIR" in second.err
    assert json.loads((house.data / "up.json").read_text()) == house.up
    assert (await doors.ask("GET", "/readyz"))[0] == 200
    assert len(house.running()) == 2
