"""An installation in which every name, key, value, comment, reference and error attacks the pages."""

from contextlib import suppress
from datetime import timedelta

from interlock.domain.action import Action, Draft, Question
from interlock.domain.authority import Principal
from interlock.errors import InterlockError
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.grants import Grants, GrantTerms

MARKUP = "<img src=x onerror='hacked=1'><script>hacked=1</script>\"'></textarea></title><b id=injected>{{7*7}}"
HIDDEN = "\u202e\u2066\u200b\u2060\ufeff\u00ad\U000e0041"
EVIL = f"{MARKUP}{HIDDEN}"
NAME = f"evil {MARKUP}"
"""Where no character may stand that cannot be printed."""

LINES = "\n".join(f"{number} {EVIL}" for number in range(120))
SAID = LINES[:4_000]
DEEP: object = EVIL
for _ in range(12):
    DEEP = {EVIL: [DEEP, EVIL]}
VALUES = {
    EVIL: EVIL,
    "lines": LINES,
    "deep": DEEP,
    "table": [{"name": EVIL, "sql": f"DROP {EVIL}"}, {"name": EVIL, "sql": EVIL}],
    "to": [f"{number}@{MARKUP}" for number in range(30)],
    "subject": EVIL,
    "body": LINES,
    "patch": f"--- a/{EVIL}\n+++ b/{EVIL}\n@@ -1 +1 @@\n-{EVIL}\n+{EVIL}\n",
    "command": f"rm -rf {EVIL}",
    "url": "javascript:hacked=1",
    "__proto__": {"hacked": 1},
    "big": 9007199254740991,
    "none": None,
}
SCHEMA = {
    "type": "object",
    "title": EVIL,
    "properties": {
        "choice": {"enum": [EVIL, "other"], "title": EVIL, "description": EVIL},
        "text": {"type": "string", "title": EVIL, "default": EVIL, "pattern": "^[a-z]*$"},
        "many": {"type": "array", "items": {"type": "object", "properties": {EVIL: {"type": "integer"}}}},
    },
    "required": ["choice"],
}
OLGA, MIA = "olga@example.com", "mia@example.com"
CONFIG = """
people: {olga@example.com: {}, mia@example.com: {}, noah@example.com: {}}
groups: {managers: [olga@example.com, mia@example.com]}
roles: {admin: [olga@example.com]}
retries: {evil: {attempts: 1}}
policies:
  short:
    applies_to: action.name.startsWith("short")
    levels: [{name: short, grants: {}, steps: [{ask: [group:managers], within: 5m}]}]
  held:
    applies_to: action.name.startsWith("held")
    levels: [{hold: 2h, steps: [{ask: [group:managers]}]}]
default: {initiator_may_approve: true, levels: [{steps: [{ask: [group:managers], approvals: 2}]}]}
"""


class Hostile:
    """What of a hostile installation has which id, by what it is."""

    def __init__(self, site) -> None:
        self._system, self._clock = site.system, site.clock
        self.ids: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self._site = site

    def _agent(self) -> AgentClient:
        return AgentClient(self._system, Principal(f"agent:{NAME}", "agent", "default", "api"))

    def person(self, name: str) -> Client:
        return Client(self._system, Principal(name, "person", "default", "web"))

    async def ask(self, what: str, subject, context=None, said=SAID) -> None:
        """Let the agent ask for something, which is known by a name from then on."""
        context = {EVIL: [EVIL]} | (context or {})
        asked = Asked(subject, description=said, context=context, reference=f"{what} {MARKUP}"[:200])
        request = await self._agent().ask(asked, key=what)
        self.ids[what], self.digests[what] = request.id, request.digest

    async def fill(self) -> None:
        """Let everything be asked, said and done."""
        for what in ("approval", "decided", "unknown", "short", "held", "rejected"):
            await self.ask(what, Action(f"{what} {EVIL}"[:200], VALUES))
        await self.ask("question", Question(EVIL, schema=SCHEMA))
        await self.ask("options", Question(EVIL, options=[EVIL, f"other {EVIL}"]))
        await self.ask("draft", Draft({"title": EVIL, "text": LINES}, title=f"draft {EVIL}"[:200]))
        await self._talk()
        terms = GrantTerms("4m", 3, {}, reason=EVIL)
        await Grants(self.person(OLGA)).give(self.ids["short"], self.digests["short"], terms)
        for name, what in ((OLGA, "decided"), (MIA, "decided"), (OLGA, "unknown"), (MIA, "unknown"), (OLGA, "held")):
            await self.person(name).approve(self.ids[what], digest=None, comment=EVIL)
        await self.person(OLGA).reject(self.ids["rejected"], digest=None, comment=EVIL)
        await self._act("decided", "executed")
        await self._act("unknown", "unknown")
        await self._runs()
        await self._people()
        self._clock.advance(minutes=10)
        await self.person(OLGA).sweep()

    async def _talk(self) -> None:
        asked, olga = self.ids["approval"], self.person(OLGA)
        await olga.comment(asked, SAID)
        await olga.ask_back(asked, EVIL)
        await Client(self._system, self._agent().principal).clarify(asked, 1, EVIL)
        await self.person(MIA).reserve(asked)
        await self.person(MIA).approve(asked, digest=None, comment=EVIL)

    async def _act(self, what: str, state) -> None:
        request = (await self.person(OLGA).request(self.ids[what])).request
        acting, lasts = self._agent(), timedelta(minutes=1)
        claimed = await acting.claim(request.id, digest=request.digest, tool=f"tool {MARKUP}", lasts=lasts)
        await acting.record(request.id, claimed.claim.attempt, state, result={EVIL: EVIL}, reason=EVIL)

    async def _runs(self) -> None:
        olga = self.person(OLGA)
        self.ids["run"] = (await olga.start("evil", EVIL, thread=f"thread {MARKUP}"[:100])).id
        self.ids["broken"] = (await olga.start("evil", f"break {EVIL}")).id
        await self._site.drain()
        view = await olga.run(self.ids["run"])
        self.ids["pause"], self.digests["pause"] = view.requests[0].id, view.requests[0].digest

    async def _people(self) -> None:
        """Invite somebody, make a token, delegate: as far as the names are taken."""
        admin, accounts = Principal(OLGA, "person", "default", "web"), self._site.context.accounts
        for name in (f"{MARKUP}@example.com", EVIL):
            with suppress(InterlockError):
                await accounts.invite(name, by=admin, roles=(f"role {MARKUP}",))
        authenticator = self._site.context.authenticator
        for label in (EVIL, MARKUP):
            with suppress(InterlockError):
                bearer = f"agent:{MARKUP}"
                await authenticator.token(
                    "default", bearer, scopes=frozenset(), lasts=timedelta(days=1), by=OLGA, label=label
                )
