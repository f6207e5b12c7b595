"""From a request on the screen to a person's reply: the questions, in the order in which they are asked."""

from __future__ import annotations

from dataclasses import replace

from interlock.domain.action import VERDICTS, Kind, Question, Verdict
from interlock.errors import BadInput, InvalidValue
from interlock.service.fields import fields_of, wanted
from interlock.service.hostile_text import quoted
from interlock.service.inline import Place, one_line
from interlock.service.replies import Reply, answered, editable, edited, part_of, typed_answer
from interlock.service.typed import VERDICT_WORDS, unread
from interlock.service.views import RequestView
from interlock.terminal import prompts
from interlock.terminal.editing import Unreadable, edit_json
from interlock.terminal.form import Typed, forget_misfits, read_form
from interlock.terminal.presentation import ANYTHING, present
from interlock.terminal.screen import Line
from interlock.terminal.terminal import Terminal
from interlock.terminal.values import difference

QUIT = "quit"
SHOW = "show"
LEAVING = {SHOW: SHOW, "s": SHOW, prompts.SKIP: prompts.SKIP, QUIT: QUIT, "q": QUIT}

TWO_SLASHES = "  An answer that begins with a slash is written with two: //tmp."

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


class Skipped:
    """A person leaves a request for later, and stays."""


async def read_reply(
    terminal: Terminal, view: RequestView, place: Place | None = None, *, comment: str = ""
) -> Reply | Skipped | None:
    """Show a request and ask until there is a reply, unless a comment is said already; None if it is left waiting."""
    presentation = present(view, fold=terminal.interactive, place=place)
    terminal.screen.show(*presentation.lines)
    reader = _Reader(terminal, view, whole=presentation.whole, comment=comment)
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
        lines.append(Line(f"The agent gets: {one_line(reply.verdict is Verdict.approve)}", "", "", "│ "))
    if reply.comment:
        lines.append(Line(f"Your comment: {quoted(reply.comment)}", "", "", "│ "))
    return lines


async def confirm(terminal: Terminal, view: RequestView, reply: Reply) -> bool:
    """Ask whether this reply is meant; say nothing of what it is about."""
    answers = {"yes": "yes", "no": "no", "y": "yes", "n": "no", SHOW: SHOW}
    rule = VERDICTS[reply.verdict]
    while True:
        given = await terminal.choose(f"{rule.question} (yes/no): ", answers, prompts.means_if(rule.does))
        if given != SHOW:
            return given == "yes"
        terminal.screen.show(*present(view, full=True).lines)


