"""Measure the functions of AWS Lambda in fresh processes: cold, and warm; write it to bench/RESULTS.md.

What is measured is the time of the processor: moto, on which they run, says nothing of AWS's network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

ROUNDS, WARM = 3, 5
FUNCTIONS = ("api", "runs", "sweep", "messages")
CONFIG = """
people: {mia@example.com: {}}
default: {levels: [{steps: [{ask: ["person:mia@example.com"]}]}]}
channels: {bus: {type: sqs, queue: told, region: eu-central-1}}
"""


def event_of(name: str, queued: str) -> dict[str, Any]:
    from tests.serverless.events import SCHEDULED, http_event, sqs_event  # noqa: PLC0415 - the child counts its time

    if name == "runs":
        return sqs_event({"MessageId": "1", "ReceiptHandle": "1", "Body": json.dumps({"run": queued})})
    return http_event("GET", "/sign-in", accept="text/html") if name == "api" else SCHEDULED


def child(name: str, event: dict[str, Any]) -> None:
    """Load a function, invoke it, and invoke it again; print the processor's time that each took."""
    began = process_time()
    handler = getattr(__import__(f"interlock.aws_lambda.{name}", fromlist=["handler"]), "handler")  # noqa: B009
    loaded = process_time()
    handler(event, None)
    first = process_time()
    again = []
    for _ in range(WARM):
        started = process_time()
        handler(event, None)
        again.append(process_time() - started)
    print(json.dumps([loaded - began, first - loaded, median(again)]))


def start_run() -> str:
    """Return the id of a run that waits to be carried on."""
    from interlock.aws_lambda.process import process  # noqa: PLC0415 - the child does without
    from interlock.domain.authority import Principal  # noqa: PLC0415

    mine = process()
    mia = mine.system.client(Principal("mia@example.com", "person", "default", "api"))
    run = mine.do(mia.start("approval", {"input": "Send email to team about meeting"}))
    return run.id


def measured() -> Iterator[str]:
    from tests.aws_stand_ins import AWS, client_of, serial  # noqa: PLC0415 - see above

    yield "## On AWS Lambda: cold and warm"
    yield ""
    yield "| function | loading, ms | first invocation, ms | warm, ms |"
    yield "|---|---|---|---|"
    with serial() as address, tempfile.TemporaryDirectory() as folder:
        sqs = client_of(address, "sqs")
        urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("runs", "messages", "told")}
        (Path(folder) / "interlock.yaml").write_text(CONFIG)
        os.environ |= AWS | {
            "AWS_ENDPOINT_URL": address,
            "INTERLOCK_CONFIG": f"{folder}/interlock.yaml",
            "INTERLOCK_DATABASE_URL": f"dynamodb://interlock?endpoint={address}",
            "INTERLOCK_ORIGIN": "https://id.execute-api.eu-central-1.amazonaws.com",
            "INTERLOCK_RUNS_QUEUE": urls["runs"],
            "INTERLOCK_MESSAGES_QUEUE": urls["messages"],
        }
        for name in FUNCTIONS:
            found = []
            for _ in range(ROUNDS):
                event = json.dumps(event_of(name, start_run() if name == "runs" else ""))
                done = subprocess.run([sys.executable, __file__, name, event], check=True, capture_output=True)
                found.append([1000 * one for one in json.loads(done.stdout)])
            yield f"| `{name}` | " + " | ".join(f"{median(one):,.0f}" for one in zip(*found, strict=True)) + " |"
    yield ""
    yield f"Milliseconds of the processor, medians of {ROUNDS} fresh processes by `python bench/lambda_starts.py`,"
    yield "on moto. What AWS's network takes comes on top, and the start of Python. The first invocation makes the"
    yield "system and opens the table; that of `api` makes the routes, that of `runs` loads LangGraph and carries a run"
    yield "to its pause."


def main() -> None:
    import run as results  # noqa: PLC0415 - see above

    lines = list(measured())
    print("\n".join(lines))
    results.write(lines)


if __name__ == "__main__":
    child(sys.argv[1], json.loads(sys.argv[2])) if len(sys.argv) > 1 else main()
