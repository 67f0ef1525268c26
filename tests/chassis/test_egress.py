"""The one door to the outside, against servers that really listen (D9, D10, D21, I35, A1, A2, F11)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.chassis import egress as doors
from services.chassis.egress import Egress

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
LOOPBACK = "127.0.0.1"


class Stopped:
    """House time, moved by hand."""

    def __init__(self) -> None:
        self.moment = NINE

    def now(self) -> datetime:
        return self.moment

    def seconds_to(self, moment: datetime) -> float:
        return (moment - self.moment).total_seconds()


class FarSide:
    """A server on a free port; keeps what it heard and answers with what the test wants."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda request: web.json_response({"ok": True})
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append((request.method, request.raw_path, headers, await request.read()))
        given = self.answer(request)
        return await given if asyncio.iscoroutine(given) else given

    @asynccontextmanager
    async def listening(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{anything:.*}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        with socket.create_server((LOOPBACK, 0)) as listener:
            self.port = listener.getsockname()[1]
            await web.SockSite(runner, listener, shutdown_timeout=0.1).start()
            try:
                yield self
            finally:
                await runner.cleanup()


@pytest.fixture
async def far():
    async with FarSide().listening() as far:
        yield far


@pytest.fixture
async def house():
    """Makes doors, and closes them afterwards."""
    made = []

    def make(sandbox=None, allow=(), life_s=5.0, clock=None):
        hosts = {"linkedin": ("api.linkedin.com",), "blog": ()}
        made.append(Egress(clock or Stopped(), hosts, sandbox=sandbox, allow=allow, life_s=life_s))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def names(monkeypatch, **by_host):
    """DNS as it is told: each call takes the next list of addresses, the last one for ever. Gives the calls."""
    asked = []

    async def getaddrinfo(host, port, **_):
        asked.append(host)
        lists = by_host[host.replace(".", "_")]
        given = lists.pop(0) if len(lists) > 1 else lists[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
                for each in given]  # fmt: skip

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


# Where the doors lead.


async def test_a_channels_host_is_found_behind_the_sandbox_under_its_own_name(far, house):
    door = house(far.address).door("linkedin")
    given = await door.send("POST", "https://api.linkedin.com/rest/posts?q=1", headers={"x-a": "b"}, body=b"words")
    assert (given.status, given.body, given.sent) == (200, b'{"ok": true}', True)
    [(method, path, headers, body)] = far.heard
    assert (method, path, body) == ("POST", "/api.linkedin.com/rest/posts?q=1", b"words")
    assert headers["x-a"] == "b"


async def test_an_address_goes_out_as_the_adapter_wrote_it(far, house):
    """LinkedIn tells an encoded colon from a bare one."""
    path = "/rest/posts/urn%3Ali%3Ashare%3A1?shares=List(urn%3Ali%3A1,b)&a=%2B+%20&marker=%C3%BC"
    await house(far.address).door("linkedin").send("GET", "https://api.linkedin.com" + path)
    assert far.heard[0][1] == "/api.linkedin.com" + path


async def test_the_sandboxs_own_blogs_are_found_there_too(far, house):
    door = house(far.address).door("blog")
    await door.send("GET", "https://acme.sites.sandbox/wp-json/")
    await door.send("GET", f"{far.address}/sites/acme/wp-json/")
    assert [path for _, path, _, _ in far.heard] == ["/acme.sites.sandbox/wp-json/", "/sites/acme/wp-json/"]


async def test_a_browser_is_sent_behind_the_sandbox(far, house):
    made = house("http://sandbox.example:9000/")
    seen = made.seen_as("https://api.linkedin.com/oauth?state=acme.1")
    assert seen == "http://sandbox.example:9000/api.linkedin.com/oauth?state=acme.1"
    assert made.seen_as("https://elsewhere.example/a") == "https://elsewhere.example/a"
    assert house().seen_as("https://api.linkedin.com/oauth") == "https://api.linkedin.com/oauth"


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/rest/posts",
        "http://api.linkedin.com/rest/posts",
        "https://api.linkedin.com:8443/rest/posts",
        "https://api.linkedin.com@elsewhere.example/",
        "https://api.linkedin.com\\@elsewhere.example/",
        "https://elsewhere.example\\.api.linkedin.com/",
        "https://API.LINKEDIN.COM.elsewhere.example/",
        "https://acme.sites.sandbox/",
        "ftp://api.linkedin.com/",
        "/rest/posts",
        "https://",
        "https://[::1",
        "https://api.linkedin.com/\r\nx: y",
    ],
)
async def test_a_channel_reaches_its_listed_hosts_and_nothing_else(far, house, url):
    given = await house(far.address).door("linkedin").send("GET", url)
    assert (given.status, given.sent, far.heard) == (None, False, [])
    assert given.detail


