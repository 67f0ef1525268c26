"""`make demo` judges itself: against the file, the outside world's books and the house's own answers. It has to be able
to say no, and to leave nothing behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import aiohttp
import pytest

import services.demo.command
from services.chassis.processes import read_record, record_of
from services.demo.command import run_demo
from services.demo.play import gather
from tests.journeys.doors import approved
from tests.journeys.houses import Process, command


def line(at: str, **what) -> str:
    return json.dumps({"at": f"2026-11-{at}:00Z", **what})


def opened(at: str, account: str, *channels: str) -> list[str]:
    document = {"id": account, "zone": "Europe/Berlin"}
    put = {"method": "PUT", "path": f"/v1/accounts/{account}", "body": document}
    return [line(at, do=put), *(line(at, connect={"account": account, "channel": channel}) for channel in channels)]


WEEK = [
    *opened("23T07:00", "acme", "linkedin", "blog"),
    line("23T07:10", post=approved("spring-linkedin", text="Spring on LinkedIn."), ends="published"),
    line("23T07:10", post=approved("spring-blog", channel="blog", title="Spring", text="Spring at home."),
         ends="published"),
    line("23T07:20", post=approved("long-x", channel="x", text="x" * 281), ends="failed", code="text_too_long"),
    line("23T07:20", post=approved("lost", account="nobody"), ends="parked", code="unknown_account"),
    line("23T08:50", channel="linkedin", weather={"kind": "lost_answer", "times": 1}),
]  # fmt: skip


@pytest.fixture
def week(tmp_path) -> Path:
    return written(tmp_path / "week.jsonl", WEEK)


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines))
    return path


async def test_a_week_as_the_file_says_ends_well_and_twice_the_same(week, tmp_path):
    first = await command("demo", week, data_dir=tmp_path / "first")
    again = await command("demo", week, data_dir=tmp_path / "again")
    assert (first.code, again.code) == (0, 0), first.out + first.err + again.out + again.err
    assert "twice 0, lost 0, nobody's 0" in first.out
    assert "1 failed, 1 parked, 2 published" in first.out
    assert first.out == again.out
    assert "WRONG" not in first.out


async def test_an_end_that_is_not_as_the_file_says_is_named(tmp_path):
    other = [each.replace('"ends": "failed"', '"ends": "published"') for each in WEEK]
    done = await command("demo", written(tmp_path / "week.jsonl", other), data_dir=tmp_path)
    assert done.code == 1
    assert "WRONG" in done.out
    assert "acme.long-x ended failed" in done.out
    assert "acme.long-x is not on x" in done.out


async def test_an_object_that_nobody_approved_is_found(week, tmp_path, monkeypatch, capsys):
    """Between playing and judging somebody writes on the blog: the house knows nothing of it, the books do."""

    async def plant(blog: aiohttp.ClientSession, posts: str) -> None:
        body = {"title": "Not ours", "content": "Nobody approved this.", "status": "publish"}
        async with blog.post(posts, json=body) as answer:
            assert answer.status == 201

    assert not await judged_after(plant, week, tmp_path, monkeypatch)
    assert "blog shows something nobody approved: nobody approved this." in capsys.readouterr().out


async def test_an_object_that_is_gone_is_found(week, tmp_path, monkeypatch, capsys):
    async def drop(blog: aiohttp.ClientSession, posts: str) -> None:
        async with blog.get(posts) as answer:
            (post,) = await answer.json()
        async with blog.delete(f"{posts}/{post['id']}") as answer:
            assert answer.status == 200

    assert not await judged_after(drop, week, tmp_path, monkeypatch)
    assert "acme.spring-blog is not on blog" in capsys.readouterr().out


async def judged_after(change, week, tmp_path, monkeypatch) -> bool:
    """The whole demo in this process; `change` is done on Acme's blog right before the verdict."""

    async def gather_afterwards(doors, lines):
        given = await doors.outside("GET", "/sandbox/blog/key?account=acme")
        auth = aiohttp.BasicAuth(given["user"], given["password"])
        async with aiohttp.ClientSession(auth=auth) as blog:
            await change(blog, f"{doors.sandbox}/sites/acme/wp-json/wp/v2/posts")
        return await gather(doors, lines)

    monkeypatch.setattr(services.demo.command, "gather", gather_afterwards)
    monkeypatch.setenv("DISTRIBUTION_DATA_DIR", str(tmp_path))
    return await run_demo(week, keep=False, said=lambda text: None)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_everything_it_has_started(how, tmp_path):
    """On the second day of the week it brings along, which has days enough left on a busy machine."""
    data = tmp_path / "data"
    demo = Process(tmp_path, "demo", data_dir=data)
    await demo.start()
    await demo.until("── Tue")
    records = [read_record(data / "demo" / name) for name in ("sandbox/process.json", "nats/broker.json")]
    assert all(each and record_of(each.pid) == each for each in records)
    assert (data / "up.json").exists()
    assert await demo.end(how) == 130
    assert "stopped" in demo.words
    assert "Traceback" not in demo.words
    for each in records:
        assert each is None or record_of(each.pid) != each
    assert not (data / "up.json").exists()


async def test_a_demo_that_is_kept_can_be_used_and_keeps_its_folder(tmp_path, week):
    """It runs on from its last instant, and another demo in the same folder is refused."""
    data = tmp_path / "data"
    demo = Process(tmp_path, "demo", str(week), "--keep", data_dir=data, port=0, nats_port=0)
    await demo.start()
    try:
        await demo.until("kept running")
        shown = await command("posts", "show", "acme.spring-blog", "--output", "json", data_dir=data)
        assert shown.json["status"] == "published"
        second = await command("demo", week, data_dir=data)
        assert second.code == 1
        assert "stop that one first" in second.err
    finally:
        assert await demo.end(signal.SIGINT) == 0


async def test_a_file_that_cannot_be_played_says_where_in_one_line(tmp_path):
    torn = written(tmp_path / "torn.jsonl", [*WEEK[:4], '{"at": "2026-11-23T07:10:00Z", "pots": {}}'])
    refused = written(tmp_path / "refused.jsonl", [line("23T07:00", connect={"account": "acme", "channel": "x"})])
    empty = written(tmp_path / "empty.jsonl", [])
    for week, said in ((torn, "line 5"), (refused, "gave no address"), (empty, "no line"), (tmp_path / "no", "read")):
        done = await command("demo", week, data_dir=tmp_path)
        assert done.code == 1
        (last,) = [each for each in done.err.splitlines() if not each.startswith(("playing", "──"))]
        assert said in last
