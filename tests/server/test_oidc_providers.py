"""Signing in at providers that others have written: of PyPI and of npm."""

import re
import shutil
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from interlock.config.server import ProviderSettings
from interlock.web.app import application
from interlock.web.oidc_provider import Provider

NODE_PROVIDER = "oidc-provider@9.13.3"
CONFIG = "groups: {managers: [mia@example.com]}\n"


def set_up(server, issuer, **more):
    """Let people sign in at a provider; its clock is that of this machine, so ours must be, too."""
    server.clock.at = datetime.now(UTC)
    redirect = f"{server.context.origin}/auth/oidc/company/callback"
    given = ProviderSettings(name="company", issuer=issuer, client_id="interlock", **more)
    server.context = replace(server.context, providers={"company": Provider(given, "hush", redirect)})
    server.app = application(server.context)
    return redirect


async def come_back(browser, address, redirect):
    """Bring the answer of a provider to the server; return whom it knows then."""
    assert address.startswith(redirect)
    answer = await browser.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    return (await browser.get("/session")).json()


@pytest.mark.filterwarnings("ignore")  # it uses what its library takes back one day
async def test_a_person_signs_in_at_the_provider_of_pypi(open_server):
    from oidc_provider_mock import User, run_server_in_thread  # noqa: PLC0415 - it warns where it is imported

    claims = {"email": "mia@example.com", "email_verified": True, "groups": ["managers"]}
    server = open_server(config=CONFIG)
    with run_server_in_thread(user_claims=[User(sub="Mia", claims=claims)], require_nonce=True) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        redirect = set_up(server, issuer, everybody=True)
        browser = server.client()
        address = (await browser.get("../../auth/oidc/company")).headers["location"]
        async with httpx2.AsyncClient() as outside:
            chosen = await outside.post(address, data={"sub": "Mia"})
            denied = await outside.post(address, data={"action": "deny"})
        assert (await come_back(browser, chosen.headers["location"], redirect))["principal"] == "mia@example.com"
        refused = await server.client().get(denied.headers["location"])
        assert refused.status_code == 401


@pytest.fixture
def node_provider(tmp_path):
    """Return a function that starts the provider of npm, and returns its issuer."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("not on this platform: there is no node or no npm")
    brought = subprocess.run(
        [npm, "install", "--no-save", "--no-audit", "--no-fund", NODE_PROVIDER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if brought.returncode != 0:
        pytest.skip(f"not on this platform: {NODE_PROVIDER} cannot be had: {brought.stderr.strip().splitlines()[-1:]}")
    started = []

    def start(redirect):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        script = Path(__file__).with_name("oidc_provider.mjs")
        process = subprocess.Popen(
            [node, str(script), str(port), redirect], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        started.append(process)
        assert process.stdout.readline() == b"listening\n"
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.soak
async def test_a_person_signs_in_at_the_provider_of_npm(open_server, node_provider):
    server = open_server(config=CONFIG)
    issuer = node_provider(f"{server.context.origin}/auth/oidc/company/callback")
    claims = {"groups": "groups"}
    redirect = set_up(server, issuer, claims=claims, scopes=("openid", "email", "groups"))
    browser = server.client()
    address = (await browser.get("../../auth/oidc/company")).headers["location"]
    async with httpx2.AsyncClient() as outside:
        for _ in range(12):
            if address.startswith(redirect):
                break
            answer = await outside.get(address)
            if answer.status_code == 200:  # a form: to sign in, and then to consent
                action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)[1]
                kind = re.search(r'name="prompt" value="([^"]+)"', answer.text)[1]
                form = {"prompt": kind, "login": "mia", "password": "any"}
                answer = await outside.post(urljoin(address, action), data=form)
            address = urljoin(address, answer.headers["location"])
    assert (await come_back(browser, address, redirect))["principal"] == "mia@example.com"
    assert (await browser.get(address)).status_code == 401  # the code was used
