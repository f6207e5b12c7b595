"""Measure the functions of AWS Lambda in fresh processes: cold, and warm; write it to bench/RESULTS.md.

They have nothing but the asset that deploy/cdk/build.py makes, which they may not write to, as at AWS: with its
bytecode, and by turns without. What is measured is the time of the processor: moto, on which they run, says nothing of
AWS's network.
"""

from __future__ import annotations

import json
import os
import shutil
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

ROUNDS, WARM = 2, 5
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


def assets(folder: Path) -> dict[str, Path]:
    """Make the asset of the functions, with bytecode and without."""
    from tests.serverless.deployed import build_asset  # noqa: PLC0415 - the child counts its time

    made = {"with": folder / "with", "without": folder / "without"}
    build_asset(folder / "interlock.yaml", made["with"])
    shutil.copytree(made["with"], made["without"], ignore=shutil.ignore_patterns("__pycache__"))
    return made


def times(name: str, asset: Path) -> list[float]:
    """Return how many milliseconds a function loads, does its first invocation, and a later one, in a new process."""
    event = json.dumps(event_of(name, start_run() if name == "runs" else ""))
    alone = os.environ | {"PYTHONPATH": str(asset), "PYTHONDONTWRITEBYTECODE": "1"}
    alone.pop("PYTHONPYCACHEPREFIX", None)
    words = [sys.executable, "-S", __file__, name, event]  # without what is installed here
    done = subprocess.run(words, check=True, capture_output=True, env=alone)
    return [1000 * one for one in json.loads(done.stdout)]


def row(name: str, made: dict[str, Path]) -> str:
    """Measure a function, with bytecode and without by turns."""
    found: dict[str, list[list[float]]] = {how: [] for how in made}
    for _ in range(ROUNDS):
        for how, asset in made.items():
            found[how].append(times(name, asset))
    medians = {how: [median(one) for one in zip(*rounds, strict=True)] for how, rounds in found.items()}
    cold = {how: [one[0] + one[1] for one in rounds] for how, rounds in found.items()}
    ratio = median(without / with_it for without, with_it in zip(cold["without"], cold["with"], strict=True))
    shown = [f"{one:,.0f}" for one in (*medians["with"], *medians["without"][:2])]
    return f"| `{name}` | " + " | ".join(shown) + f" | {ratio:.1f} |"


def measured() -> Iterator[str]:
    from tests.aws_stand_ins import AWS, client_of, serial  # noqa: PLC0415 - see above

    yield "## On AWS Lambda: cold and warm"
    yield ""
    yield "| function | loading, ms | first invocation, ms | warm, ms | loading without bytecode | first | ratio |"
    yield "|---|---|---|---|---|---|---|"
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
        made = assets(Path(folder))
        for name in FUNCTIONS:
            yield row(name, made)
    yield ""
    yield f"Milliseconds of the processor, medians of {ROUNDS} fresh processes by"
    yield "`python bench/lambda_starts.py`, on moto, with bytecode and without by turns; the ratio is that of loading"
    yield "and first invocation. What AWS's network takes comes on top, and the start of Python. The first invocation"
    yield "makes the system and opens the table; that of `api` makes the routes, that of `runs` loads LangGraph and"
    yield "carries a run to its pause."


def main() -> None:
    import run as results  # noqa: PLC0415 - see above

    lines = list(measured())
    print("\n".join(lines))
    results.write(lines)


if __name__ == "__main__":
    child(sys.argv[1], json.loads(sys.argv[2])) if len(sys.argv) > 1 else main()
