"""SageMaker endpoints, through the real botocore and a runtime of our own; and plans from LangChain's fake model."""

import asyncio
import json
import re
import threading

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, StateGraph
from tests.integration.test_streaming import Chat as ChatState
from tests.integration.test_streaming import Watching, watched

from interlock import ModelNotUsable, ModelUnavailable
from interlock.agents.models import planner
from interlock.agents.plans import Feedback, MailPlan, PlanningFailed
from interlock.agents.sagemaker import endpoint
from interlock.agents.sagemaker.chat import SageMakerChat
from interlock.agents.sagemaker.contracts import Chat, Custom, TextGeneration
from interlock.agents.sagemaker.endpoint import Endpoint
from interlock.agents.sagemaker.settings import from_environment
from interlock.agents.sagemaker.templates import Path, Template
from interlock.domain.run import RunStatus
from interlock.testing.sagemaker import (
    ConnectionDropped,
    ErrorResponse,
    FakeSageMaker,
    NoResponse,
    Response,
    StreamedResponse,
)

TASK = "Send email to team about meeting"
PLAN = {"summary": "Draft email about the meeting", "to": ["team@company.com"], "subject": "Meeting", "body": "Ten."}
TEXT = "Grüße 🎉"
NEVER_READ = ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_MAX_ATTEMPTS", "SAGEMAKER_ENDPOINT_NAME")


@pytest.fixture
def runtime(monkeypatch, tmp_path):
    for name in NEVER_READ:
        monkeypatch.delenv(name, raising=False)
    with FakeSageMaker() as fake:
        monkeypatch.setenv("SAGEMAKER_ENDPOINT_NAME", "mail-planner")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", fake.address)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / name))
        yield fake


@pytest.fixture
def waits(monkeypatch):
    """Let no time pass between attempts; return how long each would have waited."""
    waited = []
    monkeypatch.setattr(Endpoint, "__init__", _with_sleep(Endpoint.__init__, waited.append))
    return waited


def _with_sleep(init, sleep):
    return lambda self, *args, **given: init(self, *args, **{"sleep": sleep, **given})


def events(*found, mark=True):
    lines = [f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in found]
    return "".join([*lines, *(["data: [DONE]\n\n"] if mark else [])]).encode()


def delta(text, reason=None):
    return {"choices": [{"delta": {"content": text}, "finish_reason": reason}]}


def refused(message="Received client error (422) from primary", status=422, **members):
    return ErrorResponse("ModelError", 424, message, {"OriginalStatusCode": status, **members})


# ── plans of the agents that ship (S2) ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: {"generated_text": text},
        lambda text: [{"generated_text": f"```json\n{text}\n```"}],
        lambda text: {"outputs": text},
        lambda text: text,
    ],
)
def test_S2_the_endpoint_plans(runtime, shape):
    runtime.will(Response.of(shape(json.dumps(PLAN))))
    chosen = planner()
    assert chosen.plan(TASK).as_json() == PLAN
    assert chosen.note == "planned by SageMaker endpoint mail-planner"
    [call] = runtime.calls
    assert call.path == "/endpoints/mail-planner/invocations"
    assert (call.headers["content-type"], call.headers["accept"]) == ("application/json",) * 2
    assert TASK in call.body["inputs"]


def test_an_endpoint_that_repeats_the_prompt_is_understood(runtime):
    chosen = planner()
    runtime.will(Response.of({"generated_text": "?"}), Response.of({"generated_text": json.dumps(PLAN)}))
    chosen.plan(TASK)
    prompt = runtime.calls[0].body["inputs"]
    runtime.will(Response.of({"generated_text": prompt + json.dumps(PLAN)}))
    assert chosen.plan(TASK).as_json() == PLAN


def test_S2_an_endpoint_for_chat_is_sent_messages(runtime, monkeypatch):
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_CONTRACT", "chat")
    runtime.will(Response.of({"choices": [{"message": {"content": json.dumps(PLAN)}}]}))
    planner().plan(TASK, [Feedback("shorter", MailPlan.from_json(PLAN))])
    [message] = runtime.calls[0].body["messages"]
    assert message["role"] == "user"
    assert '"reason": "shorter"' in message["content"]


