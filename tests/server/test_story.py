"""A story through HTTP: people and an agent, two servers on one PostgreSQL, a moving clock, servers that are killed.

Each answer is compared with what the pure rules say (`interlock.domain.decide` on requests that only this test keeps).
Several who vote at once must come to what they would have come to one after the other, in some order (I17). What a
killed server was asked is asked again at the other one, with the same key: nothing that was acknowledged is lost, and
nothing counts twice (I10). At the end both servers show what the rules have come to, and the log holds each vote that
was acknowledged, once and in order (I3, I5 to I9, I11).
"""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx2
import pytest
from tests.server import served

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.access import may_see
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import (
    ClaimEffect,
    Comment,
    DecisionContext,
    Delegate,
    Extend,
    RecordEffect,
    TakeBack,
    Withdraw,
    WithdrawAsPerson,
)
from interlock.domain.credentials import Scope
from interlock.domain.decide import decide
from interlock.domain.events import VoteCast
from interlock.domain.timing import due_commands
from interlock.engine.changes import RequestChange
from interlock.engine.configured import build_policies
from interlock.engine.deadlines import sweep
from interlock.engine.integrity import verified
from interlock.errors import InterlockError
from interlock.service.credentials import Authenticator
from interlock.service.replies import edited, plainly
from interlock.service.shapes import request_shape
from interlock.testing.invariants import assert_invariants

CONFIG = """
people: {mia@example.com: {aliases: [m.mia@example.com]}, zoe@example.com: {}, ian@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com, pete@example.com], directors: [olga@example.com, uma@x.org]}
roles: {admin: [root@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - name: small
        when: amount < 100
        steps: [{ask: [group:managers], approvals: 2, within: 2h, remind_after: [30m],
                 escalate: {after: 1h, to: [group:directors]}}]
      - name: large
        steps:
          - {ask: [group:managers], within: 1h, on_timeout: escalate, escalate: {to: [group:directors]}}
          - {ask: [group:directors], approvals: 2, within: 2h}
    four_eyes: true
default: {levels: [{hold: 10m, steps: [{ask: [group:managers], within: 1h}]}]}
"""
PEOPLE = [f"{name}@example.com" for name in ("mia", "M.Mia", "noah", "PETE", "olga", "zoe", "ian")] + ["uma@x.org"]
JOINING = ("zoe@example.com", "ian@example.com")
"""Who may be taken into a group: the file has them in none."""

BOT, ROOT = "agent:bot", "root@example.com"
HAPPENED = Counter(
    {
        **{f"killed: {what}": 1 for what in ("requests", "votes", "claim", "result", "race", "members")},
        **dict.fromkeys(("broken", "escalated", "hold ended", "vote_taken_back", "effect_executed", "disabled"), 1),
    }
)
"""How often something has happened in every story, at least."""

NOT_COMPARED = {"version"}  # refusals are noted, and a call that is made again may be refused twice
AMOUNTS = ("5", "50", "500")
BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC).timestamp()


class Rules:
    """What the pure rules come to: requests, and what one more command makes of them."""

    def __init__(self, policies):
        self.policies = {policy.name: policy for policy in (*policies.policies, policies.default)}
        self.directory = policies.directory
        self.requests = {}

    def outcome(self, request, command, who, now):
        """Return the code of the refusal, the request as it stands afterwards, and the votes that are cast by it."""
        kind = "agent" if who.startswith("agent:") else "service" if who.startswith("service:") else "person"
        if self.directory.canonical(who) in self.directory.disabled:
            return "unauthenticated", request, ()
        policy = self.policies[request.route.policy]
        context = DecisionContext(now, Principal(who, kind, "default", "web"), policy, self.directory)
        try:
            made = command(request) if callable(command) else command
            events = decide(request, made, context)
        except InterlockError as refused:
            return refused.code, request, ()
        after = RequestChange.of(request, *events).after if events else request
        return None, after, tuple(event.vote for event in events if isinstance(event, VoteCast))

    def sees(self, request, who, now):
        """Say whether somebody sees a request; who is disabled is told of that first."""
        person = self.directory.canonical(who)
        is_out = who == BOT or person in self.directory.disabled
        return is_out or may_see(request, self.policies[request.route.policy], self.directory, person, now)

    def sweep(self, now):
        """Let everything happen that is due."""
        for key in self.requests:
            while commands := due_commands(self.requests[key], now):
                before = self.requests[key]
                for command in commands:
                    _, self.requests[key], _ = self.outcome(self.requests[key], command, "service:deadlines", now)
                if self.requests[key] == before:
                    break