async def test_a_redirect_is_an_answer_and_not_a_way(far, house):
    far.answer = lambda request: web.Response(status=302, headers={"location": "/elsewhere"})
    given = await house(far.address).door("linkedin").send("GET", "https://api.linkedin.com/a")
    assert (given.status, given.headers["location"], len(far.heard)) == (302, "/elsewhere", 1)


async def test_no_proxy_variable_is_read(far, house, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    given = await house(far.address).door("linkedin").send("GET", "https://api.linkedin.com/a")
    assert given.status == 200


async def test_a_cookie_is_not_kept(far, house):
    far.answer = lambda request: web.Response(headers={"set-cookie": "a=b"})
    door = house(far.address).door("linkedin")
    await door.send("GET", "https://api.linkedin.com/a")
    await door.send("GET", "https://api.linkedin.com/b")
    assert "cookie" not in far.heard[1][2]


# Addresses people typed.

DISGUISES = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
             "127。0。0。1", "１２７.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
             "[2002:7f00:1::]", "[::]", "0.0.0.0", "10.0.0.8", "172.16.0.1", "192.168.1.1", "100.64.0.1",
             "169.254.169.254", "[fe80::1]", "[fd00::1]", "[ff02::1]", "224.0.0.1",
             "localhost", "localhost."]  # fmt: skip


@pytest.mark.parametrize("host", DISGUISES)
async def test_a_private_address_is_refused_in_every_disguise(house, host):
    given = await house().door("blog").send("GET", f"https://{host}/wp-json/")
    assert (given.status, given.sent) == (None, False)
    assert "connect" not in given.detail.lower(), "nobody may even have tried"


@pytest.mark.parametrize("host", DISGUISES)
async def test_no_socket_is_made_for_a_private_address(house, host, monkeypatch):
    """Even if every check before it were passed."""
    made = []
    monkeypatch.setattr(doors.aiohttp.connector, "aiohappyeyeballs", _counting(made))
    await house().door("blog").send("GET", f"https://{host}/wp-json/")
    assert made == []


def _counting(made):
    """The real thing, told to write down every socket it gets."""
    real = doors.aiohttp.connector.aiohappyeyeballs

    class Counting:
        def __getattr__(self, name):
            return getattr(real, name)

        async def start_connection(self, *args, socket_factory=None, **more):
            def kept(where):
                made.append(socket_factory(where))
                return made[-1]

            return await real.start_connection(*args, socket_factory=kept, **more)

    return Counting()


@pytest.mark.parametrize("address", ["http://example.com/", "https://example.com:8443/", "ftp://example.com/"])
async def test_a_typed_address_is_https_on_its_own_port(house, address):
    given = await house().door("blog").send("GET", address)
    assert given.detail.startswith("a typed address is https on port 443")


async def test_a_host_with_one_bad_address_among_many_is_refused(house, monkeypatch):
    asked = names(monkeypatch, blog_example=[["93.184.216.34", "10.0.0.8"]])
    given = await house().door("blog").send("GET", "https://blog.example/")
    assert given.detail == "blog.example leads to 10.0.0.8, which is not a public address"
    assert (given.sent, asked) == (False, ["blog.example"])


