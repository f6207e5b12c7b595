"""A stream that breaks is resumed without loss or doubles; what is wrong with the way to a server is said plainly."""

import asyncio
import datetime as dt
import ssl
from contextlib import aclosing, asynccontextmanager

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.server.test_runs_api import TALKS

from interlock import Action
from interlock.client import Said, Streamed, connect
from interlock.client.calls import Session
from interlock.config.server import ServerSettings
from interlock.domain.credentials import Scope
from interlock.engine.changes import Entry
from interlock.engine.watching import Several
from interlock.errors import Closed, NotFound, ServerTimeout, ServerUnreachable, Unauthenticated, UntrustedServer
from interlock.service import run_streams
from interlock.web.rates import Rates


class Proxy:
    """Stands between a client and a server, and cuts their connections when it is told to."""

    def __init__(self):
        self.open, self.swallows = set(), False

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.at = f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer):
        host, _, port = self.to.partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        self.open |= {writer, far_writer}
        await asyncio.gather(self._pipe(reader, far_writer, True), self._pipe(far_reader, writer, False))

    async def _pipe(self, reader, writer, asks):
        try:
            while data := await reader.read(65_536):
                if asks or not self.swallows:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def cut(self):
        for writer in self.open:
            writer.transport.abort()
        self.open.clear()

    async def close(self):
        self.cut()
        self.server.close()


@pytest.fixture
async def proxy(server):
    found = Proxy()
    await found.start()
    found.to = await server.listen(found.at)
    server.bot = await server.agent()
    yield found
    await found.close()


@pytest.fixture
async def mia(server, proxy):
    object.__setattr__(server.context, "origin", f"http://{proxy.at}")
    issued = await server.context.authenticator.session("default", "mia@example.com", by="test")
    origin = server.context.origin
    async with connect(origin, session=Session(origin, issued.secret)) as client:
        client._calls.sleep = lambda seconds: asyncio.sleep(min(seconds, 0.01))
        yield client


async def ask(server, key):
    body = {"asked": {"kind": "approval", "name": "send", "args": {"key": key}}}
    return (await server.bot.post("/requests", json=body, headers={"Idempotency-Key": key})).json()


async def test_a_stream_that_breaks_again_and_again_tells_each_entry_once(server, proxy, mia):
    seen, start = [], await mia.last_position()
    async with aclosing(mia.follow(start)) as entries:
        for number in range(6):
            await ask(server, f"a{number}")
            seen += [(await anext(entries)).position]
            proxy.cut()
            await ask(server, f"b{number}")
            seen += [(await anext(entries)).position for _ in range(3)]
    assert seen == [entry.position for entry in await server.system.store.feed("default", after=start, limit=100)]
    assert len(seen) == 24


async def test_a_stream_is_opened_again_when_the_server_says(server, mia):
    await ask(server, "a")
    server.context.__dict__["rates"] = Rates(ServerSettings(rates={"calls": "2 per 1m"}).rates, lambda: 0.0)
    await mia.who()
    rests = []

    async def sleep(seconds):
        rests.append(seconds)
        del server.context.__dict__["rates"]

    mia._calls.sleep = sleep
    await mia._calls.get("/session")
    async with aclosing(mia.follow("")) as entries:
        assert (await anext(entries)).event.type == "opened"
    assert [30 <= rest < 31 for rest in rests] == [True]


def said(seen):
    """Return what an agent said, the words of its model as one text."""
    heard = [one for one in seen if not isinstance(one, Entry)]
    words = [one for one in heard if isinstance(one, Streamed) and one.mode == "messages"]
    return [*(one for one in heard if one not in words), "".join(one.data[0]["content"] for one in words)]


def said_of(run):
    return [Said(run.id, "looking"), Streamed(run.id, "custom", (), {"found": 3}), "Three are found"]


