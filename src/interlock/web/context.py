"""What the server knows beside the system: its origin, whom it trusts to say where calls come from, when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from interlock.config.channels import people_channels
from interlock.config.server import ServerSettings
from interlock.domain.addresses import machine
from interlock.domain.authority import Directory
from interlock.domain.credentials import Device, SessionLimits
from interlock.engine.ports.log import UnreadableEntry
from interlock.service.accounts import Accounts
from interlock.service.chat_accounts import ChatAccounts
from interlock.service.components import Components
from interlock.service.credentials import Authenticator
from interlock.service.decision_links import DecisionLinks
from interlock.service.first_account import FirstAccount
from interlock.service.last_changes import LastChanges
from interlock.service.live import Live
from interlock.service.log_reader import Reader
from interlock.service.own_account import OwnAccount
from interlock.service.owners import Owners
from interlock.service.provisioning import Provisioning
from interlock.service.run_streams import RunStreams
from interlock.service.token_replies import TokenReplies
from interlock.service.view_recorder import ViewRecorder
from interlock.web.measuring import Measuring
from interlock.web.rates import Rates
from interlock.web.request_cache import RequestCache

if TYPE_CHECKING:
    from interlock.slack.interactions import SlackInteractions
    from interlock.web.broadcast import Broadcast
    from interlock.web.oidc_provider import Provider

Network = IPv4Network | IPv6Network
LONGEST_DEVICE = 200
_log = logging.getLogger("interlock.live")


@dataclass(frozen=True)
class Context:
    """What every route may need.

    Args:
        origin: where people reach the server: scheme, host and port, as browsers say it.
        hosts: the host names, with ports and in small letters, that calls may name.
        proxies: networks of the proxies that say where a call comes from.
        stop: set when the server ends; streams end by it.
        streams: those that have not ended.
        server: how it is configured.
        providers: where people may sign in, by name.
        simulating, exporting: the tenants for which somebody replays the log now, or exports from it.
        measuring: counts what this process does.
        run_streams: tells what agents do whose runs this process carries on.
        refreshing: held by a page that is fetched again because something has happened: many are, at once.
        reply_keys: by what the tokens of messages are made, and for which tenant.
        channels: by which ways people and programs are told, as configured.
        slack: what comes from Slack, by the channel's name.
        streams_events: whether an answer may last; pages look again by themselves where none may.
    """

    components: Components
    origin: str
    hosts: frozenset[str]
    proxies: tuple[Network, ...] = ()
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    streams: set[object] = field(default_factory=set)
    server: ServerSettings = field(default_factory=ServerSettings)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    simulating: set[str] = field(default_factory=set)
    exporting: set[str] = field(default_factory=set)
    measuring: Measuring = field(default_factory=Measuring)
    run_streams: RunStreams = field(default_factory=RunStreams)
    reply_keys: Sequence[tuple[str, bytes]] = ()
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)
    channels: Mapping[str, object] = field(default_factory=dict)
    slack: Mapping[str, SlackInteractions] = field(default_factory=dict)
    streams_events: bool = True

    def people_channels(self, tenant: str) -> dict[str, str]:
        """Return the channels of a tenant that talk to people: the type of each, by its name."""
        return people_channels(self.channels, tenant)

    @cached_property
    def authenticator(self) -> Authenticator:
        """Who issues and checks credentials."""
        sessions = self.server.sessions
        return Authenticator(
            self.components.store, self.components.directories, SessionLimits(sessions.lasts, sessions.idle)
        )

    @cached_property
    def replies(self) -> TokenReplies:
        """Who takes replies by the tokens of messages."""
        return TokenReplies(self.components, self.reply_keys, via="callback", name="callback")

    @cached_property
    def decision_links(self) -> DecisionLinks:
        """Who takes the links of mails by which one decides."""
        return DecisionLinks(self.components, self.reply_keys)

    @cached_property
    def view_recorder(self) -> ViewRecorder:
        """Who notes what people were shown by streams; a server that stops waits for it."""
        return ViewRecorder(self.components, self.streams)

    @cached_property
    def rates(self) -> Rates:
        """How often somebody may call."""
        return Rates(self.server.rates)

    @cached_property
    def provisioning(self) -> Provisioning:
        """Who lets people in whom a provider knows."""
        return Provisioning(self.components.directories)

    @cached_property
    def accounts(self) -> Accounts:
        """What admins do with accounts."""
        return Accounts(self.authenticator, self.components.directories)

    @cached_property
    def own_account(self) -> OwnAccount:
        """What people with an account do for themselves."""
        return OwnAccount(self.authenticator, self.components.directories)

    @cached_property
    def chat_accounts(self) -> ChatAccounts:
        """Which accounts of chats are whose."""
        return ChatAccounts(self.components.directories, [one.key for one in self.slack.values()])

    @cached_property
    def last_changes(self) -> LastChanges:
        """Who changed what last of people and tokens."""
        return LastChanges(self.components.store)

    @property
    def first_account(self) -> FirstAccount:
        """Who makes the first account."""
        return FirstAccount(self.components.directories, self.accounts, self.own_account)

    @cached_property
    def people(self) -> dict[str, tuple[float, asyncio.Future[tuple[Directory, datetime]]]]:
        """The people of each tenant as they were a moment ago, for those who follow the log, and the time then."""
        return {}

    @cached_property
    def changed(self) -> dict[str, str]:
        """The position of the entry by which the people of each tenant have changed last, as those who follow know."""
        return {}

    @cached_property
    def broadcasts(self) -> dict[str, Broadcast]:
        """What tells sockets, by tenant."""
        return {}

    @cached_property
    def request_cache(self) -> RequestCache:
        """What entries of the log are about."""
        return RequestCache(self.components.store)

    @cached_property
    def _lives(self) -> dict[str, Live]:
        return {}

    def live(self, tenant: str) -> Live:
        """Return the end of a tenant's log, which is read once for all its streams."""
        if tenant not in self._lives:
            reader = Reader(self.components.store, self.components.waker, tenant, self.stop, passed=_passed)
            self._lives[tenant] = Live(reader)
        return self._lives[tenant]

    @cached_property
    def _owners(self) -> dict[str, Owners]:
        return {}

    def owners(self, tenant: str) -> Owners:
        """Return who knows whose the requests and runs of a tenant are."""
        return self._owners.setdefault(tenant, Owners(self.components.store))

    @property
    def is_secure(self) -> bool:
        """Whether people reach it by https."""
        return urlsplit(self.origin).scheme == "https"

    def is_ours(self, origin: str | None) -> bool:
        """Say whether a page of this origin is one of ours. On one machine it may be reached by several names."""
        return origin == self.origin or (not self.is_secure and origin in {f"http://{host}" for host in self.hosts})

    @property
    def cookie(self) -> str:
        """The name of the session's cookie: browsers take `__Host-` by https alone."""
        return "__Host-interlock" if self.is_secure else "interlock"

    @property
    def browser_cookie(self) -> str:
        """The name of the cookie by which a browser is known in which somebody has signed in before."""
        return f"{self.cookie}-browser"

    def address_of(self, connection: HTTPConnection) -> str | None:
        """Return where a call comes from: what the nearest of our proxies says, of whom we know nothing ourselves."""
        peer = None if connection.client is None else machine(connection.client.host)
        said = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        while peer is not None and self._is_proxy(peer) and said and said[-1].strip():
            peer = machine(said.pop())
        return None if peer is None else str(peer)

    def device_of(self, connection: HTTPConnection) -> Device:
        """Return with what, and from where, somebody signs in: a name that can be shown and kept."""
        said = "".join(one for one in connection.headers.get("user-agent", "") if one.isprintable())
        return Device(said[:LONGEST_DEVICE], self.address_of(connection))

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.proxies)


CONTEXT = "interlock.context"
"""Under which key a call brings it, as ASGI passes it on."""


def context_of(connection: HTTPConnection) -> Context:
    """Return what the server knows, from any route."""
    found: Context = connection.scope[CONTEXT]
    return found


def _passed(broken: UnreadableEntry) -> None:
    _log.warning("Who follows the log is not told of entry %s of %s: %s", broken.seq, broken.stream, broken.message)