class Story:
    """Two servers, those who call them, and what the rules say to it."""

    def __init__(self, seed, folder, address):
        self.chance = random.Random(seed)
        self.folder = folder
        (folder / "interlock.yaml").write_text(CONFIG)
        self.words = ("-c", str(folder / "interlock.yaml"), "--database", address)
        self.clock = served.CONTEXT.Value("d", BEGINS)
        settings = load_settings(folder / "interlock.yaml", {"INTERLOCK_DATABASE_URL": address})
        self.system = build(settings, {}, clock=partial(served.read, self.clock))
        self.rules = Rules(build_policies(settings))
        self.headers = {}
        self.servers = [None, None]
        self.clients = [None, None]
        self.numbers = itertools.count(1)
        self.acknowledged = defaultdict(list)
        self.happened = Counter()
        self.dying = set()

    async def start(self, which):
        options = {"clock": self.clock, "name": str(next(self.numbers))}
        self.servers[which] = served.Served(self.folder, *self.words, **options)
        origin = await asyncio.to_thread(self.servers[which].origin)
        self.clients[which] = httpx2.AsyncClient(base_url=origin, headers={"Origin": origin}, timeout=60)

    async def kill(self, which):
        await asyncio.to_thread(self.servers[which].end)
        await self.clients[which].aclose()

    @property
    def now(self):
        return served.read(self.clock)

    async def header(self, who):
        """Return what somebody brings; sessions end while the clock moves."""
        if who not in self.headers:
            authenticator = Authenticator(self.system.store, self.system.directories)
            if who == BOT:
                issued = await authenticator.token(
                    "default", who, scopes=frozenset(Scope), lasts=timedelta(days=9), by="test"
                )
                self.headers[who] = {"Authorization": f"Bearer {issued.secret}"}
            else:
                issued = await authenticator.session("default", who, by="test")
                self.headers[who] = {"Cookie": f"interlock={issued.secret}"}
        return self.headers[who]

    async def call(self, which, who, path, body, *, method="POST"):
        """Make a call at a server; where that is killed meanwhile, again at the other one, with the same key."""
        headers = await self.header(who) | {"Idempotency-Key": f"key-{next(self.numbers)}"}
        call = {"method": method, "url": f"/api/v1{path}", "json": body, "headers": headers}
        try:
            answer = await self.clients[which].request(**call)
        except httpx2.TransportError:
            assert which in self.dying, "a connection broke, and nobody had killed the server"
            self.happened["broken"] += 1
            answer = await self.clients[1 - which].request(**call)
        return answer.status_code, answer.json() if answer.content else {}

    async def killed(self, what, which, *calls):
        """Make calls at once, of which some go to a server that is killed meanwhile; return their answers."""
        self.dying.add(which)
        sent = asyncio.gather(*calls)
        await asyncio.sleep(self.chance.random() * 0.005)
        await asyncio.to_thread(self.servers[which].end)
        answers = await sent
        await self.clients[which].aclose()
        await self.start(which)
        self.dying.discard(which)
        self.happened[f"killed: {what}"] += 1
        return answers

    async def made(self, what, who, path, body, *, kill, method="POST"):
        """Make a call at one of the servers, which is perhaps killed meanwhile; return the answer."""
        which = self.either
        call = self.call(which, who, path, body, method=method)
        return (await self.killed(what, which, call))[0] if kill else await call

    def perhaps(self, chance=0.15):
        return self.chance.random() < chance

    # ── what may happen ──

    async def ask(self, name=None, amount=None, *, kill=None):
        name = name or self.chance.choice(["pay", "pay", "send"])
        body = {"asked": {"kind": "approval", "name": name, "args": {"amount": amount or self.chance.choice(AMOUNTS)}}}
        if amount is None and self.perhaps(0.3):
            body["initiator"] = self.chance.choice(PEOPLE)
        status, told = await self.made(
            "requests", BOT, "/requests", body, kill=self.perhaps(0.1) if kill is None else kill
        )
        assert status == 201, told
        level = 1 if name == "pay" and body["asked"]["args"]["amount"] == "500" else 0
        assert (told["status"], told["policy"]["level"]) == ("open", level)
        loaded = verified(await self.system.store.load("default", [told["id"]]))
        self.rules.requests[told["id"]] = loaded.requests[told["id"]]
        self.same(told, loaded.requests[told["id"]])
        return told["id"]

    @property
    def either(self):
        return self.chance.randrange(2)

    def some_vote(self, request):
        """Return who says what to a request: body, and the command that it is."""
        who, verdict = self.chance.choice(PEOPLE), self.chance.choice(["approve"] * 4 + ["reject", "edit"])
        digest = request.digest if self.chance.random() < 0.85 else request.asked_digest
        body = {"verdict": verdict, "digest": digest, "comment": self.chance.choice(["", "because"])}
        if verdict == "edit":
            body["value"] = {"amount": self.chance.choice(["5", "6", "70", "700"])}

        def command(current):
            if verdict == "edit":
                return edited(current, body["value"], body["comment"]).to(digest).vote()
            return plainly(current, Verdict(verdict), body["comment"]).to(digest).vote()

        return who, body, command

    async def vote(self):
        request = self.some_request()
        who, body, command = self.some_vote(request)
        await self.said(request, who, "votes", body, command, kill=self.perhaps())

    async def approve(self, key, who, *, kill=False):
        request = self.rules.requests[key]
        body = {"verdict": "approve", "digest": request.digest}
        await self.said(request, who, "votes", body, plainly(request, Verdict.approve).vote(), kill=kill)

    async def take_back(self, request=None):
        """Let somebody take a vote back; most of the time one that is there."""
        request = request or self.some_request()
        voters = [vote.voter for vote in request.votes if vote.step == request.step]
        who = self.chance.choice(voters if voters and self.perhaps(0.8) else PEOPLE)
        await self.said(request, who, "take-back", None, TakeBack(request.id), kill=self.perhaps(0.05))

    def some_request(self):
        open_ones = [one for one in self.rules.requests.values() if one.is_open]
        return self.chance.choice(
            open_ones if open_ones and self.chance.random() < 0.8 else [*self.rules.requests.values()]
        )

    async def said(self, request, who, path, body, command, *, kill=False):
        answer = await self.made(path, who, f"/requests/{request.id}/{path}", body, kill=kill)
        code, after, votes = self.rules.outcome(request, command, who, self.now)
        if kill and path == "claim" and answer[1].get("code") == "already_claimed":
            assert (code, str(after.effect)) == (None, "claimed")  # the first answer was lost: nobody knows who acted
        else:
            self.agree(answer, code, after, (who, path, body))
        self.adopt(after, votes)

    def adopt(self, after, votes):
        self.rules.requests[after.id] = after
        self.acknowledged[after.id] += map(vote_told, votes)

    async def comment(self):
        """Let somebody say something; to whom does not see the request there is none."""
        request, who, body = self.some_request(), self.chance.choice([*PEOPLE, BOT]), {"text": "x"}
        if self.rules.sees(request, who, self.now):
            await self.said(request, who, "comments", body, Comment(request.id, "x"))
        else:
            status, told = await self.made("comments", who, f"/requests/{request.id}/comments", body, kill=False)
            assert (status, told["code"]) == (404, "not_found"), (who, told)

    async def delegate(self):
        request, to = self.some_request(), self.chance.choice(PEOPLE)
        command = Delegate(request.id, to, "away")
        await self.said(request, self.chance.choice(PEOPLE), "delegations", {"to": to, "reason": "away"}, command)

    async def extend(self):
        request = self.some_request()
        command = Extend(request.id, timedelta(hours=1), "on a plane")
        body = {"by": "1h", "reason": "on a plane"}
        await self.said(request, self.chance.choice(PEOPLE), "extensions", body, command)

    async def withdraw(self):
        """Let its agent take a request back, who started it, or somebody who may not."""
        request, reason = self.some_request(), self.chance.choice(["x", ""])
        who = self.chance.choice([BOT, request.initiator, request.initiator, *PEOPLE])
        command = Withdraw if who == BOT else WithdrawAsPerson
        await self.said(request, who, "withdrawal", {"reason": reason}, command(request.id, reason))

    async def act(self, key=None, *, kill=None):
        """Claim what was approved, and say what became of it."""
        request = self.some_request() if key is None else self.rules.requests[key]
        answered = partial(self.said, request, BOT, kill=self.perhaps() if kill is None else kill)
        if request.claim is not None and (key is not None or self.perhaps(0.7)):
            body = {"attempt": request.claim.attempt, "state": "executed", "result": 7}
            await answered("result", body, RecordEffect(request.id, request.claim.attempt, "executed", 7, ""))
        elif str(request.effect) in {"none", "claimed"}:
            again = self.chance.choice(["no", "idempotent"])
            command = ClaimEffect(request.id, request.digest, "bank", 0, again, timedelta(seconds=60))
            body = {"digest": request.digest, "tool": "bank", "lasts": 60, "repeatable": again}
            await answered("claim", body, command)

    async def race(self, request=None, *, kill=None):
        """Let three vote at once, at both servers: they come to what some order of them would have come to."""
        request = request or self.some_request()
        votes = [self.some_vote(request) for _ in range(3)]
        places = [self.either for _ in votes]
        path = f"/requests/{request.id}/votes"
        calls = [self.call(at, who, path, body) for at, (who, body, _) in zip(places, votes, strict=True)]
        if self.perhaps() if kill is None else kill:
            answers = await self.killed("race", places[0], *calls)
        else:
            answers = await asyncio.gather(*calls)
        said = [who for who, _, _ in votes], answers
        explained = []
        for order in itertools.permutations(range(3)):
            after, fits, cast = request, True, ()
            for number in order:
                code, after, more = self.rules.outcome(after, votes[number][2], votes[number][0], self.now)
                fits, cast = fits and self.fits(answers[number], code, after), (*cast, *more)
            if fits:
                explained.append((after, cast))
        assert explained, f"I17: no order explains {said}"
        # What one person says last counts while a vote is held, so that orders which explain all answers may differ
        # in how they end, and in what was said on the way: the log tells which it was.
        logged = votes_cast(await self.entries(request.id))[len(self.acknowledged[request.id]) :]
        came = [one for one in explained if [vote_told(vote) for vote in one[1]] == logged]
        assert came, f"I17: no order that explains {said} comes to {logged}"
        self.adopt(*came[0])

    async def entries(self, key):
        """Return what the log holds of a request."""
        path = f"/api/v1/requests/{key}/history"
        return (await self.clients[self.either].get(path, headers=await self.header(BOT))).json()["entries"]

    async def change_members(self, *, kill=None):
        """Take somebody into a group, or out of it again: the next decision knows."""
        group, person = self.chance.choice(["managers", "directors"]), self.chance.choice(JOINING)
        members, kill = self.rules.directory.groups[group], self.perhaps() if kill is None else kill
        method, path = "DELETE" if person in members else "PUT", f"/directory/groups/{group}/members/{person}"
        status, told = await self.made("members", ROOT, path, None, kill=kill, method=method)
        assert status == (200 if method == "PUT" else 204) or (kill and status == 404 and method == "DELETE"), told
        groups = {**self.rules.directory.groups, group: members ^ {person}}
        self.rules.directory = replace(self.rules.directory, groups=groups)

    async def disable(self):
        """Keep somebody out, or let them in again: their votes count no more, and they are signed out."""
        directory = self.rules.directory
        person = self.chance.choice(sorted(directory.disabled) or [directory.canonical(one) for one in PEOPLE])
        what = "enable" if person in directory.disabled else "disable"
        status, told = await self.made("people", ROOT, f"/people/{person}/{what}", None, kill=False)
        assert status == 204, told
        self.rules.directory = replace(directory, disabled=directory.disabled ^ {person})
        self.headers = {who: sent for who, sent in self.headers.items() if directory.canonical(who) != person}
        self.happened[f"{what}d"] += 1

    async def later(self, seconds=None):
        with self.clock.get_lock():
            self.clock.value += seconds or self.chance.choice([60, 600, 1_800, 3_600, 7_200])
        self.headers = {who: header for who, header in self.headers.items() if who == BOT}

    async def sweep(self):
        await sweep(self.system.store, self.system.desk)
        self.rules.sweep(self.now)

    async def restart(self):
        which = self.either
        await self.kill(which)
        await self.start(which)

    # ── what must hold ──

    def fits(self, answer, code, after):
        status, told = answer
        if code is not None:
            return status >= 400 and told["code"] == code
        return status == 200 and compared(told) == compared(request_shape(after))

    def agree(self, answer, code, after, what):
        """Compare an answer with what the rules say: a claim that comes to nothing is told as a refusal."""
        if code is None and str(after.effect) in {"lapsed", "unknown"} and what[1] == "claim":
            code = "effect_refused"
        assert self.fits(answer, code, after), (what, code, answer, request_shape(after))

    @staticmethod
    def same(told, request):
        expected = compared(request_shape(request))
        assert compared(told) == expected

    async def check(self):
        """See that both servers show what the rules have come to."""
        for key, request in self.rules.requests.items():
            for client in self.clients:
                answer = await client.get(f"/api/v1/requests/{key}", headers=await self.header(BOT))
                told = answer.json()
                self.same({name: told[name] for name in request_shape(request)}, request)

    async def check_votes(self):
        """See that the log holds each vote that was acknowledged, once and in order; count what else it holds."""
        for key in self.rules.requests:
            entries = await self.entries(key)
            assert votes_cast(entries) == self.acknowledged[key], "I10: a vote was lost, or counts twice"
            self.happened.update(entry["event"]["type"] for entry in entries)
            by_time = [one for one in entries if one["event"]["type"] == "decided" and one["by"].startswith("service:")]
            self.happened["hold ended"] += len(by_time)

    async def begin(self):
        """Let everything happen once that chance may leave out."""
        await asyncio.gather(self.start(0), self.start(1))
        mail = await self.ask("send", "5", kill=True)
        await self.approve(mail, "noah@example.com", kill=True)
        while self.rules.requests[mail].votes:  # chance may have somebody else try it
            await self.take_back(self.rules.requests[mail])
        await self.approve(mail, "noah@example.com")
        await self.later(600)
        await self.sweep()
        for _ in ("claim", "result"):
            await self.act(mail, kill=True)
        pay = await self.ask("pay", "5")
        await self.later(3_600)
        await self.sweep()
        await self.race(self.rules.requests[pay], kill=True)
        await self.change_members(kill=True)
        await self.disable()

    async def tell(self, steps):
        await self.begin()
        weights = {
            self.ask: 3,
            self.vote: 8,
            self.take_back: 2,
            self.race: 3,
            self.change_members: 1,
            self.disable: 1,
            self.comment: 1,
            self.delegate: 1,
            self.extend: 1,
            self.withdraw: 0.3,
            self.act: 4,
            self.later: 2,
            self.sweep: 2,
            self.restart: 0.5,
            self.check: 0.5,
        }
        for step in self.chance.choices([*weights], [*weights.values()], k=steps):
            await step()
        await self.sweep()
        await self.check()
        await self.check_votes()
        assert self.happened >= HAPPENED, HAPPENED - self.happened
        await assert_invariants(self.system.store)

    async def close(self):
        for which in (0, 1):
            if self.servers[which] is not None:
                self.servers[which].end()
            if self.clients[which] is not None:
                await self.clients[which].aclose()
        await self.system.close()


def vote_told(vote):
    """Return what is compared of a vote."""
    return vote.voter, str(vote.verdict), vote.digest, vote.comment


def votes_cast(entries):
    """Return what is compared of each vote that was cast, in order."""
    cast = [entry["event"]["vote"] for entry in entries if entry["event"]["type"] == "vote_cast"]
    return [(vote["voter"], vote["verdict"], vote["digest"], vote["comment"]) for vote in cast]


def compared(shape):
    return {name: value for name, value in shape.items() if name not in NOT_COMPARED}


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 40))]


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_answer_agrees_with_the_rules_and_no_acknowledged_vote_is_lost(tmp_path, postgres, seed):
    story = Story(seed, tmp_path, postgres.fresh())
    try:
        await story.tell(400 if seed else 30)
    finally:
        await story.close()
