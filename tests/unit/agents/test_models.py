"""Planners: what is asked of a model, what is believed of its answer, and what the offline planner makes."""

import json
import sys

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import ModelNotUsable, ModelUnavailable
from interlock.agents.models import ModelPlanner, planner
from interlock.agents.offline import OfflinePlanner
from interlock.agents.plans import MAX_OUTPUT, Feedback, MailPlan, PlanningFailed, UnusablePlan, parse_output
from interlock.agents.tools import MAIL_SCHEMA

TASK = "Send email to team about meeting"
GOOD = {"summary": "Draft email about lunch", "to": ["a@b.c"], "subject": "Lunch", "body": "At noon."}


@pytest.fixture(autouse=True)
def no_model(monkeypatch):
    monkeypatch.delenv("SAGEMAKER_ENDPOINT_NAME", raising=False)


def revised(*comments: str, task: str = TASK) -> MailPlan:
    """Plan, and plan again for each comment."""
    feedback = []
    plan = OfflinePlanner().plan(task)
    for comment in comments:
        feedback.append(Feedback(comment, plan))
        plan = OfflinePlanner().plan(task, feedback)
    return plan


# ── the offline planner ──────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_model_the_offline_planner_plans_and_says_so():
    chosen = planner()
    assert chosen.name == "offline planner"
    assert chosen.note == "offline planner: deterministic, no model was asked"
    plan = chosen.plan(TASK)
    assert plan.summary == "Draft email about team meeting"
    assert plan.to == ("team@company.com",)
    assert plan.subject == "Team meeting"
    assert "team meeting" in plan.body


@pytest.mark.parametrize(
    ("task", "to", "subject"),
    [
        ("Draft an email to all customers", ["customers@company.com"], "News for customers"),
        ("Email Pete about lunch", ["pete@company.com"], "Lunch"),
        ("Tell finance and legal about the audit", ["finance@company.com", "legal@company.com"], "Audit"),
        ("Write to bob@example.com, and al@x.org. about Q3.", ["bob@example.com", "al@x.org"], "Q3"),
        ("Send email to the whole team regarding the outage on Monday", ["team@company.com"], "Outage on Monday"),
        ("test task", ["team@company.com"], "Test task"),
        ("send a message", ["team@company.com"], "News for team"),
    ],
)
def test_recipients_and_subject_come_from_the_text(task, to, subject):
    plan = OfflinePlanner().plan(task)
    assert (list(plan.to), plan.subject) == (to, subject)


@pytest.mark.parametrize(
    ("comment", "to"),
    [
        ("add pete@example.com", ["team@company.com", "pete@example.com"]),
        ("please also send it to pete@example.com", ["team@company.com", "pete@example.com"]),
        ("include pete@example.com", ["team@company.com", "pete@example.com"]),
        ("only to pete@example.com", ["pete@example.com"]),
        ("send it to pete@example.com instead", ["pete@example.com"]),
        ("to: pete@example.com", ["pete@example.com"]),
        ("add pete@example.com; remove team@company.com", ["pete@example.com"]),
        ("remove team@company.com; add pete@example.com", ["pete@example.com"]),
        ("remove team@company.com", ["team@company.com"]),
    ],
)
def test_feedback_changes_the_recipients(comment, to):
    plan = revised(comment)
    assert list(plan.to) == to
    assert comment in plan.summary


def test_feedback_changes_subject_and_text():
    plan = revised("shorter", "subject: Meeting on Friday", "mention that lunch is provided; too formal")
    first = revised()
    assert plan.subject == "Meeting on Friday"
    assert "Please note: that lunch is provided." not in plan.body
    assert "Please note: lunch is provided." in plan.body
    assert "Noted: too formal." in plan.body
    assert len(revised("shorter").body) < len(first.body)
    assert revised("text: Come!").body == "Come!"


def test_a_plan_of_nothing_fails():
    for chosen in (OfflinePlanner(), ModelPlanner("m", lambda _: "")):
        with pytest.raises(PlanningFailed, match="say what is wanted"):
            chosen.plan(" \n")


texts = st.text(max_size=80) | st.sampled_from(
    ["to ", "remove team@company.com", "subject: ", "add ", "a..b@c.d", "x@" + "y" * 64 + ".z", "only @", "mention ;"]
)


@given(st.lists(texts, min_size=1).map("".join), st.lists(texts, max_size=3))
def test_every_offline_plan_is_a_message_and_the_same_again(task, comments):
    try:
        plan = revised(*comments, task=task)
    except PlanningFailed:
        return
    assert MailPlan.from_json(plan.as_json()) == plan
    assert jsonschema_rs.is_valid(MAIL_SCHEMA, plan.as_args())
    assert revised(*comments, task=task) == plan


