"""Whatever anybody sends to any route: never a defect, and every answer is one that the document tells of.

Schemathesis makes calls from the OpenAPI document, sound ones and broken ones; each is made by everybody in the soak,
and by every third of them here.
"""

import asyncio
import re
from collections import defaultdict
from datetime import timedelta
from functools import cache

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from tests.configuration import settled
from tests.server.conftest import GRANTED, Server

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.credentials import Scope
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.testing.fakes import SettableClock
from interlock.web.openapi import document

SOAK = settings.get_current_profile_name() == "soak"
NAMES = (
    "not_a_server_error",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
ROLES = ("viewer", "reviewer", "operator", "auditor")  # and Olga is admin; Mia has none, and decides
CALLERS = (
    *("nobody", "olga@example.com", "mia@example.com", "agent:bot", "service:cron", "other"),
    *(f"{role}@example.com" for role in ROLES),
)
GIVEN = "roles: {admin: [olga@example.com], " + ", ".join(f"{role}: [{role}@example.com]" for role in ROLES) + "}"
STOPS = ("not_a_server_error",)  # this server stops, so that streams end at once, and its probe says so: 503
SOUND = {"agent": "approval", "principal": "agent:new", "by": "1h", "lasts": "1h", "to": "noah@example.com"}
"""What gets a call past the edge: chance finds none of these."""

ENDS_THE_CALLER = ("DELETE", "/api/v1/session")


ASKED = (
    {"kind": "approval", "name": "transfer"},
    {"kind": "approval", "name": "pay", "args": {"amount": 1}},
    {"kind": "input", "text": "Which?"},
    {"kind": "review", "body": "draft"},
)


def word_of(path):
    """Return what a path is about."""
    return path.removeprefix("/api/").removeprefix("v1/").partition("/")[0]


class World:
    """A server with something in it, and everybody who calls."""

    def __init__(self, folder):
        self.loop = asyncio.Runner()
        file = settled(folder / "interlock.yaml", re.sub("roles: .*", GIVEN, GRANTED))
        settings_ = load_settings(file, {"INTERLOCK_DATABASE_URL": "memory:"})
        self.server = Server(build(settings_, AGENTS, clock=(clock := SettableClock())), clock)
        self.server.context.stop.set()  # streams end at once
        self.document = document(self.server.app.app, self.server.context.cookie)
        self.clients = {}
        self.ids = defaultdict(list)
        self.digests = {}
        self.do(self._fill())

    def do(self, work):
        return self.loop.run(work)

    async def _fill(self):
        for name in CALLERS:
            await self._admit(name)
        agent, admin = self.clients["agent:bot"], self.clients["olga@example.com"]
        for key, kind in enumerate(ASKED):
            headers = {"Idempotency-Key": f"k{key}"}
            asked = await agent.post("/requests", json={"asked": kind}, headers=headers)
            for word in ("requests", "approval"):
                self.ids[word, "request_id"].append(asked.json()["id"])
            self.digests[asked.json()["id"]] = asked.json()["digest"]
        mail = {"agent": "approval", "input": "Send email to team about meeting", "thread": "talk"}
        run = await admin.post("/runs", json=mail)
        self.ids["runs", "run_id"].append(run.json()["id"])
        self.ids["threads", "name"].append("talk")
        self.ids["agents", "name"].append("approval")
        await self.server.drain()
        first = self.ids["requests", "request_id"][0]
        asked = await self.clients["mia@example.com"].post(f"/requests/{first}/clarifications", json={"text": "Why?"})
        self.ids["requests", "number"].append(asked.json()["clarifications"][0]["number"])
        for key in ("requests", "runs"):
            (place,) = (place for place in self.ids if place[0] == key and place[1].endswith("_id"))
            self.ids[key, "beginning"] += [one[:12] for one in self.ids[place]]
        await self._fill_people(admin)

    async def _fill_people(self, admin):
        """Let there be credentials, accounts, members and delegations; nobody of those who call is among them."""
        until = (self.server.clock.at + timedelta(days=1)).isoformat()
        for number in range(3):
            issued = await self.server.context.authenticator.token(
                "default", "agent:spare", scopes=frozenset({Scope.read}), lasts=timedelta(days=1), by="test"
            )
            self.ids["tokens", "token_id"].append(issued.credential.id)
            self.ids["deliveries", "delivery_id"].append(f"dlv_{number}")
            about = ("default", f"dlv_{number}", "crm", "", "req_1", number + 1, "opened", self.server.clock.at, None)
            sent = Delivery(*about, state=DeliveryState.failed)
            await self.server.system.store.add_deliveries([sent])
            session = await self.server.context.authenticator.session("default", "ann@example.com", by="test")
            self.ids["sessions", "session_id"].append(session.credential.id)
            await admin.post("/people", json={"name": f"ann{number}@example.com"})
            given = {"from": "mia@example.com", "to": f"ann{number}@example.com", "until": until}
            made = await admin.post("/directory/delegations", json=given)
            self.ids["directory", "delegation_id"].append(made.json()["id"])
            self.ids["people", "name"].append(f"ann{number}@example.com")
            asked = self.ids["requests", "request_id"][0]
            terms = {"digest": self.digests[asked], "until": "1h", "uses": 1}
            granted = await self.clients["mia@example.com"].post(f"/requests/{asked}/grants", json=terms)
            self.ids["grants", "grant_id"].append(granted.json()["id"])
        self.ids["directory", "name"] += ["managers", "reviewer"]
        self.ids["directory", "person"] += self.ids["people", "name"]

    async def _admit(self, name):
        if name == "nobody":
            client = self.server.client()
        elif name == "other":
            client = await self.server.person("olga@example.com", "other")
        elif ":" in name:
            client = await self.server.agent(name)
        else:
            client = await self.server.person(name)
        self.clients[name] = client

    def call(self, name, case):
        """Make a call as it is, byte for byte; return the answer."""
        sent = requests.Request(**case.as_transport_kwargs(base_url=self.server.context.origin)).prepare()
        headers = [
            (key, value) for key, value in sent.headers.items() if key.lower() not in {"authorization", "cookie"}
        ]
        send = self.clients[name].request(sent.method, sent.url, headers=headers, content=sent.body)
        answer = self.do(send)
        if (case.method, case.path) == ENDS_THE_CALLER:
            self.do(self._admit(name))
        return answer

    def make_real(self, case, which):
        """Let a call name what there is."""
        word = word_of(case.path)
        for name in case.path_parameters:
            if found := self.ids[word, name]:
                case.path_parameters[name] = found[which % len(found)]
        if isinstance(case.body, dict):
            digest = {"digest": self.digests.get(case.path_parameters.get("request_id"), "sha256:0")}
            case.body |= {name: to for name, to in (SOUND | digest).items() if isinstance(case.body.get(name), str)}

    def close(self):
        self.do(self.server.close())
        self.loop.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("every_call"))
    yield made
    made.close()