class _Reader:
    def __init__(self, terminal: Terminal, view: RequestView, *, whole: bool, comment: str = "") -> None:
        self.terminal = terminal
        self.view = view
        self.request = view.request
        self.seen = whole
        self.comment = comment
        self.typed: Typed = {}

    async def verdict(self) -> Reply | Skipped | None:
        question, words = PROMPTS[self.request.kind]
        offered = [verdict for verdict in words if verdict in self.request.ask.verdicts]
        prompt = f"{question} ({'/'.join(words[verdict] for verdict in offered)}): "
        answers = {word: str(verdict) for verdict in offered for word in (words[verdict], *ALIASES[verdict])}
        also = "(`show` shows everything, `skip` leaves it for later, `quit` leaves all waiting, `help` says more)"
        self.terminal.screen.show(Line(also, "dim"))
        while True:
            given = await self.terminal.choose(prompt, answers | LEAVING)
            if given == QUIT:
                return None
            if given == prompts.SKIP:
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
        question = self.request.asked
        assert isinstance(question, Question)
        commands = "/show, /skip, /quit" + (", /reject" if Verdict.reject in self.request.ask.verdicts else "")
        if self.request.takes_anything:
            commands = f"yes, no, {commands}"
        prompt = f"Answer ({f'1-{len(question.options)}, ' if question.options else ''}{commands}): "
        current = self.request.edition.answer
        if current is not None:
            prompt = f"Agree? (/approve, or another answer, {commands}): "
        if current is None and fields_of(question.schema):
            self.terminal.screen.show(Line(f"(field by field; {commands}, help)", "dim"))
        while True:
            reply = await self._one_answer(prompt, question)
            if reply is QUIT:
                return None
            if isinstance(reply, Reply | Skipped):
                return reply

    async def _one_answer(self, prompt: str, question: Question) -> Reply | Skipped | str | None:  # noqa: PLR0911 - a command each
        form = fields_of(question.schema) if self.request.edition.answer is None else []
        try:
            known = ["show", "skip", "quit"] + ["reject"] * (Verdict.reject in self.request.ask.verdicts)
            about = [*prompts.help_lines(known, before="/"), TWO_SLASHES]
            given = await (
                read_form(self.terminal, question.schema or {}, self.typed, about)
                if form
                else self.terminal.text(prompt, required="Please answer, or /quit.", about=self._about_answer(about))
            )
        except InvalidValue as error:
            self.terminal.screen.say(f"{unread(error)}.", "warn")
            return None
        if self.request.takes_anything and isinstance(given, str) and given.casefold() in VERDICT_WORDS:
            given = "/approve" if VERDICT_WORDS[given.casefold()] else "/reject"
        match given:
            case "/quit" | "/q":
                return QUIT
            case "/skip":
                return Skipped()
            case "/show":
                self._show_all()
                return None
            case "/reject" | "/approve":
                verdict = Verdict(given.removeprefix("/"))
                return await self._with_details(Reply(self.request, verdict, self.request.digest))
        try:
            text = given.removeprefix("/") if isinstance(given, str) and given.startswith("//") else given
            reply = typed_answer(self.request, text) if isinstance(text, str) else answered(self.request, text)
        except BadInput as error:
            self.terminal.screen.say(error.message, "warn")
            forget_misfits(self.typed, error)
            return None
        return await self._with_details(reply)

    def _about_answer(self, commands: list[str]) -> list[str]:
        question = self.request.asked
        assert isinstance(question, Question)
        if self.request.edition.answer is not None:
            return ["  /approve: agree with the answer that stands there", "  Anything else is your answer.", *commands]
        if question.options:
            return ["  Give the number of an option, or write it.", *commands]
        if self.request.takes_anything:
            return [f"  {ANYTHING}", *commands]
        told = [f"  {line}" for line in wanted(question.schema)] if question.schema is not None else []
        return ["  What you write is your answer:" if told else "  What you write is your answer.", *told, *commands]

    def _show_all(self) -> None:
        self.terminal.screen.show(*present(self.view, full=True).lines)
        self.seen = True

    async def _with_details(self, reply: Reply) -> Reply | None:
        if reply.verdict is Verdict.edit:
            if (changed := await edit(self.terminal, self.view)) is None:
                return None
            reply = changed
        if reply.verdict is Verdict.respond and reply.answer is None:
            about = [prompts.INSTEAD, prompts.NOTHING_YET]
            prompt = "Your answer, in place of doing it: "
            reply = replace(reply, answer=await self.terminal.text(prompt, required="Please answer.", about=about))
        comment = self.comment or await ask_comment(self.terminal, self.view, reply.verdict)
        return replace(reply, comment=comment)


async def ask_comment(terminal: Terminal, view: RequestView, verdict: Verdict) -> str:
    """Ask for the comment that belongs to a verdict, where one does."""
    needed = "The policy wants a reason." if verdict in view.policy.reason_for else ""
    match verdict:
        case Verdict.reject:
            prompt = f"Reason ({'for the record' if view.request.takes_anything else 'the agent reads it'}): "
            about = prompts.REASON + ("" if needed else " Enter leaves it out.")
        case Verdict.revise:
            prompt, needed, about = "Feedback for the agent: ", "Say what should be different.", prompts.FEEDBACK
        case _ if needed:
            prompt, about = "Comment: ", prompts.COMMENT
        case _:
            return ""
    return await terminal.text(prompt, required=needed, about=[about, prompts.NOTHING_YET])


async def edit(terminal: Terminal, view: RequestView) -> Reply | None:
    """Let a person change what is asked, show what that changes, and ask whether it is meant; None if not."""
    request = view.request
    current = value = editable(request)
    written: bytes | None = None
    while True:
        try:
            value = await edit_json(terminal, value, request.id, written=written)
            written = None
            reply = edited(request, value)
        except BadInput as error:
            written = error.written if isinstance(error, Unreadable) else written
            terminal.screen.say(error.message, "warn")
            again = await terminal.choose("Edit again? (yes/no): ", {"yes": "yes", "no": "no"}, prompts.EDIT_AGAIN)
            if again == "no":
                return None
            continue
        if not difference(current, value):
            terminal.screen.say("Nothing was changed.", "warn")
            return None
        terminal.screen.show(*said_so_far(reply))
        words = {"yes": "yes", "no": "no", "edit": "edit"}
        given = await terminal.choose(f"{VERDICTS[Verdict.edit].question} (yes/no/edit): ", words, prompts.CHANGES)
        if given != "edit":
            return reply if given == "yes" else None
