"""What is read, as JSON: the terminal writes it, and whoever else speaks to programs.

The shapes are stable: keys may be added, never renamed or removed. `shapes.schema.json` describes them, by version.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Any, TypeVar

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.canonical import read_canonical
from interlock.domain.collaboration import Clarification
from interlock.domain.credentials import Credential
from interlock.domain.delivery import Delivery
from interlock.domain.request import Request, StandIn, Vote, name_of
from interlock.domain.run import Run
from interlock.engine.changes import Entry
from interlock.engine.codec import encode_policy
from interlock.engine.ports.log_subscriber import Notice
from interlock.engine.ports.runtime import Examined
from interlock.engine.threads import ThreadView
from interlock.service.bundles import Bundle, Bundles
from interlock.service.grant_shapes import by_grant_shape
from interlock.service.inbox import Listed
from interlock.service.pages import Count, Page
from interlock.service.run_views import RunView
from interlock.service.views import RequestView

T = TypeVar("T")


def request_shape(request: Request) -> dict[str, Any]:
    """Return a request."""
    return {
        "id": request.id,
        "kind": str(request.kind),
        "status": str(request.status),
        "agent": request.agent,
        "run": request.run_id or None,
        "requester": request.requester,
        "initiator": request.initiator,
        "asked": subject_shape(request.asked),
        "asked_digest": request.asked_digest,
        "stands": subject_shape(request.edition.subject),
        "digest": request.digest,
        "edited_by": request.edition.author,
        "edited_on_behalf_of": request.edition.on_behalf_of,
        "answer": request.edition.answer,
        "description": request.ask.description,
        "reference": request.reference,
        "context": request.ask.context,
        "verdicts": [str(verdict) for verdict in request.ask.verdicts],
        "policy": _route(request),
        "round": request.round,
        "guarded": bool(request.ask.task),
        "opened_at": _at(request.opened_at),
        **_times(request),
        **_decision(request),
        "effect": _effect(request),
        "replaces": request.replaces,
        "replaced_by": request.replaced_by,
        "version": request.version,
    }


def _times(request: Request) -> dict[str, Any]:
    return {
        "due_at": _at(request.due_at),
        "reminders": [_at(moment) for moment in request.reminders],
        "escalates_at": _at(request.escalates_at),
        "escalated": list(request.escalated),
        "held_until": _at(request.held_until),
        "held_by": list(request.held_by),
    }


def _route(request: Request) -> dict[str, Any]:
    route = request.route
    named = {"name": route.policy, "version": route.policy_hash, "level": route.level, "reason": route.reason}
    return {**named, "step": request.step}


def _decision(request: Request) -> dict[str, Any]:
    return {
        "votes": [_vote(vote) for vote in request.votes],
        "decided_at": _at(request.decided_at),
        "decided_by": list(request.decided_by),
        "counted": [{"step": step, "voter": voter} for step, voter in request.counted],
        "stand_ins": [_stand_in(one) for one in request.stand_ins],
        "delegations": [
            {"giver": one.giver, "delegate": one.delegate, "since": _at(one.since), "reason": one.reason}
            for one in request.delegations
        ],
        "by_grant": by_grant_shape(request.by_grant),
        "comment": request.comment,
        "reservations": [
            {"by": one.by, "since": _at(one.since), "until": _at(one.until)} for one in request.reservations
        ],
        "snoozes": [{"by": one.by, "until": _at(one.until)} for one in request.snoozes],
        "clarifications": [_clarification(one) for one in request.clarifications],
    }


def _clarification(one: Clarification) -> dict[str, Any]:
    return {
        "number": one.number,
        "asked_by": one.asked_by,
        "asked": one.asked,
        "asked_at": _at(one.asked_at),
        "said": one.said,
        "said_by": one.said_by,
        "said_at": _at(one.said_at),
    }


def listed_shape(listed: Listed) -> dict[str, Any]:
    """Return a request in the inbox of a person."""
    return {
        **request_shape(listed.request),
        "on_behalf_of": listed.on_behalf_of,
        "excluded": listed.excluded,
        "snoozed_until": _at(listed.snoozed_until),
    }


def page_shape(name: str, page: Page[T], shape: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Return a page of a list under the list's name; `next` is the cursor of the page after it, if there is one."""
    more = {"next": page.next} if page.next is not None else {}
    return {name: [shape(row) for row in page.rows], "more": page.next is not None, **more}


def bundles_shape(found: Bundles) -> dict[str, Any]:
    """Return one list of an inbox in bundles."""
    return {"bundles": [_bundle(bundle) for bundle in found.bundles], "more": found.more}


def _bundle(bundle: Bundle) -> dict[str, Any]:
    first = bundle.first
    return {
        "agent": first.agent,
        "kind": str(first.kind),
        "what": name_of(first.asked),
        "policy": {"name": first.route.policy, "level": first.route.level, "step": first.step},
        "number": bundle.number,
        "due_at": _at(first.due_at),
        "requests": [{"id": request.id, "digest": request.digest} for request in bundle.requests],
    }


