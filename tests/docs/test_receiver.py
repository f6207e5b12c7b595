"""The receiver of a webhook that the documentation shows does nothing twice, whoever repeats a call."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib import error, request

import pytest

from interlock.domain.signatures import key_of, signature_of
from interlock.testing.keeper import free_port

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "channels.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id": "req_1.1", "source": "urn:interlock:default", "type": "interlock.opened"}'


@pytest.fixture
def receiver(tmp_path):
    """Yield the address of what the page shows, and what it writes."""
    (code,) = re.findall(r"```python\n(# receive\.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    port = free_port()
    (tmp_path / "receive.py").write_text(code.replace("8765", str(port)))
    order, environ = [sys.executable, tmp_path / "receive.py"], {**os.environ, "CRM_SECRET": SECRET}
    with subprocess.Popen(order, env=environ, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{port}/", process.stdout
        process.terminate()


def call(address, ago=0):
    """Call it as Interlock does; return what it answers."""
    at = int(datetime.now(UTC).timestamp()) - ago
    signature = signature_of(key_of(SECRET), "dlv_1", at, BODY)
    headers = {"webhook-id": "dlv_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    while True:
        try:
            with request.urlopen(request.Request(address, BODY, headers)) as answer:
                return answer.status
        except error.HTTPError as refused:
            return refused.code
        except error.URLError:
            continue  # it does not listen yet


def test_a_call_that_is_repeated_does_nothing_and_one_from_the_past_is_refused(receiver):
    address, said = receiver
    assert [call(address), call(address), call(address, ago=400)] == [204, 204, 401]
    assert said.read().splitlines() == ["interlock.opened", "again: nothing is done"]