def test_S2_an_endpoint_of_ones_own_is_asked_as_it_is_described(runtime, monkeypatch):
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_CONTRACT", "custom")
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_REQUEST", '{"question": {"text": "{{prompt}}"}, "most": "{{max_tokens}}"}')
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_ANSWER", "answers[0].plan")
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_COMPONENT", "planner-7b")
    runtime.will(Response.of({"answers": [{"plan": PLAN}]}))
    assert planner().plan(TASK).as_json() == PLAN
    [call] = runtime.calls
    assert TASK in call.body["question"]["text"]
    assert call.body["most"] == 1024
    assert call.headers["x-amzn-sagemaker-inference-component"] == "planner-7b"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CONTRACT": "messages"}, "INTERLOCK_SAGEMAKER_CONTRACT=messages is none of text-generation, chat, custom"),
        ({"CONTRACT": "custom"}, "the custom contract needs INTERLOCK_SAGEMAKER_REQUEST, such as"),
        ({"CONTRACT": "custom", "REQUEST": '{"p": "{{prompt}}"}'}, "needs INTERLOCK_SAGEMAKER_ANSWER"),
        ({"CONTRACT": "custom", "REQUEST": "{}", "ANSWER": "a"}, "INTERLOCK_SAGEMAKER_REQUEST: neither"),
        ({"CONTRACT": "custom", "REQUEST": '{"p": "{{prompt}}"}', "ANSWER": "a..b"}, "_ANSWER: it is not a JMESPath"),
        (
            {"CONTRACT": "custom", "REQUEST": '{"p": "{{prompt}}"}', "ANSWER": "a", "STREAMED": "["},
            "INTERLOCK_SAGEMAKER_STREAMED: it is not a JMESPath",
        ),
        ({"ANSWER": "a"}, "INTERLOCK_SAGEMAKER_ANSWER is for INTERLOCK_SAGEMAKER_CONTRACT=custom alone"),
        ({"STREAM": "no"}, "INTERLOCK_SAGEMAKER_STREAM=no is neither 0 nor 1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(runtime, monkeypatch, variables, says):
    for name, value in variables.items():
        monkeypatch.setenv(f"INTERLOCK_SAGEMAKER_{name}", value)
    with pytest.raises(ModelNotUsable, match=re.escape(says)):
        planner()
    assert runtime.calls == []


def test_a_bad_answer_is_asked_for_again(runtime):
    runtime.will(Response.of({"generated_text": "body"}), Response.of({"generated_text": json.dumps(PLAN)}))
    assert planner().plan(TASK).subject == "Meeting"
    assert "could not be used" in runtime.calls[1].body["inputs"]


@pytest.mark.parametrize(
    ("contract", "answer", "says"),
    [
        (TextGeneration(), {"choices": [{"message": {"content": "x"}}]}, "It fits another contract: .*=chat"),
        (Chat(), [{"generated_text": "x"}], "It fits another contract: .*=text-generation"),
        (Chat(), {"answer": "x"}, "came an object with `answer`. Describe it with INTERLOCK_SAGEMAKER_CONTRACT=custom"),
    ],
)
@pytest.mark.parametrize("ask", ["invoke", "stream"])
def test_an_answer_of_another_contract_is_told_with_its_form(runtime, contract, answer, says, ask):
    runtime.will(Response.of(answer))
    chat = SageMakerChat(endpoint="planner", contract=contract)
    with pytest.raises(ModelNotUsable, match=says) as raised:
        [*chat.stream("Hello")] if ask == "stream" else chat.invoke("Hello")
    assert raised.value.details["cause"] == "answer_misfit"


@pytest.mark.parametrize("ask", ["invoke", "stream"])
def test_an_answer_that_is_no_json_is_told_by_how_it_begins(runtime, ask):
    runtime.will(Response(b"body"))
    chat = SageMakerChat(endpoint="planner")
    with pytest.raises(ModelNotUsable, match="it is not JSON; it begins with 'body'"):
        [*chat.stream("Hello")] if ask == "stream" else chat.invoke("Hello")


def test_an_answer_without_end_is_not_read(runtime):
    runtime.will(Response(b"x" * 1_000_000), StreamedResponse([b"x" * 1_000_000] * 9))
    chat = SageMakerChat(endpoint="planner")
    with pytest.raises(ModelUnavailable, match=r"answered with more than is read: more than 800,000 bytes"):
        chat.invoke("Hello")
    with pytest.raises(ModelUnavailable, match=r"answered with more than is read: more than 8,000,000 bytes"):
        [*chat.stream("Hello")]


@pytest.mark.parametrize("ask", ["invoke", "stream"])
def test_an_error_in_the_place_of_an_answer_is_an_error(runtime, ask):
    runtime.will(Response.of({"error": "Input validation error", "error_type": "validation"}))
    chat = SageMakerChat(endpoint="planner")
    with pytest.raises(ModelNotUsable, match="refuses the request: status 422: Input validation error"):
        [*chat.stream("Hello")] if ask == "stream" else chat.invoke("Hello")


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OWN = Custom(Template.read('{"p": "{{prompt}}", "s": "{{stream}}"}'), Path.read("whole"), Path.read("part"))


@pytest.mark.parametrize(
    ("contract", "raw"),
    [
        (Chat(), events(delta("Grüße "), delta("🎉"), delta("", "stop"))),
        (Chat(), events(delta("Grüße "), delta("🎉", "stop"), mark=False)),
        (
            TextGeneration(),
            events(
                {"token": {"text": "Grüße "}, "generated_text": None},
                {"token": {"text": "🎉"}},
                {"token": {"text": "</s>", "special": True}, "generated_text": TEXT, "details": None},
                mark=False,
            ),
        ),
        (
            TextGeneration(),
            '{"token":{"text":"Grüße "}}\n{"token":{"text":"🎉"},"generated_text":"Grüße 🎉"}\n'.encode(),
        ),
        (TextGeneration(), '{"outputs": ["Grüße "]}\n{"outputs": ["🎉"]}'.encode()),
        (TextGeneration(), json.dumps([{"generated_text": TEXT}], indent=1).encode()),
        (OWN, '{"part": "Grüße "}\r\n{"part": "🎉"}\r\n{"usage": 7}'.encode()),
        (OWN, json.dumps({"whole": TEXT}).encode()),
    ],
)
def test_a_stream_is_read_wherever_it_is_cut(runtime, contract, raw):
    chat = SageMakerChat(endpoint="planner", contract=contract)
    sizes = [len(raw), 1, 2, 3, 7]
    for size in sizes:
        runtime.will(StreamedResponse([raw[at : at + size] for at in range(0, len(raw), size)]))
        assert "".join(str(chunk.text) for chunk in chat.stream("Hello")) == TEXT, size
    assert {call.path for call in runtime.calls} == {"/endpoints/planner/invocations-response-stream"}
    assert all(call.body.get("stream", call.body.get("s")) is True for call in runtime.calls)


async def test_a_stream_is_read_by_those_who_do_not_wait_as_well(runtime):
    runtime.will(StreamedResponse([events(delta("Grüße "), delta("🎉", "stop"))]))
    chat = SageMakerChat(endpoint="planner", contract=Chat())
    assert [str(chunk.text) async for chunk in chat.astream("Hello")][:2] == ["Grüße ", "🎉"]


@pytest.mark.parametrize(
    ("streamed", "cause"),
    [
        (
            StreamedResponse([events(delta("a"), mark=False)], "ModelStreamError", {"Message": "connection reset"}),
            "answer_broken",
        ),
        (
            StreamedResponse([events(delta("a"), mark=False)], "ModelStreamError", {"Message": "Timed out"}),
            "model_timeout",
        ),
        (
            StreamedResponse([events(delta("a"), mark=False)], "InternalStreamFailure", {"Message": "?"}),
            "answer_broken",
        ),
        (StreamedResponse([events(delta("a"), mark=False), events(delta("b"))], broken=True), "answer_broken"),
        (StreamedResponse([events(delta("a"), mark=False)]), "answer_broken"),
        (StreamedResponse([]), "answer_broken"),
        (StreamedResponse([events(delta("a"), {"error": {"message": "no memory", "code": 500}})]), "model_failed"),
        (StreamedResponse([events(delta("a"), {"error": "Model is overloaded", "error_type": "overloaded"})]), "busy"),
    ],
)
def test_what_a_stream_breaks_off_with_is_told(runtime, streamed, cause):
    runtime.will(streamed)
    heard = []
    with pytest.raises(ModelUnavailable) as raised:
        heard.extend(str(chunk.text) for chunk in SageMakerChat(endpoint="planner", contract=Chat()).stream("Hello"))
    assert raised.value.details["cause"] == cause
    assert len(runtime.calls) == 1  # its words were heard already


def test_an_endpoint_that_is_said_not_to_stream_is_asked_for_whole_answers(runtime):
    runtime.will(Response.of({"generated_text": TEXT}))
    chat = from_environment("planner", {"INTERLOCK_SAGEMAKER_STREAM": "0"})
    assert "".join(str(chunk.text) for chunk in chat.stream("Hello")) == TEXT
    assert runtime.calls[0].path.endswith("/invocations")


def test_a_custom_contract_without_a_path_for_streams_is_not_asked_for_one(runtime):
    runtime.will(Response.of({"whole": TEXT}))
    chat = SageMakerChat(endpoint="planner", contract=Custom(OWN.template, OWN.answer))
    assert next(str(chunk.text) for chunk in chat.stream("Hello")) == TEXT
    assert runtime.calls[0].path.endswith("/invocations")


async def test_words_are_seen_while_the_model_still_speaks(story, runtime):
    """The end of the stream is held back until its first word was seen: were that late, the test would not end."""
    seen = threading.Event()
    runtime.will(StreamedResponse([events(delta("Grüße "), mark=False), events(delta("🎉", "stop"))], until=seen))

    class Seeing(Watching):
        def streamed(self, piece):
            super().streamed(piece)
            seen.set()

    def talk(state):
        return {"messages": [SageMakerChat(endpoint="planner", contract=Chat()).invoke(state["messages"])]}

    graph = StateGraph(ChatState).add_node("talk", talk).add_edge(START, "talk").add_edge("talk", END).compile()
    watching = Seeing("messages")
    run_id = await asyncio.wait_for(watched(story, graph, watching), 60)
    assert watching.text == TEXT
    assert (await story.record(run_id)).run.output["messages"][-1]["content"] == TEXT
    assert runtime.calls[0].body["messages"] == [{"role": "user", "content": "The weather?"}]


async def test_what_nobody_watches_is_asked_for_as_a_whole(story, runtime):
    runtime.will(Response.of({"choices": [{"message": {"content": TEXT}}]}))

    def talk(state):
        return {"messages": [SageMakerChat(endpoint="planner", contract=Chat()).invoke(state["messages"])]}

    graph = StateGraph(ChatState).add_node("talk", talk).add_edge(START, "talk").add_edge("talk", END).compile()
    await watched(story, graph, Watching())
    assert runtime.calls[0].path.endswith("/invocations")


# ── attempts, time and what is told ──────────────────────────────────────────────────────────────────────────────────

THROTTLED = ErrorResponse("ThrottlingException", 400, "Rate exceeded")


@pytest.mark.parametrize("ask", ["invoke", "stream"])
@pytest.mark.parametrize(
    "reply",
    [
        THROTTLED,
        ErrorResponse("ModelNotReadyException", 429),
        ErrorResponse("ServiceUnavailable", 503),
        refused(status=429),
    ],
)
def test_what_passes_in_a_moment_is_asked_again(runtime, waits, reply, ask):
    runtime.will(reply, reply, Response.of({"generated_text": TEXT}))
    chat = SageMakerChat(endpoint="planner", contract=TextGeneration())
    texts = [chunk.text for chunk in chat.stream("Hello")] if ask == "stream" else [chat.invoke("Hello").text]
    assert "".join(map(str, texts)) == TEXT
    assert len(runtime.calls) == 3
    assert 0.5 <= waits[0] <= 1 <= waits[1] <= 2


@pytest.mark.parametrize(("said", "most"), [(None, 3), ("5", 5), ("1", 1), ("0", 1)])
def test_the_limit_of_attempts_holds(runtime, waits, monkeypatch, said, most):
    if said is not None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", said)
    runtime.will(*[THROTTLED] * 9)
    with pytest.raises(ModelUnavailable, match="has too many calls at the moment") as raised:
        SageMakerChat(endpoint="planner").invoke("Hello")
    assert (len(runtime.calls), raised.value.details["attempts"]) == (most, most)
    assert all(wait <= endpoint.LONGEST_WAIT for wait in waits)


def test_a_limit_of_attempts_that_is_no_number_is_a_sentence(runtime, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")
    with pytest.raises(ModelNotUsable, match=r"cannot be asked as it is set up: .*'many'"):
        SageMakerChat(endpoint="planner").invoke("Hello")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (NoResponse(), "client_timeout"),
        (ConnectionDropped(), "answer_broken"),
        (
            refused('Received server error (0) from primary with message "Your invocation timed out"', 0),
            "model_timeout",
        ),
        (refused(OriginalMessage="`inputs` is missing"), "model_refused"),
        (ErrorResponse("ValidationError", 400, "Endpoint planner of account 1 not found."), "not_found"),
        (ErrorResponse("AccessDeniedException", 403, "User x is not authorized"), "access_denied"),
        (ErrorResponse("ExpiredTokenException", 403), "credentials_expired"),
    ],
)
@pytest.mark.parametrize("ask", ["invoke", "stream"])
def test_the_rest_is_told_after_one_attempt(runtime, reply, cause, ask):
    runtime.will(reply)
    chat = SageMakerChat(endpoint="planner", read_timeout=0.3)
    with pytest.raises((ModelUnavailable, ModelNotUsable)) as raised:
        [*chat.stream("Hello")] if ask == "stream" else chat.invoke("Hello")
    assert raised.value.details["cause"] == cause
    assert len(runtime.calls) == 1
    assert raised.value.__cause__ is None


