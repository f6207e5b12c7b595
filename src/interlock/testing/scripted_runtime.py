"""Runs agents by script, in place of LangGraph."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.domain.action import Action, Ask, Subject, default_verdicts
from interlock.domain.canonical import Json
from interlock.domain.request import EffectState, Reported, Request, Status
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Advance, Asking, Attention, Broke, Done, Ending, Failed, Paused
from interlock.engine.watching import Watcher
from interlock.errors import AdvanceOvertaken, BadInput, EffectRefused, Halt, NotApproved, NotDone
from interlock.testing.scripts import Call, Move, Script, Sink, Task, Tool


class ScriptedRuntime:
    """Runs scripts instead of graphs, by the rules that LangGraph and `interlock.ask` follow. Implements `Runtime`.

    A run's reference names its script. Its state is JSON: which stage, which answers each task was given. As in
    LangGraph, a task runs again from its top when it is resumed, and reads on through the answers that it was given.

    Args:
        sink: where effects go.
        clock: what the machine that it runs on takes for the time: leases are believed to end by it.
        point: called at every place where a process may stop or die.
    """

    def __init__(self, sink: Sink, clock: Callable[[], datetime], point: Callable[[str], Awaitable[None]]) -> None:
        self.scripts: dict[str, Script] = {}
        self.version = "1"
        self.sink = sink
        self.clock = clock
        self.point = point
        self.held_until: dict[str, datetime] = {}
        self._advances: dict[str, int] = {}

    def find(self, run: Run) -> None:
        """Find every script here."""

    async def read(self, run: Run, state: bytes) -> Json:  # noqa: ARG002 - all scripts have states alike
        """Return a script's state."""
        return {"values": json.loads(state)}

    async def snapshot(self, run: Run, state: bytes) -> Any:
        """Return a script's state: it has no graph."""
        return await self.read(run, state)

    async def check_fork(self, run: Run, changes: Mapping[str, Json]) -> None:
        """Find every script here; nothing can be set in its state."""
        if changes:
            raise BadInput(f"The state of {run.reference} has no keys.")

    async def load(self, run: Run, *, alone: bool = False) -> None:
        """Load nothing: all scripts are here."""

    async def version_of(self, run: Run) -> str:  # noqa: ARG002 - all scripts have one version
        """Return the version that all agents have now."""
        return self.version

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:
        """Carry a run on to its next pause or its end."""
        run = advance.record.run
        watcher.said(run.id, "advancing")
        if run.pause and run.agent_version != self.version:
            return Attention("version_mismatch", f"the script is version {self.version}")
        if advance.record.lease is not None:
            self.held_until[advance.record.lease.owner] = advance.record.lease.until
        self._advances[run.id] = self._advances.get(run.id, 0) + 1
        if self._advances[run.id] <= self.scripts[run.reference].breaks:
            return Broke("the agent raised")
        try:
            return await self._advance(advance, self.scripts[run.reference])
        except AdvanceOvertaken:
            raise
        except Halt as halt:
            return Attention(halt.code, halt.reason, halt.request_id)
        except (NotApproved, NotDone) as verdict:
            return Failed(str(verdict))

    async def _advance(self, advance: Advance, script: Script) -> Ending:
        state = await _State.read(advance)
        while state.stage < len(script.stages):
            asks = await self._stage(advance, script, state)
            if asks:
                await self.point("paused")
                return Paused(state.written(), self.version, asks)
            state.stage += 1
            state.done.clear()
        await self.point("done")
        return Done(state.results, state.written())

    async def _stage(self, advance: Advance, script: Script, state: _State) -> tuple[Asking, ...]:
        asks: list[Asking] = []
        for index, task in enumerate(script.stages[state.stage]):
            name = f"s{state.stage}t{index}"
            if name in state.done:
                continue
            try:
                state.results.extend(await _Execution(self, advance, name, state).run(task))
                state.done.append(name)
            except _Wants as wants:
                asks.append(wants.asking)
        return tuple(asks)


class _Wants(Exception):
    """A task pauses."""

    def __init__(self, asking: Asking) -> None:
        super().__init__(asking.ask.interrupt_id)
        self.asking = asking