def count_shape(count: Count) -> dict[str, Any]:
    """Return how many rows a list has; `more`: there are, or may be, more than that."""
    return {"number": count.number, "more": count.more}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of all shapes: `$defs` has one for each, `$id` names their version."""
    found: dict[str, Any] = json.loads(files("interlock.service").joinpath("shapes.schema.json").read_bytes())
    return found


def _vote(vote: Vote) -> dict[str, Any]:
    return {
        "voter": vote.voter,
        "on_behalf_of": vote.on_behalf_of,
        "verdict": str(vote.verdict),
        "digest": vote.digest,
        "step": vote.step,
        "at": _at(vote.at),
        "comment": vote.comment,
    }


def _stand_in(one: StandIn) -> dict[str, Any]:
    return {"step": one.step, "voter": one.voter, "on_behalf_of": one.on_behalf_of, "at": _at(one.at)}


def view_shape(view: RequestView, history: list[Entry]) -> dict[str, Any]:
    """Return a request with everything that is known of it."""
    return {
        **request_shape(view.request),
        "pinned_policy": read_canonical(encode_policy(view.policy)),
        "became": view.became,
        "stuck": view.stuck,
        "done_before": view.done_before,
        "explanation": view.why,
        "may_vote": bool(view.may.vote),
        "on_behalf_of": view.on_behalf_of,
        "excluded": view.excluded,
        "seen_by": list(view.seen_by),
        "may": {**asdict(view.may), "vote": [str(verdict) for verdict in view.may.vote]},
        "candidates": asdict(view.candidates),
        "history": [entry_shape(entry) for entry in history],
    }


def run_shape(run: Run) -> dict[str, Any]:
    """Return a run."""
    return {
        "id": run.id,
        "status": str(run.status),
        "agent": run.agent,
        "reference": run.reference,
        "initiator": run.initiator,
        "input": run.input,
        "context": run.context,
        "configurable": run.configurable,
        "output": run.output,
        "started_at": _at(run.started_at),
        "ended_at": _at(run.ended_at),
        "waits_for": [pending.request_id for pending in run.pause],
        "thread": run.thread,
        "turn": run.turn,
        "waits_for_turn": run.waits,
        "origin": None
        if run.origin is None
        else {"run": run.origin.run_id, "pause": run.origin.pause, "changes": run.origin.changes},
        "attention": run.attention,
        "attention_request": run.attention_request,
        "note": run.note,
        "attempts": run.attempts,
        "agent_version": run.agent_version,
        "version": run.version,
    }


def thread_shape(thread: ThreadView) -> dict[str, Any]:
    """Return a conversation with its last runs, the newest first."""
    return {"name": thread.name, "turns": thread.turns, "runs": [run_shape(run) for run in thread.runs]}


def agent_shape(agent: Examined) -> dict[str, Any]:
    """Return an agent that has a name, as it loads here."""
    return asdict(agent)


def run_view_shape(view: RunView) -> dict[str, Any]:
    """Return a run with its requests."""
    lease = view.lease
    return {
        **run_shape(view.run),
        "advanced_by": None if lease is None else {"owner": lease.owner, "until": _at(lease.until)},
        "requests": [request_shape(request) for request in view.requests],
        "stuck": dict(view.stuck),
        "altered": view.altered,
        "at_its_turn": None if view.at_its_turn is None else view.at_its_turn.id,
    }


def entry_shape(entry: Entry) -> dict[str, Any]:
    """Return an entry of the log."""
    return {
        "position": entry.position,
        "stream": entry.stream,
        "seq": entry.seq,
        "at": _at(entry.at),
        "by": entry.by,
        "via": entry.via,
        "address": entry.address,
        "key": entry.key,
        "event": read_canonical(entry.body)["event"],  # as it was written
        "leaf": entry.leaf,
    }


def notice_shape(notice: Notice) -> dict[str, Any]:
    """Return an entry of the log that people are told of."""
    return {**entry_shape(notice.entry), "again": notice.again}


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    """Return a message to one recipient."""
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "recipient": delivery.recipient,
        "state": str(delivery.state),
        "stream": delivery.stream,
        "seq": delivery.seq,
        "event": delivery.event,
        "request": delivery.request_id or None,
        "made_at": _at(delivery.made_at),
        "due_at": _at(delivery.due_at),
        "attempts": delivery.attempts,
        "last": [{"at": _at(one.at), "error": one.error} for one in delivery.last],
        "reference": delivery.reference or None,
    }


def credential_shape(credential: Credential) -> dict[str, Any]:
    """Return a token, without its secret, which nobody has."""
    return {
        "id": credential.id,
        "principal": credential.principal,
        "scopes": sorted(credential.scopes),
        "label": credential.label,
        "issued_at": _at(credential.issued_at),
        "issued_by": credential.issued_by,
        "expires_at": _at(credential.expires_at),
        "used_at": _at(credential.used_at),
        "ended_at": _at(credential.ended_at),
    }


def session_shape(session: Credential, *, current: bool = False) -> dict[str, Any]:
    """Return a session, without what proves it."""
    return {
        "id": session.id,
        "principal": session.principal,
        "device": session.device,
        "address": session.address,
        "issued_at": _at(session.issued_at),
        "issued_by": session.issued_by,
        "expires_at": _at(session.expires_at),
        "used_at": _at(session.used_at),
        "current": current,
    }


def subject_shape(subject: Subject) -> dict[str, Any]:
    """Return what is asked."""
    match subject:
        case Action(name=name, args=args, schema=schema):
            return {"kind": "approval", "name": name, "args": args, "schema": schema}
        case Question(text=text, options=options):
            return {"kind": "input", "text": text, "schema": subject.answer_schema, "options": options}
        case Draft(title=title, body=body):
            return {"kind": "review", "title": title, "body": body}


def _effect(request: Request) -> dict[str, Any]:
    claim = request.claim
    return {
        "state": str(request.effect),
        "note": request.effect_note,
        "result": request.result,
        "tool": claim.tool if claim else None,
        "attempt": claim.attempt if claim else None,
        "key": claim.key if claim else None,
        "at": _at(claim.at) if claim else None,
        "until": _at(claim.until) if claim else None,
    }


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
