"""Lambda's functions, called as AWS calls them: a run starts, asks, is approved, pays once; nothing runs in between."""

import json
import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote, unquote

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests import forks
from tests.serverless import invoked
from tests.serverless.events import HOST, SCHEDULED, http_event, sqs_event

from interlock.aws_lambda import api, hints, messages, runs, sweep
from interlock.aws_lambda.clients import SHORT_TIMEOUTS, client
from interlock.aws_lambda.process import process
from interlock.aws_lambda.schedules import minute_of
from interlock.domain.run import RunStatus
from interlock.engine.changes import Actor, Changes, Job

PATIENCE = 60.0
ROLE = "arn:aws:iam::123456789012:role/due"
SWEEP = "arn:aws:lambda:eu-central-1:123456789012:function:sweep"


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


def behind_a_url(path):
    """Return a path as a function's URL hands it on: as it was sent."""
    return "id.lambda-url.eu-central-1.on.aws", path


def behind_an_api(path):
    """Return it as an HTTP API hands it on by ministack: all is decoded but the percent sign."""
    return HOST, "%25".join(unquote(part) for part in path.split("%25"))


def behind_an_api_that_decodes_all(path):
    """Return it as others have seen an HTTP API hand it on, such as AWS's LambdaTestTool."""
    return HOST, unquote(path)


@pytest.mark.parametrize("hand_on", [behind_a_url, behind_an_api, behind_an_api_that_decodes_all])
def test_a_path_is_read_as_it_was_sent(account, hand_on):
    for name in ("a/b", "a b", "a%2Fb", "gr\u00fcn", "100%", "a+b", "a%20b", "a%", "\U0001f600/%41"):
        account.call("POST", "/runs", {"agent": "payer", "input": {}, "thread": name})
        domain, path = hand_on(f"/api/v1/threads/{quote(name, safe='')}")
        event = account.event("GET", path)
        event["requestContext"]["domainName"] = domain
        answer = api.handler(event, None)
        assert (answer["statusCode"], json.loads(answer["body"])["name"]) == (200, name)


def made_schedules():
    """Return what is scheduled, by its name."""
    mine = client("scheduler")
    found = mine.list_schedules(GroupName="due")["Schedules"]
    return {one["Name"]: mine.get_schedule(GroupName="due", Name=one["Name"]) for one in found}


@pytest.fixture
def scheduled(account, monkeypatch):
    """Have the stack's group, role and function for schedules."""
    given = {"GROUP": "due", "ROLE": ROLE}
    for name, value in given.items():
        monkeypatch.setenv(f"INTERLOCK_SCHEDULE_{name}", value)
    monkeypatch.setenv("INTERLOCK_SWEEP", SWEEP)
    account.end_process()
    mine = client("scheduler")
    mine.create_schedule_group(Name="due")
    yield account
    for name in made_schedules():
        mine.delete_schedule(GroupName="due", Name=name)
    mine.delete_schedule_group(Name="due")


def test_the_sweep_is_scheduled_for_the_minute_after_a_deadline_once(scheduled):
    for _ in range(2):
        scheduled.start()
        scheduled.deliver()
    due = [datetime.fromisoformat(one["due_at"]) for one in scheduled.asked()]
    found = made_schedules()
    assert found.keys() == {f"due-{minute_of(one):%Y%m%dT%H%M}" for one in due}
    for one in due:
        made = found[f"due-{minute_of(one):%Y%m%dT%H%M}"]
        at = datetime.strptime(made["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
        assert timedelta(0) < at - one <= timedelta(seconds=61)
        assert (made["ScheduleExpressionTimezone"], made["FlexibleTimeWindow"]) == ("UTC", {"Mode": "OFF"})
        assert made["ActionAfterCompletion"] == "DELETE"
        assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (SWEEP, ROLE)
    scheduled.end_process()  # another one finds what this one has made
    api.handler(scheduled.event("POST", "/api/v1/runs", {"agent": "payer", "input": {}}), None)
    scheduled.deliver()
    assert len(scheduled.asked()) == 3
    assert len(made_schedules()) - len(found) in {0, 1}  # a minute may have gone by


def test_the_sweep_schedules_what_comes_due_next_by_its_own_name(scheduled, monkeypatch):
    monkeypatch.delenv("INTERLOCK_SWEEP")
    scheduled.end_process()
    scheduled.start()
    scheduled.deliver()
    assert made_schedules() == {}
    process().schedules.committed(Changes("default", Actor("x", "x"), jobs_anew=(later_job(),)), 0.0)
    sweep.handler(SCHEDULED, SimpleNamespace(invoked_function_arn=SWEEP))
    (made,) = made_schedules().values()
    assert made["Target"]["Arn"] == SWEEP


def later_job():
    return Job("default", "advance", "run", datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", None])
def test_a_scheduler_that_refuses_costs_time_alone_and_is_asked_again(scheduled, monkeypatch, caplog, code):
    asked = []

    def refuse(**given):
        asked.append(given)
        raise EndpointConnectionError(endpoint_url="x") if code is None else ClientError({"Error": {"Code": code}}, "x")

    with monkeypatch.context() as patch:
        patch.setattr(client("scheduler"), "create_schedule", refuse)
        run_id = scheduled.start()
        scheduled.deliver()
        assert "No sweep is scheduled" in caplog.text
        assert scheduled.run(run_id).status is RunStatus.paused
        api.handler(scheduled.approval(*scheduled.asked()), None)
        scheduled.deliver()
    assert len(scheduled.paid()) == len(asked) == 1  # it is left alone for a while
    scheduled.end_process()
    scheduled.start()
    scheduled.deliver()
    assert len(made_schedules()) == 1


@pytest.mark.parametrize(
    ("due", "minute"),
    [
        ("2026-11-30T18:06:10+00:00", "2026-11-30T18:07:00+00:00"),
        ("2026-11-30T18:06:59+00:00", "2026-11-30T18:07:00+00:00"),
        ("2026-11-30T18:07:00+00:00", "2026-11-30T18:08:00+00:00"),
        ("2026-11-30T19:06:59.5+01:00", "2026-11-30T18:08:00+00:00"),
        ("2026-12-31T23:59:59.000001+00:00", "2027-01-01T00:01:00+00:00"),
    ],
)
def test_a_schedule_is_never_before_what_is_due(due, minute):
    assert minute_of(datetime.fromisoformat(due)) == datetime.fromisoformat(minute)


def test_a_service_that_does_not_answer_holds_up_nobody(account, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and says nothing
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        unanswered = boto3.Session().client("sqs", endpoint_url=address, config=SHORT_TIMEOUTS)
        monkeypatch.setattr(hints, "client", lambda _: unanswered)
        began = time.monotonic()
        account.start()
        assert time.monotonic() - began < 20
        unanswered.close()


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
