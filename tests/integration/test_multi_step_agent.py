"""The multi-step agent from end to end: who is asked for which amount, and that it is paid once, as it was approved."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest

from interlock import failpoints
from interlock.agents.multi_step import MAX_ROUNDS, agent, checkpoints
from interlock.agents.purchase import _said
from interlock.domain.action import Verdict
from interlock.domain.request import Status
from interlock.domain.run import RunStatus
from interlock.errors import InterlockError, InvalidAnswer

MIA, NOAH, PETE, OLGA = "mia@example.com", "noah@example.com", "pete@example.com", "olga@example.com"
POLICY = "interlock.agents.multi_step:agent"
GRAPH = "interlock.agents.multi_step:checkpoints"


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv("INTERLOCK_LEDGER", str(path))
    return lambda: [json.loads(line)["entry"] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(params=["memory", "sqlite"])
async def company(request, make_story, tmp_path):
    config = tmp_path / "interlock.yaml"
    config.write_text((files("interlock.agents") / "purchases.yaml").read_text())
    bench = make_story(request.param, config)
    bench.register(agent, POLICY)
    bench.register(checkpoints, GRAPH)
    yield bench
    await bench.assert_invariants()


async def passes(company, run_id, *people):
    """Let each of these people approve the one request that is open when their turn comes."""
    for who in people:
        await company.vote(await company.asked(run_id), who=who)
        await company.drain()
    return await company.run(run_id)


WAYS = [
    ("999.99", ()),
    ("0", ()),
    ("1000", (MIA, PETE)),
    ("9999.99", (NOAH, PETE)),
    ("10000", (MIA, PETE, OLGA)),
    ("250000", (MIA, PETE, OLGA)),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("reference", [POLICY, GRAPH])
@pytest.mark.parametrize(("amount", "people"), WAYS)
async def test_S8_the_amount_decides_who_is_asked(company, ledger, reference, amount, people):
    run_id = await company.start(reference, {"input": f"Buy chairs from ACME for {amount}"})
    run = await passes(company, run_id, *people)
    assert run.status is RunStatus.done
    assert ledger() == [{"item": "chairs", "vendor": "ACME", "amount": amount}]
    asked = await company.every(run_id)
    decided = [who for request in asked for who in request.decided_by]
    assert [who for who in decided if not who.startswith("rule:")] == list(people)
    assert all(request.decided_by for request in asked), "what a rule approves is said to be the rule's"
    assert run.output["approved"] is True


@pytest.mark.parametrize("reference", [POLICY, GRAPH])
async def test_S8_nobody_decides_out_of_turn_or_on_what_they_have_started(company, ledger, reference):
    run_id = await company.start(reference, {"input": "Buy chairs from ACME for 20000"})
    for who in (PETE, OLGA, "local:me"):
        with pytest.raises(InterlockError):
            await company.vote(await company.asked(run_id), who=who)
    await passes(company, run_id, MIA)
    with pytest.raises(InterlockError):
        await company.vote(await company.asked(run_id), who=OLGA)
    assert ledger() == []


@pytest.mark.parametrize("reference", [POLICY, GRAPH])
async def test_S8_one_rejection_ends_it_with_its_reason(company, ledger, reference):
    run_id = await company.start(reference, {"input": "Buy chairs from ACME for 20000"})
    await passes(company, run_id, MIA)
    await company.vote(await company.asked(run_id), Verdict.reject, "no budget", who=PETE)
    await company.drain()
    run = await company.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert "rejected by pete@example.com" in run.output["result"]
    assert "no budget" in run.output["result"]
    assert ledger() == []


@pytest.mark.parametrize("reference", [POLICY, GRAPH])
async def test_S12_silence_at_any_step_expires_and_pays_nothing(company, ledger, reference):
    run_id = await company.start(reference, {"input": "Buy chairs from ACME for 20000"})
    await passes(company, run_id, MIA, PETE)
    await company.later(days=3)
    run = await company.run(run_id)
    assert (run.output["approved"], run.output["outcome"]) == (False, "expired")
    assert (await company.every(run_id))[-1].status is Status.expired
    assert ledger() == []


async def change(company, run_id, who, **args):
    request = await company.asked(run_id)
    edited = replace(request.asked, args={**request.asked.args, **args})
    await company.vote(request, Verdict.edit, who=who, subject=edited)
    await company.drain()


async def test_S3_S8_an_amount_changed_upwards_by_finance_goes_to_a_director(company, ledger):
    run_id = await company.start(POLICY, {"input": "Buy chairs from ACME for 4500"})
    await passes(company, run_id, MIA)
    await change(company, run_id, PETE, amount="15000")
    assert ledger() == []
    run = await passes(company, run_id, MIA, PETE, OLGA)
    assert run.status is RunStatus.done
    assert [entry["amount"] for entry in ledger()] == ["15000"]


@pytest.mark.parametrize("late", [PETE, OLGA])
async def test_S3_S8_what_is_changed_at_a_later_checkpoint_everybody_sees_again(company, ledger, late):
    run_id = await company.start(GRAPH, {"input": "Buy chairs from ACME for 20000"})
    before = {PETE: (MIA,), OLGA: (MIA, PETE)}[late]
    await passes(company, run_id, *before)
    await change(company, run_id, late, amount="30000")
    assert ledger() == []
    request = await company.asked(run_id)
    assert (request.asked.name, request.asked.args["amount"]) == ("purchase_manager", "30000")
    assert "changed and approved by" in request.ask.context["so far"][-1]
    run = await passes(company, run_id, MIA, PETE, OLGA)
    assert run.status is RunStatus.done
    assert [entry["amount"] for entry in ledger()] == ["30000"]


async def test_S8_changes_do_not_go_round_for_ever(company, ledger):
    run_id = await company.start(GRAPH, {"input": "Buy chairs from ACME for 4500"})
    for number in range(MAX_ROUNDS + 1):
        await passes(company, run_id, MIA)
        await change(company, run_id, PETE, amount=str(5000 + number))
    run = await company.run(run_id)
    assert run.output["result"] == f"Not bought: changed more than {MAX_ROUNDS} times on the way."
    assert ledger() == []


@pytest.mark.parametrize("amount", ["-1", "1e9", "1000.001", "all", ""])
async def test_S3_an_edit_to_what_is_no_amount_is_refused(company, ledger, amount):
    run_id = await company.start(POLICY, {"input": "Buy chairs from ACME for 4500"})
    with pytest.raises(InvalidAnswer):
        await change(company, run_id, MIA, amount=amount)
    assert ledger() == []


async def test_S8_what_the_request_does_not_say_is_asked_and_not_made_up(company, ledger):
    run_id = await company.start(POLICY, {"input": "Buy chairs"})
    question = await company.asked(run_id)
    assert question.asked.schema["required"] == ["vendor", "amount"]
    await company.vote(question, Verdict.respond, answer={"vendor": "ACME", "amount": "10"})
    await company.drain()
    assert ledger() == [{"item": "chairs", "vendor": "ACME", "amount": "10"}]
    assert (await company.run(run_id)).status is RunStatus.done


async def test_S2_the_model_that_is_configured_reads_the_request(company, ledger, monkeypatch):
    from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415

    said = '{"item": "chairs", "vendor": "ACME", "amount": "20"}'
    monkeypatch.setenv("INTERLOCK_MODEL", "provider:model")
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda _: FakeListChatModel(responses=[said]))
    run_id = await company.start(POLICY, {"input": "Order seating from Roadrunner for 20"})
    [request] = await company.every(run_id)
    assert request.ask.context["reader"] == "read by model provider:model"
    assert ledger() == [{"item": "chairs", "vendor": "ACME", "amount": "20"}]


@pytest.mark.parametrize("words", ["some chairs, please", "chairs for 20 000", "chairs for 2000", "chairs for twenty"])
async def test_an_amount_that_only_the_model_has_read_is_asked_for(company, ledger, monkeypatch, words):
    from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415

    said = '{"item": "chairs", "vendor": "ACME", "amount": "20"}'
    monkeypatch.setenv("INTERLOCK_MODEL", "provider:model")
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda _: FakeListChatModel(responses=[said]))
    run_id = await company.start(POLICY, {"input": words})
    question = await company.asked(run_id)
    assert question.asked.schema["required"] == ["amount"]
    assert ledger() == []


@pytest.mark.sampled(4)
@pytest.mark.parametrize("reference", [POLICY, GRAPH])
@pytest.mark.parametrize("words", ["10 000", "50k", "2 million", "1e5", "10'000", "ten thousand", "10,000"])
async def test_an_amount_that_is_not_understood_is_asked_for_and_the_answer_goes_on(company, ledger, reference, words):
    request = f"Buy 3 laptops from ACME for {words}"
    run_id = await company.start(reference, {"input": request})
    question = await company.asked(run_id)
    assert question.asked.text == f'Amount cannot be read for certain from: "{request}". What is it?'
    assert question.ask.context["request"] == request
    with pytest.raises(InvalidAnswer):
        await company.vote(question, Verdict.respond, answer={"amount": words})
    await company.vote(question, Verdict.respond, answer={"amount": "10000"})
    await company.drain()
    await passes(company, run_id, MIA, PETE)
    assert ledger() == [], "a director is asked as well"
    await passes(company, run_id, OLGA)
    assert ledger() == [{"item": "3 laptops", "vendor": "ACME", "amount": "10000"}]


async def test_I2_a_crash_after_the_payment_pays_no_second_time(company, ledger):
    run_id = await company.start(POLICY, {"input": "Buy chairs from ACME for 4500"})
    failpoints.configure("effect.called=raise")
    try:
        await passes(company, run_id, MIA, PETE)
    finally:
        failpoints.configure("")
    assert len(ledger()) == 1
    for _ in range(5):
        await company.later(minutes=1)
    assert (await company.run(run_id)).status is RunStatus.done
    assert len(ledger()) == 1


@pytest.mark.parametrize("reference", [POLICY, GRAPH])
async def test_I2_it_is_paid_into_the_ledger_that_people_were_shown_whatever_a_later_process_has_set(
    company, ledger, reference, monkeypatch, tmp_path
):
    run_id = await company.start(reference, {"input": "Buy chairs from ACME for 20000"})
    await passes(company, run_id, MIA)
    shown = (await company.asked(run_id)).ask.context["ledger"]
    assert shown == str(tmp_path / "ledger.jsonl")
    failpoints.configure("effect.called=raise")
    try:
        await passes(company, run_id, PETE, OLGA)
    finally:
        failpoints.configure("")
    monkeypatch.setenv("INTERLOCK_LEDGER", str(tmp_path / "elsewhere.jsonl"))
    for _ in range(5):
        await company.later(minutes=1)
    run = await company.run(run_id)
    assert (run.status, run.output["payment"]["where"]) == (RunStatus.done, shown)
    assert len(ledger()) == 1
    assert not (tmp_path / "elsewhere.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Buy 3 laptops from ACME for 4500", {"item": "3 laptops", "vendor": "ACME", "amount": "4500"}),
        ("order a desk for $1,299.90 from", {"item": "a desk"}),
        ("Purchase paper from Paper & Sons", {"item": "paper", "vendor": "Paper & Sons"}),
        ("Buy paint for the office", {"item": "paint for the office"}),
        ("Buy nothing for -5", {"item": "nothing"}),
        ("Buy x for 1,2,3", {"item": "x"}),
        ("Buy a thing for 007", {"item": "a thing"}),
    ],
)
def test_the_rules_read_what_is_said_and_nothing_else(text, said):
    assert _said(text) == said
