"""Behind Caddy, as a page shows it: a person signs in at a provider, decides, follows; the log has their address."""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest

from interlock.config.server import ProviderSettings
from interlock.domain.credentials import Scope
from interlock.web.app import application
from interlock.web.context import Context
from interlock.web.oidc_provider import Provider
from interlock.web.serving import bound, serve

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "proxy-oidc.md").read_text()
SHOWN = re.search(r"^```caddy\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
OF_ITS_OWN = """{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}
}}
"""
PATIENCE = 30
CONFIG = "groups: {managers: [mia@example.com]}\ndefault: {levels: [{steps: [{ask: [group:managers]}]}]}\n"
THERE = "127.0.0.2"
"""The address of this machine that people call from; that of the proxy is 127.0.0.1."""

ASK = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "120.00"}}}


@pytest.fixture
def start_caddy(tmp_path):
    """Return a function that starts Caddy before an address, as the page shows it, and returns whom to trust."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("not on this platform: there is no caddy")
    started = []

    def start(port, at):
        shown = SHOWN.replace("approvals.example.com {", f"localhost:{port} {{\n    tls internal", 1)
        folder = tmp_path / "caddy"
        file = tmp_path / "Caddyfile"
        file.write_text(OF_ITS_OWN.format(folder=folder) + shown.replace("127.0.0.1:8000", at))
        order = [caddy, "run", "--config", str(file), "--adapter", "caddyfile"]
        with (tmp_path / "caddy.log").open("w") as log:
            started.append(subprocess.Popen(order, stdout=log, stderr=log))
        root, ends = folder / "pki" / "authorities" / "local" / "root.crt", time.monotonic() + PATIENCE
        while True:
            try:
                trusted = ssl.create_default_context(cafile=str(root))
                with (
                    socket.create_connection(("127.0.0.1", port), 1) as plain,
                    trusted.wrap_socket(plain, server_hostname="localhost"),
                ):
                    return trusted
            except (OSError, ssl.SSLError):
                assert time.monotonic() < ends, (tmp_path / "caddy.log").read_text()
                time.sleep(0.05)

    yield start
    for process in started:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
async def provider():
    """Yield the issuer of a provider at which Mia has an account."""
    from oidc_provider_mock import User, run_server_in_thread  # noqa: PLC0415 - it warns where it is imported

    claims = {"email": "mia@example.com", "email_verified": True}
    with run_server_in_thread(user_claims=[User(sub="Mia", claims=claims)], require_nonce=True) as running:
        yield f"http://localhost:{running.server_port}"


@pytest.fixture
async def behind(open_server, start_caddy, provider):
    """Return a server behind Caddy, its public origin, and what trusts that."""
    server, port = open_server(config=CONFIG), free_port()
    server.clock.at = datetime.now(UTC)  # the provider's clock is this machine's
    origin, listening = f"https://localhost:{port}", bound("127.0.0.1", 0)
    at = f"127.0.0.1:{listening.getsockname()[1]}"
    given = ProviderSettings(name="company", issuer=provider, client_id="interlock")
    company = Provider(given, "hush", f"{origin}/auth/oidc/company/callback")
    hosts, proxies = frozenset({at, f"localhost:{port}"}), (ip_network("127.0.0.1"),)
    server.context = Context(server.system, origin, hosts, proxies, providers={"company": company})
    server.app = application(server.context)
    server.serving = asyncio.create_task(serve(server.app, listening, server.context))
    return server, origin, await asyncio.to_thread(start_caddy, port, at)


@pytest.mark.filterwarnings("ignore")  # the provider uses what its library takes back one day
async def test_people_sign_in_decide_and_follow_through_it_and_the_log_has_their_address(behind):
    server, origin, trusted = behind
    transport = httpx2.AsyncHTTPTransport(verify=trusted, local_address=THERE)
    token = await server.context.authenticator.token(
        "default", "agent:bot", scopes=frozenset(Scope), lasts=timedelta(days=1), by="test"
    )
    async with (
        httpx2.AsyncClient(transport=transport, base_url=origin, headers={"Origin": origin}) as browser,
        httpx2.AsyncClient() as outside,
    ):
        begun = await browser.get("/auth/oidc/company")
        chosen = await outside.post(begun.headers["location"], data={"sub": "Mia"})
        back = await browser.get(chosen.headers["location"])
        assert (back.status_code, back.headers["location"]) == (303, "/"), back.text
        assert all(cookie.secure and cookie.name.startswith("__Host-") for cookie in browser.cookies.jar)
        assert (await browser.get("/api/v1/session")).json()["principal"] == "mia@example.com"
        async with browser.stream("GET", "/api/v1/events") as stream:
            lines = stream.aiter_lines()
            assert "interlock" in await anext(lines)
            bearer = {"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "k"}
            asked = (await outside_of(trusted, origin, bearer)).json()
            vote = {"verdict": "approve", "digest": asked["digest"]}
            forged = {"X-Forwarded-For": "203.0.113.9"}
            voted = await browser.post(f"/api/v1/requests/{asked['id']}/votes", json=vote, headers=forged)
            assert voted.json()["status"] == "approved", voted.text
            told = await asyncio.wait_for(heard(lines, "vote_cast"), PATIENCE)
    assert (told["by"], told["address"]) == ("mia@example.com", THERE)


async def outside_of(trusted, origin, headers):
    async with httpx2.AsyncClient(verify=trusted, base_url=origin, headers=headers) as bot:
        return await bot.post("/api/v1/requests", json=ASK)


async def heard(lines, kind):
    """Return the next event of a kind."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: ") and name == kind:
            return json.loads(line.removeprefix("data: "))
    raise AssertionError(f"the stream has ended without {kind}")
