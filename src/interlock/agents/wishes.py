"""What somebody wants, as the few facts that an agent needs: read by the model that is configured, or by rules.

What is not said stays unknown: an agent asks a person for it, and makes nothing up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from interlock.agents.models import completion, offline
from interlock.agents.plans import PlanningFailed, fitting, parse_output

MAX_REQUEST = 10_000


@dataclass(frozen=True, slots=True)
class Form:
    """Facts to be found in a sentence.

    Args:
        task: what a model is told, before the names and their schemas.
        properties: JSON Schema of each fact.
        rules: finds them without a model; leaves out what is not said.
        example: a sentence that would do.
        certain: facts that count only where the rules read the same as the model: what a person is not asked for may be
            approved by a policy's rule, and nobody would see that it was misread.
    """

    task: str
    properties: dict[str, dict[str, Any]]
    rules: Callable[[str], dict[str, Any]]
    example: str
    certain: frozenset[str] = frozenset()

    def read(self, request: str) -> tuple[dict[str, Any], str]:
        """Return the facts that are in a sentence, and a line for the reviewer about who read it.

        Raises:
            PlanningFailed: nobody could read it.
        """
        if len(request) > MAX_REQUEST:  # the first part of it may say something else than the whole
            raise PlanningFailed(f"the request has more than {MAX_REQUEST:,} characters: say it in fewer")
        text = " ".join(request.split())
        if not text:
            raise PlanningFailed(f'say what is wanted, for example "{self.example}"')
        model = completion()
        if model is None:
            return self.rules(text), offline("read")
        found, said = model.read(self._prompt(text), self._facts), self.rules(text)
        known = {name: value for name, value in found.items() if name not in self.certain or said.get(name) == value}
        return known, f"read by {model.name}"

    def _prompt(self, request: str) -> str:
        return (
            f"{self.task}\nAnswer with one JSON object and nothing else. Its keys, each left out where the request "
            f"does not say it, and the JSON Schema of each:\n{json.dumps(self.properties)}\n\n"
            f"{json.dumps({'request': request}, ensure_ascii=False)}\n"
        )

    def _facts(self, output: str) -> dict[str, Any]:
        found = parse_output(output)
        if isinstance(found, dict):  # models say null where nothing is said
            found = {name: value for name, value in found.items() if value is not None}
        schema = {"type": "object", "properties": self.properties, "additionalProperties": False}
        return fitting(found, jsonschema_rs.validator_for(schema))