def test_a_stream_that_falls_silent_is_the_clients_time_out(runtime):
    runtime.will(StreamedResponse([events(delta("a"), mark=False), b"data: [DONE]\n\n"], until=runtime.stopped))
    with pytest.raises(ModelUnavailable, match="did not answer in time, and we stopped waiting"):
        [*SageMakerChat(endpoint="planner", contract=Chat(), read_timeout=0.3).stream("Hello")]


def test_a_stream_that_does_not_end_is_given_up(runtime):
    runtime.will(StreamedResponse([b" "] * 10))
    clock = iter(range(0, 10_000, 100)).__next__
    with pytest.raises(ModelUnavailable, match="a stream of 600 seconds"):
        [*Endpoint("planner", 1_000, clock=clock).stream({})]


def test_nobody_listens(runtime, waits, monkeypatch):
    runtime.stop()
    with pytest.raises(ModelUnavailable, match="cannot be connected to") as raised:
        SageMakerChat(endpoint="planner").invoke("Hello")
    assert raised.value.details["attempts"] == 3


def test_stop_words_and_limits_are_sent(runtime):
    runtime.will(Response.of({"generated_text": "x"}))
    chat = SageMakerChat(endpoint="planner", contract=TextGeneration(), max_tokens=7)
    chat.invoke([HumanMessage("Hello")], stop=["END"])
    assert runtime.calls[0].body["parameters"] == {"max_new_tokens": 7, "return_full_text": False, "stop": ["END"]}
    with pytest.raises(ModelNotUsable, match=r"no \{\{stop\}\}"):
        SageMakerChat(endpoint="planner", contract=OWN).invoke("Hello", stop=["END"])


