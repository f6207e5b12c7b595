"""Plans from a SageMaker endpoint (a stand-in of its runtime) and from a LangChain chat model (LangChain's fake)."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langchain_core.language_models import FakeListChatModel

from interlock.agents.models import planner
from interlock.agents.plans import Feedback, MailPlan, PlanningFailed

TASK = "Send email to team about meeting"
PLAN = {"summary": "Draft email about the meeting", "to": ["team@company.com"], "subject": "Meeting", "body": "Ten."}


class Runtime(ThreadingHTTPServer):
    """The SageMaker runtime: gives the answers it was told to, in order, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, dict]] = []

    def handle_error(self, *args):
        """Say nothing: who asked may hang up, and a request that is wrong fails its test by having no answer."""

    def will_answer(self, value: object, status: int = 200) -> None:
        self.answers.append((status, value if isinstance(value, bytes) else json.dumps(value).encode()))


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Runtime

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/json"
        self.server.asked.append((self.path, body))
        status, answer = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may have read enough
            self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def runtime(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "SAGEMAKER_ENDPOINT_NAME"):
        monkeypatch.delenv(name, raising=False)
    with Runtime() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        monkeypatch.setenv("SAGEMAKER_ENDPOINT_NAME", "mail-planner")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield server
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: {"generated_text": text},
        lambda text: [{"generated_text": f"```json\n{text}\n```"}],
        lambda text: {"outputs": text},
        lambda text: {"choices": [{"message": {"content": text}}]},
        lambda text: text.encode(),
    ],
)
def test_the_endpoint_plans(runtime, shape):
    runtime.will_answer(shape(json.dumps(PLAN)))
    chosen = planner()
    assert chosen.plan(TASK).as_json() == PLAN
    assert chosen.note == "planned by SageMaker endpoint mail-planner"
    [(path, body)] = runtime.asked
    assert path == "/endpoints/mail-planner/invocations"
    assert TASK in body["inputs"]


def test_an_endpoint_that_repeats_the_prompt_is_understood(runtime):
    chosen = planner()
    runtime.will_answer({"generated_text": "?"})
    runtime.will_answer({"generated_text": json.dumps(PLAN)})
    chosen.plan(TASK)
    prompt = runtime.asked[0][1]["inputs"]
    runtime.will_answer({"generated_text": prompt + json.dumps(PLAN)})
    assert chosen.plan(TASK).as_json() == PLAN


def test_an_endpoint_for_chat_is_sent_messages(runtime, monkeypatch):
    monkeypatch.setenv("INTERLOCK_SAGEMAKER_INPUT", "messages")
    runtime.will_answer({"choices": [{"message": {"content": json.dumps(PLAN)}}]})
    planner().plan(TASK, [Feedback("shorter", MailPlan.from_json(PLAN))])
    [message] = runtime.asked[0][1]["messages"]
    assert message["role"] == "user"
    assert '"reason": "shorter"' in message["content"]


def test_a_bad_answer_is_asked_for_again(runtime):
    runtime.will_answer(b"body")
    runtime.will_answer({"generated_text": json.dumps(PLAN)})
    assert planner().plan(TASK).subject == "Meeting"
    assert "could not be used" in runtime.asked[1][1]["inputs"]


def test_an_endpoint_that_does_not_exist_is_named(runtime):
    runtime.will_answer({"message": "Endpoint mail-planner of account 1 not found."}, status=400)
    with pytest.raises(PlanningFailed, match=r"SageMaker endpoint mail-planner gave no answer: .* not found"):
        planner().plan(TASK)


def test_an_answer_without_end_is_not_read(runtime):
    runtime.will_answer(b"x" * 1_000_000)
    with pytest.raises(PlanningFailed, match="answered with more than 800,000 bytes"):
        planner().plan(TASK)


def test_a_missing_region_is_a_sentence(runtime, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(PlanningFailed, match="specify a region"):
        planner().plan(TASK)


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
    with pytest.raises(PlanningFailed, match=reason):
        planner()
