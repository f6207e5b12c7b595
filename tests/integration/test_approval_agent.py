"""The approval agent from end to end: it plans, people approve, reject or modify, the mail is in the maildir."""

import mailbox
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy

import pytest

from interlock import failpoints
from interlock.agents import AGENTS
from interlock.agents.smtp import MailUncertain
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import Run, RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.engine.watching import Lines
from interlock.errors import InvalidAnswer
from interlock.testing.fakes import SettableClock
from interlock.testing.people import principal

TASK = "Send email to team about meeting"
ME = principal("local:me")


@dataclass
class Desktop:
    """One person, one system, one maildir."""

    system: System
    clock: SettableClock
    box: object
    lines: list[str] = field(default_factory=list)
    run_id: str = ""

    async def start(self, text: str = TASK) -> Request:
        name, reference = self.system.registry.reference("approval")
        given = self.system.registry.load(reference).input_from(text)
        run = await self.system.runs.start(name, reference, given, ME)
        self.run_id = run.id
        await self.work()
        return await self.asked()

    async def work(self) -> Run:
        await self.system.worker(watcher=Lines(lambda _, text: self.lines.append(text))).drain()
        return await self.run()

    async def run(self) -> Run:
        loaded = await self.system.store.load("default", run_id=self.run_id)
        assert loaded.run is not None
        return loaded.run.run

    async def asked(self) -> Request:
        [request] = await self.system.store.requests("default", RequestFilter(run_id=self.run_id))
        return request

    async def vote(self, request: Request, verdict: Verdict, comment: str = "", answer=None, **args) -> Run:
        subject = replace(request.asked, args={**request.asked.args, **args}) if args else None
        await self.system.desk.handle(CastVote(request.id, verdict, request.digest, comment, subject, answer), ME)
        return await self.work()

    def mails(self) -> list:
        found = mailbox.Maildir(self.box, create=False) if self.box.exists() else []
        return [message_from_bytes(mail.as_bytes(), policy=policy.default) for mail in found]


@pytest.fixture
async def desktop(tmp_path, monkeypatch):
    monkeypatch.delenv("SAGEMAKER_ENDPOINT_NAME", raising=False)
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "mail"))
    clock = SettableClock()
    settings = load_settings(environ={"INTERLOCK_DATABASE_URL": "memory:", "HOME": str(tmp_path)})
    system = build(settings, AGENTS, clock=clock)
    yield Desktop(system, clock, tmp_path / "mail")
    await system.close()


async def test_S1_approved_the_mail_is_sent(desktop):
    request = await desktop.start()
    assert request.ask.description == "Draft email about team meeting"
    assert request.asked.args["to"] == ["team@company.com"]
    assert request.ask.context["planner"] == "offline planner: deterministic, no model was asked"
    assert desktop.mails() == []
    run = await desktop.vote(request, Verdict.approve)
    assert run.status is RunStatus.done
    assert run.output["approved"] is True
    assert run.output["result"].startswith("Sent to team@company.com")
    [mail] = desktop.mails()
    assert (mail["To"], mail["Subject"]) == ("team@company.com", "Team meeting")
    assert mail["Message-ID"] == run.output["sent"]["message_id"]
    assert desktop.lines == [
        '[AGENT] Generating plan for: "Send email to team about meeting"',
        "[AGENT] Plan: Draft email about team meeting, review recipients, send",
        "[AGENT] (offline planner: deterministic, no model was asked)",
        "[AGENT] ✓ Approved. Executing plan...",
        "[AGENT] Email sent successfully",
    ]


async def test_S1_rejected_with_a_reason_the_agent_plans_again(desktop):
    first = await desktop.start()
    run = await desktop.vote(first, Verdict.reject, "add pete@example.com")
    assert run.status is RunStatus.paused
    second = await desktop.asked()
    assert second.asked.args["to"] == ["team@company.com", "pete@example.com"]
    assert second.ask.context["round"] == 2
    run = await desktop.vote(second, Verdict.approve)
    assert run.output["rounds"] == 2
    [mail] = desktop.mails()
    assert mail["To"] == "team@company.com, pete@example.com"


