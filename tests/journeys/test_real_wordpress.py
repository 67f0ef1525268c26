"""The blog's adapter and the real door to the outside, against a real WordPress on this machine (S7, S30, S35, D21)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from events import Metrics
from services.channels.adapter import Credential, Granted, GrantRefused, Wish
from services.channels.blog import wordpress
from services.channels.outcome import Absent, Delivered, Found, LookFailed, Measured, Refused, Unclear
from services.chassis.clock import RealClock
from services.chassis.egress import Egress
from tests.absent import needs
from tests.servers_wordpress import WordPress, missing
from tests.servers_wordpress import wordpress as a_wordpress

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
LINK = "https://acme.example/stories/42?utm_source=blog&utm_medium=blog"
WRONG = "abcd EFGH 1234 ijkl MNOP 5678"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[WordPress]:
    needs("a real WordPress", missing())
    with a_wordpress(tmp_path_factory.mktemp("wordpress")) as site:
        yield site


@dataclass(frozen=True, slots=True)
class Blog:
    """One connection to that site, through the real door, as the publisher would use it."""

    egress: Egress
    site: WordPress
    credential: Credential

    async def check(self):
        return await wordpress.check(self.egress.door("blog"), self.credential)

    async def publish(self, wish):
        return await wordpress.publish(self.egress.door("blog"), self.credential, wish, now=NINE)

    async def find(self, wish):
        return await wordpress.find(self.egress.door("blog"), self.credential, wish, now=NINE)

    async def measure(self, id):
        return await wordpress.measure(self.egress.door("blog"), self.credential, id, now=NINE)

    def by(self, user: str, key: str) -> Blog:
        return replace(self, credential=replace(self.credential, secret={"user": user, "key": key}))

    def at(self, address: str) -> Blog:
        return replace(self, credential=replace(self.credential, site=address))

    def with_role(self, role: str) -> Blog:
        """A user of the site who is no more than that."""
        key = self.site.php(
            f"$id = username_exists('{role}') ?: wp_create_user('{role}', 'horse-7-{role}', '{role}@acme.example');"
            f"(new WP_User($id))->set_role('{role}');"
            "echo WP_Application_Passwords::create_new_application_password($id, ['name' => uniqid()])[0];"
        )
        return self.by(role, key)

    def slugs(self, marker: str) -> list[str]:
        """What the site's own database holds with that marker, in whatever state."""
        asked = f"SELECT post_name FROM $wpdb->posts WHERE post_type = 'post' AND post_name LIKE '%{marker}%'"
        return self.site.php(f'global $wpdb; echo implode(" ", $wpdb->get_col("{asked}"));').split()


@pytest.fixture
async def blog(site) -> AsyncIterator[Blog]:
    async with door_to(site) as made:
        yield made


@contextlib.asynccontextmanager
async def door_to(site: WordPress, *more: str) -> AsyncIterator[Blog]:
    egress = Egress(RealClock(), {"blog": ()}, allow=[site.address.removeprefix("http://"), *more])
    secret = {"user": site.user, "key": site.password}
    try:
        yield Blog(egress, site, Credential("acme.blog", 1, secret, "1", site.address))
    finally:
        await egress.close()


def wish(marker: str, text: str = "By **listening**.", title: str = "How Acme grew") -> Wish:
    return Wish(text, title, LINK, marker, started_at=NINE, deadline=datetime.now(UTC) + timedelta(seconds=20))


async def test_an_application_password_is_proven(blog):
    granted = await blog.check()
    assert isinstance(granted, Granted)
    assert (granted.member, granted.member_name) == ("1", "editor")


async def test_a_wrong_one_is_refused_although_public_calls_answer_as_if_nothing_were_wrong(blog):
    wrong = blog.by("editor", WRONG)
    headers = wordpress._headers(wrong.credential)
    public = await blog.egress.door("blog").send("GET", f"{blog.site.address}/wp-json/wp/v2/posts", headers=headers)
    assert public.status == 200
    assert isinstance(await wrong.check(), GrantRefused)
    assert isinstance(await blog.by("nobody", blog.site.password).check(), GrantRefused)


async def test_a_key_that_is_gone_ends_the_post_and_says_so(blog):
    wrong = blog.by("editor", WRONG)
    outcome = await wrong.publish(wish("d00000000000gone"))
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.code) == ("revoked", "rest_not_logged_in")
    look = await wrong.find(wish("d00000000000gone"))
    assert isinstance(look, LookFailed)
    assert look.auth
    assert blog.slugs("d00000000000gone") == []


async def test_a_post_is_published_once_however_often_it_is_asked_for(blog):
    wanted = wish("d0000000000once1", title="Größe & Maß – für 7 Häuser!")
    assert await blog.find(wanted) == Absent()
    first = await blog.publish(wanted)
    assert isinstance(first, Delivered)
    assert first.url == f"{blog.site.address}/groe-ma-fur-7-hauser-d0000000000once1/"
    assert await blog.publish(wanted) == first
    assert await blog.find(wanted) == Found(first.channel_post_id, first.url)
    assert blog.slugs("d0000000000once1") == [wordpress.slug_of(wanted)]


async def test_a_reader_sees_what_was_approved_and_nothing_that_runs(blog):
    text = "# Growth\n\nBy **listening** & <script>alert(1)</script> asking."
    told = await blog.publish(wish("d000000000reader", text=text))
    assert isinstance(told, Delivered)
    public = f"{blog.site.address}/wp-json/wp/v2/posts/{told.channel_post_id}"
    shown = orjson.loads((await blog.egress.door("blog").send("GET", public)).body)
    assert (shown["status"], shown["title"]["rendered"]) == ("publish", "How Acme grew")
    content = shown["content"]["rendered"]
    assert "<h1>Growth</h1>" in content
    assert "<strong>listening</strong> &amp;" in content
    assert LINK.replace("&", "&amp;") in content
    assert "<script" not in content