@pytest.mark.timeout(20)
@pytest.mark.parametrize("task", ["a" * 200_000, "to the " * 30_000, "a@" * 100_000, "@a." * 50_000, "about " * 30_000])
def test_long_texts_are_planned_at_once(task):
    plan = revised(task, task)
    assert len(plan.body) <= 100_000


# ── what is believed of a model ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "output",
    [
        json.dumps(GOOD),
        f" \n{json.dumps(GOOD)}\n",
        f"```json\n{json.dumps(GOOD, indent=1)}\n```",
        f"Here is the plan:\n```\n{json.dumps(GOOD)}\n```\nAnything else?",
    ],
)
def test_a_plan_is_read_alone_or_in_a_fence(output):
    assert MailPlan.from_json(parse_output(output)).as_json() == GOOD


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Sure!", "not one JSON object"),
        (json.dumps(GOOD) + json.dumps(GOOD), "not one JSON object"),
        ("[]", "the object"),
        (json.dumps({**GOOD, "to": []}), "to: "),
        (json.dumps({**GOOD, "to": ["the team"]}), r"to\.0: "),
        (json.dumps({**GOOD, "to": "a@b.c"}), "to: "),
        (json.dumps({**GOOD, "subject": "a\nBcc: x@y.z"}), "subject: "),
        (json.dumps({**GOOD, "body": 7}), "body: "),
        (json.dumps({**GOOD, "body": " "}), "body: "),
        (json.dumps({**GOOD, "cc": ["a@b.c"]}), "cc"),
        (json.dumps({key: GOOD[key] for key in ("to", "body")}), "required"),
        (json.dumps(GOOD)[:-1] + ', "to": ["x@y.z"]}', "stands twice"),
        (json.dumps({**GOOD, "body": "\ud800"}), "surrogate"),
        ('{"to": NaN}', "NaN"),
        ("[" * 100_000, "nested"),
        ("x" * (MAX_OUTPUT + 1), "longer than"),
    ],
)
def test_anything_else_is_no_plan(output, reason):
    with pytest.raises(UnusablePlan, match=reason):
        MailPlan.from_json(parse_output(output))


def answering(*answers):
    """Return a model that gives these answers, and the list of its prompts."""
    prompts, left = [], list(answers)

    def complete(prompt: str) -> str:
        prompts.append(prompt)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ModelPlanner("model test:one", complete), prompts


def test_a_model_is_given_the_request_and_what_people_said():
    chosen, prompts = answering(json.dumps(GOOD))
    plan = chosen.plan(TASK, [Feedback("too long", MailPlan.from_json(GOOD))])
    assert plan == MailPlan.from_json(GOOD)
    assert chosen.note == "planned by model test:one"
    asked = json.loads(prompts[0][prompts[0].index('{\n "request"') :])
    assert asked == {"request": TASK, "rejected": [{"plan": GOOD, "reason": "too long"}]}


def test_a_bad_answer_is_asked_for_again_with_the_reason():
    chosen, prompts = answering("Sure!", json.dumps(GOOD))
    assert chosen.plan(TASK).subject == "Lunch"
    assert "could not be used: the output is not one JSON object" in prompts[1]
    assert prompts[1].startswith(prompts[0])


def test_two_bad_answers_are_a_failure_that_says_why():
    chosen, prompts = answering("Sure!", json.dumps({**GOOD, "to": []}))
    with pytest.raises(PlanningFailed, match=r"model test:one answered twice, and neither is a plan: to: "):
        chosen.plan(TASK)
    assert len(prompts) == 2


def test_a_model_that_does_not_answer_is_a_failure_that_says_why():
    chosen, prompts = answering(TimeoutError("no answer in 60 seconds"))
    with pytest.raises(PlanningFailed, match="model test:one gave no answer: no answer in 60 seconds; try again"):
        chosen.plan(TASK)
    assert len(prompts) == 1


def test_what_is_wrong_with_a_model_is_passed_on():
    for error in (ModelUnavailable("busy"), ModelNotUsable("no such endpoint")):
        chosen, _ = answering(error)
        with pytest.raises(type(error), match=str(error)):
            chosen.plan(TASK)


# ── which planner ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("variable", "module", "hint"),
    [
        ("SAGEMAKER_ENDPOINT_NAME", "interlock.agents.sagemaker.settings", r"pip install '.\[sagemaker\]'"),
        ("INTERLOCK_MODEL", "langchain.chat_models", r"pip install '.\[models\]'"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, variable, module, hint):
    monkeypatch.setenv(variable, "some:thing")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelNotUsable, match=hint):
        planner()


def test_the_endpoint_comes_before_the_model(monkeypatch):
    monkeypatch.setenv("SAGEMAKER_ENDPOINT_NAME", "mail-planner")
    monkeypatch.setenv("INTERLOCK_MODEL", "openai:gpt-5")
    assert planner().name == "SageMaker endpoint mail-planner"