async def test_a_run_is_watched_from_its_beginning_over_streams_that_break(server, proxy, mia, tmp_path):
    (tmp_path / "talks.py").write_text(TALKS)
    server.system.registry.names["talks"] = f"{tmp_path}/talks.py:agent"
    drain = server.system.worker(watcher=Several(server.context.run_streams)).drain
    early = await mia.start_watched("talks", "x")
    await drain()  # before anybody watches
    assert said([one async for one in mia.watch(early.id)]) == said_of(early)

    late = await mia.start("talks", "y")

    async def read():
        return [one async for one in mia.watch(late.id)]

    reading = asyncio.create_task(read())
    for _ in range(2):
        while not server.context.streams:
            await asyncio.sleep(0.01)
        stream = set(server.context.streams)
        proxy.cut()
        while stream & server.context.streams:
            await asyncio.sleep(0.01)
    while not server.context.streams:
        await asyncio.sleep(0.01)
    await drain()
    seen = await reading
    assert said(seen) == said_of(late)
    entries = [one.event.type for one in seen if isinstance(one, Entry)]
    assert (entries[0], entries[-1], len(set(entries))) == ("advance_began", "run_done", len(entries))
    with pytest.raises(NotFound):
        await anext(mia.watch("run_nothing"))


async def test_who_is_expected_to_watch_and_does_not_come_is_waited_for_no_longer(server, proxy, mia, monkeypatch):
    monkeypatch.setattr(run_streams, "EXPECTED", 0.0)
    await mia.start_watched("approval", "Send email to team about meeting")
    while server.context.run_streams.modes:
        await asyncio.sleep(0.01)


async def test_a_stream_begins_with_now_and_ends_when_it_is_stopped(server, proxy, mia):
    await ask(server, "before")
    stop, seen = asyncio.Event(), []

    async def read():
        async for entry in mia.follow(stop=stop):
            seen.append(entry.stream)
            stop.set()

    reading = asyncio.create_task(read())
    while not server.context.streams:
        await asyncio.sleep(0.01)
    asked = await ask(server, "after")
    await reading
    assert seen == [asked["id"]]


async def test_a_stream_whose_session_has_ended_says_so(server, proxy, mia, monkeypatch):
    monkeypatch.setattr("interlock.web.broadcast.HEARTBEAT", 0.05)
    entries = mia.follow(await mia.last_position())
    await ask(server, "a")
    await anext(entries)
    await anext(entries)
    server.clock.advance(hours=2)
    with pytest.raises(Unauthenticated, match="not been used"):
        await anext(entries)


async def test_a_stream_to_nobody_is_given_up(proxy, mia, monkeypatch):
    await mia.who()
    monkeypatch.setattr("interlock.client.streams.GIVE_UP", 0.0)
    await proxy.close()
    with pytest.raises(ServerUnreachable, match="No server answers"):
        await anext(mia.follow(""))


async def test_a_socket_tells_and_votes_and_a_vote_whose_answer_is_lost_counts_once(server, proxy, mia):
    start = await mia.last_position()
    first = await ask(server, "a")
    async with await mia.socket(start) as socket:
        assert (await anext(socket)).stream == first["id"]
        assert (await socket.vote(first["id"], "approve", digest=first["digest"])).status == "approved"
        with pytest.raises(Closed):
            await socket.vote(first["id"], "reject", digest=first["digest"])
        second = await ask(server, "b")
        proxy.swallows = True
        vote = asyncio.create_task(socket.vote(second["id"], "approve", digest=second["digest"]))
        while (await server.system.store.load("default", [second["id"]])).requests[second["id"]].is_open:
            await asyncio.sleep(0.01)
        proxy.swallows = False
        proxy.cut()
        assert (await vote).status == "approved"
        history = await mia.history(second["id"])
        assert [entry.event.type for entry in history].count("vote_cast") == 1
        seen = [first["id"]]
        while len(seen) < len(await server.system.store.feed("default", after=start, limit=100)):
            seen.append((await anext(socket)).stream)
        assert seen.count(second["id"]) == len(history)
        assert socket.position == history[-1].position


