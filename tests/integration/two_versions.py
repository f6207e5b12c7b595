"""A process that works on databases in turn with another one, which has another LangGraph.

Each line that it reads names a database and what to do there: `start` a run of each agent, or `answer` everything that
is asked. It carries the runs on to their next pause, accepts an agent that has become another one in its version of a
library, and writes what stands there then, as a line of JSON.
"""

import asyncio
import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Action, Verdict
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.engine.audit import audit_record
from interlock.engine.ports.store import RequestFilter
from interlock.testing.people import principal

sys.path.insert(0, str(Path(__file__).parent))
pausing = importlib.import_module("pausing")  # before the first advance, which would not wait long for it

ME = principal("local:me")
ALL = RequestFilter()
LIBRARIES = ("langgraph", "langgraph-checkpoint", "langchain", "langchain-core")
REFUSED = ("left/1", "second")
"""The paths that may not be deleted."""


async def start(built: System) -> None:
    for name, given in pausing.INPUTS.items():
        await built.runs.start(name, f"pausing:{name}", given, ME)


async def answer(built: System) -> None:
    for request in await built.store.requests("default", ALL, limit=100):
        await built.desk.handle(vote_on(request), ME)


def vote_on(request: Request) -> CastVote:
    """Approve an action, if its path may be deleted; answer a question with what it asks."""
    if not isinstance(request.asked, Action):
        return CastVote(request.id, Verdict.respond, request.digest, answer=f"{request.asked.text} That.")
    refused = request.asked.args.get("path") in REFUSED
    return CastVote(request.id, Verdict.reject if refused else Verdict.approve, request.digest)


async def standing(built: System) -> dict:
    """Return what stands in the database, run by run, and what does not fit there."""
    runs = await built.store.runs("default", limit=100)
    return {
        "libraries": [version(name) for name in LIBRARIES],
        "open": len(await built.store.requests("default", ALL, limit=100)),
        "runs": {run.agent: {"status": run.status, "note": run.note, "told": told(run.output)} for run in runs},
        "alterations": [str(one) for one in await audit_record(built.store)],
    }


def told(output):
    """Return what a run came to: what its tools said, or what its nodes wrote."""
    if isinstance(output, dict) and "messages" in output:
        return [message["content"] for message in output["messages"] if message["type"] == "tool"]
    return output["out"] if isinstance(output, dict) and "out" in output else output


async def work(database: str, command: str) -> dict:
    built = build(load_settings(None, {"INTERLOCK_DATABASE_URL": database}), {})
    await {"start": start, "answer": answer}[command](built)
    await built.worker().drain()
    changed = [run for run in await built.store.runs("default", limit=100) if run.attention == "version_mismatch"]
    for run in changed:
        await built.runs.accept_version(run.id, ME)
    await built.worker().drain()
    found = await standing(built) | {"accepted": sorted(run.agent for run in changed)}
    await built.close()
    return found


if __name__ == "__main__":
    for line in sys.stdin:
        found = asyncio.run(work(*json.loads(line)))
        print(json.dumps(found), flush=True)  # noqa: T201 - the other side reads it
