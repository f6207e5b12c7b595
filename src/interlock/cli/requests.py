"""`interlock requests`: what people are asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial

import typer

from interlock.cli import batch
from interlock.cli.app import group
from interlock.cli.history import entry_lines, told_about
from interlock.cli.options import ADVANCE, AFTER, ANY_REQUEST, AS, JSON, LIMIT, OPEN_REQUEST
from interlock.cli.session import Session, execute, interruptible
from interlock.cli.votes import carry_on, run_shown
from interlock.domain.explain import duration_words
from interlock.domain.permitted import Candidates, Permitted
from interlock.domain.request import EffectState, Request, Status, name_of
from interlock.engine.ports.log_subscriber import Notice
from interlock.engine.ports.store import RequestFilter
from interlock.errors import BadInput
from interlock.service.bundles import bundled
from interlock.service.following import concerns_people
from interlock.service.hostile_text import plain, quoted
from interlock.service.inbox import Listed, Which
from interlock.service.inline import Place, in_order, places, row
from interlock.service.pages import Count
from interlock.service.sentences import sentence
from interlock.service.shapes import (
    bundles_shape,
    count_shape,
    listed_shape,
    notice_shape,
    page_shape,
    request_shape,
    view_shape,
)
from interlock.service.views import RequestView
from interlock.service.ways import way_words
from interlock.terminal.lines import LogLines, notice_line
from interlock.terminal.presentation import present
from interlock.terminal.screen import Line, Screen
from interlock.terminal.values import ValueLines

app = group("What people are asked.")
app.command("approve")(batch.approve)
app.command("reject")(batch.reject)

MARGIN = 12  # columns of a line that are left to an indent, and to which of its siblings a request is

NARROWEST, WIDEST = 40, 120

FOLLOWING = "Following. Ctrl-C ends it."

OPEN = (Status.open,)

ONE_LIST = "Give one of --mine, --others and --decided-by-me, and then none of --all, --status, --run and --reference."

NOTHING: dict[Which, str] = {
    "mine": "Nothing waits for you.",
    "others": "Nothing waits for others.",
    "decided": "You have voted on nothing yet, and answered and changed nothing.",
}


@app.command("follow")
def follow_requests(
    ctx: typer.Context,
    *,
    channel: str | None = typer.Option(
        None, "--channel", metavar="NAME", help="Go on where this channel stopped, whichever process told it last."
    ),
    after: str | None = typer.Option(None, "--after", metavar="POSITION", help="Begin after this entry of the log."),
    from_start: bool = typer.Option(False, "--from-start", help="Begin at the beginning of the log."),
    as_json: bool = JSON,
) -> None:
    """Tell what people must know as it happens, line by line, until Ctrl-C: what is asked, changed, decided, overdue.

    It begins with what comes from now on. With --channel nothing is lost while no process follows, and of several
    processes on one channel one tells each line. With --json, one entry of the log a line.
    """
    if after is not None and from_start:
        raise BadInput("Give --after or --from-start, not both.")
    if channel is not None and (not channel or not channel.isprintable()):
        raise BadInput("--channel needs a name, such as on-call.")
    begin = "" if from_start else after

    async def work(session: Session) -> None:
        with interruptible(session):
            if channel is not None:
                lines = LogLines(channel, partial(_tell, session), session.screen, session.stop)
                await _told_once(session, lines, begin)
                return
            position = await session.client.last_position() if begin is None else begin
            if session.remote is None:  # a server refuses it by itself
                async with aclosing(session.local.log(position)) as entries:
                    await anext(entries, None)  # refuses what is no position
            Screen.on(sys.stderr).say(FOLLOWING, "dim")
            async for entry in session.client.follow(position, stop=session.stop):
                if concerns_people(entry):
                    _tell(session, Notice(entry))

    execute(ctx, work, as_json=as_json, remote=True)


async def _told_once(session: Session, lines: LogLines, begin: str | None) -> None:
    beside = Screen.on(sys.stderr)  # what is told goes into a pipe, and nothing else
    follower = session.system.follower(
        lines, tenant=session.principal.tenant, stop=session.stop, complain=lambda text: beside.say(text, "bad")
    )
    await follower.begin(begin)
    beside.say(FOLLOWING, "dim")
    await follower.run()
    if lines.broken is not None:
        raise lines.broken


def _tell(session: Session, notice: Notice) -> None:
    session.write(notice_shape(notice))
    session.show(notice_line(notice))


@app.command("list")
def list_requests(
    ctx: typer.Context,
    *,
    mine: bool = typer.Option(False, "--mine", help="Those that wait for you."),
    others: bool = typer.Option(False, "--others", help="The open ones that wait for others, and why not for you."),
    decided: bool = typer.Option(False, "--decided-by-me", help="Those that you have voted on, answered or changed."),
    everything: bool = typer.Option(False, "--all", help="Those that are decided, too."),
    status: Status | None = typer.Option(None, "--status", help="Only those with this status."),
    agent: str | None = typer.Option(None, "--agent", help="Only those of this agent."),
    run: str | None = typer.Option(None, "--run", help="Only those of this run."),
    reference: str | None = typer.Option(
        None, "--reference", metavar="TEXT", help="Only those about this order, ticket …, decided or not."
    ),
    limit: int = LIMIT,
    after: str | None = AFTER,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """List requests: the open ones by due time, or others newest first."""
    flags: dict[Which, bool] = {"mine": mine, "others": others, "decided": decided}
    chosen = [which for which, wanted in flags.items() if wanted]
    if len(chosen) + (everything or status is not None or run is not None or reference is not None) > 1:
        raise BadInput(ONE_LIST)

    async def work(session: Session) -> None:
        if chosen:
            await _list_inbox(session, chosen[0], agent, after, limit)
            return
        run_id = None if run is None else await session.client.resolve("run", run)
        all_of_them = everything or (reference is not None and status is None)
        statuses = () if all_of_them else (status or Status.open,)
        await _list_wanted(session, RequestFilter(statuses, agent, run_id, reference=reference), after, limit)

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


async def _list_wanted(session: Session, wanted: RequestFilter, after: str | None, limit: int) -> None:
    page = await session.client.list_requests(wanted, after=after, limit=limit)
    of_all = wanted == RequestFilter(OPEN, wanted.agent) and session.principal.kind == "person"
    waits = await session.client.inbox_count("mine", agent=wanted.agent) if of_all else None
    counted = {} if waits is None else {"waits_for_you": count_shape(waits)}
    session.write({**page_shape("requests", page, request_shape), **counted})
    if not page.rows:
        session.tell("Nothing waits for anybody." if wanted.statuses == OPEN else "There are none.")
        return
    await _show(session, page.rows)
    session.tell_of_more(page.next, limit)
    if waits is not None:
        session.tell(_waits_for_you(waits), "dim")


@app.command("bundles")
def list_bundles(
    ctx: typer.Context,
    *,
    agent: str | None = typer.Option(None, "--agent", help="Only those of this agent."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """List what waits for you in bundles of like requests: of one agent, about one thing, in one step."""

    async def work(session: Session) -> None:
        found = await bundled(session.client, "mine", agent=agent)
        session.write(bundles_shape(found))
        if not found.bundles:
            session.tell(NOTHING["mine"])
            return
        rows = [
            (str(one.number), plain(one.first.agent), plain(name_of(one.first.asked)), one.first.id)
            for one in found.bundles
        ]
        session.show_table(("NUMBER", "AGENT", "WHAT", "DUE FIRST"), rows)
        if found.more:
            session.tell("There is more than was read: --agent shows one agent's alone.", "warn")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


async def _list_inbox(session: Session, which: Which, agent: str | None, after: str | None, limit: int) -> None:
    page = await session.client.inbox(which, agent=agent, after=after, limit=limit)
    count = await session.client.inbox_count(which, agent=agent)
    session.write({**page_shape("requests", page, listed_shape), "count": count_shape(count)})
    if not page.rows:
        session.tell(NOTHING[which])
        return
    await _show(session, [one.request for one in page.rows], {one.request.id: one for one in page.rows})
    if page.next is not None:
        session.tell(f"There are {count}: --limit shows more of them.", "warn")


async def _show(session: Session, found: Sequence[Request], listed: Mapping[str, Listed] | None = None) -> None:
    now = await session.client.now()
    place_of = places(await session.client.pauses(request.run_id for request in found if request.is_open))
    most = min(WIDEST, max(NARROWEST, (session.screen.width or WIDEST + MARGIN) - MARGIN))
    head: tuple[str, ...] = ("ID", "STATUS", "AGENT", "TIME LEFT", "WHAT")
    rows = [_row(request, place_of, now, most) for request in in_order(found, place_of)]
    if listed is not None and any(map(_note, listed.values())):
        head, rows = (*head, "FOR YOU"), [(*row, _note(listed[row[0]])) for row in rows]
    session.show_table(head, rows)


def _note(listed: Listed) -> str:
    """Say for whom somebody would vote, or why a request does not wait for them."""
    if listed.excluded is not None:
        return f"no: {plain(listed.excluded)}"
    return f"to vote for {plain(listed.on_behalf_of)}" if listed.on_behalf_of is not None else ""


def _waits_for_you(count: Count) -> str:
    if not count.number and not count.more:
        return "None of them waits for you."
    number = count.number == 1 and not count.more
    return f"{count} of them {'waits' if number else 'wait'} for you: --mine shows {'it' if number else 'them'}."


def _row(request: Request, place_of: Mapping[str, Place], now: datetime, most: int) -> tuple[str, ...]:
    left = ""
    if request.is_open and request.closes_at is not None:
        length = request.closes_at - now
        left = " ".join(duration_words(length).split(" ")[:2]) if length > timedelta(0) else "due"
    what = row(request, place_of.get(request.id) if request.is_open else None, most=most)
    return request.id, str(request.status), plain(request.agent), left, what


@app.command("show")
def show_request(ctx: typer.Context, *, request: str = ANY_REQUEST, as_json: bool = JSON) -> None:
    """Show everything about a request: what is asked, its digest, the votes, the policy, its history."""

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        view = await session.client.request(request_id)
        history = await session.client.history(request_id)
        session.write(view_shape(view, history))
        place_of = places(await session.client.pauses([view.request.run_id])) if view.request.is_open else {}
        place = place_of.get(request_id)
        session.show(
            *present(view, full=True, place=place).lines, *_outcome(view, session.prefix), Line("History", "title")
        )
        told = {} if session.as_json else await told_about(session, request=request_id)
        for entry in history:
            session.show(*entry_lines(entry, f"{sentence(entry)} [{entry.by}, {way_words(entry.via)}]", told))

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("withdraw")
def withdraw(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    comment: str = typer.Option(..., "--comment", "-m", help="Why; it is logged, and the agent reads it."),
    advance: bool = ADVANCE,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Withdraw a request that nobody needs to decide any more: interlock requests withdraw ID -m "it is paid already".

    Whoever started it may do this, and whoever has the role operator. It is not approved, and its run goes on as after
    a rejection: `interlock runs cancel` ends the run.
    """

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.withdraw(request_id, reason=comment)
        session.tell(f"{after.id} is withdrawn: nobody needs to decide it any more.", "good")
        advanced = await carry_on(replace(session, as_json=False), after.run_id) if advance else False
        run = await run_shown(session, after)
        session.write({"request": request_shape(after), "run": run, "advanced": advanced})

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def _who_can(candidates: Candidates) -> str:
    names = [*map(plain, candidates.people), *(["anybody else at this machine"] if candidates.anybody else [])]
    return f"Who can: {', '.join(names)}{' and others' if candidates.more else ''}." if names else "Nobody can."