async def test_an_address_that_cannot_be_read_is_asked_for_once_and_never_cut_to_fit(desktop):
    question = await desktop.start("Email o*brien@example.com about lunch")
    assert question.asked.text.startswith('These cannot be read as addresses: "o*brien@example.com".')
    with pytest.raises(InvalidAnswer):
        await desktop.vote(question, Verdict.respond, answer="O'Brien, please")
    await desktop.vote(question, Verdict.respond, answer="o'brien@example.org, pete@example.org")
    first = await desktop.asked()
    assert first.asked.args["to"] == ["o'brien@example.org", "pete@example.org"]
    await desktop.vote(first, Verdict.reject, "shorter")
    second = await desktop.asked()
    assert second.asked.args["to"] == ["o'brien@example.org", "pete@example.org"]
    await desktop.vote(second, Verdict.approve)
    assert desktop.mails()[0]["To"] == "o'brien@example.org, pete@example.org"


async def test_nobody_says_to_whom_and_nothing_is_sent(desktop):
    question = await desktop.start("Email o*brien@example.com about lunch")
    run = await desktop.vote(question, Verdict.reject, "leave him alone")
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert run.output["result"] == "Not sent: the question was rejected."
    assert desktop.mails() == []


async def test_S1_after_three_rejections_the_agent_gives_up(desktop):
    request = await desktop.start()
    for reason in ("shorter", "subject: Hello"):
        await desktop.vote(request, Verdict.reject, reason)
        request = await desktop.asked()
    run = await desktop.vote(request, Verdict.reject, "no")
    assert run.status is RunStatus.done
    assert run.output["approved"] is False
    assert run.output["result"] == "Not sent: not approved in 3 rounds."
    assert desktop.mails() == []


async def test_rejected_without_a_reason_there_is_nothing_to_plan_anew_with(desktop):
    run = await desktop.vote(await desktop.start(), Verdict.reject)
    assert run.status is RunStatus.done
    assert run.output["result"] == "Not sent: rejected, without a reason to plan again with."
    assert desktop.mails() == []


async def test_S2_the_plan_comes_from_the_model_that_is_configured(desktop, monkeypatch):
    from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415

    plan = '{"summary": "Draft email about X", "to": ["x@y.z"], "subject": "X", "body": "Y"}'
    monkeypatch.setenv("INTERLOCK_MODEL", "provider:model")
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda _: FakeListChatModel(responses=[plan]))
    request = await desktop.start()
    assert request.ask.context["planner"] == "planned by model provider:model"
    await desktop.vote(request, Verdict.approve)
    assert [mail["To"] for mail in desktop.mails()] == ["x@y.z"]


async def test_S3_modified_the_modified_mail_is_sent(desktop):
    request = await desktop.start()
    run = await desktop.vote(request, Verdict.edit, subject="Besprechung um zehn: Räume", body="Bitte pünktlich.\n")
    assert run.status is RunStatus.done
    [mail] = desktop.mails()
    assert mail["Subject"] == "Besprechung um zehn: Räume"
    assert mail.get_content() == "Bitte pünktlich.\n"
    assert mail["To"] == "team@company.com"


@pytest.mark.parametrize(
    "args", [{"to": ["nobody"]}, {"to": []}, {"subject": "a\nBcc: x@y.z"}, {"body": " "}, {"cc": "x"}]
)
async def test_S3_what_is_no_mail_is_refused_as_an_edit(desktop, args):
    request = await desktop.start()
    with pytest.raises(InvalidAnswer):
        await desktop.vote(request, Verdict.edit, **args)
    assert (await desktop.asked()).status is Status.open


