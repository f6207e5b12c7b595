"""Lambda's functions, called as AWS calls them: a run starts, asks, is approved, pays once; nothing runs in between."""

import json
import signal
from datetime import timedelta

import pytest
from tests import forks
from tests.serverless import invoked
from tests.serverless.events import SCHEDULED, http_event, sqs_event

from interlock.aws_lambda import api, messages, runs
from interlock.aws_lambda.process import process
from interlock.domain.run import RunStatus

PATIENCE = 60.0


def bodies(messages):
    return [json.loads(one["Body"]) for one in messages]


def test_a_run_starts_asks_and_pays_by_hints_alone_and_the_pages_come_from_the_same_function(account):
    run_id = account.start()
    assert account.run(run_id).status is RunStatus.queued  # nothing has run: the hint says that it should
    account.deliver()
    assert account.run(run_id).status is RunStatus.paused
    (request,) = account.asked()
    page = api.handler(account.event("GET", f"/requests/{request['id']}", accept="text/html"), None)
    assert page["statusCode"] == 200
    assert 'data-looks-again="15"' in page["body"]
    style = api.handler(http_event("GET", "/assets/interlock.css"), None)
    assert style["statusCode"] in {200, 404}
    api.handler(account.approval(request), None)
    account.deliver()
    assert account.run(run_id).status is RunStatus.done
    assert len(account.paid()) == 1
    assert account.received("runs") == []


def test_messages_go_out_by_a_function_of_their_own_after_a_commit_and_each_minute(account):
    account.sweep()  # as soon as it is deployed: what is told begins here
    account.start()
    account.deliver()
    assert bodies(account.received("messages"))
    account.sweep()
    (told,) = bodies(account.received("told"))
    assert told["type"].endswith("opened")
    account.sweep()
    assert account.received("told") == []


def test_streams_are_refused_and_another_host_is(account):
    for path in ("/api/v1/events", f"/api/v1/runs/{account.start()}/stream"):
        answer = api.handler(account.event("GET", path), None)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (501, "no_streams")
    answer = api.handler(account.event("GET", "/", host="evil.example"), None)
    assert answer["statusCode"] == 421


def test_a_poison_message_comes_to_the_dead_letters_and_the_others_of_its_batch_are_carried_out(account):
    poison = ["no JSON", json.dumps({"run": 5}), json.dumps(["run"]), json.dumps({"run": ""})]
    for body in poison:
        account.sqs.send_message(QueueUrl=account.queues["runs"], MessageBody=body)
    run_id = account.start()
    account.deliver()
    assert account.run(run_id).status is RunStatus.paused
    for _ in range(5):
        account.deliver()
    assert sorted(one["Body"] for one in account.received("dead")) == sorted(poison)


def test_a_store_that_is_away_lets_the_message_come_again(account, monkeypatch):
    run_id = account.start()
    with monkeypatch.context() as patch:
        patch.setattr(process().system.store._table.client, "query", lambda **_: 1 / 0)
        account.deliver()
    assert account.run(run_id).status is RunStatus.queued
    account.deliver()
    assert account.run(run_id).status is RunStatus.paused


def test_the_sweep_finds_a_run_whose_hint_was_lost_and_a_deadline(account, monkeypatch):
    run_id = account.start()
    for message in account.received("runs"):
        account.sqs.delete_message(QueueUrl=account.queues["runs"], ReceiptHandle=message["ReceiptHandle"])
    account.deliver()
    assert account.run(run_id).status is RunStatus.queued
    account.sweep()
    account.deliver()
    (request,) = account.asked()
    store = process().system.store._store
    later = store._clock() + timedelta(minutes=40)
    monkeypatch.setattr(store, "_clock", lambda: later)
    monkeypatch.setattr(store._table, "check_clock", lambda: None)
    account.sweep()
    account.deliver()
    assert account.paid() == []
    assert account.run(run_id).status is not RunStatus.paused
    assert request["id"] not in {one["id"] for one in account.asked()}


def test_a_message_that_comes_twice_pays_once(account):
    account.start()
    account.deliver()
    api.handler(account.approval(*account.asked()), None)
    (message,) = account.received("runs")
    twice = [message, message | {"MessageId": "again"}]
    assert runs.handler(sqs_event(*twice), None) == {"batchItemFailures": []}
    assert runs.handler(sqs_event(message), None) == {"batchItemFailures": []}
    assert len(account.paid()) == 1


ADVANCES = ("store.before_commit", "store.after_commit", "advance.began", "agent.returned", "advance.committed")
EFFECTS = ("effect.claimed", "effect.called", "effect.recorded")
PLACES = [
    *(("start", place) for place in ("store.before_commit", "store.after_commit", "run.started")),
    *(("advance", place) for place in ADVANCES),
    *(("vote", place) for place in ("store.before_commit", "store.after_commit", "vote.committed")),
    *(("resume", place) for place in (*ADVANCES, *EFFECTS)),
    *(("tell", place) for place in ("channel.told", "delivery.sent")),
]


@pytest.mark.sampled(11)
@pytest.mark.parametrize(("stage", "place"), PLACES)
def test_killed_anywhere_the_next_invocations_finish_and_pay_once(account, stage, place):
    account.sweep()
    invocations = {
        "start": (api, lambda: account.event("POST", "/api/v1/runs", {"agent": "payer", "input": {}})),
        "advance": (runs, lambda: sqs_event(*account.received("runs"))),
        "tell": (messages, lambda: SCHEDULED),
        "vote": (api, lambda: account.approval(*account.asked())),
        "resume": (runs, lambda: sqs_event(*account.received("runs"))),
    }
    for function, event in [invocations[one] for one in list(invocations)[: list(invocations).index(stage)]]:
        function.handler(event(), None)
    function, event = invocations[stage]
    child = forks.process(invoked.invoke, account.environ, function.__name__, event(), f"{place}=kill")
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL
    started = account.finish()
    assert started == len(account.paid()) == (0 if (stage, place) == ("start", "store.before_commit") else 1)
