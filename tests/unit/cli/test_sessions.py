"""`interlock sessions`."""

import asyncio
import os

from interlock.domain.credentials import Device
from interlock.engine.configured import BUILT_IN
from interlock.engine.directories import Directories
from interlock.service.credentials import Authenticator
from interlock.storage import open_store
from interlock.testing.fakes import SettablePolicies


def sign_in(*people):
    """Let people sign in, as the server does; return the secrets."""

    async def work():
        store = open_store(os.environ["INTERLOCK_DATABASE_URL"])
        device = Device("Firefox \x1b[2J", "192.0.2.1")
        authenticator = Authenticator(store, Directories(store, SettablePolicies(BUILT_IN)))
        issued = [await authenticator.session("default", one, by=one, device=device) for one in people]
        await store.close()
        return [one.secret for one in issued]

    return asyncio.run(work())


def test_sessions_are_listed_and_ended(command):
    secrets = sign_in("mia@example.com", "Mia@example.com", "noah@example.com")
    listed = command.json("sessions", "list")["sessions"]
    assert {one["address"] for one in listed} == {"192.0.2.1"}
    shown = command.run("sessions", "list", "--of", "MIA@example.com").stdout
    assert shown.count("mia@example.com") == 2
    assert "\x1b[2J" not in shown
    assert not any(secret in shown for secret in secrets)
    noahs = next(one["id"] for one in listed if one["principal"].startswith("noah"))
    assert command.json("sessions", "end", noahs) == {"ended": [noahs]}
    assert command.run("sessions", "end", noahs).returncode == 4
    assert len(command.json("sessions", "end", "--of", "mia@example.com")["ended"]) == 2
    assert command.json("sessions", "list") == {"sessions": []}
    for wrong in ([], [noahs, "--of", "mia@example.com"]):
        assert command.run("sessions", "end", *wrong).returncode == 2
