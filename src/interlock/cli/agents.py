"""`interlock agents`: what can be run by name."""

from __future__ import annotations

from typing import Any

import typer

from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, storeless
from interlock.service.hostile_text import plain
from interlock.service.shapes import agent_shape

app = group("What can be run.")
app.callback()(lambda: None)  # or its only command would be the whole of it


@app.command("list")
def list_agents(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List the agents that are configured or ship with Interlock, and whether they load."""

    async def work(session: Session) -> None:
        found: list[dict[str, Any]] = await (examined(session) if session.remote is None else session.remote.agents())
        session.write({"agents": found})
        rows = [(plain(a["name"]), _version(a), plain(a["reference"])) for a in found]
        session.show_table(("NAME", "VERSION", "REFERENCE"), rows)
        for agent in found:
            if agent["error"]:
                session.tell(f"{agent['name']}: {agent['error']}", "bad")
            if agent["unmade"]:
                session.tell(f"{agent['name']}: {agent['unmade']}", "warn")

    execute(ctx, work, as_json=as_json, settings=storeless(ctx.obj), remote=True)


def _version(agent: dict[str, Any]) -> str:
    return agent["version"] or ("made for each run" if agent["unmade"] else "does not load")


async def examined(session: Session) -> list[dict[str, Any]]:
    """Load every agent that has a name; say which version it has and whether it gates anything, or why not.

    `unmade` says why nothing is known of the graph of one that a function makes for each run.
    """
    return [agent_shape(one) for one in await session.system.agents.examined()]
