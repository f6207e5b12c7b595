"""A front end of somebody else: a chat in which two people list, look at and decide what waits for them.

It knows `interlock` and `interlock.service`, and nothing below. What it does not do, it need not know of: who may vote,
digests, deadlines, how an argument is typed.
"""

from __future__ import annotations

from interlock import Principal
from interlock.errors import InterlockError
from interlock.service.arguments import changed_arguments
from interlock.service.client import Client
from interlock.service.hostile_text import plain
from interlock.service.inbox import Listed
from interlock.service.inline import row
from interlock.service.replies import editable
from interlock.service.sentences import sentence

TITLES = {"mine": "Waits for you", "others": "Waits for others", "decided": "Decided by you"}


class Chat:
    """Answers what people write to it.

    Args:
        service: any client; the chat acts for whoever writes.
    """

    def __init__(self, service: Client) -> None:
        self._service = service
        self._shown: dict[tuple[str, str], str] = {}  # by person and request: the digest of what they were shown

    async def say(self, person: str, text: str) -> str:
        """Do what somebody writes, and return the answer."""
        word, _, rest = text.strip().partition(" ")
        client = self._service.acting_as(Principal(person, "person", "default", "chat"))
        try:
            match word:
                case "inbox":
                    return await self._inbox(client)
                case "show":
                    return await self._show(client, rest)
                case "approve" | "reject" | "edit" | "answer" | "revise":
                    return await self._decide(client, word, *_two(rest))
                case "watch":
                    return await self._history(client, rest)
                case _:
                    return "Say: inbox, show ID, approve ID, reject ID why, edit ID KEY=VALUE, answer ID …, watch ID"
        except InterlockError as error:
            return error.message

    async def _inbox(self, client: Client) -> str:
        lines = []
        for which, title in TITLES.items():
            page = await client.inbox(which, limit=5)
            lines.append(f"{title}: {await client.inbox_count(which)}")
            lines += [self._line(listed) for listed in page.rows]
        return "\n".join(lines)

    @staticmethod
    def _line(listed: Listed) -> str:
        why = f" ({listed.excluded})" if listed.excluded and listed.request.is_open else ""
        return f"- {listed.request.id}: {row(listed.request)}, {listed.request.status}{plain(why)}"

    async def _show(self, client: Client, prefix: str) -> str:
        view = await client.request(await client.resolve("request", prefix))
        request = view.request
        self._shown[client.principal.id, request.id] = request.digest
        may = f"You may not decide: {view.excluded}" if view.excluded else "You may decide."
        return "\n".join([row(request), plain(request.ask.description), *map(plain, view.why.splitlines()), plain(may)])

    async def _decide(self, client: Client, verdict: str, prefix: str, rest: str) -> str:
        request_id = await client.resolve("request", prefix)
        digest = self._shown.get((client.principal.id, request_id))
        if digest is None:
            return f"Look at it first: show {request_id}"
        match verdict:
            case "approve":
                after = await client.approve(request_id, digest=digest, comment=rest)
            case "reject":
                after = await client.reject(request_id, digest=digest, comment=rest)
            case "revise":
                after = await client.revise(request_id, digest=digest, comment=rest)
            case "answer":
                after = await client.answer(request_id, rest, digest=digest, typed=True)
            case _:
                before = (await client.request(request_id)).request
                after = await client.edit(request_id, changed_arguments(editable(before), [rest]), digest=digest)
        return f"{after.id} is {after.status}"

    async def _history(self, client: Client, prefix: str) -> str:
        request_id = await client.resolve("request", prefix)
        return "\n".join(plain(sentence(entry)) for entry in await client.history(request_id))


def _two(rest: str) -> tuple[str, str]:
    first, _, last = rest.partition(" ")
    return first, last
