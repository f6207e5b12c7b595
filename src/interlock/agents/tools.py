"""What the agents that ship do in the world: send mail.

Where it goes is read from the environment once, by `mail_target`, before people are asked; what they approved goes
there, whatever the process that sends it has in its environment:

- `INTERLOCK_SMTP_URL`: `smtp[s]://user:password@host:port`. Sent once, and never again without a person's word: SMTP
  cannot be asked what became of a message.
- otherwise a maildir at `INTERLOCK_MAILDIR`, by default `interlock/mail` in the user's data directory. It takes one
  message per idempotency key, so the call may be repeated. Workers on several machines need one that they share.
- `INTERLOCK_MAIL_FROM`: the sender's address.
"""

from __future__ import annotations

import base64
import hashlib
import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import Any, Final

from interlock import InvalidAgent, NotDone
from interlock.agents import maildir, smtp
from interlock.agents.places import place, setting

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"  # without "?", so that nothing looks like an encoded word
_ADDRESS: Final = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"  # RFC 5322 dot-atom, RFC 1034 labels
_ONE_LINE: Final = r"[^\u0000-\u001f\u007f\u0085\u2028\u2029]*"

MAX_RECIPIENTS = 100
MAX_ADDRESS = 254
MAX_SUBJECT = 300
MAX_BODY = 100_000

MAIL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "to": {
            "type": "array",
            "title": "Recipients",
            "items": {"type": "string", "pattern": f"^{_ADDRESS}$", "maxLength": MAX_ADDRESS},
            "minItems": 1,
            "maxItems": MAX_RECIPIENTS,
        },
        "subject": {
            "type": "string",
            "title": "Subject",
            "pattern": f"^{_ONE_LINE}$",
            "minLength": 1,
            "maxLength": MAX_SUBJECT,
        },
        "body": {"type": "string", "title": "Text", "pattern": r"\S", "maxLength": MAX_BODY},
    },
    "required": ["to", "subject", "body"],
    "additionalProperties": False,
}
"""The JSON Schema of `send_mail`'s arguments."""

_PLAIN: Final = 66  # with its name a line of less than 78
_PIECE: Final = 11  # characters of at most four bytes: an encoded word of less than 75
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DEFAULT_SENDER = "interlock@localhost"
_POLICY: Final = SMTP.clone(cte_type="7bit")  # every server takes 7 bit, whatever it says of 8BITMIME


def send_mail(to: list[str], subject: str, body: str, *, idempotency_key: str, via: str = "") -> dict[str, Any]:
    """Send one message to all recipients or to none.

    Args:
        to: the recipients' addresses, ASCII.
        subject: one line of Unicode text.
        body: Unicode text.
        idempotency_key: names this effect. The Message-ID is derived from it.
        via: where to, as `mail_target` returned it, perhaps in another process; without it, where this one sends.

    Returns:
        `message_id`, `where` (the maildir or the server, without secrets) and `recipients`.

    Raises:
        InvalidAgent: this process cannot reach the server that `via` names; nothing was sent.
        NotDone: the message is not acceptable, or was refused; nothing was sent.
        MailUncertain: the server's answer is missing; the message may have been sent.
    """
    via = via or mail_target()
    must_reach(via)
    server = None if is_repeatable(via) else _server()
    sender = _sender(server)
    message_id = _message_id(idempotency_key, sender)
    content = _message(sender, to, subject, body, message_id)
    if server is not None:
        smtp.deliver(server, content, sender=sender, recipients=to)
    else:
        message_id = maildir.deliver(Path(via), content, message_id=message_id, key=idempotency_key)
    return {"message_id": message_id, "where": via, "recipients": list(to)}


def mail_target() -> str:
    """Return where this process sends mail: a server without its secrets, or a maildir's absolute path.

    Raises:
        NotDone: INTERLOCK_SMTP_URL cannot be read.
    """
    server = _server()
    return str(place("INTERLOCK_MAILDIR", "mail")) if server is None else server.where


def is_repeatable(via: str) -> bool:
    """Whether `send_mail` may be called again with the same key when nobody knows what became of the first call."""
    return not via.startswith(("smtp://", "smtps://"))


def must_reach(via: str) -> None:
    """Refuse, before anything begins, to send by a server that is not this process's: only that has its password.

    Raises:
        InvalidAgent: it is another one.
    """
    if not is_repeatable(via) and via != mail_target():
        raise InvalidAgent(
            f"This mail was approved to go by {via}, and this process sends by {mail_target()}: set INTERLOCK_SMTP_URL "
            "to that server, with its user and password, and `interlock runs retry` the run; or cancel it."
        )


def is_address(text: str) -> bool:
    """Whether this is one e-mail address, in ASCII, and nothing else."""
    return len(text) <= MAX_ADDRESS and re.fullmatch(_ADDRESS, text) is not None


def _message(sender: str, to: list[str], subject: str, body: str, message_id: str) -> bytes:
    """Return the message as it goes over the wire.

    The headers are written here: the standard library folds some long recipients and subjects into other ones.
    """
    _check_text(subject, body)
    _check_recipients(to)
    headers = {
        "From": sender,
        "To": ",\r\n ".join(to),
        "Subject": _encoded(subject),
        "Date": format_datetime(localtime()),
        "Message-ID": message_id,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    text = EmailMessage(policy=_POLICY)
    text.set_content(body)
    return lines.encode("ascii") + text.as_bytes()


def _encoded(subject: str) -> str:
    """Return the subject as a header's value; as encoded words (RFC 2047) where it is not short, plain ASCII."""
    if len(subject) <= _PLAIN and subject.isascii() and "=?" not in subject and subject == subject.strip():
        return subject
    pieces = (subject[start : start + _PIECE] for start in range(0, len(subject), _PIECE))
    words = (base64.b64encode(piece.encode()).decode() for piece in pieces)
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _check_text(subject: object, body: object) -> None:
    if not isinstance(subject, str) or not subject.strip() or len(subject) > MAX_SUBJECT:
        raise NotDone(f"the subject must be a text of 1 to {MAX_SUBJECT} characters")
    if not re.fullmatch(_ONE_LINE, subject):
        raise NotDone("the subject must be one line without control characters")
    if not isinstance(body, str) or not body.strip() or len(body) > MAX_BODY or _NOT_TEXT.search(body):
        raise NotDone(f"the body must be a text of 1 to {MAX_BODY:,} characters, without control characters")
    try:
        (subject + body).encode()
    except UnicodeEncodeError:
        raise NotDone("subject and body must be Unicode text, without lone surrogates") from None


def _check_recipients(to: object) -> None:
    if not isinstance(to, list) or not to or len(to) > MAX_RECIPIENTS:
        raise NotDone(f"a message needs a list of 1 to {MAX_RECIPIENTS} recipients")
    for address in to:
        _check_address(address)


def _check_address(address: object) -> None:
    if not isinstance(address, str) or not is_address(address):
        shown = ascii(address)[:100]
        raise NotDone(f"{shown} is not an e-mail address; write it as name@example.com, in ASCII")


def _sender(server: smtp.SmtpServer | None) -> str:
    sender = setting("INTERLOCK_MAIL_FROM")
    if not sender and server is not None and "@" in server.user:
        sender = server.user
    sender = sender or _DEFAULT_SENDER
    _check_address(sender)
    return sender


def _message_id(key: str, sender: str) -> str:
    if not key:
        raise NotDone("a message needs an idempotency key")
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def _server() -> smtp.SmtpServer | None:
    url = setting("INTERLOCK_SMTP_URL")
    return smtp.SmtpServer.parse(url) if url else None
