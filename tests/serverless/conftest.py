"""The functions of AWS Lambda on stand-ins for DynamoDB and SQS, and what AWS does between them."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from tests.aws_stand_ins import client_of
from tests.serverless.events import ORIGIN, SCHEDULED, http_event, sqs_event

from interlock.aws_lambda import api, messages, runs, sweep
from interlock.aws_lambda.clients import client
from interlock.aws_lambda.process import process
from interlock.service.credentials import Authenticator

MIA = "mia@example.com"
CONFIG = """
agents: {payer: tests.serverless.payer:agent}
people: {mia@example.com: {}}
groups: {managers: [mia@example.com]}
roles: {admin: [mia@example.com]}
default: {initiator_may_approve: true, levels: [{steps: [{ask: [group:managers], within: 30m}]}]}
channels: {bus: {type: sqs, queue: told, region: eu-central-1, events: [opened]}}
"""
ROOT = Path(__file__).parents[2]
MOST_RECEIVED = 3
PATIENCE = 60.0


class Account:
    """An account of AWS with the functions, its queues, and a person who has signed in."""

    def __init__(self, sqs, environ):
        self.sqs, self.environ = sqs, environ
        self.queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "messages", "told")}
        dead = sqs.get_queue_attributes(QueueUrl=self.queues["dead"], AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": MOST_RECEIVED}
        given = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
        self.queues["runs"] = sqs.create_queue(QueueName="runs", Attributes=given)["QueueUrl"]
        self.environ |= {"INTERLOCK_RUNS_QUEUE": self.queues["runs"]}
        self.environ |= {"INTERLOCK_MESSAGES_QUEUE": self.queues["messages"]}

    def sign_in(self):
        system = process().system
        session = Authenticator(system.store, system.directories).session("default", MIA, by="test")
        self.cookie = f"__Host-interlock={process().do(session).secret}"

    def event(self, method, path, body=None, **given):
        """Return Mia's call."""
        text = None if body is None else json.dumps(body)
        headers = {"origin": ORIGIN, "content-type": "application/json"}
        return http_event(method, path, text, cookie=self.cookie, **headers, **given)

    def call(self, method, path, body=None):
        """Call the API as Mia; return what it answers."""
        answer = api.handler(self.event(method, f"/api/v1{path}", body), None)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"])

    def received(self, queue):
        """Return what stands on a queue."""
        found = self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10)
        return found.get("Messages", [])

    def deliver(self):
        """Do as SQS does once: invoke the function with what stands on the queue, and delete what has not failed."""
        found = self.received("runs")
        if found:
            failed = {one["itemIdentifier"] for one in runs.handler(sqs_event(*found), None)["batchItemFailures"]}
            for one in found:
                if one["MessageId"] not in failed:
                    self.sqs.delete_message(QueueUrl=self.queues["runs"], ReceiptHandle=one["ReceiptHandle"])

    def sweep(self):
        """Do as the schedule does."""
        sweep.handler(SCHEDULED, None)
        messages.handler(SCHEDULED, None)

    def start(self):
        """Return the id of a run that Mia starts."""
        return self.call("POST", "/runs", {"agent": "payer", "input": {"input": "x"}})["id"]

    def run(self, run_id):
        return process().loop.run_until_complete(process().system.store.load("default", run_id=run_id)).run.run

    def asked(self):
        """Return the requests that wait for Mia."""
        return self.call("GET", "/requests/inbox/mine")["requests"]

    def finish(self):
        """Let time go by, and Mia approve what waits, until all runs have ended; return how many there are."""
        ends = time.monotonic() + PATIENCE
        while True:
            self.sweep()
            self.deliver()
            found = self.call("GET", "/runs")["runs"]
            if all(one["status"] == "done" for one in found):
                return len(found)
            assert time.monotonic() < ends, found
            for request in self.asked():
                api.handler(self.approval(request), None)

    def approval(self, request):
        """Return the call by which she approves."""
        body = {"verdict": "approve", "digest": request["digest"]}
        return self.event("POST", f"/api/v1/requests/{request['id']}/votes", body)

    def paid(self):
        sink = Path(os.environ["SINK"])
        return sink.read_text().split() if sink.exists() else []

    def end_process(self):
        """Do as AWS does when it ends a process: the next invocation begins another one."""
        process().close()
        forget()

    def close(self):
        process().close()
        for queue in self.queues.values():
            self.sqs.delete_queue(QueueUrl=queue)


def forget():
    """Know nothing, as a new process does."""
    process.cache_clear()
    client.cache_clear()


@pytest.fixture
def account(new_table, serial_moto, tmp_path, monkeypatch):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG)
    environ = {
        "AWS_ENDPOINT_URL": serial_moto,
        "INTERLOCK_CONFIG": str(file),
        "INTERLOCK_DATABASE_URL": new_table(),
        "INTERLOCK_ORIGIN": ORIGIN,
        "SINK": str(tmp_path / "sink"),
    }
    environ |= {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")}
    sqs = client_of(serial_moto, "sqs")
    made = Account(sqs, environ)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    forget()
    made.sign_in()
    yield made
    made.close()
    sqs.close()
    forget()
    asyncio.set_event_loop(None)
