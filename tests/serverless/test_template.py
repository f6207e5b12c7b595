"""The synthesised template, deployed: runs of the four patterns go through its functions, queues, table to their end.

ministack makes every resource of the template by its CloudFormation, starts the functions from their asset under their
roles, and refuses what these do not allow. `make soak` runs this.
"""

import asyncio
import json
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.aws_stand_ins import AWS, MINISTACK, Ministack, client_of
from tests.serverless.deployed import PYTHON, Deployed, build_asset, synthesise

from interlock.aws_lambda.schedules import minute_of
from interlock.bootstrap import build
from interlock.config.load import load_settings
from interlock.service.credentials import Authenticator

MIA, PETE = "mia@example.com", "pete@example.com"
CONFIG = """
people: {mia@example.com: {}, pete@example.com: {}}
groups: {managers: [mia@example.com], finance: [pete@example.com]}
roles: {reviewer: [mia@example.com, pete@example.com]}
policies:
  purchases:
    applies_to: action.name == "purchase"
    initiator_may_approve: true
    levels: [{steps: [{ask: [group:managers]}, {ask: [group:finance]}]}]
  hurried:
    applies_to: action.name == "purchase_manager"
    levels: [{steps: [{ask: [group:finance], within: 20s}]}]
default: {initiator_may_approve: true, levels: [{steps: [{ask: [group:managers]}]}]}
"""
GIVEN = {
    "run_seconds": 30,  # a message that fails is hidden as long, each time, before it is put among the dead letters
    "sweep_minutes": 60,  # what is due is done by a schedule of its own
}
PATIENCE = 400.0  # a busy machine unpacks an asset for each function that starts
POISON = ["no JSON", json.dumps({"run": 5})]


class Person:
    """Somebody who has signed in by a link, and calls the API of what is deployed."""

    def __init__(self, ministack, origin, link):
        host = {"host": urlsplit(origin).netloc, "origin": origin}
        trust = ssl.create_default_context(cafile=str(ministack.certificate))
        self._http = httpx2.Client(base_url=f"{ministack.url}/api/v1", headers=host, verify=trust, timeout=60)
        self.call("POST", "/session", {"link": link})

    def call(self, method, path, body=None):
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def asked(self, agent):
        """Return what an agent asks this person, once it does."""
        (row,) = until(lambda: self.call("GET", f"/requests/inbox/mine?agent={agent}")["requests"])
        return self.call("GET", f"/requests/{row['id']}")

    def close(self):
        self._http.close()


def until(look):
    ends = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < ends
        time.sleep(0.5)
    return found


class Stack:
    """The stack, whom it knows, and where its agents leave what they do."""

    def __init__(self, ministack, folder):
        self.deployed = Deployed(ministack.url, folder / "out")
        self.sqs, self.scheduler = (client_of(ministack.url, name) for name in ("sqs", "scheduler"))
        self._poison = list(POISON)
        self.asset, self.world = folder / "asset", folder / "world" / "interlock"
        links = asyncio.run(self._links(ministack.url))
        self.people = {who: Person(ministack, self.deployed.outputs["Origin"], link) for who, link in links.items()}

    async def _links(self, endpoint):
        """Return a link for each person, made where the table can be read, as by `interlock sessions link`."""
        database = f"{self.deployed.outputs['Database']}&endpoint={endpoint}"
        system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": database}), {})
        try:
            by = Authenticator(system.store, system.directories)
            return {who: (await by.link("default", who, by="test")).secret for who in (MIA, PETE)}
        finally:
            await system.close()

    def start(self, agent, wanted):
        return self.people[MIA].call("POST", "/runs", {"agent": agent, "input": {"input": wanted}})["id"]

    def run(self, run_id):
        return self.people[MIA].call("GET", f"/runs/{run_id}")

    def waiting(self, name):
        """Return how many messages a queue has, hidden ones as well."""
        given = self.sqs.get_queue_attributes(QueueUrl=self.deployed.queue(name), AttributeNames=["All"])["Attributes"]
        return int(given["ApproximateNumberOfMessages"]) + int(given["ApproximateNumberOfMessagesNotVisible"])

    def poison(self):
        """Put messages on the queue of runs, once, that no function can carry out; all else goes on beside them."""
        while self._poison:
            self.sqs.send_message(QueueUrl=self.deployed.queue("RunsQueue"), MessageBody=self._poison.pop())

    def scheduled(self):
        """Return the minutes for which functions have scheduled the sweep."""
        found = self.scheduler.list_schedules(NamePrefix="due-")["Schedules"]
        return {datetime.strptime(one["Name"], "due-%Y%m%dT%H%M").replace(tzinfo=UTC) for one in found}

    def close(self):
        self.sqs.close()
        self.scheduler.close()
        for person in self.people.values():
            person.close()


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def stack(tmp_path_factory, patch):
    for made, by in ((MINISTACK, "env-ministack"), (PYTHON, "env-cdk")):
        if not made.exists():
            pytest.skip(f"an environment is missing: run `make {by}`")
    folder = tmp_path_factory.mktemp("stack")
    (folder / "interlock.yaml").write_text(CONFIG)
    given = build_asset(folder / "interlock.yaml", folder / "asset")
    # Where ministack unpacks an asset is no /var/task; it starts the functions there.
    environment = {"INTERLOCK_CONFIG": "interlock.yaml", "XDG_DATA_HOME": str(folder / "world")}
    synthesise(folder / "out", given | {"environment": environment, **GIVEN})
    ministack = Ministack(strict=True)
    try:
        for name, value in (AWS | {"AWS_CA_BUNDLE": str(ministack.certificate)}).items():
            patch.setenv(name, value)
        with closing(Stack(ministack, folder)) as made:
            yield made
    finally:
        ministack.remove()


