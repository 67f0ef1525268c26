"""Where no house runs, or none can start, a command says in a sentence what is wrong and what mends it. Nobody is shown
a trace."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from tests.journeys.houses import House, command
from tests.servers_nats import broker, client_of

API = {"api": "http://127.0.0.1:9", "key": "dk_nobody"}
NO_BROKER = {"nats_url": "nats://planner:hush@127.0.0.1:9"}


async def test_a_house_that_cannot_start_says_what_mends_it_and_leaves_nothing_running(tmp_path):
    """One line, no trace, exit 1; a setting that says nothing sensible is exit 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        open_key = House(tmp_path / "key")
        open_key.data.mkdir()
        (open_key.data / "vault.key").write_text("00" * 32)
        (open_key.data / "vault.key").chmod(0o644)
        damaged = House(tmp_path / "damaged")
        damaged.data.mkdir()
        (damaged.data / "log.db").write_text("this is no log " * 1000)
        unread = House(tmp_path / "views")
        unread.data.mkdir()
        (unread.data / "views.db").write_text("these are no views " * 1000)
        async with broker(tmp_path / "other") as other, client_of(other) as client:
            await client.jetstream().add_stream(name="DISTRIBUTION", subjects=["distribution.>"], storage="memory")
            cases = [
                (open_key, 1, f"run `chmod 600 {open_key.data.resolve() / 'vault.key'}`"),
                (damaged, 1, "`distribution restore FILE --replace` puts a backup in its place"),
                (unread, 1, f"remove {unread.data.resolve() / 'views.db'}* and start again"),
                (House(tmp_path / "page", port=port), 1, "set DISTRIBUTION_PORT"),
                (House(tmp_path / "nats", nats_port=port), 1, "Set DISTRIBUTION_NATS_PORT"),
                (House(tmp_path / "away", nats_url="nats://127.0.0.1:9"), 1, "set DISTRIBUTION_NATS_URL"),
                (House(tmp_path / "wrong", nats_url=other.url), 1, "run `distribution topology apply`"),
                (House(tmp_path / "speed", speed=1000), 2, "DISTRIBUTION_SPEED"),
                (House(tmp_path / "open", host="0.0.0.0"), 2, "DISTRIBUTION_HOST: 0.0.0.0 would open the page"),
                (House(tmp_path / "named", public_url="foo"), 2, "DISTRIBUTION_PUBLIC_URL: write the address"),
            ]
            ended = await asyncio.gather(*(command("up", **house.settings) for house, _, _ in cases))
    for (house, code, mend), said in zip(cases, ended, strict=True):
        assert (said.code, said.out) == (code, ""), said.err
        last = said.err.strip().splitlines()[-1]
        assert mend in last
        assert "Traceback" not in said.err
        assert house.running() == []
        assert not (house.data / "up.json").exists()


async def test_without_a_house_every_command_says_how_to_start_one(tmp_path):
    lonely, unknown, unheard = await asyncio.gather(
        command("posts", "list", data_dir=tmp_path),
        command("posts", "publish", data_dir=tmp_path),
        command("posts", "list", api="http://127.0.0.1:9", key="dk_nobody"),
    )
    assert (lonely.code, lonely.out, "make up" in lonely.err) == (1, "", True)
    assert (unknown.code, unknown.out) == (2, "")
    assert (unheard.code, unheard.out, "does not answer" in unheard.err) == (1, "", True)


async def all_told(cases) -> None:
    """Each ends with its exit code and says this last, in one line, and nothing on stdout."""
    ended = await asyncio.gather(*(command(*words, **settings) for words, settings, _, _ in cases))
    for (words, _, code, told), said in zip(cases, ended, strict=True):
        assert (said.code, said.out) == (code, ""), (words, said)
        assert told in said.err.splitlines()[-1], (words, said.err)
        assert "Traceback" not in said.err


async def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    redrive, nope = ("parked", "redrive", "parked-0", "--body"), tmp_path / "nope"
    embedded = {"data_dir": tmp_path / "data"}
    await all_told([
        ((*redrive, nope), API, 2, f"{nope} cannot be read: No such file"),
        ((*redrive, tmp_path), API, 2, f"{tmp_path} cannot be read: Is a directory"),
        ((*redrive, tmp_path / "binary"), API, 2, "is no text: byte 1 of it is not UTF-8"),
        (("demo", tmp_path / "binary"), embedded, 1, "is no text: byte 1 of it is not UTF-8"),
        (("account", "set", "acme", "--file", nope), API, 2, f"{nope} cannot be read: No such file"),
        (("restore", nope), embedded, 1, f"there is no backup at {nope}: name the file"),
        (("restore", tmp_path), embedded, 1, f"there is no backup at {tmp_path}: name"),
    ])  # fmt: skip