# ── credentials and region, by botocore's chain ──────────────────────────────────────────────────────────────────────


def signed_by(runtime):
    """Return key and region of the last call's signature."""
    found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", runtime.calls[-1].headers["authorization"])
    return found.groups()


def test_credentials_and_region_come_from_the_environment(runtime, monkeypatch):
    runtime.will(*[Response.of({"generated_text": "x"})] * 3)
    chat = SageMakerChat(endpoint="planner", contract=TextGeneration())
    chat.invoke("Hello")
    assert signed_by(runtime) == ("testing", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")  # the next call has it
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-role")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    chat.invoke("Hello")
    assert signed_by(runtime) == ("other", "us-west-2")
    assert runtime.calls[-1].headers["x-amz-security-token"] == "of-a-role"
    SageMakerChat(endpoint="planner", contract=TextGeneration(), region="ap-south-1").invoke("Hello")
    assert signed_by(runtime) == ("other", "ap-south-1")


@pytest.fixture
def no_environment(runtime, monkeypatch, tmp_path):
    """Leave credentials and region to files alone; return the folder that has them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    return tmp_path


def test_they_come_from_a_profile(runtime, monkeypatch, no_environment):
    runtime.will(Response.of({"generated_text": "x"}))
    monkeypatch.setenv("AWS_PROFILE", "work")
    (no_environment / "AWS_CONFIG_FILE").write_text("[profile work]\nregion = eu-west-3\n")
    keys = "[work]\naws_access_key_id = of-work\naws_secret_access_key = s\n"
    (no_environment / "AWS_SHARED_CREDENTIALS_FILE").write_text(keys)
    SageMakerChat(endpoint="planner", contract=TextGeneration()).invoke("Hello")
    assert signed_by(runtime) == ("of-work", "eu-west-3")


def test_they_come_from_a_program(runtime, monkeypatch, no_environment):
    runtime.will(Response.of({"generated_text": "x"}))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    keys = {"Version": 1, "AccessKeyId": "of-program", "SecretAccessKey": "s"}
    (no_environment / "keys.json").write_text(json.dumps(keys))
    process = f"[default]\ncredential_process = cat {no_environment / 'keys.json'}\n"
    (no_environment / "AWS_CONFIG_FILE").write_text(process)
    SageMakerChat(endpoint="planner", contract=TextGeneration()).invoke("Hello")
    assert signed_by(runtime) == ("of-program", "eu-west-3")


FAILING = "[default]\ncredential_process = sh -c 'echo password >&2; exit 1'\n"
SIGNED_OUT = """
[default]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-3
sso_account_id = 1
sso_role_name = planner
"""


@pytest.mark.parametrize(
    ("config", "environ", "cause"),
    [
        ("", {}, "no_region"),
        ("", {"AWS_REGION": "not a region"}, "no_region"),
        ("", {"AWS_REGION": "eu-west-3"}, "no_credentials"),
        ("", {"AWS_REGION": "eu-west-3", "AWS_PROFILE": "nobody"}, "no_credentials"),
        ("", {"AWS_REGION": "eu-west-3", "AWS_ACCESS_KEY_ID": "half"}, "no_credentials"),
        (FAILING, {"AWS_REGION": "eu-west-3"}, "credentials_away"),
        (SIGNED_OUT, {"AWS_REGION": "eu-west-3"}, "credentials_expired"),
        ("no ini file", {"AWS_REGION": "eu-west-3"}, "bad_settings"),
    ],
)
def test_what_is_missing_is_a_sentence(runtime, monkeypatch, no_environment, config, environ, cause):  # noqa: PLR0917
    (no_environment / "AWS_CONFIG_FILE").write_text(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((ModelUnavailable, ModelNotUsable)) as raised:
        SageMakerChat(endpoint="planner").invoke("Hello")
    assert raised.value.details["cause"] == cause, raised.value.message
    assert "password" not in raised.value.message
    assert runtime.calls == []


async def test_a_run_without_credentials_waits_for_a_person_and_goes_on(story, runtime, monkeypatch, no_environment):
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    runtime.will(Response.of({"generated_text": TEXT}))

    def talk(state):
        return {"out": [str(SageMakerChat(endpoint="planner", contract=TextGeneration()).invoke("Hello").text)]}

    run_id = await story.go(story.chain(talk))
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "model_not_usable")
    assert "there are no AWS credentials" in run.note
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    assert (await story.retry(run_id)).output["out"] == [TEXT]


# ── any chat model ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def chat_model(monkeypatch):
    """Stand LangChain's fake in for a provider; return the names that it was asked by."""
    monkeypatch.delenv("SAGEMAKER_ENDPOINT_NAME", raising=False)
    monkeypatch.setenv("INTERLOCK_MODEL", "provider:model")
    names = []

    def init_chat_model(name):
        names.append(name)
        return FakeListChatModel(responses=["Sure!", json.dumps(PLAN)])

    monkeypatch.setattr("langchain.chat_models.init_chat_model", init_chat_model)
    return names


def test_a_chat_model_plans(chat_model):
    chosen = planner()
    assert chosen.plan(TASK).as_json() == PLAN
    assert chosen.note == "planned by model provider:model"
    assert chat_model == ["provider:model"]


def test_a_chat_model_that_fails_is_a_plan_that_failed(chat_model, monkeypatch):
    monkeypatch.setattr(FakeListChatModel, "invoke", lambda *_, **__: 1 / 0)
    with pytest.raises(PlanningFailed, match="model provider:model gave no answer: division by zero; try again"):
        planner().plan(TASK)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("nobody:knows", "INTERLOCK_MODEL=nobody:knows cannot be used: .*; write provider:model"),
        ("mistralai:large", "INTERLOCK_MODEL=mistralai:large needs a package of its provider: .*langchain-mistralai"),
    ],
)
def test_a_model_that_cannot_be_had_is_a_sentence(monkeypatch, model, reason):
    monkeypatch.delenv("SAGEMAKER_ENDPOINT_NAME", raising=False)
    monkeypatch.setenv("INTERLOCK_MODEL", model)
    with pytest.raises(ModelNotUsable, match=reason):
        planner()
