"""What a person says to a request: made of plain values, checked, and then cast as a vote."""

from __future__ import annotations

from dataclasses import dataclass, replace

from interlock.domain.action import Action, Draft, Question, Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.engine.schemas import check_vote
from interlock.errors import BadInput, InvalidValue
from interlock.service.arguments import digest_meant
from interlock.service.typed import read_answer


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person says to a request.

    Args:
        request, digest: of what that person was shown.
        subject: what is asked, as that person has changed it; None if not.
        unseen: the person names nothing that was shown; the log says so.
        shown: the person names what was shown; the log says that they have seen it.
    """

    request: Request
    verdict: Verdict
    digest: str
    comment: str = ""
    subject: Subject | None = None
    answer: Json = None
    unseen: bool = False
    shown: bool = False

    def vote(self) -> CastVote:
        """Return the command that says so."""
        said = self.verdict, self.digest, self.comment, self.subject, self.answer
        return CastVote(self.request.id, *said, self.unseen, self.shown)

    def check(self) -> CastVote:
        """Return it as it is to be counted; raise `InvalidAnswer` for what does not fit the schema, before any vote."""
        return check_vote(self.request, self.vote())

    def to(self, digest: str | None) -> Reply:
        """Return it as a reply to what a digest, or its beginning, names; None for whatever stands there."""
        if digest is None:
            return replace(self, unseen=True)
        if not isinstance(digest, str):
            raise InvalidValue(
                "digest", f"must be text, or None for whatever stands there; not {type(digest).__name__}"
            )
        return replace(self, digest=digest_meant(digest, self.request), shown=True)


def plainly(request: Request, verdict: Verdict, comment: str = "") -> Reply:
    """Return a verdict that changes nothing. The desk refuses one that is not offered, and the log says so."""
    return Reply(request, verdict, request.digest, comment)


def edited(request: Request, value: Json, comment: str = "") -> Reply:
    """Return the reply that approves a request with these arguments, or this draft.

    `BadInput` is raised if they cannot be that, or a question is asked; `InvalidAnswer` if they do not fit the schema.
    """
    editable(request)
    subject: Subject = request.edition.subject
    if isinstance(subject, Action):
        if not isinstance(value, dict):
            raise InvalidValue("arguments", "they must be a group of named fields, as they were before")
        subject = replace(subject, args=value)
    elif isinstance(subject, Draft):
        subject = replace(subject, body=value)
    reply = Reply(request, Verdict.edit, request.digest, comment, subject)
    reply.check()
    return reply


def answered(request: Request, value: Json, comment: str = "") -> Reply:
    """Return an answer to a question, or in an action's place where that is offered.

    `BadInput` is raised where nothing can be answered, and `InvalidAnswer` if it does not fit the schema.
    """
    _check_answerable(request)
    reply = Reply(request, Verdict.respond, request.digest, comment, answer=value)
    reply.check()
    return reply


def typed_answer(request: Request, text: str | None, comment: str = "") -> Reply:
    """Return the answer that a text means: an option by its number or name, text, or JSON. See `read_answer`.

    It raises as `answered` does, and `BadInput` if there is no text.
    """
    _check_answerable(request)
    if text is None:
        raise BadInput('Give the answer: interlock answer ID "…", or --answer-json FILE.')
    return answered(request, read_answer(request.asked, text, anything=request.takes_anything), comment)


def _check_answerable(request: Request) -> None:
    if not isinstance(request.asked, Question) and Verdict.respond not in request.ask.verdicts:
        raise BadInput(f"{request.id} asks for {request.kind}, not for an answer.")


def editable(request: Request) -> Json:
    """Return the part of a request that a reviewer may change: an action's arguments, or a draft.

    A question raises `BadInput`.
    """
    if isinstance(request.edition.subject, Question):
        raise BadInput(f"{request.id} asks a question: answer it.", request_id=request.id)
    return part_of(request.edition.subject)


def part_of(subject: Subject) -> Json:
    """Return the part of a subject that a reviewer may change."""
    return subject.args if isinstance(subject, Action) else subject.body if isinstance(subject, Draft) else None


def void_votes(before: Request, after: Request) -> str:
    """Say whose earlier votes an edit or an answer has made void; nothing if nobody's."""
    if before.digest == after.digest or not before.votes:
        return ""
    who = ", ".join(dict.fromkeys(vote.acting for vote in before.votes))
    votes, count = ("votes", "count") if len(before.votes) > 1 else ("vote", "counts")
    return f"You changed what is decided on: the earlier {votes} of {who} no longer {count}."