async def test_a_name_is_resolved_once_and_connected_to_as_it_was_checked(far, house, monkeypatch):
    """Whoever answers differently the second time is not asked a second time; the host's name travels along."""
    pair = f"blog.example:{far.port}"
    asked = names(monkeypatch, blog_example=[[LOOPBACK], ["10.0.0.8"]])
    given = await house(allow=[pair]).door("blog").send("GET", f"http://{pair}/wp-json/")
    assert (given.status, asked) == (200, ["blog.example"])
    assert far.heard[0][2]["host"] == pair


async def test_what_the_operator_allows_is_that_host_and_port_alone(far, house):
    door = house(allow=[f"{LOOPBACK}:{far.port}"]).door("blog")
    assert (await door.send("GET", far.address)).status == 200
    assert (await door.send("GET", f"http://{LOOPBACK}:{far.port + 1}/")).sent is False
    assert (await door.send("GET", f"https://{LOOPBACK}/")).sent is False
    assert len(far.heard) == 1


# When no answer comes.


async def test_past_the_deadline_no_byte_is_written(far, house):
    clock = Stopped()
    door = house(far.address, clock=clock).door("linkedin")
    given = await door.send("POST", "https://api.linkedin.com/a", body=b"x", deadline=NINE)
    assert (given.status, given.sent, far.heard) == (None, False, [])
    given = await door.send("POST", "https://api.linkedin.com/a", body=b"x", deadline=NINE + timedelta(seconds=1))
    assert given.status == 200


async def test_the_deadline_is_looked_at_after_connecting(house, monkeypatch):
    """Time that passes while a name is resolved and a connection made counts."""
    clock = Stopped()
    heard = []

    async def hear(reader, writer):
        clock.moment = NINE + timedelta(minutes=1)
        heard.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(hear, LOOPBACK, 0) as server:
        pair = f"blog.example:{server.sockets[0].getsockname()[1]}"
        made = house(allow=[pair], clock=clock)

        async def slowly(host, port, **_):
            clock.moment = NINE + timedelta(seconds=30)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOOPBACK, port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", slowly)
        late = NINE + timedelta(seconds=20)
        given = await made.door("blog").send("POST", f"http://{pair}/", body=b"x", deadline=late)
        assert (given.status, given.sent) == (None, False)
        assert given.detail == "the attempt's time was over before anything was sent"
    assert b"".join(heard) == b""


async def test_nobody_listening_is_known_not_to_have_heard(house):
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    given = await house(f"http://{LOOPBACK}:{port}").door("linkedin").send("POST", "https://api.linkedin.com/a")
    assert (given.status, given.sent) == (None, False)


async def test_a_certificate_nobody_signed_is_known_not_to_have_heard(house, tmp_path):
    heard = []

    async def hear(reader, writer):
        heard.append(await reader.read())

    async with await asyncio.start_server(hear, LOOPBACK, 0, ssl=_self_signed(tmp_path)) as server:
        pair = f"localhost:{server.sockets[0].getsockname()[1]}"
        given = await house(allow=[pair]).door("blog").send("POST", f"https://{pair}/", body=b"x")
    assert (given.status, given.sent) == (None, False)
    assert "certificate" in given.detail.lower()
    assert b"".join(heard) == b""


