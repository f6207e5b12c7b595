"""The app: an agent on a governed system, under LangGraph's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from interlock.blocking import BlockingClient
from interlock.domain.action import Action, Verdict
from interlock.domain.canonical import Json, normalize
from interlock.domain.request import Request, Status
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.threads import checked_name
from interlock.engine.watching import Lines
from interlock.errors import BadInput, Closed, InterlockError, NotFound
from interlock.service.replies import Reply, edited, plainly
from interlock.service.run_views import RunView

Event = dict[str, Any]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a thread stands.

    Args:
        values: the graph's values, and in them what has been decided: `approved` and the plan as it was approved.
        next: the nodes that come next; empty once it has ended.
        run_id: the run, for `interlock runs show`.
        request_ids: what it has asked, oldest first, for `interlock requests show`.
    """

    values: dict[str, Any]
    next: tuple[str, ...]
    run_id: str
    request_ids: tuple[str, ...]


class App:
    """An agent on a governed system, under LangGraph's names. `config` is `{"configurable": {"thread_id": "…"}}`.

    Args:
        client: what the person who runs this process reads and does.
        agent: the name of an agent whose values `plan` and `approved` are what it asks and what was decided.
    """

    def __init__(self, client: BlockingClient, agent: str) -> None:
        self._client = client
        self._agent = agent
        self._shown: dict[str, str] = {}  # request to the digest that this process has shown

    def stream(self, input: Mapping[str, Any] | None, config: Config) -> Iterator[Event]:  # noqa: A002 - LangGraph's
        """Start the agent, or with None carry it on, to its next pause or its end, and return what happened.

        It has happened when this returns, whether or not anybody iterates. Events are `{"progress": line}`, and at
        last `{"__interrupt__": (request, …)}` or `{"values": …}`. A request that is still open stays so: only a vote
        answers it.

        Raises:
            NotFound: with None, if nothing was started under this thread.
            Closed: with an input, if the thread has a run that has not ended.
            BadInput: if the input or the config is of the wrong form.
            InterlockError: if the agent failed, or a person has to look; with the next step.
        """
        thread = _thread_of(config)
        view = self._last(thread)
        if input is not None:
            run_id = self._start(input, thread, view)
        else:
            run = _known(view, thread).run
            if run.status in ENDED:
                return iter(())
            run_id = run.id
        lines: list[str] = []
        after = self._client.advance(run_id, watcher=Lines(lambda _, text: lines.append(text)))
        return iter([*({"progress": line} for line in lines), self._end(after)])

    def get_state(self, config: Config) -> Snapshot:
        """Return where a thread stands, after doing what is due: first of all, expiring requests.

        Raises:
            NotFound: if nothing was started under this thread.
        """
        thread = _thread_of(config)
        view = _known(self._last(thread), thread)
        if self._client.sweep():
            view = self._client.run(view.run.id)
        decided = _pending(view)
        if decided is not None and decided.status in {
            Status.expired,
            Status.withdrawn,
        }:  # by no vote that waits for stream(None)
            view = self._client.advance(view.run.id)
            decided = _pending(view)
        self._show(view)
        values, next_ = self._values(view.run)
        values |= {} if decided is None else _told_by(decided, values)
        return Snapshot(values, next_, view.run.id, tuple(request.id for request in view.requests))

    def update_state(self, config: Config, values: Mapping[str, Any], *, comment: str = "") -> dict[str, Any]:
        """Vote on what a thread asks, as the person who runs this process; `stream(None, config)` carries it on.

        Args:
            values: `approved` is the verdict, True or False. With True, entries of `plan` that differ from what was
                asked are an edit: what is approved, and executed, is the changed plan.
            comment: the reason, for the agent and the record; a rejection with a reason is planned again.

        Returns:
            The config, as LangGraph does.

        Raises:
            NotFound: if nothing was started under this thread.
            Closed: if it asks nothing now.
            TooLate: if the deadline has been reached.
            BadInput: if the values say no verdict, or change what nobody asked.
        """
        thread = _thread_of(config)
        view = _known(self._last(thread), thread)
        request = _pending(view)
        if request is None or not request.is_open:
            raise Closed(_not_asked(thread, view))
        now, _ = self._values(view.run)
        self._client.cast(_reply_of(request, now, values, comment).to(self._shown.get(request.id)))
        return dict(config)

    def close(self) -> None:
        """Let go of the database. A default one is gone with it."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start(self, given: Mapping[str, Any], thread: str, before: RunView | None) -> str:
        if not isinstance(given, Mapping):
            raise BadInput(f'The input is a dict such as {{"input": "…"}}, not {type(given).__name__}.')
        if before is not None and before.run.status not in ENDED:
            raise Closed(
                f"Thread {thread!r} has {before.run.id}, which is {before.run.status}: decide with "
                "update_state(config, …) and go on with stream(None, config), or take another thread_id."
            )
        return self._client.start(self._agent, dict(given), thread=thread).id

    def _end(self, view: RunView) -> Event:
        run = view.run
        if run.status is RunStatus.done:
            return {"values": run.output}
        if run.status is not RunStatus.paused:
            raise _trouble(run)
        self._show(view)
        return {"__interrupt__": tuple(_shape_of(request) for request in view.requests if request.is_open)}

    def _show(self, view: RunView) -> None:
        self._shown.update((request.id, request.digest) for request in view.requests if request.is_open)

    def _values(self, run: Run) -> tuple[dict[str, Any], tuple[str, ...]]:
        try:
            snapshot = self._client.snapshot(run.id)
        except NotFound:
            return dict(run.output or run.input or {}), ()
        return dict(snapshot.values), snapshot.next

    def _last(self, thread: str) -> RunView | None:
        try:
            run = self._client.thread(thread, limit=1).last
        except NotFound:
            return None
        return self._client.run(run.id)


def _thread_of(config: object) -> str:
    configurable = config.get("configurable") if isinstance(config, Mapping) else None
    thread = configurable.get("thread_id") if isinstance(configurable, Mapping) else None
    if not isinstance(thread, str):
        raise BadInput('The config names a thread, with a text: {"configurable": {"thread_id": "test"}}.')
    return checked_name(str(normalize(thread, path="thread_id")))


def _known(view: RunView | None, thread: str) -> RunView:
    """Return a thread's latest run, or say that there is none."""
    if view is None:
        raise NotFound(
            f'There is no thread {thread!r} here: app.stream({{"input": "…"}}, config) starts one.', thread_id=thread
        )
    return view