@dataclass(slots=True)
class _State:
    """A script's state, and the requests that its answers name."""

    stage: int = 0
    done: list[str] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    results: list[Any] = field(default_factory=list)
    known: Mapping[str, Request] = field(default_factory=dict)

    @classmethod
    async def read(cls, advance: Advance) -> _State:
        """Read the stored state, and resume each interrupt with its answer."""
        state = cls(**json.loads(advance.record.state)) if advance.record.state is not None else cls()
        origin = advance.record.run.origin
        if origin is not None and not advance.record.run.pause:
            # Another run's: its answers do not come along; and in a thread the script begins again, with its results.
            state = cls(state.stage, state.done, {}, state.results) if origin.pause else cls(results=state.results)
        for pending in advance.record.run.pause:
            state.answers.setdefault(pending.interrupt_id, []).append(pending.request_id)
        ids = sorted({request_id for given in state.answers.values() for request_id in given})
        state.known = await advance.requests(ids)
        for task, given in state.answers.items():
            for request in (state.known[request_id] for request_id in given):
                assert request.ask.interrupt_id == task, f"I16: {request.id} answers {task}"
                assert not request.is_open, f"I16: {request.id} is open and answers {task}"
        return state

    def written(self) -> bytes:
        """Return the state as bytes."""
        kept = {"stage": self.stage, "done": self.done, "answers": self.answers, "results": self.results}
        return json.dumps(kept, sort_keys=True).encode()


class _Execution:
    """One execution of one task, from its top."""

    def __init__(self, runtime: ScriptedRuntime, advance: Advance, task: str, state: _State) -> None:
        self._runtime = runtime
        self._advance = advance
        self._task = task
        given = state.answers.get(task, [])
        self._times = len(given)
        self._answers = [state.known[request_id] for request_id in given]
        self._passed_over: list[Request] = []

    async def run(self, task: Task) -> list[Any]:
        """Make the task's moves; a move that has no answer yet pauses."""
        return [await self._make(move) for move in task]

    async def _make(self, move: Move) -> Any:
        subject = move.subjects[min(self._times, len(move.subjects) - 1)]
        request = self._read_on(subject)
        agreed = request.status in {Status.approved, Status.answered}
        if move.insists and not agreed:
            raise NotApproved(f"{request.id} was {request.status}", request)
        if not agreed or move.tool is None or request.status is Status.answered:
            return [str(request.status), request.comment]
        try:
            return await self._perform(request, move.tool)
        except NotDone:
            if move.insists:
                raise
            return "not done"

    def _read_on(self, subject: Subject, replaces: str | None = None) -> Request:
        for request in self._passed_over:
            if request.asked_digest == subject.digest:
                self._passed_over.remove(request)
                return request
        while self._answers:
            request = self._answers.pop(0)
            if request.asked_digest == subject.digest:
                return request
            self._passed_over.append(request)
        passed_over = tuple(request.id for request in self._passed_over)
        ask = Ask(self._task, self._task, subject, default_verdicts(subject))
        raise _Wants(Asking(ask, passed_over, replaces))

    async def _perform(self, request: Request, tool: Tool) -> Any:
        while True:
            claimed = await self._claim(request, tool)
            match claimed.effect:
                case EffectState.executed:
                    return claimed.result
                case EffectState.failed:
                    raise NotDone(claimed.effect_note)
                case EffectState.unknown:
                    raise Halt("effect_unknown", claimed.effect_note, claimed.id)
                case EffectState.lapsed:
                    request = self._read_on(request.asked, request.id)
                case _:
                    await self._call(claimed, tool)

    async def _claim(self, request: Request, tool: Tool) -> Request:
        subject = request.asked if tool.as_asked else request.edition.subject
        await self._runtime.point("before the claim")
        try:
            claimed = await self._advance.claim(request.id, subject.digest, "script:tool", tool.repeatable)
        except EffectRefused as refusal:
            raise Halt("effect_refused", refusal.message, request.id) from refusal
        await self._runtime.point("claimed")
        return claimed

    async def _call(self, request: Request, tool: Tool) -> None:
        lease = self._advance.record.lease
        held = lease is None or self._runtime.clock() < self._runtime.held_until[lease.owner]
        if not held or not self._advance.is_held():
            raise AdvanceOvertaken(request.run_id)
        assert request.claim is not None
        subject = request.asked if tool.as_asked else request.edition.subject
        assert isinstance(subject, Action)
        state, result = self._act(request, subject, tool)
        await self._runtime.point("called")
        attempt = request.claim.attempt
        after = await self._advance.record_effect(request.id, attempt, state, result, "" if result else state)
        await self._runtime.point("recorded")
        if after.effect is EffectState.claimed:
            raise AdvanceOvertaken(request.run_id)

    def _act(self, request: Request, subject: Action, tool: Tool) -> tuple[Reported, Any]:
        assert request.claim is not None
        claim, sink = request.claim, self._runtime.sink
        if claim.attempt > 1 and tool.repeatable == "verifiable" and sink.happened(claim.key):
            return "executed", {"verified": claim.key}
        acts = tool.behaves in {"returns", "acts_then_raises"}
        sink.calls.append(Call(request.id, claim.key, subject.digest, tool.repeatable, claim.attempt, acts))
        match tool.behaves:
            case "returns":
                return "executed", {"done": claim.key, "args": subject.args}
            case "not_done":
                return "failed", None
            case _:
                return "unknown", None