async def test_who_only_votes_hears_of_their_votes_and_reads_every_entry_once_later(server, proxy, mia, monkeypatch):
    monkeypatch.setattr("interlock.client.streams.QUEUE", 5)
    start = await mia.last_position()
    async with await mia.socket(start) as socket:
        for number in range(8):
            asked = await ask(server, str(number))
            voting = socket.vote(asked["id"], "approve", digest=asked["digest"])
            assert (await asyncio.wait_for(voting, 20)).status == "approved"
        expected = [entry.position for entry in await server.system.store.feed("default", after=start, limit=100)]
        assert len(expected) > 4 * 5
        assert [(await anext(socket)).position for _ in expected] == expected


async def test_a_socket_of_nobody_is_refused_in_words(server, proxy):
    async with connect(f"http://{proxy.at}", token="ilk_nothing") as nobody:
        nobody._who = type("Who", (), {"principal": type("P", (), {"tenant": "default"})})
        async with await nobody.socket("") as socket:
            with pytest.raises(Unauthenticated):
                await anext(socket)


async def test_an_agent_waits_for_its_outcome_over_a_connection_that_breaks(server, proxy, mia):
    issued = await server.context.authenticator.token(
        "default", "agent:bot", scopes=frozenset(Scope), lasts=dt.timedelta(days=1), by="x"
    )
    async with connect(f"http://{proxy.at}", token=issued.secret) as bot:
        bot._calls.sleep = lambda _: asyncio.sleep(0)
        asked = await bot.ask(Action("send", {}))
        waiting = asyncio.create_task(bot.outcome(asked.id))
        await asyncio.sleep(0.05)
        proxy.cut()
        await mia.approve(asked.id, digest=asked.digest)
        assert (await waiting).status == "approved"


# ── the way to a server ──


def certificate(folder, name):
    """Write a certificate that nobody has signed but itself, and its key; return their file."""
    key = ec.generate_private_key(ec.SECP256R1())
    now, subject = dt.datetime.now(dt.UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "both.pem"
    file.write_bytes(private + made.public_bytes(form))
    return file


@asynccontextmanager
async def listening(answer=b"", tls=None):
    """Listen, and answer every call with some bytes, or with nothing."""

    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        await reader.read(1)
        if answer:
            writer.write(answer)
            writer.close()

    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


EMPTY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"position":""}'


async def test_a_certificate_that_proves_nothing_is_told_and_one_that_is_believed_is_taken(tmp_path):
    file = certificate(tmp_path, "localhost")
    async with listening(EMPTY, file) as port:
        async with connect(f"https://localhost:{port}", token="ilk_x", tries=1) as client:
            with pytest.raises(UntrustedServer, match="proves nothing: self-signed certificate"):
                await client.last_position()
        async with connect(f"https://localhost:{port}", token="ilk_x", tries=1, authorities=file) as client:
            assert await client.last_position() == ""
        async with connect(f"https://127.0.0.1:{port}", token="ilk_x", tries=1, authorities=file) as client:
            with pytest.raises(UntrustedServer, match=r"not valid for '127\.0\.0\.1'"):
                await client.last_position()


async def test_no_answer_no_server_and_no_tls_are_told_apart():
    async with listening() as port, connect(f"http://127.0.0.1:{port}", token="ilk_x", tries=1, timeout=0.05) as client:
        with pytest.raises(ServerTimeout, match="did not answer in time"):
            await client.last_position()
    async with connect(f"http://127.0.0.1:{port}", token="ilk_x", tries=1) as client:
        with pytest.raises(ServerUnreachable, match=r"No server answers at .*connect"):
            await client.last_position()
    async with listening(EMPTY) as port, connect(f"https://127.0.0.1:{port}", token="ilk_x", tries=1) as client:
        with pytest.raises(ServerUnreachable):
            await client.last_position()


async def test_a_server_that_is_called_by_a_wrong_name_says_where_it_is(server):
    transport = httpx2.ASGITransport(server.app)
    async with connect("http://elsewhere.example", token="ilk_x", transport=transport) as client:
        with pytest.raises(Exception, match="is reached at http") as wrong:
            await client.list_requests()
        assert wrong.value.code == "bad_input"
