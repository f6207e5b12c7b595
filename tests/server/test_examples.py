"""The examples that need a server, run beside one: each acts once, on what people have left of it."""

import importlib.util
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from interlock.client import connect_blocking

EXAMPLES = Path(__file__).parents[2] / "examples"


def decided(installation, verdict, *words):
    """Decide what waits, as soon as something does, as who has signed in; return its id."""
    installation.sign_in()
    while not (waits := json.loads(installation.there("requests", "list", "--json")[1])["requests"]):
        time.sleep(0.05)
    done = installation.there(verdict, waits[0]["id"], *words, "--yes")
    assert done[0] == 0, done
    return waits[0]["id"]


def test_an_agent_in_plain_python_pays_once_what_was_left_of_it(installation, monkeypatch):
    spec = importlib.util.spec_from_file_location("plain_agent", EXAMPLES / "plain-agent" / "plain_agent.py")
    plain_agent = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain_agent)
    monkeypatch.setattr(plain_agent, "print", lambda *_, **__: None, raising=False)
    said = []

    def act():
        with connect_blocking(installation.origin, token=installation.agent) as bot:
            said.append(plain_agent.act(bot, "4711"))

    acting = threading.Thread(target=act)
    acting.start()
    asked = decided(installation, "edit", "--set", "amount=80.00")
    acting.join()
    act()
    receipt = {"amount": "80.00", "to": "ACME", "receipt": asked}
    (written,) = Path("payments").iterdir()
    assert json.loads(written.read_text()) == receipt
    shown = [json.loads(one.partition(": ")[2].replace("'", '"')) for one in said]
    assert (shown, [one.partition(":")[0] for one in said]) == ([receipt, receipt], ["executed", "executed before"])


def test_an_agent_in_a_shell_acts_once(installation):
    command = ["sh", EXAMPLES / "curl" / "ask_and_act.sh", "17"]
    environ = {**os.environ, "INTERLOCK_SERVER": installation.origin, "INTERLOCK_TOKEN": installation.agent}
    acting = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    asked = decided(installation, "approve")
    said, _ = acting.communicate(timeout=60)
    receipt = json.dumps({"amount": "120.00", "receipt": asked, "to": "ACME"}, separators=(",", ":"))
    assert (acting.returncode, said) == (0, f"Asked as {asked}.\nexecuted: {receipt}\n")
    again = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert again.stdout == said