def _pending(view: RunView) -> Request | None:
    if view.run.status is not RunStatus.paused:
        return None
    waiting = {wait.request_id for wait in view.run.pause}
    return next((request for request in view.requests if request.id in waiting), None)


def _not_asked(thread: str, view: RunView) -> str:
    pending = _pending(view)
    if pending is not None:
        return f"{pending.id} is {pending.status} already: stream(None, config) goes on from there."
    return f"Thread {thread!r} asks nothing: its {view.run.id} is {view.run.status}."


def _trouble(run: Run) -> InterlockError:
    why = f"{run.id} {run.status}" + (f": {run.note}" if run.note else ".")
    if run.status in ENDED:
        return Closed(why, run_id=run.id)
    if run.status is RunStatus.needs_attention:
        return InterlockError(f"{why} A person has to look: `interlock runs show {run.id}`.", run_id=run.id)
    return InterlockError(f"{why} Go on with stream(None, config) in a while.", run_id=run.id, status=str(run.status))


def _reply_of(request: Request, now: Mapping[str, Any], values: Mapping[str, Any], comment: str) -> Reply:
    if not isinstance(values, Mapping):
        raise BadInput(f'The values are a dict such as {{"approved": True}}, not {type(values).__name__}.')
    if not isinstance(comment, str):
        raise BadInput(f"The comment is text, not {type(comment).__name__}.")
    approved = values.get("approved")
    if not isinstance(approved, bool):
        raise BadInput(
            'The values say what you decide: {"approved": True} or {"approved": False}; a changed plan is approved '
            "in the same step."
        )
    changed = {key: value for key, value in values.items() if key != "approved" and value != now.get(key)}
    others = sorted(changed.keys() - {"plan"})
    if others:
        raise BadInput(f"{', '.join(others)} cannot be changed here: people decide on `plan`, by `approved`.")
    if not changed:
        return plainly(request, Verdict.approve if approved else Verdict.reject, comment)
    if not approved:
        raise BadInput("A plan is rejected or changed, not both: say in `comment` what should be different.")
    return edited(request, _changed_arguments(request, now, changed["plan"]), comment)


def _changed_arguments(request: Request, now: Mapping[str, Any], plan: Json) -> dict[str, Json]:
    before, asked = now.get("plan"), request.edition.subject
    assert isinstance(asked, Action)
    if not isinstance(plan, Mapping) or not isinstance(before, Mapping):
        raise BadInput(
            f"The plan is a dict with {', '.join(sorted(asked.args))}: change it in a copy of values['plan']."
        )
    changes = {key: value for key, value in plan.items() if key not in before or value != before[key]}
    return {**asked.args, **changes}


def _told_by(request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a decision that the agent has not been told yet says about its values."""
    if request.is_open:
        return {}
    subject, plan = request.edition.subject, values.get("plan")
    told: dict[str, Any] = {"approved": request.status is Status.approved}
    if request.edition.author is not None and isinstance(subject, Action) and isinstance(plan, Mapping):
        told["plan"] = {**plan, **subject.args}
    return told


def _shape_of(request: Request) -> dict[str, Any]:
    subject = request.edition.subject
    assert isinstance(subject, Action)
    return {
        "request_id": request.id,
        "action": subject.name,
        "args": dict(subject.args),
        "description": request.ask.description,
        "due_at": request.due_at.isoformat() if request.due_at else None,
    }
