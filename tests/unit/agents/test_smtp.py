"""SMTP: the server's word tells whether the message was sent."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interlock import NotDone
from interlock.agents import smtp
from interlock.agents.smtp import MailUncertain, SmtpServer
from interlock.agents.tools import is_repeatable, mail_target, send_mail

TO = ["team@company.com", "pete@example.com"]


@pytest.fixture(autouse=True)
def box(tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_MAIL_FROM", raising=False)
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "mail"))
    return tmp_path / "mail"


class Postbox:
    """What arrived at the server; recipients at `refuse.org` are refused."""

    def __init__(self) -> None:
        self.envelopes = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("refuse.org"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
async def listen():
    """Start protocols on free ports of 127.0.0.1."""
    servers = []

    async def start(factory, **options) -> int:
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, **options)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def postbox(listen, monkeypatch):
    box = Postbox()
    port = await listen(lambda: SMTP(box, hostname="test"))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://127.0.0.1:{port}")
    return box


async def send(to=TO, subject="s", body="b", key="k"):
    return await asyncio.to_thread(send_mail, to, subject, body, idempotency_key=key)


async def test_smtp_takes_the_message(postbox, box):
    sent = await send(subject="Grüße", body=".\n..\nmit Umlaut: ä\n" + "x" * 2_000 + "\n.")
    [envelope] = postbox.envelopes
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == TO
    assert envelope.mail_from == "interlock@localhost"
    assert message["Subject"] == "Grüße"
    assert message.get_content() == ".\r\n..\r\nmit Umlaut: ä\r\n" + "x" * 2_000 + "\r\n.\r\n"
    assert sent["message_id"] == message["Message-ID"]
    assert sent["where"].startswith("smtp://127.0.0.1:")
    assert not box.exists()


async def test_the_same_recipient_twice_is_one_envelope(postbox):
    await send(to=["a@b.c", "a@b.c"])
    assert postbox.envelopes[0].rcpt_tos == ["a@b.c"]


def test_smtp_may_not_be_repeated_and_a_maildir_may(monkeypatch):
    monkeypatch.delenv("INTERLOCK_SMTP_URL", raising=False)
    assert is_repeatable(mail_target())
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://127.0.0.1:1")
    assert not is_repeatable(mail_target())


async def test_one_refused_recipient_means_that_nobody_gets_it(postbox):
    with pytest.raises(NotDone, match=r"refused the recipient x@refuse.org: 550 no such user; nobody was sent"):
        await send(to=["a@b.c", "x@refuse.org", "d@e.f"])
    assert postbox.envelopes == []


async def test_nobody_listening_is_not_done(listen, monkeypatch):
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://127.0.0.1:1")
    with pytest.raises(NotDone, match="cannot be reached"):
        await send()


class Scripted(asyncio.Protocol):
    """A server that answers each verb as told; None breaks the connection."""

    def __init__(self, **answers) -> None:
        self.answers = {"greeting": "220 hi", "EHLO": "250 hi", "MAIL": "250 ok", "RCPT": "250 ok"}
        self.answers |= {"DATA": "354 go", "QUIT": "221 bye", "content": "250 taken"} | answers
        self.in_content = False
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.answer("greeting")

    def data_received(self, data):
        self.buffer += data
        end = b"\r\n.\r\n" if self.in_content else b"\r\n"
        if end in self.buffer:
            line, _, self.buffer = self.buffer.partition(end)
            self.answer("content" if self.in_content else line.split()[0].decode().upper())

    def answer(self, verb):
        text = self.answers.get(verb, "502 what")
        self.in_content = text == "354 go"
        if text is None:
            self.transport.abort()
        else:
            self.transport.write(text.encode() + b"\r\n")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"greeting": "554 go away"}, "cannot be reached"),
        ({"greeting": None}, "cannot be reached"),
        ({"EHLO": None}, "cannot be used"),
        ({"MAIL": "550 not you"}, "refused the sender interlock@localhost: 550 not you"),
        ({"MAIL": None}, "broke off before the message"),
        ({"RCPT": None}, "broke off before the message"),
        ({"DATA": "451 later"}, "refused the message: 451 later"),
        ({"DATA": None}, "broke off before the message"),
        ({"content": "554 spam"}, "refused the message: 554 spam"),
        ({"content": "452 full"}, "refused the message: 452 full"),
    ],
)
async def test_what_the_server_did_not_take_is_not_done(listen, monkeypatch, answers, reason):
    port = await listen(lambda: Scripted(**answers))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://127.0.0.1:{port}")
    with pytest.raises(NotDone, match=reason):
        await send()


@pytest.mark.parametrize("answer", [None, "354 more", "999 what", "gibberish"])
async def test_what_the_server_may_have_taken_is_uncertain(listen, monkeypatch, answer):
    port = await listen(lambda: Scripted(content=answer))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://127.0.0.1:{port}")
    with pytest.raises(MailUncertain):
        await send()


async def test_a_server_that_says_no_goodbye_has_the_message_all_the_same(listen, monkeypatch):
    port = await listen(lambda: Scripted(QUIT=None))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://127.0.0.1:{port}")
    assert (await send())["recipients"] == TO


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SECRET = "pä%ss/w#rd"
QUOTED = "p%C3%A4%25ss%2Fw%23rd"


def _authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"me@here.org", b"s3cret"), handled=False)


@pytest.fixture
async def guarded(listen):
    """Return a postbox and the part of its URL after the password."""
    box = Postbox()
    options = {"authenticator": _authenticate, "auth_require_tls": False, "auth_required": True}
    return box, f"127.0.0.1:{await listen(lambda: SMTP(box, hostname='test', **options))}"


without_tls = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@without_tls
async def test_a_user_logs_in_and_is_the_sender(guarded, monkeypatch):
    box, host = guarded
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://me%40here.org:s3cret@{host}")
    sent = await send()
    assert box.envelopes[0].mail_from == "me@here.org"
    assert sent["message_id"].endswith("@here.org>")
    assert "s3cret" not in str(sent)


@without_tls
@pytest.mark.parametrize("password", ["wr0ng", QUOTED])
async def test_a_refused_password_is_not_done_and_not_shown(guarded, monkeypatch, password):
    box, host = guarded
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://me%40here.org:{password}@{host}")
    with pytest.raises(NotDone, match="password") as caught:
        await send()
    assert "wr0ng" not in str(caught.value)
    assert "ss/w" not in str(caught.value)
    assert box.envelopes == []


@pytest.mark.parametrize(
    "url",
    [
        "smtp://me:s3cret/x@host:25",
        "smtp://me:s3cret@host:port",
        "smtp://me:s3cret@",
        "http://me:s3cret@host",
        "smtp://me:s3cret@[::1",
        "s3cret",
    ],
)
def test_a_bad_url_is_refused_without_showing_it(monkeypatch, url):
    monkeypatch.setenv("INTERLOCK_SMTP_URL", url)
    with pytest.raises(NotDone, match="INTERLOCK_SMTP_URL must look like") as caught:
        send_mail(TO, "s", "b", idempotency_key="k")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_shows_itself_without_its_password():
    server = SmtpServer.parse(f"smtps://me:{QUOTED}@[::1]")
    assert (server.port, server.user, server.password, server.secure) == (465, "me", SECRET, True)
    assert server.where == "smtps://[::1]:465"
    assert SECRET not in repr(server)
    assert SmtpServer.parse("smtp://mail.example.com").where == "smtp://mail.example.com:25"


async def test_a_password_does_not_travel_in_clear(listen, monkeypatch):
    heard = []

    class Listening(Scripted):
        def data_received(self, data):
            heard.append(data)
            super().data_received(data)

    port = await listen(lambda: Listening(EHLO="250-hi\r\n250 AUTH PLAIN LOGIN"))
    monkeypatch.setattr(smtp.SmtpServer, "is_loopback", property(lambda _: False))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtp://me:s3cret@127.0.0.1:{port}")
    with pytest.raises(NotDone, match="offers no encryption"):
        await send()
    assert not any(b"AUTH" in data for data in heard)


async def test_a_certificate_that_nobody_vouches_for_is_not_done(listen, monkeypatch, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    port = await listen(Scripted, ssl=context)
    monkeypatch.setenv("INTERLOCK_SMTP_URL", f"smtps://127.0.0.1:{port}")
    with pytest.raises(NotDone, match="certificate verify failed"):
        await send()


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + pem)
    return path
