"""What an agent does that acts by itself: it asks, waits, and carries out once what was approved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from interlock.domain.action import Ask, Subject, Verdict, default_verdicts
from interlock.domain.authority import Principal
from interlock.domain.canonical import Json, check_storable, check_text, normalize
from interlock.domain.commands import ClaimEffect, RecordEffect, Withdraw
from interlock.domain.effect import check_stands
from interlock.domain.request import MAX_COMMENT, EffectState, Repeatable, Reported, Request
from interlock.engine import tracing
from interlock.engine.idempotency import check_key
from interlock.engine.integrity import verified
from interlock.errors import BadInput, EffectRefused, Forbidden, InvalidValue, NotFound
from interlock.service.components import Components

ASKED_HERE = "api"
"""In the place of the LangGraph task: who asks here acts through the ledger of effects."""

SHORTEST_CLAIM, LONGEST_CLAIM = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an agent asks of people.

    Args:
        verdicts: what people may say; all that fit the subject, if empty.
        description: what it is about, in the agent's words.
        context: JSON that helps to decide.
        policy: the policy that is to hold; by default the first that applies.
        initiator: the person for whom the agent asks, who does not decide on it; None if it asks for nobody.
        reference: what it is about in the business, such as an order's number, to find it by.
    """

    subject: Subject
    verdicts: tuple[Verdict, ...] = ()
    description: str = ""
    context: Json = None
    policy: str | None = None
    initiator: str | None = None
    reference: str | None = None


class AgentClient:
    """Acts for one agent, whose requests have no run.

    Args:
        key: an idempotency key, for one call: a claim or a withdrawal that is made again with it does nothing anew.

    Raises:
        Forbidden: if the principal is no agent.
    """

    def __init__(self, system: Components, principal: Principal, *, key: str | None = None) -> None:
        if principal.kind != "agent":
            raise Forbidden(f"{principal.id} is no agent: people decide, and agents ask.")
        self.system = system
        self.principal = principal
        self._key = key

    async def ask(self, asked: Asked, *, key: str) -> Request:
        """Ask people; return the request. Asking again with the same key asks nothing new.

        Args:
            key: names this among all that the agent asks: an order's number and the step, a random id.

        Raises:
            WrongDigest: if something else was asked with this key.
            BadInput: if it cannot be asked.
        """
        check_key(key)
        allowed = default_verdicts(asked.subject)
        verdicts = asked.verdicts or allowed
        for verdict in verdicts:
            if verdict not in allowed and verdict is not Verdict.respond:
                raise InvalidValue("verdicts", f"{verdict} cannot be said to {asked.subject.kind}")
        check_text(asked.description, "description", MAX_COMMENT)
        check_storable(asked.initiator or "", "initiator")
        ask = Ask(
            "",
            ASKED_HERE,
            asked.subject,
            verdicts,
            asked.description,
            normalize(asked.context, path="context"),
            asked.policy,
            asked.reference,
        )
        return await self.system.openings.open(ask, key, self.principal, asked.initiator or self.principal.id)

    async def claim(
        self, request_id: str, *, digest: str, tool: str, repeatable: Repeatable = "no", lasts: timedelta
    ) -> Request:
        """Begin what was approved: it is this agent's alone until the claim ends, and `claim` names the attempt.

        Args:
            digest: of the arguments that are about to be executed.
            lasts: after that, nobody waits for the result any more.

        Raises:
            EffectRefused: if it is not approved or not any more, something else was, or another attempt is under way or
                has ended nobody knows how; also where this claim was made before, with the same key, and that attempt
                is over.
            AlreadyClaimed: if it was made before, with the same key, and the tool is not idempotent: nobody but the
                caller knows whether it has acted on the first answer.
        """
        if not SHORTEST_CLAIM <= lasts <= LONGEST_CLAIM:
            raise InvalidValue("lasts", "must be from one second to a day")
        asked = await self.own(request_id)
        command = ClaimEffect(request_id, digest, tool, 0, repeatable, lasts)
        with tracing.span("interlock.claim", within=asked.trace, request=request_id, tool=tool):
            claimed = await self.system.desk.handle(command, self.principal, key=self._key)
        if claimed.effect in {EffectState.lapsed, EffectState.unknown}:  # which the log says by now
            said = f"Nothing may be executed: the effect of {request_id} is {claimed.effect}"
            raise EffectRefused(f"{said}. {claimed.effect_note}", request_id=request_id, effect=str(claimed.effect))
        return claimed

    async def record(
        self, request_id: str, attempt: int, state: Reported, *, result: Json = None, reason: str = ""
    ) -> Request:
        """Say what became of an attempt: it is taken from whoever claimed it, however late.

        Raises:
            EffectRefused: if something else stands, or nobody has claimed that attempt; the log has noted the result.
        """
        asked = await self.own(request_id)
        check_text(reason, "reason", MAX_COMMENT)
        command = RecordEffect(request_id, attempt, state, normalize(result, path="result"), reason)
        claim = asked.claim if asked.claim is not None and asked.claim.attempt == attempt else None
        tool, began = ("", None) if claim is None else (claim.tool, claim.at)
        with tracing.span("interlock.effect", within=asked.trace, began=began, request=request_id, tool=tool):
            recorded = await self.system.desk.handle(command, self.principal)
            check_stands(recorded, command)
        return recorded

    async def withdraw(self, request_id: str, *, reason: str) -> Request:
        """Take a request back that nobody needs to decide any more.

        Raises:
            Closed: if it has its outcome.
        """
        await self.own(request_id)
        check_text(reason, "reason", MAX_COMMENT)
        return await self.system.desk.handle(Withdraw(request_id, reason), self.principal, key=self._key)

    async def own(self, request_id: str) -> Request:
        """Return a request of this agent's that has no run.

        Raises:
            NotFound: if it is none of this agent's.
            BadInput: if a run asks it: its effect is that run's.
        """
        loaded = verified(await self.system.store.load(self.principal.tenant, [request_id]))
        request = loaded.requests.get(request_id)
        if request is None or request.requester != self.principal.id:
            raise NotFound(f"There is no request {request_id} of {self.principal.id} here.", request_id=request_id)
        if request.run_id:
            raise BadInput(f"{request_id} is asked by {request.run_id}, which carries it out by itself.")
        return request
