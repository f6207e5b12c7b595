"""The server on one store, in this process, and whoever calls it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from tests.configuration import settled
from tests.server.installation import Installation

from interlock.agents import AGENTS
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.config.server import ServerSettings
from interlock.domain.credentials import Scope
from interlock.testing.fakes import SettableClock
from interlock.web.app import application
from interlock.web.context import Context
from interlock.web.measuring import Measuring
from interlock.web.serving import bound, serve

ORIGIN = "http://127.0.0.1:8000"
REPLY_KEY = b"k" * 32
UNLIMITED = ServerSettings(rates=dict.fromkeys(("calls", "unknown", "sign_ins"), "unlimited"))
CONFIG = """
people: {mia@example.com: {}, noah@example.com: {}, olga@example.com: {}, zoe@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com], directors: [olga@example.com]}
roles: {admin: [olga@example.com], auditor: [noah@example.com], reviewer: [mia@example.com, ruth@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    levels:
      - steps: [{ask: [group:managers]}, {ask: [group:directors]}]
default: {levels: [{steps: [{ask: [group:managers]}]}]}
"""
GRANTED = CONFIG.replace(
    "default:",
    """\
  transfers:
    applies_to: action.name == "transfer"
    levels: [{grants: {}, steps: [{ask: [group:managers]}]}]
default:""",
)
"""With an action of which people may allow the next ones."""


class Server:
    """A server, and the clients of those who call it.

    Attributes:
        address: of its database.
    """

    address = "memory:"

    def __init__(self, system: System, clock: SettableClock, measuring: Measuring | None = None) -> None:
        self.system = system
        self.clock = clock
        counts = measuring or Measuring()
        known = {"server": UNLIMITED, "measuring": counts, "reply_keys": (("default", REPLY_KEY),)}
        self.context = Context(system, ORIGIN, frozenset({"127.0.0.1:8000"}), **known)
        self.app = application(self.context)
        self.serving: asyncio.Task[None] | None = None
        self._clients: list[httpx2.AsyncClient] = []

    def client(self, **headers: str) -> httpx2.AsyncClient:
        """Return a client that is nobody yet."""
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        origin = self.context.origin
        sent = {"Origin": origin, **headers}
        client = httpx2.AsyncClient(transport=transport, base_url=f"{origin}/api/v1", headers=sent)
        self._clients.append(client)
        return client

    async def person(self, person: str, tenant: str = "default") -> httpx2.AsyncClient:
        """Return the client of a person who has signed in."""
        issued = await self.context.authenticator.session(tenant, person, by="test")
        return self.client(Cookie=f"{self.context.cookie}={issued.secret}")

    async def agent(self, name: str = "agent:bot", *scopes: Scope, tenant: str = "default") -> httpx2.AsyncClient:
        """Return the client of an agent, or a service, with a token."""
        issued = await self.context.authenticator.token(
            tenant, name, scopes=frozenset(scopes or Scope), lasts=timedelta(days=1), by="test"
        )
        return self.client(Authorization=f"Bearer {issued.secret}")

    async def listen(self, *also: str) -> str:
        """Answer on a port of this machine as well, in this loop, and to these hosts; return the address."""
        listening = bound("127.0.0.1", 0)
        at = f"127.0.0.1:{listening.getsockname()[1]}"
        self.context = replace(self.context, origin=f"http://{at}", hosts=frozenset({at, *also}))
        self.app = application(self.context)
        self.serving = asyncio.create_task(serve(self.app, listening, self.context))
        return at

    async def cookie(self, person: str) -> str:
        """Return the cookie of a person who has signed in."""
        issued = await self.context.authenticator.session("default", person, by="test")
        return f"{self.context.cookie}={issued.secret}"

    async def drain(self) -> None:
        """Carry out all that is due."""
        await self.system.worker().drain()

    async def close(self) -> None:
        """Let go of everything."""
        self.context.stop.set()
        if self.serving is not None:
            await self.serving
        for client in self._clients:
            await client.aclose()
        await self.system.close()


@pytest.fixture
async def open_server(clock, tmp_path, request) -> AsyncIterator[Callable[..., Server]]:
    servers = []

    def opened(store: str = "memory", config: str = CONFIG) -> Server:
        file = settled(tmp_path / "interlock.yaml", config)
        address = {"memory": "memory:", "sqlite": str(tmp_path / "server.db")}.get(store)
        address = address or (store if "://" in store else request.getfixturevalue("new_database")())
        settings = load_settings(file, {"INTERLOCK_DATABASE_URL": address})
        measuring = Measuring()
        system = build(settings, AGENTS, clock=clock, observer=measuring.committed)
        servers.append(Server(system, clock, measuring))
        servers[-1].address = address
        return servers[-1]

    yield opened
    for server in servers:
        await server.close()


@pytest.fixture
def server(open_server) -> Server:
    """Return a server on a store in memory, with people, groups and roles."""
    return open_server()


@pytest.fixture
def installation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, folder in (("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "conf")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("INTERLOCK_SERVER", "INTERLOCK_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    found = Installation(tmp_path, monkeypatch, capsys)
    yield found
    found.close()
