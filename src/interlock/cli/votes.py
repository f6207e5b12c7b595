"""`interlock approve|reject|edit|answer|revise`: decide on one request, from any terminal or script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import typer

from interlock.cli.errors import Exit
from interlock.cli.options import ADVANCE, AS, COMMENT, JSON, OPEN_REQUEST
from interlock.cli.run import read_json
from interlock.cli.run_status import is_over, report_on, tell_hold
from interlock.cli.session import Session, execute, interruptible, patiently
from interlock.cli.watch import changed, narrated_worker
from interlock.domain.action import VERDICTS, Question, Verdict
from interlock.domain.request import Request
from interlock.errors import BadInput, InvalidAgent
from interlock.service.arguments import changed_arguments
from interlock.service.inline import Place, places
from interlock.service.log_reader import CutShort, unless
from interlock.service.replies import Reply, answered, editable, edited, plainly, typed_answer, void_votes
from interlock.service.shapes import request_shape, run_view_shape
from interlock.service.views import RequestView
from interlock.terminal import reply as channel
from interlock.terminal.presentation import present
from interlock.terminal.reply import Skipped, ask_comment, confirm, read_reply, said_so_far
from interlock.terminal.terminal import EndOfInput

DIGEST = typer.Option(None, "--digest", metavar="sha256:…", help="Vote on exactly this; 12 digits of it are enough.")
YES = typer.Option(False, "--yes", help="Vote on the current version without confirmation; the log records that.")

Make = Callable[[RequestView], Reply]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a vote is cast: on the digest that the voter names, or with `yes` on whatever stands there, unasked."""

    verdict: Verdict
    request: str
    digest: str | None
    yes: bool
    advance: bool


def _plain_vote(verdict: Verdict, about: str) -> Callable[..., None]:
    def vote(
        ctx: typer.Context,
        *,
        request: str = OPEN_REQUEST,
        comment: str = COMMENT,
        digest: str | None = DIGEST,
        yes: bool = YES,
        advance: bool = ADVANCE,
        person: str | None = AS,
        as_json: bool = JSON,
    ) -> None:
        manner = Manner(verdict, request, digest, yes, advance)
        _vote(ctx, manner, lambda view: plainly(view.request, verdict, comment), person=person, as_json=as_json)

    vote.__doc__ = about
    return vote


approve = _plain_vote(
    Verdict.approve,
    """Approve a request: show it, ask, vote, and carry its run on.

    Without a terminal it needs --digest, which names what you have seen (`interlock requests show ID`), or --yes.
    """,
)
reject = _plain_vote(
    Verdict.reject,
    'Reject a request, with a reason that the agent reads: interlock reject ID -m "too many recipients".',
)
revise = _plain_vote(Verdict.revise, 'Send a draft back with feedback: interlock revise ID -m "add more data".')


def edit(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    changes: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="Change an argument; KEY:=JSON for JSON."),
    args_json: str | None = typer.Option(None, "--args-json", metavar="FILE|-", help="All arguments, or the draft."),
    comment: str = COMMENT,
    digest: str | None = DIGEST,
    yes: bool = YES,
    advance: bool = ADVANCE,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Approve a request with changes: interlock edit ID --set subject="Team meeting on Monday".

    Without --set or --args-json, in a terminal, the arguments open in your editor ($VISUAL, $EDITOR).
    """
    if changes and args_json is not None:
        raise BadInput("Give --set or --args-json, not both.")
    whole = None if args_json is None else [read_json(args_json)]

    def make(view: RequestView) -> Reply:
        if not changes and whole is None:
            raise BadInput("Without a terminal, say what to change: --set KEY=VALUE, or --args-json FILE.")
        value = whole[0] if whole is not None else changed_arguments(editable(view.request), changes)
        return edited(view.request, value, comment)

    manner = Manner(Verdict.edit, request, digest, yes, advance)
    _vote(ctx, manner, make, person=person, as_json=as_json, by_hand=not changes and whole is None)


def answer(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str | None = typer.Argument(None, metavar="ANSWER", help="The answer: text, an option or its number, JSON."),
    answer_json: str | None = typer.Option(None, "--answer-json", metavar="FILE|-", help="The answer as JSON."),
    comment: str = COMMENT,
    digest: str | None = DIGEST,
    yes: bool = YES,
    advance: bool = ADVANCE,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Answer a question: interlock answer ID "Lufthansa"."""
    if text is not None and answer_json is not None:
        raise BadInput("Give the answer once: as text, or with --answer-json.")
    given = None if answer_json is None else [read_json(answer_json)]

    def make(view: RequestView) -> Reply:
        if given is not None:
            return answered(view.request, given[0], comment)
        return typed_answer(view.request, text, comment)

    manner = Manner(Verdict.respond, request, digest, yes, advance)
    _vote(ctx, manner, make, person=person, as_json=as_json, by_hand=given is None and text is None)


def _vote(
    ctx: typer.Context, manner: Manner, make: Make, *, person: str | None, as_json: bool, by_hand: bool = False
) -> None:
    """Cast the vote that `make` makes of the command line; `by_hand`, what is left open is asked in the terminal."""

    async def work(session: Session) -> int:
        request_id = await session.client.resolve("request", manner.request)
        view = await session.client.request(request_id)
        with interruptible(session):
            reply = await _reply(session, manner, view, make, by_hand=by_hand)
        if reply is None:
            session.tell("Nothing was decided.", "warn")
            return Exit.waiting
        after = await session.client.cast(reply)
        if void := void_votes(view.request, after):
            session.tell(void, "warn")
        return await _afterwards(session, reply, after, advance=manner.advance)

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


