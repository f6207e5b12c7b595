"""What is read and changed at a server beside requests and runs: statistics, people, sessions, policies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from interlock.client.calls import quoted
from interlock.client.deciding import Deciding
from interlock.client.problems import understood
from interlock.domain.canonical import Json
from interlock.domain.credentials import Credential
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.domain.directory import Account
from interlock.domain.directory_events import GroupOrRole
from interlock.domain.grants import GrantState
from interlock.domain.notice_choice import NoticeChoice
from interlock.domain.statistics import Dimension, Every
from interlock.learning.selection import Selection
from interlock.service.administration import Invitation
from interlock.service.cost import CostReport
from interlock.service.cost_shapes import cost_of
from interlock.service.from_shapes import account_of, choice_of, delivery_of, given_of, grant_of, report_of, session_of
from interlock.service.grant_shapes import terms_shape
from interlock.service.grants import GrantTerms
from interlock.service.pages import Page
from interlock.service.people import ListedDelegation
from interlock.service.people_shapes import choice_shape
from interlock.service.policies import Described
from interlock.service.statistics import LAST, Report


class Managing(Deciding):
    """Manages people and looks after policies; see `RemoteClient`. Most of it is for admins, and `Forbidden` else."""

    async def statistics(
        self,
        by: Dimension | None = None,
        *,
        every: Every | None = None,
        since: str = LAST,
        until: str | None = None,
    ) -> Report:
        """Count how requests ended in a span of time, and how long people took; and what is open now.

        Args:
            by: what tells groups apart; `every`, the periods that do so as well.
            since, until: moments (`2026-11-01T00:00:00Z`), or durations back from now (`30d`).

        Raises:
            BadInput: if it is no time, or there are too many groups.
        """
        params = {"by": by and str(by), "every": every and str(every), "since": since, "until": until}
        return understood(report_of, await self._calls.get("/statistics", params))

    async def cost(self, *, every: Every | None = None, since: str = LAST, until: str | None = None) -> CostReport:
        """Reckon what waiting has cost in a span of time, and would have cost. See `Client.cost`."""
        params = {"every": every and str(every), "since": since, "until": until}
        return understood(cost_of, await self._calls.get("/cost", params))

    # ── what was learnt ──

    def export_dataset(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """Return past decisions as training data: an archive (tar), in parts. See `Client.export_dataset`."""
        wanted = asdict(selection)
        return self._calls.download("/datasets", {**wanted, "format": str(selection.format)}, key=self._key)

    # ── deliveries ──

    async def list_deliveries(  # noqa: PLR0913 - the filters of a list
        self,
        *,
        channel: str | None = None,
        state: DeliveryState | None = None,
        request: str | None = None,
        run: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Delivery]:
        """Return a page of what went out by channels, or did not, newest first. See `Client.list_deliveries`."""
        filters = {"channel": channel, "state": state and str(state), "request": request, "run": run}
        return await self._page("/deliveries", "deliveries", filters, delivery_of, after, limit)

    async def send_again(self, delivery_id: str) -> Delivery:
        """Let a message be sent anew, whatever became of it. One that waits to be sent raises `Closed`."""
        told = await self._calls.post(f"/deliveries/{quoted(delivery_id)}/again", {})
        return understood(delivery_of, told, await self._tenant())

    # ── sessions ──

    async def list_sessions(self, of: str | None = None) -> list[Credential]:
        """Return where a person is signed in, the last used first: this one, or as an admin another one."""
        tenant = await self._tenant()
        told = await self._calls.get("/sessions", {"of": of})
        return understood(lambda one: [session_of(each, tenant) for each in one["sessions"]], told)

    async def end_session(self, session_id: str) -> list[str]:
        """End a session; return the ids of those that have ended. What is none, or an other's, raises `NotFound`."""
        await self._calls.delete(f"/sessions/{quoted(session_id)}")
        return [session_id]

    async def end_sessions(self, of: str | None = None) -> list[str]:
        """End all sessions of a person but the one that this client has; return their ids."""
        query = "" if of is None else f"?of={quoted(of)}"
        return understood(lambda one: list(one["ended"]), await self._calls.delete(f"/sessions{query}"))

    # ── accounts ──

    async def list_accounts(self) -> list[Account]:
        """Return all accounts by name."""
        return understood(lambda one: [*map(account_of, one["people"])], await self._calls.get("/people"))

    async def invite(self, name: str, *, roles: Sequence[str] = ()) -> Invitation:
        """Invite somebody, or again who has not joined; return the link with which they set a password, once.

        Raises:
            Closed: if they have joined.
            InvalidValue: if this is no person's name.
        """
        return understood(_invitation_of, await self._calls.post("/people", {"name": name, "roles": [*roles]}))

    async def offer_reset(self, name: str) -> Invitation:
        """Return a link with which somebody sets another password, once. Who has no account raises `NotFound`."""
        return understood(_invitation_of, await self._calls.post(f"/people/{quoted(name)}/reset", None))

    async def disable(self, name: str) -> None:
        """Keep somebody from signing in and deciding, and sign them out. Who is kept out already raises `Closed`."""
        await self._calls.done("POST", f"/people/{quoted(name)}/disable")

    async def enable(self, name: str) -> None:
        """Let somebody sign in again; who may raises `Closed`."""
        await self._calls.done("POST", f"/people/{quoted(name)}/enable")

    async def remove_second_factor(self, name: str) -> None:
        """Take the second factor from somebody who has lost it; who has none raises `Closed`."""
        await self._calls.done("DELETE", f"/people/{quoted(name)}/second-factor")

    # ── groups, roles, delegations ──

    async def members(self, kind: GroupOrRole) -> Mapping[str, frozenset[str]]:
        """Return the members of each group, or the holders of each role."""
        told = await self._calls.get(f"/directory/{kind}s")
        return understood(lambda one: {name: frozenset(those) for name, those in one[f"{kind}s"].items()}, told)

    async def add_member(self, kind: GroupOrRole, name: str, person: str) -> list[str]:
        """Add somebody to a group, or give them a role; return what looks like a mistake: it is done nevertheless."""
        told = await self._calls.put(_member(kind, name, person))
        return understood(lambda one: [str(warning) for warning in one["warnings"]], told)

    async def remove_member(self, kind: GroupOrRole, name: str, person: str) -> None:
        """Take somebody out of a group, or take a role from them: the next decision knows.

        Raises:
            NotFound: if they are not there.
            Closed: if the configuration's file puts them there, or nobody would be admin any more.
        """
        await self._calls.done("DELETE", _member(kind, name, person))

    async def list_delegations(self) -> Sequence[ListedDelegation]:
        """Return the delegations that this principal may see: admins all, others those that they gave or were given."""
        told = await self._calls.get("/directory/delegations")
        return understood(lambda one: [*map(given_of, one["delegations"])], told)

    async def make_delegation(
        self,
        to: str,
        *,
        until: datetime,
        giver: str | None = None,
        since: datetime | None = None,
        reason: str = "",
    ) -> str:
        """Let somebody vote for somebody else until a moment; return the delegation's id.

        Args:
            giver: whose vote it is; this person's own by default.
        """
        said: dict[str, Any] = {"to": to, "until": until.isoformat(timespec="seconds"), "from": giver, "reason": reason}
        said["since"] = None if since is None else since.isoformat(timespec="seconds")
        return understood(lambda one: str(one["id"]), await self._calls.post("/directory/delegations", said))

    async def end_delegation(self, delegation_id: str) -> None:
        """Take a delegation back: votes under it count no more. What is none raises `NotFound`."""
        await self._calls.done("DELETE", f"/directory/delegations/{quoted(delegation_id)}")

    # ── standing grants ──

    async def list_grants(self) -> Sequence[GrantState]:
        """Return the grants that this principal may see, the newest first. See `interlock.service.grants.Grants`."""
        return understood(lambda one: [*map(grant_of, one["grants"])], await self._calls.get("/grants"))

    async def give_grant(self, request_id: str, digest: str, terms: GrantTerms) -> GrantState:
        """Allow the next actions that are like a request, within bounds.

        Raises:
            Forbidden: if this person may not decide on it alone, or the policy has no grants for its level.
            WrongDigest: if something else stands there.
            Closed: if it was turned down, or the policy has changed since.
            InvalidValue: if that goes beyond what the policy lets, or would not cover the request itself.
        """
        told = await self._calls.post(f"/requests/{quoted(request_id)}/grants", terms_shape(digest, terms))
        return understood(grant_of, told)

    async def revoke_grant(self, grant_id: str) -> None:
        """Revoke a grant: it allows nothing more, and what it has approved and nobody has begun is not done."""
        await self._calls.done("DELETE", f"/grants/{quoted(grant_id)}")

    # ── how people are told ──

    async def notices(self, of: str | None = None) -> NoticeChoice:
        """Return how somebody is told of what waits for them: this person, or as an admin another one."""
        return understood(choice_of, await self._calls.get("/directory/notices", {"of": of}))

    async def choose_notices(self, choice: NoticeChoice, of: str | None = None) -> NoticeChoice:
        """Keep how somebody wants to be told. Nobody but themselves changes where: that raises `Forbidden`.

        Raises:
            InvalidValue: if it names no time zone, no time, no address, or no channel.
        """
        query = "" if of is None else f"?of={quoted(of)}"
        told = await self._calls.put(f"/directory/notices{query}", choice_shape(choice))
        return understood(choice_of, told)

    # ── policies ──

    async def check_policies(self, configuration: str | None = None) -> dict[str, Json]:
        """Return what is suspicious about the policies that hold, or about those of a configuration's text."""
        return await self._told("/policies/check", {"configuration": configuration})

    async def explain_action(self, described: Described) -> str:
        """Say in words under which policy and level an action would fall, and who could vote."""
        action = {"name": described.action.name, "args": described.action.args}
        said = {"agent": described.agent, "initiator": described.initiator, "policy": described.policy}
        return str((await self._told("/policies/explain", {"action": action, **said}))["explanation"])

    async def simulate_policies(self, configuration: str, since: str = "30d") -> dict[str, Json]:
        """Return which requests would have gone another way under the policies of a configuration's text."""
        return await self._told("/policies/simulate", {"configuration": configuration, "since": since})

    async def suggest_rules(
        self, since: str = "90d", *, confidence: float = 0.95, at_least: float = 0.95
    ) -> dict[str, Json]:
        """Return the rules that people's decisions of some time support, with what speaks for each."""
        said = {"since": since, "confidence": confidence, "at_least": at_least}
        return await self._told("/policies/suggest", said)

    async def _told(self, path: str, said: Mapping[str, Any]) -> dict[str, Json]:
        return understood(dict[str, Json], await self._calls.post(path, said, again=True))


def _member(kind: GroupOrRole, name: str, person: str) -> str:
    return f"/directory/{kind}s/{quoted(name)}/members/{quoted(person)}"


def _invitation_of(told: Mapping[str, Any]) -> Invitation:
    until = datetime.fromisoformat(told["expires_at"])
    return Invitation(told["name"], told["link"], until, tuple(told.get("warnings", ())))
