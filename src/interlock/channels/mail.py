"""Mail, out by SMTP: one message for each person and request, those about one request together in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal
from urllib.parse import urlsplit

from interlock.channels.mail_content import Content, content_of
from interlock.channels.mail_layout import html_of, text_of
from interlock.domain.authority import Principal
from interlock.domain.delivery import PEOPLE, Failure
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.sender import Message, NotTaken, Recipient
from interlock.service.decision_links import linked_verdicts
from interlock.service.notices import Notices, PersonalNotice
from interlock.service.token_replies import ReplyTokens
from interlock.service.views import RequestView

SECONDS = 10.0
"""For how long a mail server may say nothing."""

FOR_GOOD = range(500, 600)
"""Answers by which a server says that it will never take a message."""

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes.

    Args:
        password: with which the user signs in; empty if nobody does.
    """

    host: str
    port: int
    security: Security = "starttls"
    user: str = ""
    password: str = ""


class MailSender:
    """Implements the port `Sender`.

    Args:
        sender: in whose name it is sent, such as `approvals@example.com`, and how that is called.
        origin: where people reach the server.
        links: by what links are made by which one decides; None for no such links.
    """

    schedule = PEOPLE
    at_once = 4
    in_order = True

    def __init__(  # noqa: PLR0913 - what a channel is made of
        self,
        name: str,
        notices: Notices,
        server: MailServer,
        *,
        tenant: str,
        sender: tuple[str, str],
        origin: str,
        now: Callable[[], datetime],
        most_an_hour: int | None,
        links: bytes | None = None,
    ) -> None:
        self.name = name
        self.tenant = tenant
        self.most_an_hour = most_an_hour
        self._notices = notices
        self._server = server
        self._sender = sender
        self._origin = origin
        self._now = now
        self._links = links
        self._host = urlsplit(origin).hostname or "localhost"

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return who is told of an entry."""
        return await self._notices.recipients(entry, request)

    async def send(self, message: Message) -> str:
        """Send a mail, and return its Message-ID."""
        told = await self._notices.told(message)
        mail = self._mail(told, message)
        await asyncio.to_thread(_deliver, self._server, mail, self._host)
        return str(mail["Message-ID"])

    async def close(self) -> None:
        """Do nothing: each mail has a connection of its own."""

    def _mail(self, told: PersonalNotice, message: Message) -> EmailMessage:
        content = content_of(told, message, self._origin)
        if content.whole and told.view is not None and self._links is not None:
            content = replace(content, links=tuple(self._decides(told.person, told.view, self._links)))
        settings = f"{self._origin}/account/notices"
        mail = EmailMessage(SMTP)
        name, address = self._sender
        mail["From"] = Address(name, addr_spec=address)
        mail["To"] = Address(addr_spec=told.address)
        mail["Date"] = format_datetime(self._now())
        self._thread(mail, told, message, content)
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["List-Unsubscribe"] = f"<{settings}>"
        mail.set_content(text_of(content, settings), cte="quoted-printable")
        mail.add_alternative(html_of(content, settings), subtype="html", cte="quoted-printable")
        return mail

    def _decides(self, person: str, view: RequestView, key: bytes) -> Iterator[tuple[str, str]]:
        """Yield what somebody may say by a link, and the link."""
        tokens = ReplyTokens(key, (person,)).of(view.request).get(person, {})
        for verdict in linked_verdicts(view, Principal(person, "person", self.tenant, self.name)):
            yield verdict.capitalize(), f"{self._origin}/decide?token={tokens[verdict]}"

    def _thread(self, mail: EmailMessage, told: PersonalNotice, message: Message, content: Content) -> None:
        """Let all mails to somebody about one request stand together: the first one has the same name for ever."""
        own = f"<{message.delivery.id}@{self._host}>"
        if told.view is None:
            mail["Message-ID"], mail["Subject"] = own, content.subject
            return
        who = hashlib.sha256(f"{self.tenant}\0{told.person}".encode()).hexdigest()[:16]
        first = f"<{told.view.request.id}.{who}@{self._host}>"
        if not told.before:
            mail["Message-ID"], mail["Subject"] = first, content.subject
            return
        mail["Message-ID"], mail["Subject"] = own, f"Re: {content.subject}"
        mail["In-Reply-To"] = first
        mail["References"] = first


def _deliver(server: MailServer, mail: EmailMessage, own_name: str) -> None:
    """Give a mail to a server.

    Raises:
        NotTaken: if it does not take it.
    """
    context = None if server.security == "none" else ssl.create_default_context()
    try:
        with _connected(server, own_name, context) as connection:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        raise NotTaken(_failure("The mail server does not take this address", code, said)) from None
    except smtplib.SMTPDataError as refused:
        raise NotTaken(
            _failure("The mail server does not take the mail", refused.smtp_code, refused.smtp_error)
        ) from None
    except smtplib.SMTPResponseException as refused:  # its sender, its user: an operator sets that right
        raise NotTaken(
            replace(_failure("The mail server refuses us", refused.smtp_code, refused.smtp_error), final=False)
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotTaken(Failure(f"The mail server is not reached: {str(error) or type(error).__name__}.")) from None


def _connected(server: MailServer, own_name: str, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if server.security == "tls":
        assert context is not None
        return smtplib.SMTP_SSL(server.host, server.port, own_name, timeout=SECONDS, context=context)
    return smtplib.SMTP(server.host, server.port, own_name, timeout=SECONDS)


def _failure(what: str, code: int, said: bytes | str) -> Failure:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return Failure(f"{what}: {code} {' '.join(words.split())}", final=code in FOR_GOOD)