@dataclass(frozen=True)
class Story:
    """A pattern: what is wanted, what people say to each request, and what is there afterwards, once."""

    agent: str
    wanted: str
    said: tuple
    done: str


def entries(world, kind):
    ledger = world / "ledger.jsonl"
    found = ledger.read_text().splitlines() if ledger.exists() else []
    return [one for one in map(json.loads, found) if one["kind"] == kind]


def sent(world):
    return list((world / "mail" / "new").iterdir())


def filed(world):
    return list((world / "reports").glob("*.md"))


def plan_of(request):
    return request["stands"]["args"]


STORIES = [
    Story(
        "approval",
        "Send email to team about meeting",
        (
            (MIA, lambda _: {"verdict": "reject", "comment": "Say when it is."}),
            (MIA, lambda asked: {"verdict": "edit", "value": plan_of(asked) | {"subject": "Meeting at nine"}}),
        ),
        lambda world: [one for one in sent(world) if b"Meeting at nine" in one.read_bytes()],
    ),
    Story(
        "feedback",
        "Write a report on renewable energy",
        (
            *[(MIA, lambda _: {"verdict": "revise", "comment": "shorter"})] * 2,
            (MIA, lambda _: {"verdict": "approve"}),
        ),
        filed,
    ),
    Story(
        "input",
        "Book a flight",
        (
            (MIA, lambda _: {"verdict": "respond", "value": "TAP"}),
            (MIA, lambda _: {"verdict": "respond", "value": "Lisbon"}),
            (MIA, lambda _: {"verdict": "respond", "value": {"date": "2999-01-31", "passengers": 2}}),
            (MIA, lambda _: {"verdict": "approve"}),
        ),
        lambda world: entries(world, "booking"),
    ),
    Story(
        "multi_step",
        "Buy 3 laptops from ACME for 4500",
        tuple((who, lambda _: {"verdict": "approve"}) for who in (MIA, PETE)),
        lambda world: entries(world, "payment"),
    ),
]


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.agent)
def test_a_run_of_each_pattern_is_decided_over_the_deployed_api_and_done_once(stack, story):
    run_id = stack.start(story.agent, story.wanted)
    for who, say in story.said:
        person = stack.people[who]
        request = person.asked(story.agent)
        stack.poison()
        person.call("POST", f"/requests/{request['id']}/votes", say(request) | {"digest": request["digest"]})
    run = until(lambda: run if (run := stack.run(run_id))["status"] not in {"queued", "running", "paused"} else None)
    assert run["status"] == "done", run
    assert len(story.done(stack.world)) == 1


@pytest.mark.soak
def test_the_asset_has_bytecode_that_is_taken_whatever_the_time_of_a_file(stack):
    for name in ("interlock/aws_lambda/api.py", "langgraph/graph/state.py"):
        header = Path(cache_from_source(stack.asset / name)).read_bytes()[:8]
        assert header == MAGIC_NUMBER + (1).to_bytes(4, "little")  # by a hash, which nobody compares: PEP 552


@pytest.mark.soak
def test_what_nobody_decides_in_time_ends_by_a_schedule_that_its_function_has_made(stack):
    run_id = stack.start("multi_step_checkpoints", "Buy 3 laptops from ACME for 4500")
    due = datetime.fromisoformat(stack.people[PETE].asked("multi_step_checkpoints")["due_at"])
    assert minute_of(due) in stack.scheduled()
    run = until(lambda: run if (run := stack.run(run_id))["status"] == "done" else None)
    assert "nobody decided in time" in run["output"]["result"]
    until(lambda: minute_of(due) not in stack.scheduled())


@pytest.mark.soak
def test_a_poison_message_comes_to_the_dead_letters_and_nothing_else_does(stack):
    until(lambda: stack.waiting("RunsDeadLetters") == len(POISON) and not stack.waiting("RunsQueue"))
    dead = stack.deployed.queue("RunsDeadLetters")
    found = stack.sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    assert sorted(one["Body"] for one in found) == sorted(POISON)
    assert stack.waiting("MessagesDeadLetters") == 0
