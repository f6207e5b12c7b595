"""Signing in at an identity provider, by OpenID Connect: who is there, and what is checked of who comes back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.authority import LOCAL_TENANT, LONGEST_ID
from interlock.errors import Forbidden, Unauthenticated

ATTEMPT_LASTS = timedelta(minutes=10)
"""How long somebody may be at the provider."""

LONGEST_PATH = 2_000


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Somebody has been sent to an identity provider, and may come back once.

    Args:
        state: SHA-256 of the `state` that they bring back, in hex.
        browser: SHA-256 of the cookie of the browser that was sent: another one cannot end what this one began.
        provider: the name of the provider.
        nonce: what the ID token must say (OpenID Connect Core, 3.1.2.1).
        verifier: with which the code is exchanged (RFC 7636).
        return_to: the path of ours that they wanted.
    """

    state: str
    browser: str
    provider: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claims of a provider say what.

    Args:
        groups: the claim that lists somebody's groups; None if none does.
        roles: role to the groups that give it.
        tenant: the claim that names the tenant that somebody enters; None if they all enter one.
        tenants: that one; or those that the claim may name.
    """

    groups: str | None = None
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tenant: str | None = None
    tenants: Sequence[str] = (LOCAL_TENANT,)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider. Issuer and subject name them, and nothing else does: addresses change hands.

    Args:
        email: an address that is theirs, as the provider has verified.
        tenant: which they enter.
    """

    issuer: str
    subject: str
    email: str | None = None
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    tenant: str = LOCAL_TENANT

    @property
    def person(self) -> str:
        """The id under which they act, unless they are somebody's who was invited: the same for them alone, for ever.

        Ids are folded, and subjects are not (OpenID Connect Core, section 2), so what folding changes is written by %.
        """
        whole = f"{_unfolded(self.issuer)}#{_unfolded(self.subject)}"
        if len(whole) <= LONGEST_ID:
            return whole
        return f"{_unfolded(self.issuer)}#sha256:{hashlib.sha256(self.subject.encode()).hexdigest()}"


_FOLDS = re.compile(r"[^a-z0-9:/._~@+-]")


def _unfolded(text: str) -> str:
    return _FOLDS.sub(lambda found: "".join(f"%{byte:02x}" for byte in found[0].encode()), text)


LONGEST_SUBJECT = 255
MOST_GROUPS = 500


def identity_of(claims: Mapping[str, Any], issuer: str, names: ClaimNames) -> Identity:
    """Return who a provider says that somebody is. Its claims are those of an ID token that was checked.

    Raises:
        Unauthenticated: if it names nobody.
        Forbidden: if it names no tenant that they may enter, or several.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isascii():
        raise Unauthenticated("The provider names nobody: its `sub` is no text of at most 255 ASCII characters.")
    email = claims.get("email")
    is_verified = claims.get("email_verified") in (True, "true")  # some providers write it as text
    given = claims.get(names.groups) if names.groups is not None else None
    listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    groups = frozenset(one for one in listed[:MOST_GROUPS] if isinstance(one, str) and _is_name(one))
    roles = frozenset(role for role, those in names.roles.items() if groups & set(those))
    known = email if isinstance(email, str) and is_verified and _is_name(email) else None
    return Identity(issuer, subject, known, groups, roles, _tenant_of(claims, names))


def _tenant_of(claims: Mapping[str, Any], names: ClaimNames) -> str:
    if names.tenant is None:
        return names.tenants[0]
    given = claims.get(names.tenant)
    found = [one for one in names.tenants if one == given or (isinstance(given, list) and one in given)]
    if len(found) != 1:
        said = "several tenants" if found else "no tenant"
        raise Forbidden(f"The provider names {said} of this server for you: ask an admin.")
    return found[0]


def _is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_ID


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody brings back from a provider, each as often as it was brought (RFC 6749, 4.1.2; RFC 9207)."""

    states: Sequence[str] = ()
    codes: Sequence[str] = ()
    issuers: Sequence[str] = ()
    errors: Sequence[str] = ()


def code_of(answer: Answer, issuer: str, *, names_issuer: bool) -> str:
    """Return the code that an answer brings, if it is the answer of this issuer (RFC 9207, section 2.4).

    Args:
        names_issuer: whether the provider says that its answers name it.

    Raises:
        Unauthenticated: if it is not, or brings none.
    """
    if answer.issuers != [issuer] and (names_issuer or answer.issuers):
        raise Unauthenticated("This answer comes from another provider than the one that was asked.")
    if answer.errors:
        raise Unauthenticated("The provider did not sign you in. Begin again.")
    if len(answer.codes) != 1 or not answer.codes[0]:
        raise Unauthenticated("The provider's answer brings no code. Begin again.")
    return answer.codes[0]


def why_not_begun_here(attempt: SignInAttempt | None, provider: str, browser: str, now: datetime) -> str | None:
    """Say why an answer is not what this browser began; None if it is."""
    if attempt is None:
        return "was used already, or never begun"
    if attempt.provider != provider:
        return "was begun with another provider"
    if attempt.browser != browser:
        return "was begun in another browser"
    return "was begun too long ago" if now >= attempt.expires_at else None


def why_no_path_of_ours(path: str) -> str | None:
    r"""Say why a browser that is sent to this path may end up elsewhere; None if it cannot.

    Browsers read `//host` and `/\\host` as another host, and drop tabs and line ends before they look.
    """
    if len(path) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} characters"
    if not path.startswith("/") or path.startswith("//"):
        return "must be a path of this server, such as /inbox"
    if "\\" in path or not all("!" <= character <= "~" for character in path):
        return "must be a path of this server: write other characters than ASCII, and spaces, with %"
    return None
