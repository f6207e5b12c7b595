"""A suggested rule as a policy of its own: it approves what the rule is for, and all else goes as before."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

from interlock.domain.canonical import Json
from interlock.domain.facts import Fact
from interlock.domain.policy import Level, Policy
from interlock.domain.policy_check import RESERVED
from interlock.domain.suggesting import Condition, Suggestion

_LOCAL = "[A-Za-z0-9._+-]+"
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
SUGGESTED = "suggested"


def suggested_policy(suggestion: Suggestion, before: Policy, taken: Collection[str] = ()) -> Policy:
    """Return a policy for what a suggestion is about.

    Args:
        before: the policy that holds for it now: what the rule is not for takes its levels.
        taken: the names of policies that there are.
    """
    facts = dict(before.facts or {})
    conditions = [f"action.arguments == [{', '.join(map(_text, sorted(suggestion.covered[0].args)))}]"]
    for one in suggestion.conditions:
        name = _fact(one, facts)
        conditions.append(_cel(one, name))
    about = f"action.name == {_text(suggestion.action)}"
    applies = f"{about} && agent == {_text(suggestion.agent)}"
    rule = Level(_free(SUGGESTED, [level.name for level in before.levels]), " && ".join(conditions), (), True)
    return replace(
        before,
        name=_free(f"{SUGGESTED} {_UNFIT.sub(' ', suggestion.action).strip()}"[:80].strip(), taken),
        applies_to=applies if before.applies_to is None else f"({before.applies_to}) && {applies}",
        facts=facts or None,
        levels=(rule, *before.levels),
    )


def _fact(condition: Condition, facts: dict[str, Fact]) -> str:
    """Return the name of the fact that a condition needs; it is added if there is none."""
    fact = _fact_for(condition)
    for name, known in facts.items():
        if (known.path, known.type) == (fact.path, fact.type):
            return name
    usual = not condition.argument.startswith("recent_") and condition.argument not in RESERVED
    name = _free(condition.argument if usual else f"arg_{condition.argument}", facts, "_")
    facts[name] = fact
    return name


def _fact_for(condition: Condition) -> Fact:
    path, value = (condition.argument,), condition.values[0]
    if condition.kind == "at_most":
        return Fact(path, "decimal", min=Decimal(0))
    if isinstance(value, bool):
        return Fact(path, "boolean")
    return Fact(path, "string" if isinstance(value, str) else "decimal")


def _cel(condition: Condition, name: str) -> str:
    """Return a condition as an expression."""
    match condition.kind:
        case "at_most":
            return f"{name} >= 0.0 && {name} <= {_number(Decimal(str(condition.values[0])))}"
        case "at":
            pattern = f"^{_LOCAL}@{re.escape(str(condition.values[0]))}$"
            return f"{name}.matches({_text(pattern)})"
        case "one_of":
            values = [_literal(value) for value in condition.values]
            return f"{name} == {values[0]}" if len(values) == 1 else f"{name} in [{', '.join(values)}]"


def _literal(value: Json) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case _:
            return _number(Decimal(str(value)))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # CEL has no pairs of surrogates


def _number(number: Decimal) -> str:
    written = f"{number:f}"
    return written if "." in written else f"{written}.0"


def _free(name: str, taken: Collection[str] | Mapping[str, object], between: str = " ") -> str:
    """Return a name that nothing has yet."""
    names = (name, *(f"{name}{between}{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)