async def test_a_place_that_cannot_be_written_is_named_with_the_setting_that_leads_there(tmp_path):
    (tmp_path / "file").touch()
    nowhere = {"data_dir": tmp_path / "file" / "data", "port": 0, "nats_port": 0}
    kept = {"data_dir": tmp_path / "kept"}
    await command("migrate", **kept)
    await all_told([
        (("up",), nowhere, 1, f"{nowhere['data_dir']} cannot be used (Not a directory): DISTRIBUTION_DATA_DIR"),
        (("migrate",), nowhere, 1, f"{nowhere['data_dir']} cannot be used (Not a directory): DISTRIBUTION_DATA_DIR"),
        (("backup", tmp_path / "no" / "x"), kept, 1, f"{tmp_path / 'no' / 'x'} cannot be written (No such file or"),
        (("backup", tmp_path, "--force"), kept, 1, f"{tmp_path} is a folder: name a file in it"),
    ])  # fmt: skip


async def test_a_demo_that_others_could_reach_is_refused_before_it_clears_the_one_before(tmp_path):
    (tmp_path / "data" / "demo").mkdir(parents=True)
    (tmp_path / "data" / "demo" / "log.db").touch()
    for host in ("0.0.0.0", "::", "192.0.2.1", "dist.example.com"):
        told = f"DISTRIBUTION_HOST: {host} would open the page to other machines"
        await all_told([(("demo",), {"data_dir": tmp_path / "data", "host": host}, 2, told)])
    assert (tmp_path / "data" / "demo" / "log.db").exists()


async def test_simulated_channels_that_do_not_answer_are_named_with_their_setting(tmp_path):
    away = {"data_dir": tmp_path, "sandbox": "http://127.0.0.1:9", "port": 0, "nats_port": 0}
    await all_told([(("up",), away, 1, "no simulated channels answer at http://127.0.0.1:9 (")])


async def test_a_broker_that_does_not_answer_is_named_without_its_password(tmp_path):
    (tmp_path / "posts.jsonl").write_text("{}")
    told = "no broker answers at nats://127.0.0.1:9 (nats: no servers available for connection): start it, or set"
    await all_told([
        (("posts", "import", tmp_path / "posts.jsonl"), NO_BROKER, 1, told),
        (("topology", "diff"), NO_BROKER, 1, told),
        (("topology", "apply"), NO_BROKER, 1, told),
    ])  # fmt: skip


async def test_a_note_or_a_key_that_nobody_has_written_so_is_no_way_in(tmp_path):
    (tmp_path / "up.json").write_text("{}")
    beside = {"data_dir": tmp_path}
    wrong = f"{tmp_path / 'up.json'} is not as a running house writes it: start the house again with `make up`, or set"
    (tmp_path / "posts.jsonl").write_text("{}")
    await all_told([
        (("posts", "list"), beside, 1, f"{wrong} DISTRIBUTION_API and _KEY"),
        (("posts", "import", tmp_path / "posts.jsonl"), beside, 1, f"{wrong} DISTRIBUTION_NATS_URL"),
        (("posts", "list"), {**API, "key": "dk_no\nbody"}, 2, "DISTRIBUTION_KEY is no key: a line break"),
    ])  # fmt: skip


async def test_the_doctor_examines_a_house_of_which_nothing_can_be_read(tmp_path):
    (tmp_path / "log.db").write_text("this is no log " * 1000)
    (tmp_path / "up.json").write_text("{}")
    said = await command("doctor", "--output", "json", data_dir=tmp_path)
    bad = {finding["what"]: finding["mend"] for finding in said.json if finding["mark"] == "bad"}
    assert (said.code, said.err) == (1, "")
    assert bad == {
        f"SQLite: {tmp_path / 'log.db'} cannot be read as a log: file is not a database":
            "`distribution restore FILE --replace` puts a backup in its place",
        "up.json is not as a running house writes it": "start the house again with `make up`",
    }  # fmt: skip


def a_week(path: Path, at: str = "2026-11-23T07:00:00Z", **what) -> Path:
    path.write_text(json.dumps({"at": at, **what}))
    return path


async def test_a_week_that_nobody_could_play_is_refused_before_anything_starts(tmp_path):
    posts = {"method": "GET", "path": "/v1/posts"}
    weeks = [
        (a_week(tmp_path / "late", "9999-12-31T00:00:00Z", do=posts), "at: lies outside the years 1970 to 9998"),
        (a_week(tmp_path / "early", "0001-01-01T00:00:00+14:00", do=posts), "at: lies outside the years 1970 to 9998"),
        (a_week(tmp_path / "path", do={**posts, "path": "v1/posts"}), "do.path: begin it with a slash"),
        (a_week(tmp_path / "method", do={**posts, "method": "A B"}), "do.method: Input should be 'GET', 'POST'"),
        (a_week(tmp_path / "kind", pots={}), "it has none of post, weather, do and connect"),
    ]
    await all_told([
        (("demo", week), {"data_dir": tmp_path / "data"}, 1, f"{week} line 1: {told}") for week, told in weeks
    ])  # fmt: skip
    assert not (tmp_path / "data").exists()
