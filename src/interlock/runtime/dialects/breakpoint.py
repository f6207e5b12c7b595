"""The dialect of LangGraph's static breakpoints: a graph compiled with `interrupt_before` or `interrupt_after`.

Such a graph stops between nodes and says nothing. What is asked is whether the nodes that come next may run: each is an
action named like it, and its arguments are the state that it would find. A node at which nothing stops, and which would
run in the same step, is asked about where a policy of its own is about it. All must be approved.

An edit changes the state; the decision goes into the state's approval channel where there is one, and without one a
refusal ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.domain.action import MAX_NAME, Action, Ask, Verdict
from interlock.domain.canonical import Json, canonical_bytes, digest, normalize
from interlock.domain.request import Request, Status
from interlock.engine.ports.runtime import Asking
from interlock.engine.schemas import MAX_SCHEMA, fits
from interlock.errors import InvalidValue, NotApproved
from interlock.runtime.dialects.shown import shown

PREFIX = "breakpoint:"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a graph stopped without asking."""

    nodes: tuple[str, ...]  # what would run next, sorted
    step: int  # LangGraph's count of steps: the same node in a later round is another stop
    values: Mapping[str, Any]  # the state as those nodes would find it
    decides: str | None = None  # the channel that takes the decision; None if a refusal ends the run
    schemas: Mapping[str, Json] = field(
        default_factory=dict
    )  # of the channels that people may change; `{}` for any JSON
    path: tuple[str, ...] = ()  # the nodes around it, outermost first, in a sub-graph; then its state cannot be edited
    held: frozenset[str] = frozenset()  # those of the nodes at which the graph stops; all, unless they are named
    routed: bool = False  # whether the state may decide which nodes come next


def stop_id(stop: Stop) -> str:
    """Return what a stop is called in place of the interrupt's id that it has not."""
    names = "|".join((*stop.path, ",".join(stop.nodes)))
    is_plain = len(names) <= MAX_NAME and "/" not in names  # what stands behind a slash is a position
    return f"{PREFIX}{stop.step}:{names if is_plain else digest(names)}"


def is_breakpoint(interrupt_id: str) -> bool:
    """Say whether a request waits at a breakpoint."""
    return interrupt_id.startswith(PREFIX)


def read(stop: Stop) -> tuple[Asking, ...]:
    """Return what a stop asks: about each node that would run."""
    args, schema = _arguments(stop)
    held = stop.held or frozenset(stop.nodes)
    # A change made in one place would be another action than what was approved in the other.
    changeable = not stop.path and len(held) == 1 and _is_accepted(canonical_bytes, schema, max_bytes=MAX_SCHEMA)
    context: dict[str, Json] = {"runs_next": [*stop.nodes]}
    context |= {} if stop.decides is None else {"decides": stop.decides}
    context |= {"in": [*stop.path]} if stop.path else {}
    asks = []
    for position, node in enumerate(stop.nodes):
        asked_at = stop_id(stop) if len(stop.nodes) == 1 else f"{stop_id(stop)}/{position}"
        may_edit = changeable and node in held
        subject = Action(node[:MAX_NAME], args, schema if may_edit else None)
        verdicts = (Verdict.approve, Verdict.edit, Verdict.reject) if may_edit else (Verdict.approve, Verdict.reject)
        description = _description(stop, node, changeable=may_edit)
        asks.append(Asking(Ask(asked_at, "", subject, verdicts, description, context), beside=node not in held))
    return tuple(asks)


def answer(requests: Sequence[Request]) -> dict[str, Json]:
    """Return what of the state changes before the graph goes on; raise NotApproved if it cannot be told a refusal."""
    decides = requests[0].ask.context.get("decides")
    refused = next((request for request in requests if request.status is not Status.approved), None)
    if refused is not None and decides is None:
        assert isinstance(refused.asked, Action)
        raise NotApproved(f"{refused.id} was {refused.status}, so {refused.asked.name} does not run", None)
    changed: dict[str, Json] = {}
    for request in requests if refused is None else ():
        changed |= _changes(request)
    return changed if decides is None else {**changed, decides: refused is None}


def _arguments(stop: Stop) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the state as JSON, and the schema that an edit of it must fit."""
    args: dict[str, Json] = {}
    properties: dict[str, Json] = {name: schema for name, schema in stop.schemas.items() if name != stop.decides}
    for name, value in stop.values.items():
        if name == stop.decides:
            continue
        args[name] = shown(value, f"state.{name}")
        schema = stop.schemas.get(name)
        if schema is None or not _is_accepted(
            normalize, value
        ):  # a person's JSON does not become a message or an object again
            properties[name] = {"const": args[name]}
        else:
            properties[name] = schema if fits(args[name], schema) else {}
    whole: dict[str, Json] = {"type": "object", "properties": properties}
    return args, {**whole, "required": sorted(args), "additionalProperties": False}


def _is_accepted(check: Callable[..., object], value: object, **limits: int) -> bool:
    try:
        check(value, **limits)
    except InvalidValue:
        return False
    return True


def _description(stop: Stop, node: str, *, changeable: bool) -> str:
    nodes = " and ".join(stop.nodes)
    where = f" in {' > '.join(stop.path)}" if stop.path else ""
    told = (
        f"Approving sets {stop.decides!r} to true, rejecting to false."
        if stop.decides is not None
        else "Rejecting ends the run."
    )
    about = f"This asks about {node}, and all must be approved. " if len(stop.nodes) > 1 else ""
    leads = " A change of the state may lead elsewhere: then that is asked." if changeable and stop.routed else ""
    return f"The graph has stopped{where} and would run {nodes} next. {about}{told}{leads}"


def _changes(request: Request) -> dict[str, Json]:
    asked, stands = request.asked, request.edition.subject
    assert isinstance(asked, Action)
    assert isinstance(stands, Action)
    return {
        name: value
        for name, value in stands.args.items()
        if name not in asked.args or canonical_bytes(value) != canonical_bytes(asked.args[name])
    }
