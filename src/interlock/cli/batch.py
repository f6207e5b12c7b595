"""`interlock requests approve|reject`: one verdict on several requests, with one result each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

from interlock.cli.errors import Exit
from interlock.cli.options import AS, COMMENT, JSON, open_request
from interlock.cli.session import Session, execute
from interlock.domain.action import VERDICTS, Verdict
from interlock.domain.request import Request
from interlock.errors import BadInput, InterlockError
from interlock.service.casting import MOST, SubmittedVote, cast_all
from interlock.service.error_table import error_shape, meaning_of
from interlock.service.hostile_text import plain
from interlock.service.inline import row
from interlock.service.shapes import request_shape
from interlock.service.views import RequestView

IDS = typer.Argument(
    metavar="ID …", help="The requests; the beginning of an id is enough.", autocompletion=open_request
)
YES = typer.Option(False, "--yes", help="Vote on what stands there now, without being asked.")


def _on_several(verdict: Verdict, about: str) -> Callable[..., None]:
    def decide(
        ctx: typer.Context,
        *,
        requests: list[str] = IDS,
        comment: str = COMMENT,
        yes: bool = YES,
        person: str | None = AS,
        as_json: bool = JSON,
    ) -> None:
        if len(requests) > MOST:
            raise BadInput(f"One command takes {MOST} requests at most, and these are {len(requests)}.")

        async def work(session: Session) -> int:
            if not yes and not session.terminal.interactive:
                raise BadInput("Without a terminal, say --yes: for what stands there now.")
            ids = [await session.client.resolve("request", one) for one in requests]
            views = [await session.client.request(one) for one in dict.fromkeys(ids)]
            if not yes and not await _is_meant(session, verdict, views):
                session.tell("Nothing was decided.", "warn")
                return Exit.waiting
            return await _cast(session, verdict, views, comment)

        execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)

    decide.__doc__ = about
    return decide


approve = _on_several(
    Verdict.approve,
    """Approve several requests: interlock requests approve ID ID …

    It shows them all, asks once, and votes on exactly what it has shown. What is refused undoes no other one. Their
    runs go on where a worker is: `interlock work`.
    """,
)
reject = _on_several(Verdict.reject, 'Reject several requests: interlock requests reject ID ID … -m "not this month".')


async def _is_meant(session: Session, verdict: Verdict, views: Sequence[RequestView]) -> bool:
    rows = [(view.request.id, plain(view.request.agent), row(view.request)) for view in views]
    session.show_table(("ID", "AGENT", "WHAT"), rows)
    rule, number = VERDICTS[verdict], len(views)
    words = {"yes": "yes", "no": "no"}
    means = {"yes": f"{verdict} all {number}", "no": "decide nothing"}
    return await session.terminal.choose(f"{rule.question} All {number} (yes/no): ", words, means) == "yes"


async def _cast(session: Session, verdict: Verdict, views: Sequence[RequestView], comment: str) -> int:
    votes = [SubmittedVote(view.request.id, verdict, view.request.digest, comment) for view in views]
    results = await (cast_all(session.local, votes) if session.remote is None else session.remote.cast_many(votes))
    session.write({"results": [_shape(*one) for one in zip(votes, results, strict=True)]})
    for vote, came in zip(votes, results, strict=True):
        if isinstance(came, InterlockError):
            session.tell(f"{vote.request_id}: {came.message}", "bad")
        else:
            session.tell(f"{came.id} is {came.status}.", "good")
    refused = [meaning_of(type(came)).exit for came in results if isinstance(came, InterlockError)]
    return next(iter(refused), Exit.ok)


def _shape(vote: SubmittedVote, came: Request | InterlockError) -> dict[str, Any]:
    if isinstance(came, InterlockError):
        return {"id": vote.request_id, "error": error_shape(came.code, came.message, came.details)}
    return {"id": vote.request_id, "request": request_shape(came)}