async def test_silence_is_no_approval(desktop):
    await desktop.start()
    desktop.clock.advance(days=400)
    run = await desktop.work()
    assert run.status is RunStatus.done
    assert (run.output["approved"], run.output["outcome"]) == (False, "expired")
    assert run.output["result"] == "Not sent: nobody decided in time."
    assert desktop.mails() == []


async def test_a_crash_after_the_mail_was_written_writes_no_second_one(desktop):
    request = await desktop.start()
    failpoints.configure("effect.called=raise")
    try:
        await desktop.vote(request, Verdict.approve)
    finally:
        failpoints.configure("")
    assert len(desktop.mails()) == 1
    for _ in range(5):
        desktop.clock.advance(minutes=1)
        run = await desktop.work()
    assert run.status is RunStatus.done
    [mail] = desktop.mails()
    assert run.output["sent"]["message_id"] == mail["Message-ID"]


async def test_I2_the_mail_goes_where_it_was_approved_to_go_whatever_a_later_process_has_set(
    desktop, monkeypatch, tmp_path
):
    request = await desktop.start()
    assert request.ask.context["delivery"] == str(tmp_path / "mail")
    failpoints.configure("effect.called=raise")
    try:
        await desktop.vote(request, Verdict.approve)
    finally:
        failpoints.configure("")
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://127.0.0.1:1")
    for _ in range(5):
        desktop.clock.advance(minutes=1)
        run = await desktop.work()
    assert (run.status, run.output["sent"]["where"]) == (RunStatus.done, str(tmp_path / "mail"))
    assert len(desktop.mails()) == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("now", ["", "smtp://127.0.0.1:2"])
async def test_I2_a_process_that_does_not_have_the_approved_mail_server_sends_nothing(desktop, monkeypatch, now):
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://me:hush@127.0.0.1:1")
    request = await desktop.start()
    monkeypatch.setenv("INTERLOCK_SMTP_URL", now)
    run = await desktop.vote(request, Verdict.approve)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "approved to go by smtp://127.0.0.1:1" in run.note
    assert "INTERLOCK_SMTP_URL" in run.note
    loaded = await desktop.system.store.load("default", [request.id], run_id=run.id)
    assert loaded.requests[request.id].effect is EffectState.none
    assert b"hush" not in loaded.run.state
    assert "hush" not in str(loaded.requests[request.id])
    assert desktop.mails() == []


async def test_what_the_mail_server_refuses_fails_and_says_so(desktop, monkeypatch):
    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://127.0.0.1:1")
    request = await desktop.start()
    run = await desktop.vote(request, Verdict.approve)
    assert run.status is RunStatus.failed
    assert "cannot be reached" in run.note
    assert desktop.lines[-1].startswith("[AGENT] Email not sent: the mail server smtp://127.0.0.1:1 cannot be reached")


async def test_what_nobody_knows_is_a_persons_question(desktop, monkeypatch):
    def breaks_off(*args, **kwargs):
        raise MailUncertain("it may have been delivered")

    monkeypatch.setenv("INTERLOCK_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setattr("interlock.agents.smtp.deliver", breaks_off)
    request = await desktop.start()
    run = await desktop.vote(request, Verdict.approve)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    loaded = await desktop.system.store.load("default", [request.id])
    assert loaded.requests[request.id].effect is EffectState.unknown


async def test_a_model_that_cannot_be_used_waits_for_somebody_to_mend_it(desktop, monkeypatch):
    monkeypatch.setenv("INTERLOCK_MODEL", "nobody:knows")
    with pytest.raises(ValueError, match="not enough values"):
        await desktop.start()
    assert "INTERLOCK_MODEL=nobody:knows cannot be used" in (await desktop.run()).note
    monkeypatch.delenv("INTERLOCK_MODEL")
    desktop.clock.advance(minutes=2)
    assert (await desktop.work()).attention == "model_not_usable", "only a person can mend it: nothing is tried again"
    await desktop.system.runs.retry(desktop.run_id, ME)
    assert (await desktop.work()).status is RunStatus.paused
