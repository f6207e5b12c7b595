"""Who plans: a SageMaker endpoint, any LangChain chat model, or nobody.

The environment decides, at each call of `planner`:

- `SAGEMAKER_ENDPOINT_NAME`: that endpoint, through the SageMaker runtime; `sagemaker/settings.py` reads the rest.
  AWS's own variables hold as ever, such as `AWS_PROFILE`, `AWS_REGION` and `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`.
- `INTERLOCK_MODEL=provider:model`: LangChain's `init_chat_model`.
- otherwise the offline planner, which says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from interlock import ModelNotUsable, ModelUnavailable
from interlock.agents.offline import OfflinePlanner
from interlock.agents.plans import Feedback, MailPlan, PlanningFailed, UnusablePlan, parse_output

T = TypeVar("T")
Complete = Callable[[str], str]
"""Gives a model a prompt and returns its text."""

_TASK = """\
You plan e-mails for somebody. A person reviews each plan before anything is sent.
Answer with one JSON object and nothing else, with exactly these keys:
{"summary": "Draft email about ...", "to": ["name@example.com"], "subject": "...", "body": "..."}
"summary" is one sentence for the reviewer. "to" holds e-mail addresses; for a group without a known address such as
"team" write team@company.com. "subject" is one line. "body" is plain text.
"""


def planner() -> OfflinePlanner | ModelPlanner:
    """Return the planner that the environment chooses; ModelNotUsable if that one cannot be used here."""
    chosen = completion()
    return OfflinePlanner() if chosen is None else ModelPlanner(chosen.name, chosen.complete)


@dataclass(frozen=True, slots=True)
class Completion:
    """A model by its name, and what gives it a prompt and returns its text."""

    name: str
    complete: Complete

    def read(self, prompt: str, reader: Callable[[str], T]) -> T:
        """Ask; once more, with the reason, if the reader raises `UnusablePlan`; PlanningFailed if that is in vain."""
        try:
            return reader(self._ask(prompt))
        except UnusablePlan as error:
            again = f"{prompt}\nYour last answer could not be used: {error}\nAnswer with the JSON object only.\n"
        try:
            return reader(self._ask(again))
        except UnusablePlan as error:
            raise PlanningFailed(
                f"{self.name} answered twice, and neither is a plan: {error}; try again, or use another model"
            ) from error

    def _ask(self, prompt: str) -> str:
        try:
            return self.complete(prompt)
        except (ModelUnavailable, ModelNotUsable):
            raise
        except Exception as error:
            raise PlanningFailed(f"{self.name} gave no answer: {_brief(error)}; try again") from error


def completion() -> Completion | None:
    """Return the model that the environment chooses, if any; ModelNotUsable if it cannot be used here."""
    endpoint = os.environ.get("SAGEMAKER_ENDPOINT_NAME", "").strip()
    if endpoint:
        return Completion(f"SageMaker endpoint {endpoint}", _sagemaker(endpoint))
    model = os.environ.get("INTERLOCK_MODEL", "").strip()
    return Completion(f"model {model}", _chat_model(model)) if model else None


def offline(what: str) -> str:
    """Return a line for the reviewer about what no model has made."""
    return f"{what} offline: deterministic, no model was asked"


@dataclass(frozen=True, slots=True)
class ModelPlanner(Completion):
    """Asks a model for a plan, once more if the first answer is not one."""

    @property
    def note(self) -> str:
        """A line for the reviewer about who made the plan."""
        return f"planned by {self.name}"

    def plan(self, request: str, feedback: Sequence[Feedback] = ()) -> MailPlan:
        """Plan a message; see `OfflinePlanner.plan`."""
        if not request.strip():
            raise PlanningFailed('say what is wanted, for example "Send email to team about meeting"')
        return self.read(_prompt(request, feedback), lambda output: MailPlan.from_json(parse_output(output)))


def _prompt(request: str, feedback: Sequence[Feedback]) -> str:
    """Return the whole prompt; what people wrote stands in it as JSON, apart from the task."""
    asked: dict[str, Any] = {"request": request}
    if feedback:
        asked["rejected"] = [{"plan": entry.plan.as_json(), "reason": entry.comment} for entry in feedback]
    rounds = "Make a new plan that takes every reason for rejection into account.\n" if feedback else ""
    return f"{_TASK}{rounds}\n{json.dumps(asked, ensure_ascii=False, indent=1)}\n"


# ── any chat model ───────────────────────────────────────────────────────────────────────────────────────────────────


def _chat_model(model: str) -> Complete:
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise ModelNotUsable(
            "INTERLOCK_MODEL is set, but LangChain is not installed: in a checkout of Interlock, "
            "pip install '.[models]'"
        ) from error
    try:
        chat = init_chat_model(model)
    except ImportError as error:
        raise ModelNotUsable(f"INTERLOCK_MODEL={model} needs a package of its provider: {_brief(error)}") from error
    except Exception as error:
        raise ModelNotUsable(
            f"INTERLOCK_MODEL={model} cannot be used: {_brief(error)}; write provider:model, as in openai:gpt-5"
        ) from error
    return lambda prompt: str(chat.invoke(prompt).text)


# ── SageMaker ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sagemaker(endpoint: str) -> Complete:
    try:
        from interlock.agents.sagemaker.settings import from_environment  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise ModelNotUsable(
            "SAGEMAKER_ENDPOINT_NAME is set, but botocore is not installed: in a checkout of Interlock, "
            "pip install '.[sagemaker]'"
        ) from error
    chat = from_environment(endpoint, os.environ)
    return lambda prompt: str(chat.invoke(prompt).text)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
