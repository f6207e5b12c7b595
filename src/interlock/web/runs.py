"""Runs: started, listed, changed."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.run import RunStatus
from interlock.errors import InvalidAgent
from interlock.service.shapes import entry_shape, page_shape, run_shape, run_view_shape
from interlock.web import bodies
from interlock.web.callers import Decides, Operates, Reads, Starts
from interlock.web.context import context_of
from interlock.web.etags import tagged
from interlock.web.openapi import answers
from interlock.web.requests import Limit
from interlock.web.visible import ids_seen, must_continue, run_seen, runs_seen

router = APIRouter(prefix="/runs", tags=["runs"])


@router.post("", status_code=HTTPStatus.CREATED, responses=answers("Run", 201, "Started"))
async def start(caller: Starts, call: Call, body: bodies.NewRun) -> dict[str, Any]:
    """Start an agent that is named in the configuration; a worker carries it on."""
    _must_be_named(body.agent, caller.client.system.agents.names)
    if body.thread is not None:
        await must_continue(caller, body.thread)
    run = await caller.client.start(
        body.agent, body.input, raw=body.raw, context=body.context, configurable=body.configurable, thread=body.thread
    )
    if body.watched:
        context_of(call).run_streams.expect(run.id)
    return run_shape(run)


def _must_be_named(agent: str, names: Collection[str]) -> None:
    """Refuse files and modules, which are for the terminal: importing one runs its code in this process."""
    if agent not in names:
        known = ", ".join(sorted(names)) or "none"
        raise InvalidAgent(
            f"No agent is called {agent!r} here. Known agents: {known}. Whoever runs the server names others under "
            "`agents:` in interlock.yaml."
        )


@router.get("", responses=answers("RunPage", is_tagged=True))
async def list_runs(  # noqa: PLR0913, PLR0917 - the filters of a list
    caller: Reads,
    call: Call,
    status: Annotated[list[RunStatus] | None, Query()] = None,
    agent: str | None = None,
    initiator: str | None = None,
    thread: str | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> Response:
    """List runs, newest first: of one agent, by who has started them, of one thread."""
    of = {"agent": agent, "initiator": initiator, "thread": thread}
    page = await runs_seen(caller, tuple(status or ()), after=after, limit=limit, **of)
    return tagged(call, page_shape("runs", page, run_shape))


@router.get("/pauses", responses=answers("Pauses"))
async def pauses(caller: Reads, run: Annotated[list[str], Query(max_length=200)]) -> dict[str, Any]:
    """Return the requests that runs wait at, by run, in the order in which they were asked."""
    return {"pauses": await caller.client.pauses(await ids_seen(caller, run))}


@router.get("/ids/{beginning}", responses=answers("Id"))
async def resolve(caller: Decides, beginning: str) -> dict[str, Any]:
    """Return the one id that begins like this."""
    found = await caller.client.resolve("run", beginning)
    return {"id": (await run_seen(caller, found)).run.id}


@router.get("/{run_id}", responses=answers("RunView", is_tagged=True))
async def show(caller: Reads, call: Call, run_id: str) -> Response:
    """Return a run with its requests."""
    return tagged(call, run_view_shape(await run_seen(caller, run_id)))


@router.get("/{run_id}/history", responses=answers("Entries"))
async def history(caller: Reads, run_id: str) -> dict[str, Any]:
    """Return the entries of the log about a run, oldest first."""
    await run_seen(caller, run_id)
    return {"entries": [entry_shape(entry) for entry in await caller.client.history(run_id)]}


@router.get("/{run_id}/timeline", responses=answers("Entries"))
async def timeline(caller: Reads, run_id: str) -> dict[str, Any]:
    """Return the entries of the log about a run and about all that it asked, oldest first."""
    await run_seen(caller, run_id)
    return {"entries": [entry_shape(entry) for entry in await caller.client.timeline(run_id)]}


@router.get("/{run_id}/state", responses=answers("RunState"))
async def state(caller: Reads, run_id: str, pause: Annotated[int | None, Query(ge=1)] = None) -> dict[str, Any]:
    """Return what a kept state of a run holds: that of a pause, or the last one."""
    await run_seen(caller, run_id)
    return await caller.client.state(run_id, pause)


@router.post("/{run_id}/forks", status_code=HTTPStatus.CREATED, responses=answers("Run", 201, "Started"))
async def fork(caller: Starts, run_id: str, body: bodies.Fork) -> dict[str, Any]:
    """Start a new run from a pause of another: it asks again, and nothing that was decided comes along."""
    await run_seen(caller, run_id)
    return run_shape(await caller.client.fork(run_id, pause=body.pause, changes=body.changes))


@router.post("/{run_id}/cancel", responses=answers("Run"))
async def cancel(caller: Operates, run_id: str, body: bodies.Reason) -> dict[str, Any]:
    """End a run; its open requests are withdrawn."""
    return run_shape(await caller.client.cancel(run_id, reason=body.reason))


@router.post("/{run_id}/retry", responses=answers("Run"))
async def retry(caller: Operates, run_id: str) -> dict[str, Any]:
    """Let a run that needs attention go on."""
    return run_shape(await caller.client.retry(run_id))


@router.post("/{run_id}/accept-version", responses=answers("Run"))
async def accept_version(caller: Operates, run_id: str) -> dict[str, Any]:
    """Let the agent as it is now go on with what an earlier version of it left."""
    return run_shape(await caller.client.accept_version(run_id))
