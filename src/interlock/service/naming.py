"""What an agent that has no name is called here: two files of one name are told apart."""

from __future__ import annotations

from interlock.engine.ports.agents import Agents
from interlock.engine.ports.store import Inbox
from interlock.service.views import Views

__all__ = ["name_and_reference"]

LOOKED_AT = 50
"""In how many runs, the newest, it is looked whether another agent has the name; and in all that were ever asked."""


async def name_and_reference(agents: Agents, views: Views, given: str) -> tuple[str, str]:
    """Return the name and the importable reference of an agent, given its name or a reference.

    The name is what people see and what policies know. An agent of another file that is known here by the same name
    keeps it; this one is called with its folder.

    Raises:
        InvalidAgent: if there is no such agent.
    """
    name, reference = agents.reference(given)
    if name in agents.names or not reference.rpartition(":")[0].endswith(".py"):
        return name, reference
    others = {run.agent async for run in views.runs(limit=LOOKED_AT) if run.reference != reference}
    for candidate in agents.possible_names(reference):
        if candidate not in agents.names and candidate not in others and not await _asked(views, candidate, reference):
            return candidate, reference
    return reference, reference


async def _asked(views: Views, name: str, reference: str) -> bool:
    """Say whether an agent of another reference was the last to ask somebody something under this name."""
    async for request in views.requests(Inbox(statuses=(), agent=name), limit=1):
        return (await views.run(request.run_id)).run.reference != reference
    return False
