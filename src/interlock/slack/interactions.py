"""People decide in Slack: what a button or a form says becomes a vote of the person whose account it is."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.directory import ChatUser
from interlock.domain.request import Request
from interlock.domain.signatures import TOLERANCE
from interlock.domain.slack_signatures import is_from_slack
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.sender import NotTaken
from interlock.errors import Conflict, InterlockError, InvalidAnswer, ReasonMissing, Unauthenticated, WrongDigest
from interlock.service.casting import SubmittedVote, cast
from interlock.service.chat_accounts import ChatAccounts
from interlock.service.client import Client
from interlock.service.components import Components
from interlock.service.deliveries import send_again
from interlock.service.request_status import asked_words
from interlock.slack.forms import COMMENT, FieldError, answer_of, edited_value, form_of, message_view
from interlock.slack.payloads import Asker, Said, read_call
from interlock.slack.posting import sent_card
from interlock.slack.sender import SlackChannel
from interlock.slack.text import Block, line, link_button, literal, readable, rich

ACKNOWLEDGED_WITHIN = 0.7
"""Seconds after which Slack is answered, whatever is still to be done: it waits for three, and people less."""

NOT_YET = "This is not recorded yet: the card says so when it is. If it does not within a minute, say it again."
STALE = "What you saw has changed since, so that this was not recorded. The card now shows what stands there."
DEFECT = "This was not recorded: something is wrong at the server. Try it again, or open the page."
TOO_LARGE = "What is asked does not fit into a form here: open the page."
MOST_DELIVERIES = 50
LONGEST_REPLY = 1_000

Admit = Callable[[str], None]
"""Is told who it is, by canonical id, before they do anything, and refuses whoever calls too often."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What Slack tells; None if it is nothing that concerns us.

    Args:
        mark: the same for the same call again.
    """

    what: Said | Asker | None
    mark: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody is told, and nobody else.

    Args:
        text: nothing if the card says it.
        button: that leads on.
        field: the block of the form that is wrong.
    """

    text: str = ""
    button: Block | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What Slack is answered at once, and what is done after that."""

    body: Block | None = None
    after: Callable[[], Awaitable[None]] | None = None


class SlackInteractions:
    """What comes from one app.

    Args:
        now: a clock that is right: what was signed long ago is refused.
    """

    def __init__(self, channel: SlackChannel, components: Components, now: Callable[[], datetime]) -> None:
        self.channel = channel
        self._now = now
        self._components = components
        self._accounts = ChatAccounts(components.directories, [self.key])

    @property
    def key(self) -> tuple[str, bytes]:
        """By what the codes are made with which people confirm who they are, and for which tenant."""
        return self.channel.tenant, self.channel.signing_secret.encode()

    def read(self, at: str, signature: str, body: bytes) -> Received:
        """Return what Slack tells. Nothing is looked up for that: Slack waits, and a database may be slow.

        Raises:
            Unauthenticated: if Slack has not signed it.
            InvalidValue: if it cannot be read.
        """
        if not is_from_slack(self.channel.signing_secret, at, signature, body, self._now()):
            raise Unauthenticated("This was not signed by Slack for this channel, or not now.")
        mark = hashlib.sha256(signature.encode(errors="replace")).hexdigest()
        return Received(read_call(body), f"slack {self.channel.name} {mark}")

    async def _once(self, received: Received) -> None:
        """Refuse what has come before, to whichever process."""
        now = await self._components.store.now()
        try:
            await self._components.store.keep_received(received.mark, now, now + 2 * TOLERANCE + timedelta(seconds=1))
        except Conflict:
            raise Unauthenticated("This has come before: it changes nothing.") from None

    async def person_of(self, user: ChatUser) -> str | None:
        """Return who it is, by canonical id; None if nobody here has said that the account is theirs."""
        return await self._accounts.person_of(self.channel.tenant, user)

    async def answer(self, received: Received, asker: Asker) -> Block:
        """Return what somebody is told who has written our command: who they are here, or how they say so."""
        await self._once(received)
        person = await self.person_of(asker.user)
        if person is not None:
            reply = Reply(f"Here you are {person}. Your account there shows which accounts of Slack are yours.")
        else:
            reply = await self._asks_who(asker.user, asker.name)
        return {"response_type": "ephemeral", "blocks": _blocks(reply)}

    async def take(self, received: Received, said: Said, address: str | None, admit: Admit) -> Acknowledgement:
        """Do what somebody says, and return what Slack is answered: within a second, whether it is done by then or not.

        What is not done by then goes on, and whoever said it is told at once that it is not recorded yet.

        Raises:
            Unauthenticated: if it has come before.
            StoreError: if that cannot be known.
        """
        task = asyncio.create_task(self._safely(received, said, address, admit))
        done, _ = await asyncio.wait({task}, timeout=ACKNOWLEDGED_WITHIN)
        is_form = said.fields is not None
        if not done:
            body = _in_place(message_view("Not recorded yet", NOT_YET)) if is_form else None
            return Acknowledgement(body, partial(self._late, said, task))
        reply = task.result()
        if is_form:
            return Acknowledgement(_form_answer(said, reply))
        return Acknowledgement(None, partial(self._tell, said, reply) if reply.text else None)

    async def _late(self, said: Said, task: asyncio.Task[Reply]) -> None:
        if said.fields is None:
            await self._tell(said, Reply(NOT_YET))
        try:
            reply = await task
        except InterlockError as refused:
            reply = Reply(refused.message)
        await self._tell(said, reply if reply.text else Reply("It is recorded now."))

    async def _safely(self, received: Received, said: Said, address: str | None, admit: Admit) -> Reply:
        await self._once(received)
        try:
            return await self._done(said, address, admit)
        except FieldError as wrong:
            return Reply(str(wrong), field=wrong.block)
        except WrongDigest:
            await self._refresh(said)
            return Reply(STALE)
        except InterlockError as refused:
            place = COMMENT if isinstance(refused, ReasonMissing) else ""
            first = next((one for one in said.fields or () if one != COMMENT), COMMENT)
            field = first if isinstance(refused, InvalidAnswer) else place
            return Reply(asked_words(refused.message), self._page(said.request_id), field)
        except NotTaken as lost:
            return Reply(f"The form could not be opened. {lost.failure.error}", self._page(said.request_id))
        except Exception:  # noqa: BLE001 - whoever pressed a button is told, whatever it is
            _log.exception("A call of Slack failed.")
            return Reply(DEFECT, self._page(said.request_id))

    async def _done(self, said: Said, address: str | None, admit: Admit) -> Reply:
        person = await self.person_of(said.user)
        if person is None:
            return await self._asks_who(said.user, said.name)
        admit(person)
        principal = Principal(person, "person", self.channel.tenant, "slack", address)
        client = Client(self._components, principal, key=said.key)
        if said.fields is not None:
            await self._cast_form(client, said)
            return Reply()
        if said.verdict is Verdict.approve and not await self._needs_reason(client, said):
            await cast(client, SubmittedVote(said.request_id, said.verdict, said.digest))
            return Reply()
        return await self._open_form(client, said)

    async def _needs_reason(self, client: Client, said: Said) -> bool:
        loaded = await self._components.store.load(self.channel.tenant, [said.request_id])
        request: Request | None = loaded.requests.get(said.request_id)
        if request is None:
            return False  # the vote says so
        return said.verdict in (await client.system.pinned_policies.pinned(request.route.policy_hash)).reason_for

    async def _cast_form(self, client: Client, said: Said) -> None:
        given, comment = said.fields or {}, (said.fields or {}).get(COMMENT, "")
        if said.verdict is Verdict.respond:
            request = (await self._components.store.load(self.channel.tenant, [said.request_id])).requests.get(
                said.request_id
            )
            value, typed = ("", True) if request is None else answer_of(request, given)
            await client.answer(said.request_id, value, digest=said.digest, comment=comment, typed=typed)
            return
        value = None
        if said.verdict is Verdict.edit:
            view = await client.request(said.request_id)
            if view.request.digest != said.digest:  # the fields are those of another value
                raise WrongDigest(STALE)
            value = edited_value(view, given)
        await cast(client, SubmittedVote(said.request_id, said.verdict, said.digest, comment, value))

    async def _open_form(self, client: Client, said: Said) -> Reply:
        view = await client.request(said.request_id)
        page = self._page(said.request_id)
        if view.request.is_open and view.request.digest != said.digest:
            await self._refresh(said)
            return Reply(STALE, page)
        if said.verdict not in view.may.vote:
            return Reply(_why_not(view.excluded, view.request), page)
        form = form_of(view, said.verdict, said.room)
        if form is None:
            return Reply(TOO_LARGE, page)
        await self.channel.api.call("views.open", trigger_id=said.trigger, view=form)
        return Reply()

    async def _asks_who(self, user: ChatUser, name: str) -> Reply:
        if self.channel.origin is None:
            return Reply("Nobody here knows who you are: whoever runs this server must say where people reach it.")
        code = await self._accounts.code(self.key[1], self.channel.tenant, user, name)
        text = (
            "Nobody here knows yet who you are in Slack: sign in once, and say that this account is yours. Then press "
        )
        link = link_button("Sign in and confirm", f"{self.channel.origin}/account/chats/link?code={code}")
        return Reply(f"{text}Then press the button again. The link is for you alone, and ends in 15 minutes.", link)

    async def _refresh(self, said: Said) -> None:
        """Have the card shown anew, after whatever is on its way already."""
        wanted = DeliveryFilter(about=[said.request_id])  # of whatever channel: an app has one address for all
        found = await self._components.store.deliveries(self.channel.tenant, wanted, limit=MOST_DELIVERIES)
        shown = [one for one in found if (card := sent_card([one])) is not None and card.room == said.room]
        if shown:
            with contextlib.suppress(InterlockError):  # it is sent anyhow
                await send_again(self._components.store, self.channel.tenant, max(shown, key=lambda one: one.seq).id)

    async def _tell(self, said: Said, reply: Reply) -> None:
        try:
            await self.channel.api.call(
                "chat.postEphemeral", channel=said.room, user=said.user.user, text="Interlock", blocks=_blocks(reply)
            )
        except NotTaken as lost:
            _log.warning("Somebody was not told what became of what they said in Slack: %s", lost)

    def _page(self, request_id: str) -> Block | None:
        origin = self.channel.origin
        return None if origin is None else link_button("Open the page", f"{origin}/requests/{request_id}")


def _blocks(reply: Reply) -> list[Block]:
    buttons = [] if reply.button is None else [{"type": "actions", "elements": [reply.button]}]
    return [rich(line(*literal(reply.text[:LONGEST_REPLY]))), *buttons]


def _form_answer(said: Said, reply: Reply) -> dict[str, Any]:
    if not reply.text:
        return {"response_action": "clear"}
    if reply.field and reply.field in (said.fields or {}):
        return {"response_action": "errors", "errors": {reply.field: readable(reply.text[:LONGEST_REPLY])}}
    return _in_place(message_view("Not recorded", reply.text))


def _in_place(view: Block) -> dict[str, Any]:
    return {"response_action": "update", "view": view}


def _why_not(excluded: str | None, request: Request) -> str:
    if not request.is_open:
        return f"Nothing was recorded: it is {request.status} already."
    return f"You may not say this: {asked_words(excluded)}." if excluded else "You cannot say this as it stands now."