async def test_a_post_somebody_unpublished_gets_no_twin(blog):
    wanted = wish("d00000000unpubli")
    told = await blog.publish(wanted)
    blog.site.php(f"wp_update_post(['ID' => {told.channel_post_id}, 'post_status' => 'draft']);")
    assert (await blog.publish(wanted)).channel_post_id == told.channel_post_id
    assert len(blog.slugs("d00000000unpubli")) == 1


@pytest.mark.parametrize("link", [LINK, None])
async def test_a_post_is_found_under_whatever_title_it_went_out(blog, link):
    """Its slug was made of the title of that time; the marker at its end is the same for ever (I27)."""
    marker = "d0000000000title" if link else "d0000000notlinked"
    wanted = replace(wish(marker, title="How Acme grew"), link=link, started_at=datetime.now(UTC))
    told = await blog.publish(replace(wanted, title="Acme, corrected"))
    assert blog.slugs(marker) == [f"acme-corrected-{marker}"]
    assert await blog.find(wanted) == Found(told.channel_post_id, told.url)
    blog.site.php(f"wp_update_post(['ID' => {told.channel_post_id}, 'post_status' => 'draft']);")
    assert (await blog.find(wanted)).channel_post_id == told.channel_post_id
    assert await blog.find(replace(wanted, started_at=wanted.started_at + timedelta(days=2))) == Absent()


async def test_a_page_of_the_list_says_how_much_there_is(blog):
    """What was published before the attempt is not read, and the count of the rest stands in a header."""
    headers = wordpress._headers(blog.credential)
    listed = f"{blog.site.address}/wp-json/wp/v2/posts?status=any&per_page=1&after="
    answer = await blog.egress.door("blog").send("GET", listed + "2020-01-01T00:00:00Z", headers=headers)
    assert (answer.status, len(orjson.loads(answer.body))) == (200, 1)
    assert int(answer.headers["x-wp-total"]) > 1
    answer = await blog.egress.door("blog").send("GET", listed + "2099-01-01T00:00:00Z", headers=headers)
    assert (answer.status, answer.headers["x-wp-total"]) == (200, "0")


async def test_comments_are_counted_and_nothing_else_is_made_up(blog):
    told = await blog.publish(wish("d00000000comment"))
    comment = f"wp_insert_comment(['comment_post_ID' => {told.channel_post_id}, 'comment_content' => 'Well done.']);"
    blog.site.php(comment * 3)
    assert await blog.measure(told.channel_post_id) == Measured(Metrics(comments=3))


@pytest.mark.parametrize(
    ("role", "code"), [("subscriber", "rest_forbidden_status"), ("contributor", "rest_cannot_publish")]
)
async def test_a_user_who_may_not_publish_is_told_so_and_nothing_appears(blog, role, code):
    user = blog.with_role(role)
    refused = await user.check()
    assert isinstance(refused, GrantRefused)
    assert refused.code == "rest_cannot_publish"
    outcome = await user.publish(wish(f"d00000{role[:10]}"))
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.code) == ("permission", code)
    assert blog.slugs(f"d00000{role[:10]}") == []


async def test_an_author_may(blog):
    author = blog.with_role("author")
    assert isinstance(await author.check(), Granted)
    assert isinstance(await author.publish(wish("d0000000000author")), Delivered)


async def test_a_site_without_pretty_addresses_takes_posts_too(blog):
    plain = blog.at(f"{blog.site.address}/?rest_route=/")
    assert isinstance(await plain.check(), Granted)
    told = await plain.publish(wish("d000000000plain1"))
    assert isinstance(told, Delivered)
    assert await blog.find(wish("d000000000plain1")) == Found(told.channel_post_id, told.url)


async def test_an_address_that_is_not_allowed_is_not_called(site):
    async with door_to(site) as blog:
        outcome = await blog.at("http://127.0.0.1:9").publish(wish("d00000000nowhere"))
        assert (outcome.code, outcome.http_status) == ("no_answer", None)
        assert "DISTRIBUTION_EGRESS_ALLOW" in outcome.detail


@contextlib.asynccontextmanager
async def losing_answers(site: WordPress, method: str) -> AsyncIterator[str]:
    """An address before the site that passes everything on, but hangs up instead of bringing a `method`'s answer."""
    host, port = site.address.removeprefix("http://").split(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        site_reader, site_writer = await asyncio.open_connection(host, int(port))
        site_writer.write(head + body)
        answer = await site_reader.read()  # PHP's own server closes after every answer, so the effect has happened
        if head.startswith(method.encode()):
            writer.transport.abort()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        site_writer.close()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_answer_that_is_lost_is_settled_by_looking(site):
    """It went out, nobody said so: unclear, then found, and a second try makes no second post."""
    wanted = wish("d000000000lost01")
    async with losing_answers(site, "POST") as address, door_to(site, address) as blog:
        unclear = await blog.at(f"http://{address}").publish(wanted)
        assert isinstance(unclear, Unclear)
        assert unclear.http_status is None
        found = await blog.find(wanted)
        assert isinstance(found, Found)
        assert await blog.publish(wanted) == Delivered(found.channel_post_id, found.url)
        assert blog.slugs("d000000000lost01") == [wordpress.slug_of(wanted)]
