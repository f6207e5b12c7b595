"""What a server tells, as the values that the kit has: the way back from `shapes.py`.

Entries of the log are compared with their hashes, and a request that is shown whole is the fold of its log: who is told
something else than what was written finds out here. In lists, what the shapes do not tell has its default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from interlock.domain.authority import Delegation
from interlock.domain.canonical import canonical_bytes
from interlock.domain.collaboration import viewers
from interlock.domain.credentials import Credential
from interlock.domain.delivery import Delivery
from interlock.domain.directory import Account
from interlock.domain.grants import GrantState
from interlock.domain.notice_choice import NoticeChoice
from interlock.domain.permitted import Candidates, Permitted
from interlock.domain.policy import Policy
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span
from interlock.engine.changes import Entry, Lease
from interlock.engine.codec import FORMAT, MAX_ENTRY, decode_entry, decode_policy, leaf_hash, read_as
from interlock.engine.integrity import request_of_log
from interlock.engine.threads import ThreadView
from interlock.errors import RecordAltered
from interlock.service.inbox import Listed
from interlock.service.pages import Count, Page
from interlock.service.people import ListedDelegation
from interlock.service.run_views import RunView
from interlock.service.statistics import Report
from interlock.service.views import RequestView

T = TypeVar("T")
Shape = Mapping[str, Any]

GUARDED = "guarded"
"""In the place of the LangGraph task that asks, which no shape tells."""


def request_of(shape: Shape, tenant: str) -> Request:
    """Return a request."""
    asked = {name: shape[name] for name in ("verdicts", "description", "context", "reference")}
    given = {
        **shape,
        "tenant": tenant,
        "run_id": shape["run"] or "",
        "ask": {
            "interrupt_id": "",
            "task": GUARDED if shape["guarded"] else "",
            "subject": _subject(shape["asked"]),
            **asked,
        },
        "edition": {
            "subject": _subject(shape["stands"]),
            "answer": shape["answer"],
            "author": shape["edited_by"],
            "on_behalf_of": shape["edited_on_behalf_of"],
        },
        "route": _route(shape["policy"]),
        "step": shape["policy"]["step"],
        "counted": [(one["step"], one["voter"]) for one in shape["counted"]],
        "delegations": [{"until": None, **one} for one in shape["delegations"]],
        **_effect(shape["effect"]),
    }
    return read_as(Request, given)


def listed_of(shape: Shape, tenant: str) -> Listed:
    """Return a request in the inbox of a person."""
    until = shape.get("snoozed_until")  # which a server of another version may not say
    snoozed_until = None if until is None else datetime.fromisoformat(until)
    return Listed(request_of(shape, tenant), shape["excluded"], shape["on_behalf_of"], snoozed_until)


def view_of(shape: Shape, tenant: str, now: datetime) -> RequestView:
    """Return a request as its log says, and its policy as it was pinned.

    Raises:
        RecordAltered: if the log, the policy or what is told beside them is not what was written.
    """
    history = [entry_of(one, tenant) for one in shape["history"]]
    request = request_of_log(tenant, shape["id"], history[: shape["version"]])  # more may have come while it was told
    if (request.digest, str(request.status), request.version) != (shape["digest"], shape["status"], shape["version"]):
        raise RecordAltered(f"What is told of the request {request.id} is not what its log says.", stream=request.id)
    return RequestView(
        request,
        _pinned(shape["pinned_policy"], request.route.policy_hash),
        shape["explanation"],
        shape["excluded"],
        now,
        shape["on_behalf_of"],
        shape["became"],
        shape["stuck"],
        shape["done_before"],
        seen_by=tuple(viewers((entry.event for entry in history), request.digest)),
        may=read_as(Permitted, shape.get("may", {})),
        candidates=read_as(Candidates, shape.get("candidates", {})),
    )


def run_of(shape: Shape, tenant: str) -> Run:
    """Return a run."""
    origin = shape["origin"]
    given = {
        **shape,
        "tenant": tenant,
        "waits": shape["waits_for_turn"],
        "pause": [{"interrupt_id": "", "request_id": one} for one in shape["waits_for"]],
        "origin": None if origin is None else {**origin, "run_id": origin["run"]},
    }
    return read_as(Run, given)


def run_view_of(shape: Shape, tenant: str, now: datetime, at_its_turn: Run | None) -> RunView:
    """Return a run with its requests."""
    lease = shape["advanced_by"]
    return RunView(
        run_of(shape, tenant),
        tuple(request_of(one, tenant) for one in shape["requests"]),
        None if lease is None else Lease(lease["owner"], datetime.fromisoformat(lease["until"])),
        now,
        shape["stuck"],
        shape["altered"],
        at_its_turn,
    )


def thread_of(shape: Shape, tenant: str) -> ThreadView:
    """Return a conversation with its last runs, the newest first."""
    return ThreadView(shape["name"], shape["turns"], tuple(run_of(one, tenant) for one in shape["runs"]))


def entry_of(shape: Shape, tenant: str) -> Entry:
    """Return an entry of the log; raise `RecordAltered` if it does not have its hash."""
    written = {"format": FORMAT, "tenant": tenant}
    written |= {name: shape[name] for name in ("stream", "seq", "at", "by", "via", "address", "event")}
    if shape["key"] is not None:
        written["key"] = shape["key"]
    body = canonical_bytes(written, max_bytes=MAX_ENTRY)
    if leaf_hash(body) != shape["leaf"]:
        raise RecordAltered(f"Entry {shape['position']} of the log is not what was written.", stream=shape["stream"])
    return decode_entry(shape["position"], body, shape["leaf"])


def page_of(name: str, shape: Shape, read: Callable[[Shape], T]) -> Page[T]:
    """Return a page of a list."""
    return Page(tuple(read(one) for one in shape[name]), shape.get("next"))


def count_of(shape: Shape) -> Count:
    """Return how many rows a list has."""
    return Count(shape["number"], shape["more"])


def credential_of(shape: Shape, tenant: str) -> Credential:
    """Return a token."""
    kind = shape["principal"].partition(":")[0]
    given = {**shape, "tenant": tenant, "digest": "", "kind": "token", "principal_kind": kind}
    return read_as(Credential, given)


def delivery_of(shape: Shape, tenant: str) -> Delivery:
    """Return a message to one recipient; of its version nothing is told."""
    texts = {name: shape[name] or "" for name in ("reference", "request")}
    given = {**shape, "tenant": tenant, "reference": texts["reference"], "request_id": texts["request"]}
    return read_as(Delivery, given)


def session_of(shape: Shape, tenant: str) -> Credential:
    """Return where somebody is signed in."""
    given = {**shape, "tenant": tenant, "digest": "", "kind": "session", "principal_kind": "person"}
    return read_as(Credential, given)


def account_of(shape: Shape) -> Account:
    """Return an account."""
    return read_as(Account, {**shape, "changed_at": shape["password_set_at"]})


def given_of(shape: Shape) -> ListedDelegation:
    """Return a delegation, and its id."""
    return ListedDelegation(
        read_as(Delegation, {**shape, "giver": shape["from"], "delegate": shape["to"]}), shape["id"]
    )


def grant_of(shape: Shape) -> GrantState:
    """Return a grant as it stands."""
    used = [{**use, "request_id": use["request"]} for use in shape["used"]]
    revoked = {"revoked_at": shape["revoked_at"], "revoked_by": shape["revoked_by"] or ""}
    return read_as(GrantState, {"grant": {**shape, "at": shape["given_at"]}, "used": used, **revoked})


def choice_of(shape: Shape) -> NoticeChoice:
    """Return how somebody is told of what waits for them."""
    return read_as(NoticeChoice, {name: shape[name] for name in ("ways", "zone", "quiet", "outcomes")})


def report_of(shape: Shape) -> Report:
    """Return how requests ended, and how long people took."""
    by, every = shape["by"] and Dimension(shape["by"]), shape["every"] and Every(shape["every"])
    since, until = map(datetime.fromisoformat, (shape["since"], shape["until"]))
    return Report(Span(since, until, by, every), tuple(map(_figures, shape["groups"])))


def _figures(shape: Shape) -> Figures:
    took = shape["response_seconds"]
    p50, p95 = (None, None) if took is None else (timedelta(seconds=took[name]) for name in ("p50", "p95"))
    begins = None if shape["begins"] is None else date.fromisoformat(shape["begins"])
    ended = {kind: shape[str(kind)] for kind in Ended}
    waited = timedelta(seconds=shape.get("waited_seconds", 0))
    return Figures(shape["key"], begins, ended, p50, p95, shape["waiting"], waited)


def _subject(shape: Shape) -> Shape:
    """Return a subject as it is written down: options are a schema of their own."""
    return {**shape, "schema": None} if shape.get("options") is not None else shape


def _route(shape: Shape) -> Shape:
    return {**shape, "policy": shape["name"], "policy_hash": shape["version"]}


def _effect(shape: Shape) -> dict[str, Any]:
    claim = None if shape["attempt"] is None else {**shape, "run_version": 0}
    return {"effect": shape["state"], "effect_note": shape["note"], "result": shape["result"], "claim": claim}


def _pinned(shape: Shape, policy_hash: str) -> Policy:
    body = canonical_bytes(dict(shape), max_bytes=MAX_ENTRY)
    if "sha256:" + hashlib.sha256(body).hexdigest() != policy_hash:
        raise RecordAltered(f"The policy version {policy_hash} is not told as it was pinned.")
    return decode_policy(body)
