"""A program is called when somebody is asked and when they have decided, by `interlock serve` and `interlock work`."""

import http.server
import json
import threading
import time

import pytest

from interlock.bootstrap import local_person

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIG = """
roles: {{reviewer: ["{me}"]}}
default: {{levels: [{{steps: [{{ask: [role:reviewer]}}]}}], initiator_may_approve: true}}
channels:
  crm: {{type: webhook, url: "http://127.0.0.1:{port}/hook", secrets: [{{env: CRM_SECRET}}], networks: [127.0.0.0/8]}}
"""


class Receiver(http.server.ThreadingHTTPServer):
    """Answers what a test says, 204 at the end, and keeps each event."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.heard: list[tuple[str, dict]] = []
        self.answers: list[int] = []

    def wait(self, *types: str) -> list[str]:
        """Wait until these were heard, and return all that was."""
        until = time.monotonic() + 60
        while not set(types) <= {event["type"].removeprefix("interlock.") for _, event in self.heard}:
            assert time.monotonic() < until, self.heard
            time.sleep(0.02)
        return [event["type"].removeprefix("interlock.") for _, event in self.heard]


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.headers["webhook-id"], json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver(command):
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command.environ["CRM_SECRET"] = SECRET
        (command.folder / "interlock.yaml").write_text(CONFIG.format(port=server.server_port, me=local_person()))
        yield server
        server.shutdown()


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("work",)])
def test_a_program_hears_what_is_asked_and_what_was_decided(command, receiver, words):
    receiver.answers = [500]
    process = command.spawn(*words, columns=200)
    process.expect("Serving on|Working")
    command.run("run", command.agent("payer"), "a book", "--detach")
    receiver.wait("opened")
    request = receiver.heard[0][1]["subject"]
    process.expect("crm has not taken a message: It answered 500. It is tried again at")
    assert command.run("approve", request, "--yes").returncode == 0
    receiver.wait("decided", "effect_executed")
    process.sendintr()
    assert command.ended(process) == 0
    subjects = {event["subject"] for _, event in receiver.heard}
    assert subjects == {request}
    ids = [key for key, event in receiver.heard if event["type"] == "interlock.decided"]
    assert len(set(ids)) == 1
    entries = [event["data"]["entry"] for _, event in receiver.heard]  # a message may overtake another one
    told = [entry["event"]["type"] for entry in sorted(entries, key=lambda entry: entry["seq"])]
    assert told.index("decided") < told.index("effect_executed")


def test_a_secret_that_is_missing_or_none_is_said_before_anything_begins(command, receiver):
    for secret, said in (
        ("", "there is no secret in the variable CRM_SECRET"),
        ("whsec_short", "24 to 64 random bytes"),
    ):
        command.environ["CRM_SECRET"] = secret
        done = command.run("work")
        assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
