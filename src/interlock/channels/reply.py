"""From a request on the screen to a person's reply: the questions, in the order in which they are asked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from interlock.channels.editing import edit_json
from interlock.channels.fields import fields_of, types_of
from interlock.channels.form import forget_misfits, read_form
from interlock.channels.prompts import SKIP, help_lines
from interlock.channels.row import Place
from interlock.channels.screen import Line
from interlock.channels.sight import see
from interlock.channels.terminal import Terminal
from interlock.channels.text import quoted
from interlock.channels.values import difference, one_line
from interlock.domain.action import Action, Draft, Kind, Question, Subject, Verdict
from interlock.domain.canonical import Json, parse_json
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.engine.schemas import check_vote
from interlock.engine.views import RequestView
from interlock.errors import BadInput, InvalidValue

__all__ = ["Reply", "Skipped", "confirm", "no_longer_counted", "read_reply"]

MAX_DIGITS = 5

LONGEST_HINT = 200

_BEGINS = re.compile(r'[\s\ufeff]*[{\["]')
_NUMBER = re.compile(
    r"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity|NaN)", re.ASCII
)  # JSON's, and JavaScript's

INSTEAD = "Your answer, in place of doing it: "

YES_NO = {"yes": True, "y": True, "approve": True, "no": False, "n": False, "reject": False}
"""What these words are where any JSON answers: a graph that asks whether to go on takes the text "no" for a yes."""

TRUE_FALSE = {"true": True, "false": False}
"""The same, however they are written: Python's `False` is no JSON, and as text a yes."""

QUIT = "quit"
SHOW = "show"
LEAVING = {SHOW: SHOW, "s": SHOW, SKIP: SKIP, QUIT: QUIT, "q": QUIT}

HELP_WITH_ANSWERS = (
    "  At this prompt they begin with a slash: /show. Anything else is your answer.",
    "  An answer that begins with a slash is written with two: //tmp.",
)

PROMPTS = {
    Kind.approval: (
        "Approve?",
        {Verdict.approve: "yes", Verdict.reject: "no", Verdict.edit: "modify", Verdict.respond: "answer"},
    ),
    Kind.review: (
        "Accept?",
        {Verdict.approve: "accept", Verdict.revise: "revise", Verdict.edit: "edit", Verdict.reject: "reject"},
    ),
}

ALIASES = {
    Verdict.approve: ("yes", "approve", "accept", "y"),
    Verdict.edit: ("modify", "edit", "m", "e"),
    Verdict.reject: ("no", "reject", "n"),
    Verdict.revise: ("revise",),
    Verdict.respond: ("answer", "respond"),
}

