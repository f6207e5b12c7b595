"""Mail: the message that was approved, once."""

import mailbox
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from email import message_from_bytes, policy
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock import NotDone
from interlock.agents import maildir, tools
from interlock.agents.places import place
from interlock.agents.tools import MAIL_SCHEMA, is_address, send_mail

TO = ["team@company.com", "pete@example.com"]


@pytest.fixture(autouse=True)
def box(tmp_path, monkeypatch):
    for name in ("INTERLOCK_SMTP_URL", "INTERLOCK_MAIL_FROM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "deep" / "mail"))
    return tmp_path / "deep" / "mail"


def messages(box: Path) -> list[bytes]:
    return [message.as_bytes() for message in mailbox.Maildir(box, create=False)]


def read(raw: bytes):
    return message_from_bytes(raw, policy=policy.default)


# ── the maildir ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_what_was_approved(box):
    sent = send_mail(TO, "Grüße: 会議 🎉", "Erste Zeile\n.\n..zwei\n\nÄnde\n", idempotency_key="k1")
    [raw] = messages(box)
    message = read(raw)
    assert message["Subject"] == "Grüße: 会議 🎉"
    assert [address.addr_spec for address in message["To"].addresses] == TO
    assert message.get_content() == "Erste Zeile\n.\n..zwei\n\nÄnde\n"
    assert message["From"] == "interlock@localhost"
    assert message["Date"].datetime.tzinfo is not None
    assert not message.defects
    assert sent == {"message_id": message["Message-ID"], "where": str(box), "recipients": TO}


def test_the_same_key_is_written_once_and_answers_the_same(box):
    first = send_mail(TO, "s", "b", idempotency_key="k1")
    assert send_mail(TO, "s", "b", idempotency_key="k1") == first
    assert send_mail(TO, "s", "b", idempotency_key="k2") != first
    assert len(messages(box)) == 2


@pytest.mark.parametrize("fate", ["read", "deleted"])
def test_a_message_that_its_reader_moved_or_deleted_is_not_written_again(box, fate):
    first = send_mail(TO, "s", "b", idempotency_key="k1")
    [delivered] = (box / "new").iterdir()
    if fate == "read":
        delivered.rename(box / "cur" / f"{delivered.name}:2,S")
    else:
        delivered.unlink()
    assert send_mail(TO, "s", "b", idempotency_key="k1") == first
    assert len(messages(box)) == (1 if fate == "read" else 0)


def test_the_answer_stays_the_same_when_the_sender_changes(monkeypatch):
    first = send_mail(TO, "s", "b", idempotency_key="k1")
    monkeypatch.setenv("INTERLOCK_MAIL_FROM", "robot@elsewhere.org")
    assert send_mail(TO, "s", "b", idempotency_key="k1") == first


def test_what_broke_off_between_claim_and_delivery_is_delivered_by_the_next_call(box, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", _raise(OSError("power cut")))
        with pytest.raises(OSError, match="power cut"):
            send_mail(TO, "s", "b", idempotency_key="k1")
    assert messages(box) == []
    send_mail(TO, "s", "b", idempotency_key="k1")
    assert len(messages(box)) == 1


def test_what_broke_off_before_the_claim_was_not_done_and_leaves_nothing(box, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(maildir.os, "link", _raise(OSError(28, "No space left on device")))
        with pytest.raises(NotDone, match="No space left"):
            send_mail(TO, "s", "b", idempotency_key="k1")
    assert [path for path in box.rglob("*") if path.is_file()] == []
    send_mail(TO, "s", "b", idempotency_key="k1")
    assert len(messages(box)) == 1


def test_the_loser_of_a_race_delivers_the_winners_message(box, monkeypatch):
    link = maildir.os.link

    def lose(offer, claim):
        monkeypatch.setattr(maildir.os, "link", link)
        send_mail(TO, "the winner", "b", idempotency_key="k1")
        link(offer, claim)

    monkeypatch.setattr(maildir.os, "link", lose)
    send_mail(TO, "the loser", "b", idempotency_key="k1")
    [raw] = messages(box)
    assert read(raw)["Subject"] == "the winner"
    assert len(list((box / maildir.LEDGER).iterdir())) == 1, "nothing is left but the claim"


def test_a_maildir_that_cannot_be_made_is_not_done(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "file" / "mail"))
    with pytest.raises(NotDone, match="cannot be written"):
        send_mail(TO, "s", "b", idempotency_key="k1")


def test_racing_processes_write_each_message_once(box):
    ids = [f"<key-{number}@x>" for number in range(40)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as racers:
        calls = [
            racers.submit(maildir.deliver, box, b"Subject: x\r\n\r\n", message_id=message_id, key=message_id)
            for message_id in ids
            for _ in range(2)
        ]
        assert [call.result(60) for call in calls] == [message_id for message_id in ids for _ in range(2)]
    assert len(messages(box)) == len(ids)
    assert not [path for path in (box / maildir.LEDGER).iterdir() if path.suffix]


def test_the_default_maildir_is_in_the_users_data_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_MAILDIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert send_mail(TO, "s", "b", idempotency_key="k")["where"] == str(tmp_path / "data" / "interlock" / "mail")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place("INTERLOCK_MAILDIR", "mail") == tmp_path / ".local" / "share" / "interlock" / "mail"


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("to", "subject", "body", "reason"),
    [
        ([], "s", "b", "list of 1 to 100"),
        ("a@b.c", "s", "b", "list of 1 to 100"),
        (["a@b.c"] * 101, "s", "b", "list of 1 to 100"),
        (["nobody"], "s", "b", "'nobody' is not an e-mail address"),
        (["a@b.c\r\nBcc: x@y.z"], "s", "b", "not an e-mail address"),
        (["a@b.c\n"], "s", "b", "not an e-mail address"),
        (["a@b.c, x@y.z"], "s", "b", "not an e-mail address"),
        (["a..b@c.d"], "s", "b", "not an e-mail address"),
        (["bü@cher.de"], "s", "b", "in ASCII"),
        (["x" * 251 + "@b.c"], "s", "b", "not an e-mail address"),
        ([None], "s", "b", "None is not an e-mail address"),
        (["a@b.c"], "s\r\nBcc: x@y.z", "b", "one line"),
        (["a@b.c"], "s\u2028t", "b", "one line"),
        (["a@b.c"], "s\x00", "b", "one line"),
        (["a@b.c"], " ", "b", "1 to 300"),
        (["a@b.c"], "s" * 301, "b", "1 to 300"),
        (["a@b.c"], None, "b", "1 to 300"),
        (["a@b.c"], "s", " \n", "1 to 100,000"),
        (["a@b.c"], "s", "b\x00", "control characters"),
        (["a@b.c"], "s", "b" * 100_001, "1 to 100,000"),
        (["a@b.c"], "s", "\ud800", "surrogates"),
    ],
)
def test_what_is_not_a_message_is_not_done(box, to, subject, body, reason):
    with pytest.raises(NotDone, match=re.escape(reason)):
        send_mail(to, subject, body, idempotency_key="k")
    assert not box.exists()


def test_a_key_and_a_sender_are_checked(monkeypatch):
    with pytest.raises(NotDone, match="idempotency key"):
        send_mail(TO, "s", "b", idempotency_key="")
    monkeypatch.setenv("INTERLOCK_MAIL_FROM", "me\r\nBcc: x@y.z")
    with pytest.raises(NotDone, match="not an e-mail address"):
        send_mail(TO, "s", "b", idempotency_key="k")


@pytest.mark.parametrize(
    "address", ["a@b.c", "a.b+tag@sub.example.com", "o'neil@localhost", "a@b.c\n", "a@-b.c", "@b", ""]
)
def test_the_schema_and_the_tool_agree_on_addresses(address):
    args = {"to": [address], "subject": "s", "body": "b"}
    assert jsonschema_rs.is_valid(MAIL_SCHEMA, args) == is_address(address)


addresses = st.from_regex(tools._ADDRESS, fullmatch=True).filter(is_address)
subjects = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=300)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(addresses, min_size=1, max_size=5), subjects.filter(str.strip))
def test_every_header_arrives_as_it_was_approved(to, subject):
    raw = tools._message("a@b", to, subject, "body", "<x@y>")
    message = read(raw)
    assert [address.addr_spec for address in message["To"].addresses] == to
    assert message["Subject"] == subject
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))


def _raise(error):
    def fail(*args, **kwargs):
        raise error

    return fail
