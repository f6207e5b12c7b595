"""One message to an SMTP server (RFC 5321), with the knowledge of whether it was taken.

SMTP can neither be asked whether a message arrived nor told to take it once. So it matters where a failure happens:
until the server has taken responsibility nothing was sent, for certain; while it takes it nobody knows.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from interlock import NotDone

TIMEOUT = 30.0
"""Seconds that one answer of the server may take."""

_GO_AHEAD = 354
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}


class MailUncertain(Exception):
    """The connection broke while the server took the message: it may have been delivered, or not."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where to send mail, and as whom.

    Args:
        secure: TLS from the first byte (`smtps`); otherwise STARTTLS where the server offers it.
    """

    host: str
    port: int
    secure: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """Read `smtp[s]://user:password@host:port`; user, password and port may be missing.

        Raises:
            NotDone: it cannot be read. The message repeats no part of it, since any may be the password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
            parts = urlsplit("")
        if parts.scheme not in _DEFAULT_PORTS or not host:
            raise NotDone(
                "INTERLOCK_SMTP_URL must look like smtp://user:password@host:port (or smtps://);"
                " write special characters of the password as %XX"
            ) from None
        return cls(
            host,
            port or _DEFAULT_PORTS[parts.scheme],
            parts.scheme == "smtps",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    @property
    def where(self) -> str:
        """The server without its secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'smtps' if self.secure else 'smtp'}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def deliver(server: SmtpServer, message: bytes, *, sender: str, recipients: Sequence[str]) -> None:
    """Hand the message over for all recipients or for none.

    Args:
        message: the complete message with CRLF line ends, 7 bit.

    Raises:
        NotDone: the server did not take the message; nothing was sent.
        MailUncertain: it cannot be known whether it took it.
    """
    try:
        connection = _open(server)
    except (OSError, UnicodeError) as error:
        raise NotDone(f"the mail server {server.where} cannot be reached: {_short(error)}") from error
    try:
        _log_in(connection, server)
        try:
            _announce(connection, server, sender, recipients)
        except OSError as error:
            raise NotDone(f"the mail server {server.where} broke off before the message: {error}") from error
        _hand_over(connection, server, message)
        with suppress(OSError):  # the server has the message: how it says goodbye changes nothing
            connection.quit()
    finally:
        connection.close()


def _open(server: SmtpServer) -> smtplib.SMTP:
    if server.secure:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)


def _log_in(connection: smtplib.SMTP, server: SmtpServer) -> None:
    try:
        _protect_and_log_in(connection, server)
    except smtplib.SMTPAuthenticationError as error:
        reason = f"refused the user name or the password (code {error.smtp_code})"
        raise NotDone(f"the mail server {server.where} {reason}") from None
    except UnicodeError:  # its `object` is the password
        raise NotDone("the user name and the password in INTERLOCK_SMTP_URL must be ASCII") from None
    except OSError as error:
        raise NotDone(f"the mail server {server.where} cannot be used: {_short(error)}") from error


def _protect_and_log_in(connection: smtplib.SMTP, server: SmtpServer) -> None:
    connection.ehlo_or_helo_if_needed()
    private = server.secure or server.is_loopback
    if not private and connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
        private = True
    if not server.user:
        return
    if not private:
        raise NotDone(f"the mail server {server.where} offers no encryption, so it is not given the password")
    connection.login(server.user, server.password)


def _announce(connection: smtplib.SMTP, server: SmtpServer, sender: str, recipients: Sequence[str]) -> None:
    """Go through the envelope up to the server's consent to send the message."""
    connection.ehlo_or_helo_if_needed()
    code, answer = connection.mail(sender)
    if not _is_yes(code):
        raise NotDone(f"the mail server {server.where} refused the sender {sender}: {code} {_text(answer)}")
    for recipient in dict.fromkeys(recipients):
        code, answer = connection.rcpt(recipient)
        if not _is_yes(code):
            reason = f"{code} {_text(answer)}; nobody was sent anything"
            raise NotDone(f"the mail server {server.where} refused the recipient {recipient}: {reason}")
    code, answer = connection.docmd("DATA")
    if code != _GO_AHEAD:
        raise NotDone(f"the mail server {server.where} refused the message: {code} {_text(answer)}")


def _hand_over(connection: smtplib.SMTP, server: SmtpServer, message: bytes) -> None:
    """Send the message itself; from here on only the server's word tells what happened."""
    dotted = re.sub(rb"(?m)^\.", b"..", message)
    end = b".\r\n" if dotted.endswith(b"\r\n") else b"\r\n.\r\n"
    try:
        connection.send(dotted + end)
        code, answer = connection.getreply()
    except OSError as error:
        raise MailUncertain(
            f"the connection to {server.where} broke while it took the message: it may have been delivered"
        ) from error
    if _is_yes(code):
        return
    if code // 100 in {4, 5}:  # RFC 5321, section 4.2.5: after a 4yz or 5yz the server must not deliver
        raise NotDone(f"the mail server {server.where} refused the message: {code} {_text(answer)}")
    raise MailUncertain(f"{server.where} answered the message with {code} {_text(answer)}, which says nothing")


def _is_yes(code: int) -> bool:
    return code // 100 == 2  # noqa: PLR2004 - 2yz is yes, RFC 5321, section 4.2.1


def _text(answer: bytes) -> str:
    return " ".join(answer.decode("utf-8", "replace").split())[:300]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
