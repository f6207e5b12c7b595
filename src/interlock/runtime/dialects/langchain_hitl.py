"""The dialect of LangChain's `HumanInTheLoopMiddleware`, batched and `per_call`.

Batched, one interrupt holds all calls of a model's turn (`HITLRequest`): each becomes a request of its own, and the
decisions go back together, by position (`HITLResponse`). Per call, each interrupt holds one (`ToolApprovalRequest`) and
takes one decision. The middleware keeps a bad answer for ever, so none may reach it: a verdict that it does not allow
is not offered, and where silence or a refusal cannot be told to it the run ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.domain.action import Action, Ask, Question, Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request, Status
from interlock.errors import InvalidValue, NotApproved
from interlock.runtime.dialects.shown import as_text

ALL = ("approve", "edit", "reject", "respond")
WITHDRAWN = (
    "This was withdrawn before anybody decided, so it was not done. Do not try it again unless the user asks for it."
)
SILENCE = "Nobody decided in time, so this was not done. Do not try it again unless the user asks for it."


def is_batch(value: object) -> bool:
    """Say whether an interrupt's value holds the calls of one turn."""
    return isinstance(value, dict) and isinstance(value.get("action_requests"), list) and "review_configs" in value


def is_call(value: object) -> bool:
    """Say whether an interrupt's value holds one call."""
    return isinstance(value, dict) and value.get("type") == "tool_approval" and {"name", "args"} <= value.keys()


def read(interrupt_id: str, value: dict[str, Any]) -> tuple[Ask, ...]:
    """Return what each call of a turn asks, in their order."""
    calls, configs = value["action_requests"], value["review_configs"]
    if not calls or not isinstance(configs, list) or not all(isinstance(call, dict) for call in calls):
        raise InvalidValue("interrupt", "holds no calls to decide on, but names some as LangChain's middleware does")
    return tuple(
        _ask(f"{interrupt_id}/{position}", call, _allowed(configs, position, call.get("name")))
        for position, call in enumerate(calls)
    )


def read_one(interrupt_id: str, value: dict[str, Any], schema: Mapping[str, Any] | None) -> tuple[Ask, ...]:
    """Return what one call asks; its interrupt's schema says which decisions it allows."""
    branches = _branches(schema or {})
    allowed = [kind for kind in ALL if kind in branches] or list(ALL)
    return (_ask(interrupt_id, value, allowed, _edit_schema(branches.get("edit"), schema or {})),)


def answer(value: dict[str, Any], requests: Sequence[Request]) -> Json:
    """Return what resumes a turn: one decision a call, by position."""
    configs = value["review_configs"]
    return {
        "decisions": [
            _decision(request, _allowed(configs, position, call.get("name")))
            for position, (call, request) in enumerate(zip(value["action_requests"], requests, strict=True))
        ]
    }


def answer_one(schema: Mapping[str, Any] | None, request: Request) -> Json:
    """Return what resumes one call: its decision."""
    branches = _branches(schema or {})
    return _decision(request, [kind for kind in ALL if kind in branches] or list(ALL))


def _ask(interrupt_id: str, call: dict[str, Any], allowed: Sequence[str], schema: Json = None) -> Ask:
    name, args = call.get("name"), call.get("args", call.get("arguments"))
    if not isinstance(name, str) or not isinstance(args, dict):
        raise InvalidValue("interrupt", "a call in it has no name, or its arguments are no object")
    description = str(call.get("description") or "")
    subject: Subject
    if list(allowed) == ["respond"]:  # the person is the tool
        text = next((given for given in args.values() if isinstance(given, str) and given.strip()), description or name)
        subject = Question(text, {"type": "string"})
    else:
        subject = Action(name, args, schema)
    verdicts = tuple(Verdict(kind) for kind in ALL if kind in allowed)
    context = {"tool": name, "args": args} if isinstance(subject, Question) else None
    return Ask(interrupt_id, "", subject, verdicts, description, context)


def _allowed(configs: Sequence[Any], position: int, name: object) -> list[str]:
    """Return which decisions a call allows: those of the configuration of its name, nearest to its own place."""
    fitting = [config for config in configs if isinstance(config, dict) and config.get("action_name") == name]
    own = configs[position] if position < len(configs) and configs[position] in fitting else None
    config = own or (fitting[0] if fitting else None)
    if config is None:
        raise InvalidValue("interrupt", f"says nothing of what may be decided about {name!r}")
    allowed = [kind for kind in config.get("allowed_decisions", ALL) if kind in ALL]
    if not allowed:
        raise InvalidValue("interrupt", f"allows no decision about {name!r} that is known here")
    return allowed


def _decision(request: Request, allowed: Sequence[str]) -> dict[str, Json]:
    match request.status:
        case Status.approved if "approve" in allowed and request.edition.subject.digest == request.asked_digest:
            return {"type": "approve"}
        case Status.approved if "edit" in allowed:
            stands = request.edition.subject
            assert isinstance(stands, Action)
            return {"type": "edit", "edited_action": {"name": stands.name, "args": stands.args}}
        case Status.answered if "respond" in allowed:
            return {"type": "respond", "message": as_text(request.edition.answer)}
        case Status.rejected if "reject" in allowed:
            return {"type": "reject", "message": request.comment} if request.comment else {"type": "reject"}
        case Status.expired | Status.withdrawn if "reject" in allowed:
            return {"type": "reject", "message": _undecided(request)}
        case Status.expired | Status.withdrawn if "respond" in allowed:
            return {"type": "respond", "message": _undecided(request)}
        case _:
            raise NotApproved(
                f"{request.id} was {request.status}, and the agent can only be told: {', '.join(allowed)}", None
            )


def _undecided(request: Request) -> str:
    """Say to the agent why nobody has decided."""
    if request.status is Status.expired:
        return SILENCE
    return f"{WITHDRAWN} The reason: {request.comment}" if request.comment else WITHDRAWN


def _branches(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the branches of a union of decisions, by their type."""
    found: dict[str, Mapping[str, Any]] = {}
    for branch in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        whole = _resolved(branch, schema)
        kind = whole.get("properties", {}).get("type", {}).get("const")
        if isinstance(kind, str):
            found[kind] = whole
    return found


def _edit_schema(branch: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> Json:
    """Return the schema of a tool's arguments, if the branch for edits shows one."""
    action = _resolved((branch or {}).get("properties", {}).get("edited_action", {}), schema)
    args = _resolved(action.get("properties", {}).get("args", {}), schema)
    if not args.get("properties"):
        return None
    needed = _needed(args, schema.get("$defs", {}))
    return {**args, "$defs": needed} if needed else dict(args)


def _needed(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions that a part of a schema refers to, those that they refer to among them."""
    found: dict[str, Any] = {}
    looked_at: list[Any] = [part]
    for one in looked_at:
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in found:
                found[name] = definitions[name]
                looked_at.append(definitions[name])
            looked_at.extend(one.values())
        elif isinstance(one, list):
            looked_at.extend(one)
    return found


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    found = schema.get("$defs", {}).get(name, part) if name else part
    return found if isinstance(found, dict) else {}