async def _reply(session: Session, manner: Manner, view: RequestView, make: Make, *, by_hand: bool) -> Reply | None:
    request = view.request
    if manner.verdict is not Verdict.approve and manner.verdict not in request.ask.verdicts:
        # There is nothing to confirm: the desk refuses it, and the log says so.
        return plainly(request, manner.verdict).to(manner.digest or request.digest)
    asks = session.terminal.interactive and manner.digest is None and not manner.yes and request.is_open
    if asks:
        place = places(await session.client.pauses([request.run_id])).get(request.id)
        return await _asked(session, view, make, place, by_hand=by_hand)
    reply = make(view)
    if manner.digest is not None:
        return reply.to(manner.digest)
    if manner.yes:
        if request.is_open:
            session.show(*present(view, fold=False).lines, *said_so_far(reply))
        return reply.to(None)
    if not request.is_open:
        return reply  # the desk says who decided what
    raise BadInput(
        f"Without a terminal, say what you have seen: --digest {request.digest} (`interlock requests show "
        f"{request.id}`); or --yes for whatever stands there.",
        digest=request.digest,
    )


async def _asked(
    session: Session, view: RequestView, make: Make, place: Place | None, *, by_hand: bool
) -> Reply | None:
    """Show the request and ask for what is open and for confirmation, unless somebody else is faster."""
    meant = None if by_hand else make(view)
    # The prompt is the one that a run shows, at which "no" rejects: it shows the request itself.
    as_in_a_run = isinstance(view.request.asked, Question) if meant is None else meant.verdict is Verdict.approve
    if not as_in_a_run:
        session.screen.show(*present(view, fold=False, place=place).lines)
    if view.excluded is not None:
        session.tell(f"You may not decide on it: {view.excluded}.", "warn")
    elif view.on_behalf_of is not None:
        session.tell(f"You vote for {view.on_behalf_of}.", "warn")
    if as_in_a_run:
        questions = _reply_as_in_a_run(session, view, place, "" if meant is None else meant.comment)
    else:
        questions = _confirmed(session, view, meant)
    try:
        return await unless(questions, changed(session, view), session.stop.wait())
    except EndOfInput:
        return None
    except CutShort:
        if session.stop.is_set():
            return None
        # What was to be voted on is gone: the desk names who was faster, or what has changed.
        return meant or Reply(view.request, Verdict.approve, view.request.digest)


async def _reply_as_in_a_run(session: Session, view: RequestView, place: Place | None, comment: str) -> Reply | None:
    given = await read_reply(session.terminal, view, place, comment=comment)
    return None if isinstance(given, Skipped) else given


async def _confirmed(session: Session, view: RequestView, meant: Reply | None) -> Reply | None:
    """Ask whether a reply is meant, which the person makes first if there is none; and for the comment."""
    terminal = session.terminal
    if meant is None:
        meant = await channel.edit(terminal, view)
    else:
        terminal.screen.show(*said_so_far(meant))
        meant = meant if await confirm(terminal, view, meant) else None
    if meant is None:
        return None
    return replace(meant, comment=meant.comment or await ask_comment(terminal, view, meant.verdict))


async def _afterwards(session: Session, reply: Reply, after: Request, *, advance: bool) -> int:
    unsaid = "" if after.is_open or not after.decided_by else f", by {', '.join(after.deciders)}"
    session.tell(f"{VERDICTS[reply.verdict].did.capitalize()}: {after.id} is {after.status}{unsaid}.", "good")
    if after.is_open:
        view = await session.client.request(after.id)
        stands = ("Step", "Decided by", "May vote", "Votes for", "Time left")
        session.show(*(line for line in present(view).lines if line.text.startswith(stands)))
    tell_hold(session, after)
    advanced = advance and not after.is_open and await carry_on(session, after.run_id)
    run = await run_shown(session, after)
    session.write({"request": request_shape(after), "run": run, "advanced": advanced})
    return Exit.ok


async def run_shown(session: Session, request: Request) -> dict[str, Any] | None:
    """Return a request's run as JSON; None if it has none."""
    return run_view_shape(await session.client.run(request.run_id)) if request.run_id else None


async def carry_on(session: Session, run_id: str) -> bool:
    """Advance a run here if there is one and that can be done; say where it stands then."""
    if not run_id or not await _advance(session, run_id):
        return False
    await report_on(replace(session, as_json=False), run_id)
    return True


async def _advance(session: Session, run_id: str) -> bool:
    if session.remote is not None:
        session.tell("The run goes on at the server.", "dim")
        return False
    view = await session.client.run(run_id)
    if is_over(view.run):
        return True
    if view.lease is not None:
        session.tell(f"Another process ({view.lease.owner}) carries {run_id} on.", "dim")
        return False
    try:
        session.system.runtime.find(view.run)
    except InvalidAgent as error:
        session.tell(f"{error.message} Carry the run on where it can be: {session.prefix} work", "warn")
        return False
    worker = narrated_worker(replace(session, as_json=False), run_id)
    with interruptible(session):
        await patiently(session, worker.drain())
    return True