def _may(may: Permitted) -> str:
    """Say what somebody may do beside reading, as commands are called."""
    acts = {name.replace("_", "-"): allowed for name, allowed in asdict(may).items() if name != "vote"}
    return ", ".join([*map(str, may.vote), *(name for name, allowed in acts.items() if allowed)])


def _outcome(view: RequestView, prefix: str) -> list[Line]:
    request = view.request
    lines = [
        Line(
            f"Run: {request.run_id}, round {request.round}, started by {plain(request.initiator)}"
            if request.run_id
            else f"Asked through the API, for {plain(request.initiator)}: the agent carries it out by itself"
        ),
        Line(f"Asked as {request.asked_digest}", "dim") if request.asked_digest != request.digest else None,
        Line(f"Comment: {quoted(request.comment)}") if request.comment else None,
    ]
    if request.status is Status.approved and view.became is not None:
        became = plain(view.became)
        lines.append(Line(f"{became[:1].upper()}{became[1:]}", "warn" if request.effect is EffectState.unknown else ""))
    if request.effect is not EffectState.none and request.result is not None:
        lines += ValueLines(full=True, aside=True).named("Result", request.result, 0)
    if request.effect is EffectState.unknown:
        settle = f"{prefix} effects settle {request.id} --happened | --did-not | --retry"
        lines += [Line("Settle it:"), Line(plain(settle), "", "  ", whole=True)]
    if request.is_open and view.excluded is not None:
        lines.append(Line(f"You may not vote: {plain(view.excluded)}. {_who_can(view.candidates)}", "warn"))
    if said := _may(view.may):
        lines.append(Line(f"You may {said}."))
    if view.on_behalf_of is not None:
        lines.append(Line(f"You may vote for {plain(view.on_behalf_of)}.", "warn"))
    return [line for line in lines if line is not None]
