"""What a request's page opens in place: its agent, its tool and its level, as much as the reader may know of them."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.domain.action import Action
from interlock.domain.canonical import canonical_bytes
from interlock.domain.policy_words import LevelWords, policy_words
from interlock.service.consequence import guard
from interlock.service.inline import counted
from interlock.service.run_views import RunView
from interlock.service.views import RequestView
from interlock.web.callers import Caller
from interlock.web.pages.values import LARGEST, Node, node_of
from interlock.web.visible import visibility_of

LONGEST_SCHEMA = 4_000
"""The longest JSON Schema that is shown, in bytes; a longer one is a link to JSON."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent.

    Args:
        is_named: whether it is started here, by its name; else it runs somewhere else, and asks through the API.
        reference, version: its code; empty where the reader does not see the run.
        limits: how much it may ask, in words; empty for readers who do not see everything, and have no page of it.
    """

    name: str
    is_named: bool
    reference: str = ""
    version: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """The tool that an action calls.

    Args:
        schema: the JSON Schema of its arguments; None if the agent gives none, or it is too long for a page.
        has_schema: whether the agent gives one.
        guard: how its effect is guarded, in a sentence.
        function: the function that was called, as `module:name`; empty before that.
        changeable: the arguments that the policy lets a reviewer change; None: all of them.
    """

    name: str
    schema: Node | None
    has_schema: bool
    guard: str
    function: str
    changeable: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RequestDetails:
    """What one request's page opens in place; `tool` is None for a question and a draft."""

    agent: AgentFacts
    tool: ToolFacts | None
    level: LevelWords


async def request_details(caller: Caller, view: RequestView, run: RunView | None) -> RequestDetails:
    """Return what the page of a request opens in place.

    Args:
        run: its run, if the reader may see that.
    """
    level = policy_words(view.policy).levels[view.request.route.level]
    return RequestDetails(await _agent(caller, view.request.agent, run), _tool(view), level)


async def _agent(caller: Caller, name: str, run: RunView | None) -> AgentFacts:
    is_named = name in caller.client.system.agents.names
    reference, version = ("", "") if run is None else (run.run.reference, run.run.agent_version)
    if not (await visibility_of(caller)).sees_all:
        return AgentFacts(name, is_named, reference, version)
    held = await caller.client.system.directories.current(caller.principal.tenant)
    waiting, hourly = held.request_limit_of(name), held.requests_per_hour_of(name)
    at_once = "any number of requests" if waiting is None else counted(waiting, "request", "requests")
    in_an_hour = "any number of times" if hourly is None else counted(hourly, "time", "times")
    limits = (f"It may have {at_once} waiting at once.", f"It may ask {in_an_hour} in an hour.")
    return AgentFacts(name, is_named, reference, version, limits)


def _tool(view: RequestView) -> ToolFacts | None:
    request, action = view.request, view.request.edition.subject
    if not isinstance(action, Action):
        return None
    schema, function = action.schema, "" if request.claim is None else request.claim.tool
    is_short = schema is not None and len(canonical_bytes(schema, max_bytes=LARGEST)) <= LONGEST_SCHEMA
    shown = node_of(schema) if is_short else None
    return ToolFacts(action.name, shown, schema is not None, guard(request), function, view.policy.edits)