def _self_signed(folder) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NINE).not_valid_after(NINE + timedelta(days=3650))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(plain + signed.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


async def test_a_connection_that_breaks_after_the_request_may_have_been_heard(far, house):
    def cut(request):
        request.transport.abort()
        return web.Response()

    far.answer = cut
    given = await house(far.address).door("linkedin").send("POST", "https://api.linkedin.com/a", body=b"x")
    assert (given.status, given.sent, len(far.heard)) == (None, True, 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_nothing_is_sent_twice_over_a_kept_connection(far, house, method):
    door = house(far.address).door("linkedin")
    assert (await door.send("GET", "https://api.linkedin.com/first")).status == 200

    def cut(request):
        request.transport.abort()
        return web.Response()

    far.answer = cut
    given = await door.send(method, "https://api.linkedin.com/second")
    assert (given.status, given.sent) == (None, True)
    assert [path for _, path, _, _ in far.heard] == ["/api.linkedin.com/first", "/api.linkedin.com/second"]


async def silence(request):
    await asyncio.Event().wait()
    return web.Response()


async def test_an_answer_that_never_comes_ends_with_the_attempts_life(far, house):
    far.answer = silence
    given = await house(far.address, life_s=0.2).door("linkedin").send("POST", "https://api.linkedin.com/a")
    assert (given.status, given.sent) == (None, True)


async def test_an_answer_is_waited_for_until_the_attempts_deadline_and_no_longer(far, house):
    """One that begins late in its attempt's life has less of it: by then somebody may be looking it up (D9)."""
    far.answer = silence
    door = house(far.address, life_s=60).door("linkedin")
    async with asyncio.timeout(30):
        given = await door.send("POST", "https://api.linkedin.com/a", deadline=NINE + timedelta(seconds=0.2))
    assert (given.status, given.sent) == (None, True)


async def test_an_answer_that_drips_ends_with_the_attempts_life(far, house):
    never = asyncio.Event()

    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await never.wait()
        return response

    far.answer = drip
    given = await house(far.address, life_s=0.2).door("linkedin").send("POST", "https://api.linkedin.com/a")
    assert (given.status, given.sent) == (None, True)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"a" * (doors.BODY_MAX + 1), ""),
        (gzip.compress(b"\0" * (doors.BODY_MAX + 1)), "gzip"),
        (gzip.compress(b'{"ok": true}')[:-6], "gzip"),
        (b"no gzip at all", "gzip"),
        (b"anything", "br"),
    ],
    ids=["huge", "a bomb", "cut short", "not what it says", "not what was asked for"],
)
async def test_an_answer_no_honest_server_gives_is_as_good_as_none(far, house, body, encoding):
    far.answer = lambda request: web.Response(body=body, headers={"content-encoding": encoding} if encoding else {})
    given = await house(far.address).door("linkedin").send("GET", "https://api.linkedin.com/a")
    assert (given.status, given.sent) == (None, True)
    assert given.detail


async def test_a_packed_answer_is_unpacked(far, house):
    packed = gzip.compress(b'{"ok": true}')
    far.answer = lambda request: web.Response(body=packed, headers={"content-encoding": "gzip", "X-Seen": "1"})
    given = await house(far.address).door("linkedin").send("GET", "https://api.linkedin.com/a")
    assert (given.status, given.body, given.headers["x-seen"]) == (200, b'{"ok": true}', "1")


@pytest.mark.parametrize("value", ["a\r\nx-smuggled: 1", "a\nb", "a\0b"])
async def test_a_header_cannot_smuggle_another(far, house, value):
    door = house(far.address).door("linkedin")
    given = await door.send("GET", "https://api.linkedin.com/a", headers={"authorization": value})
    assert (given.status, far.heard) == (None, [])


async def test_many_calls_go_at_once(far, house):
    """Each knows its own deadline and its own end."""
    all_here, waiting = asyncio.Event(), []

    async def together(request):
        waiting.append(request)
        if len(waiting) == 20:
            all_here.set()
        await all_here.wait()
        return web.Response(text=request.raw_path)

    far.answer = together
    door = house(far.address).door("linkedin")
    calls = [door.send("GET", f"https://api.linkedin.com/{n}", deadline=NINE + timedelta(n)) for n in range(21)]
    given = await asyncio.gather(*calls)
    assert [each.sent for each in given] == [False] + [True] * 20
    assert [each.body.decode() for each in given[1:]] == [f"/api.linkedin.com/{n}" for n in range(1, 21)]