DONE = {
    Verdict.approve: "Approve?",
    Verdict.edit: "Approve with these changes?",
    Verdict.reject: "Reject?",
    Verdict.respond: "Answer so?",
    Verdict.revise: "Send back?",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person says to a request.

    Args:
        digest: of what that person was shown.
    """

    request: Request
    verdict: Verdict
    digest: str
    comment: str = ""
    subject: Subject | None = None
    answer: Json = None
    unseen: bool = False

    def vote(self) -> CastVote:
        """Return the command that says so."""
        return CastVote(
            self.request.id, self.verdict, self.digest, self.comment, self.subject, self.answer, self.unseen
        )

    def check(self) -> None:
        """Refuse what does not fit the request's schema, before anybody is asked to confirm it.

        Raises:
            InvalidAnswer: naming each misfit with its path.
        """
        check_vote(self.request, self.vote())


@dataclass(frozen=True, slots=True)
class Skipped:
    """A person leaves a request for later, and stays."""


async def read_reply(
    terminal: Terminal, view: RequestView, place: Place | None = None, *, comment: str = ""
) -> Reply | Skipped | None:
    """Show a request and ask until there is a reply; None if the person leaves it waiting.

    Args:
        place: which of how many things it is that its run asks at once.
        comment: what the person has said already; it is not asked for again.

    Raises:
        EndOfInput: if nobody answers any more.
    """
    sight = see(view, fold=terminal.interactive, place=place)
    terminal.screen.show(*sight.lines)
    reader = _Reader(terminal, view, whole=sight.whole, comment=comment)
    return await (reader.answer() if view.request.kind is Kind.input else reader.verdict())


def said_so_far(reply: Reply) -> list[Line]:
    """Return what a reply says beyond its verdict: the changes, the answer, the comment."""
    lines: list[Line] = []
    if reply.subject is not None:
        changes = difference(editable(reply.request), part_of(reply.subject))
        lines += [Line("Changes:", "title"), *changes] if changes else [Line("Nothing is changed.", "warn")]
    if reply.verdict is Verdict.respond:
        lines.append(Line(f"Your answer: {one_line(reply.answer)}", "", "", "│ "))
    elif reply.request.takes_anything and reply.request.edition.answer is None:
        lines.append(Line(f"The graph gets: {one_line(reply.verdict is Verdict.approve)}", "", "", "│ "))
    if reply.comment:
        lines.append(Line(f"Your comment: {quoted(reply.comment)}", "", "", "│ "))
    return lines


def no_longer_counted(before: Request, after: Request) -> str:
    """Say whose earlier votes an edit or an answer has made void; nothing if nobody's."""
    if before.digest == after.digest or not before.votes:
        return ""
    who = ", ".join(dict.fromkeys(vote.acting for vote in before.votes))
    return (
        f"You changed what is decided on: the earlier vote{'s' * (len(before.votes) > 1)} of {who} no longer count"
        + ("." if len(before.votes) > 1 else "s.")
    )


async def confirm(terminal: Terminal, view: RequestView, reply: Reply) -> bool:
    """Ask whether this reply is meant; say nothing of what it is about.

    Raises:
        EndOfInput: if nobody answers any more.
    """
    answers = {"yes": "yes", "no": "no", "y": "yes", "n": "no", SHOW: SHOW}
    while True:
        given = await terminal.choose(f"{DONE[reply.verdict]} (yes/no): ", answers)
        if given != SHOW:
            return given == "yes"
        terminal.screen.show(*see(view, full=True).lines)


class _Reader:
    """Reads a reply to one request."""

    def __init__(self, terminal: Terminal, view: RequestView, *, whole: bool, comment: str = "") -> None:
        self.terminal = terminal
        self.view = view
        self.request = view.request
        self.seen = whole
        self.comment = comment
        self.typed: dict[str, Json] = {}

    async def verdict(self) -> Reply | Skipped | None:
        """Ask for approval, or for a review."""
        question, words = PROMPTS[self.request.kind]
        offered = [verdict for verdict in words if verdict in self.request.verdicts]
        prompt = f"{question} ({'/'.join(words[verdict] for verdict in offered)}): "
        answers = {word: str(verdict) for verdict in offered for word in (words[verdict], *ALIASES[verdict])}
        self.terminal.screen.show(
            Line(
                "(`show` shows everything, `skip` leaves it for later, `quit` leaves all waiting, `help` says more)",
                "dim",
            )
        )
        while True:
            given = await self.terminal.choose(prompt, answers | LEAVING)
            if given == QUIT:
                return None
            if given == SKIP:
                return Skipped()
            if given == SHOW:
                self._show_all()
                continue
            verdict = Verdict(given)
            if verdict is Verdict.approve and not self.seen:
                self.terminal.screen.say("Part of it is folded: look at all of it with `show` first.", "warn")
                continue
            reply = await self._with_details(Reply(self.request, verdict, self.request.digest))
            if reply is not None:
                return reply

    async def answer(self) -> Reply | Skipped | None:
        """Ask for the answer to a question."""
        question = self.request.asked
        assert isinstance(question, Question)
        commands = "/show, /skip, /quit" + (", /reject" if Verdict.reject in self.request.verdicts else "")
        if self.request.takes_anything:
            commands = f"yes, no, {commands}"
        prompt = f"Answer ({f'1-{len(question.options)}, ' if question.options else ''}{commands}): "
        standing = self.request.edition.answer
        if standing is not None:
            prompt = f"Agree? (/approve, or another answer, {commands}): "
        if standing is None and fields_of(question.schema):
            self.terminal.screen.show(Line(f"(field by field, or one JSON object; {commands})", "dim"))
        while True:
            reply = await self._one_answer(prompt, question)
            if reply is QUIT:
                return None
            if isinstance(reply, Reply | Skipped):
                return reply

    async def _one_answer(self, prompt: str, question: Question) -> Reply | Skipped | str | None:  # noqa: PLR0911 - a command each
        form = fields_of(question.schema) if self.request.edition.answer is None else {}
        try:
            given = await (read_form(self.terminal, question.schema or {}, self.typed) if form else self._line(prompt))
        except InvalidValue as error:
            self.terminal.screen.say(error.message, "warn")
            return None
        if self.request.takes_anything and isinstance(given, str) and given.casefold() in YES_NO:
            given = "/approve" if YES_NO[given.casefold()] else "/reject"
        match given:
            case "/quit" | "/q":
                return QUIT
            case "/skip":
                return Skipped()
            case "/help" | "/?":
                self.terminal.screen.show(*help_lines(["show", "skip", "quit"]), *HELP_WITH_ANSWERS)
                return None
            case "/show":
                self._show_all()
                return None
            case "/reject" | "/approve":
                verdict = Verdict(given.removeprefix("/"))
                return await self._with_details(Reply(self.request, verdict, self.request.digest))
        try:
            text = given.removeprefix("/") if isinstance(given, str) and given.startswith("//") else given
            anything = self.request.takes_anything
            answer = read_answer(question, text, anything=anything) if isinstance(text, str) else text
            reply = Reply(self.request, Verdict.respond, self.request.digest, answer=answer)
            reply.check()
        except BadInput as error:
            self.terminal.screen.say(error.message, "warn")
            forget_misfits(self.typed, error)
            return None
        return await self._with_details(reply)

    async def _line(self, prompt: str) -> str:
        return await self.terminal.text(prompt, required="Please answer, or /quit.")

    def _show_all(self) -> None:
        self.terminal.screen.show(*see(self.view, full=True).lines)
        self.seen = True

    async def _with_details(self, reply: Reply) -> Reply | None:
        if reply.verdict is Verdict.edit:
            edited = await edit(self.terminal, self.view)
            if edited is None:
                return None
            reply = edited
        if reply.verdict is Verdict.respond and reply.answer is None:
            reply = replace(reply, answer=await self.terminal.text(INSTEAD, required="Please answer."))
        comment = self.comment or await ask_comment(self.terminal, self.view, reply.verdict)
        return replace(reply, comment=comment)


async def ask_comment(terminal: Terminal, view: RequestView, verdict: Verdict) -> str:
    """Ask for the comment that belongs to a verdict, where one does."""
    needed = "The policy wants a reason." if verdict in view.policy.reason_for else ""
    match verdict:
        case Verdict.reject:
            reads = "for the record" if view.request.takes_anything else "the agent reads it"
            return await terminal.text(f"Reason ({reads}): ", required=needed)
        case Verdict.revise:
            return await terminal.text("Feedback for the agent: ", required="Say what should be different.")
        case _ if needed:
            return await terminal.text("Comment: ", required=needed)
        case _:
            return ""


async def edit(terminal: Terminal, view: RequestView) -> Reply | None:
    """Let a person change what is asked, show what that changes, and ask whether it is meant; None if not."""
    request = view.request
    current = editable(request)
    wanted = current
    while True:
        try:
            wanted = await edit_json(terminal, wanted, request.id)
            reply = edited_reply(request, wanted)
        except BadInput as error:
            terminal.screen.say(error.message, "warn")
            again = await terminal.choose("Edit again? (yes/no): ", {"yes": "yes", "no": "no"})
            if again == "no":
                return None
            continue
        if not difference(current, wanted):
            terminal.screen.say("Nothing was changed.", "warn")
            return None
        terminal.screen.show(*said_so_far(reply))
        words = {"yes": "yes", "no": "no", "edit": "edit"}
        given = await terminal.choose(f"{DONE[Verdict.edit]} (yes/no/edit): ", words)
        if given != "edit":
            return reply if given == "yes" else None


def editable(request: Request) -> Json:
    """Return the part of a request that a reviewer may change: an action's arguments, or a draft.

    Raises:
        BadInput: if there is none.
    """
    if isinstance(request.edition.subject, Question):
        raise BadInput(f"{request.id} asks a question: answer it.", request_id=request.id)
    return part_of(request.edition.subject)


def part_of(subject: Action | Draft | Question) -> Json:
    """Return the part of a subject that a reviewer may change."""
    match subject:
        case Action(args=args):
            return args
        case Draft(body=body):
            return body
        case Question():
            return None


def edited_reply(request: Request, value: Json) -> Reply:
    """Return the reply that approves a request with these arguments, or this draft.

    Raises:
        BadInput: if they cannot be the arguments.
    """
    subject: Subject = request.edition.subject
    if isinstance(subject, Action):
        if not isinstance(value, dict):
            raise InvalidValue("arguments", "must be a JSON object")
        subject = replace(subject, args=value)
    elif isinstance(subject, Draft):
        subject = replace(subject, body=value)
    reply = Reply(request, Verdict.edit, request.digest, subject=subject)
    reply.check()
    return reply


def read_answer(question: Subject, text: str, *, anything: bool = False) -> Json:
    """Read an answer as the question wants it: an option by number or name, text, or JSON; in place of an action, text.

    Text that begins as JSON is meant as JSON, unless the question wants text and nothing else.

    Args:
        anything: the question is that of `Request.takes_anything`: what is JSON is JSON; "yes" and "approve" are true,
            "no" and "reject" are false; quotes make it text.

    Raises:
        InvalidValue: if it must be JSON, or begins so, and is not.
    """
    if not isinstance(question, Question):
        return text
    if question.options is not None:
        return _option(question.options, text)
    if anything and (word := text.strip().casefold()) in YES_NO | TRUE_FALSE:
        return (YES_NO | TRUE_FALSE)[word]
    wanted = types_of(question.schema)
    if wanted == ["string"] or (question.schema is None and not anything and not _BEGINS.match(text)):
        return text
    try:
        return parse_json(text, path="answer")
    except InvalidValue as error:
        may_be_text = not wanted or "string" in wanted
        if may_be_text and not _BEGINS.match(text) and not _NUMBER.fullmatch(text.strip()):
            return text
        if may_be_text and len(text) <= LONGEST_HINT:
            raise InvalidValue(error.path, f"{error.reason}. If it is meant as text: {json.dumps(text)}") from None
        raise


def _option(options: list[str], text: str) -> str:
    by_name = [option for option in options if text in {option, one_line(option)}]
    by_number = (
        [options[int(text) - 1]]
        if text.isdecimal() and len(text) <= MAX_DIGITS and 0 < int(text) <= len(options)
        else []
    )
    if by_name and by_number and by_name != by_number:
        raise InvalidValue("answer", f"{text} is the number of one option and the text of another: put it in quotes")
    found = by_name or by_number or [option for option in options if option.casefold() == text.casefold()]
    return found[0] if found else text