@cache
def checks(but=()):
    load_all_checks()
    return [CHECKS.get_one(name) for name in NAMES if name not in but]


def test_each_place_of_a_path_can_name_what_there_is(world):
    places = {
        (word_of(path), one["name"])
        for path, item in world.document["paths"].items()
        for operation in item.values()
        for one in operation.get("parameters", ())
        if one["in"] == "path" and "enum" not in one["schema"]
    }
    assert {place for place in places if not world.ids[place]} == set()


def operations(document):
    rejections = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
    config = schemathesis.Config.from_dict(
        {
            "generation": {"with-security-parameters": False},  # callers bring theirs
            "checks": {"negative_data_rejection": {"expected-statuses": rejections}},
        }
    )
    found = schemathesis.openapi.from_dict(document, config=config)
    return {operation.ok().label: operation.ok() for operation in found.get_all_operations()}


def test_whatever_is_sent_the_answer_is_one_that_the_document_tells_of(world):
    for label, operation in operations(world.document).items():
        explore(world, label, operation)


def explore(world, label, operation):
    cases = st.one_of(
        operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=300 if SOAK else 3,  # by everybody; of a commit's, each by a third
        deadline=None,
        database=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(case=cases, real=st.booleans(), which=st.integers(0, 5))
    def each(case, *, real, which):
        if real:
            world.make_real(case, which)
        for name in CALLERS if SOAK else CALLERS[which % 3 :: 3]:
            answer = world.call(name, case)
            case.validate_response(answer, checks=checks(but=STOPS if case.path == "/readyz" else ()))
            documented = operation.definition.raw["responses"]
            assert answer.status_code >= 400 or str(answer.status_code) in documented, (label, name, answer.status_code)

    each()
