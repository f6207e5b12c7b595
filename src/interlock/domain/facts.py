"""What conditions are made of: facts from the arguments, typed and bounded, and expressions in CEL."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

from interlock.domain.action import Action, Subject
from interlock.domain.expression_cost import TooMuch, check_expression, check_work

MAX_EXPRESSION = 2_000
MOST_DIGITS = 15
"""How many digits a number has at most: an IEEE 754 double holds every one of these exactly enough to be compared."""
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")  # money as text: no exponents, signs, spaces or other scripts


class Unjudged(Exception):
    """A fact or an expression that cannot be judged."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that expressions may use: where it is in the arguments, its type and its bounds.

    Args:
        path: the argument's path, such as `("order", "amount")`.
        type: decimals travel as strings or numbers, and are compared as numbers of at most `digits` digits.
        digits: at most 15, so that an IEEE 754 double holds every value exactly enough to be compared.
    """

    path: tuple[str, ...]
    type: Literal["decimal", "integer", "string", "boolean"] = "string"
    min: Decimal | None = None
    max: Decimal | None = None
    digits: int = MOST_DIGITS


def facts_of(facts: Mapping[str, Fact], subject: Subject) -> dict[str, Any]:
    """Return every fact's value, as `fact_of` does."""
    args = subject.args if isinstance(subject, Action) else {}
    return {name: fact_of(name, fact, args) for name, fact in facts.items()}


def fact_of(name: str, fact: Fact, args: Mapping[str, Any]) -> str | bool | int | float:
    """Return a fact's value; raise `Unjudged` if it is missing, of the wrong type or out of bounds."""
    value: Any = args
    for key in fact.path:
        if not isinstance(value, dict) or key not in value:
            raise Unjudged(f"the fact {name!r} is missing")
        value = value[key]
    if fact.type == "boolean" and isinstance(value, bool):
        return value
    if fact.type == "string" and isinstance(value, str):
        return value
    if fact.type in {"decimal", "integer"} and not isinstance(value, bool):
        return _number(name, fact, value)
    raise Unjudged(f"the fact {name!r} is not of type {fact.type}")


def _number(name: str, fact: Fact, value: object) -> int | float:
    number = _exact(value)
    if number is None:
        raise Unjudged(f"the fact {name!r} is not of type {fact.type}")
    if fact.type == "integer" and number != number.to_integral_value():
        raise Unjudged(f"the fact {name!r} is not of type {fact.type}")
    if (fact.min is not None and number < fact.min) or (fact.max is not None and number > fact.max):
        raise Unjudged(f"the fact {name!r} is out of bounds")
    if _digits(number) > fact.digits:
        raise Unjudged(f"the fact {name!r} has more than {fact.digits} digits")
    return int(number) if fact.type == "integer" else float(number)


def _exact(value: object) -> Decimal | None:
    """Return a number, or text that is one, as it is written; None for anything else."""
    if isinstance(value, bool) or not (
        isinstance(value, int | float) or (isinstance(value, str) and _DECIMAL.fullmatch(value))
    ):
        return None
    return Decimal(str(value))


def _digits(number: Decimal) -> int:
    return max(len(number.as_tuple().digits), abs(number.adjusted()))


def decimal_of(value: object) -> Decimal | None:
    """Return a number of at most 15 digits, or text that is one, exactly; None for anything else."""
    number = _exact(value)
    return None if number is None or _digits(number) > MOST_DIGITS else number


def must_be(fact: Fact) -> str:
    """Say what has to stand where a fact is read, as the end of a sentence."""
    kinds = {"decimal": "a number such as 12.50", "integer": "a whole number", "string": "text", "boolean": "yes or no"}
    bounds = {"at least": fact.min, "at most": fact.max}
    told = " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
    digits = f", of at most {fact.digits} digits" if fact.type in {"decimal", "integer"} else ""
    return f"must be {kinds[fact.type]}{f', {told}' if told else ''}{digits}"


def compile_expression(source: str) -> None:
    """Check that an expression can be read, and makes little work.

    Raises:
        TooMuch: for one that is too long, or makes too much; a `ValueError`.
        ValueError: with what is wrong, for one that cannot be read.
    """
    if len(source) > MAX_EXPRESSION:
        raise TooMuch(f"is longer than {MAX_EXPRESSION} characters")
    check_expression(source)
    try:
        _program(source)
    except Exception as error:  # noqa: BLE001 - the evaluator raises what it likes
        raise ValueError(str(error).split("\n", maxsplit=1)[0]) from None


def is_condition(source: str) -> bool:
    """Say whether an expression can be true or false; one that needs names from outside is not evaluated."""
    if expression_names(source):
        return True
    try:
        return isinstance(_program(source).execute({}), bool)
    except Exception:  # noqa: BLE001 - the evaluator raises what it likes, and such an expression never comes to a value
        return False


def expression_names(source: str) -> frozenset[str]:
    """Return every name in an expression, those that its own macros bind among them."""
    return frozenset(_program(source).variables())


def truth(source: str, names: Mapping[str, Any]) -> bool:
    """Evaluate an expression to true or false.

    Raises:
        Unjudged: if it fails, could make more work than it may, or comes to something else.
    """
    try:
        check_work(source, names)
    except TooMuch as much:
        raise Unjudged(f"a condition could not be judged within its limits: {source!r} {much}") from None
    try:
        found = _program(source).execute(dict(names))
    except Exception as error:  # noqa: BLE001 - the evaluator raises what it likes; every failure closes
        raise Unjudged(f"{source!r} could not be judged: {str(error).split(chr(10), maxsplit=1)[0]}") from None

    if not isinstance(found, bool):
        raise Unjudged(f"{source!r} is neither true nor false")
    return found


@lru_cache(maxsize=1024)
def _program(source: str) -> Any:
    if len(source) > MAX_EXPRESSION:
        raise TooMuch(f"is longer than {MAX_EXPRESSION} characters")
    return _cel().compile(source)


def _cel() -> Any:
    """Return the package `cel` without its command line, which it would load too: that takes ten times as long."""
    if "cel" in sys.modules:
        return importlib.import_module("cel")
    sys.modules["cel.cli"] = ModuleType("cel.cli")
    try:
        cel = importlib.import_module("cel")
    finally:
        sys.modules.pop("cel.cli", None)
    vars(cel).pop("cli", None)  # whoever imports it after this gets the real one
    return cel
