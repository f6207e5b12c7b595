"""What the text of a condition says about names, windows and fields, without evaluating it.

Only plain forms are recognised: what is written in another way counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.domain.expression_cost import TOKEN

_NUMBER = r"[0-9]{1,30}(?:\.[0-9]{1,30})?"
_WINDOW = r"recent_[0-9]{1,4}[hd]"
_STRING = r"""(?:"[^"\\\n]*"|'[^'\\\n]*')"""
_NAMED = re.compile(
    rf"action\.name=={_STRING}|{_STRING}==action\.name"
    rf"|action\.name in\[{_STRING}(?:,{_STRING})*,?\]"
)
_BELOW = re.compile(rf"(?P<left>[\w.+]+)<=?{_NUMBER}|{_NUMBER}>=?(?P<right>[\w.+]+)", re.ASCII)
_COUNT = re.compile(rf"{_WINDOW}\.count", re.ASCII)
_SUM = re.compile(rf"{_WINDOW}\.sum\.(\w+)", re.ASCII)
_FIELD = re.compile(
    r"""(?<![\w.])(action|requester|initiator|reviewer)(?:\.([A-Za-z_]\w*)(?!\w|\()|\[["'](\w*)["']\])"""
    r"""(?:\.([A-Za-z_]\w*)(?!\w|\())?""",
    re.ASCII,
)
_FIELDS = {
    "action": frozenset({"name", "kind", "arguments"}),
    "requester": frozenset({"id"}),
    "initiator": frozenset({"id"}),
    "reviewer": frozenset({"id", "roles"}),
}


def action_names(source: str | None) -> frozenset[str]:
    """Return the names of actions to which a condition restricts what it holds for; empty if it names none."""
    for part in _conjuncts(source or ""):
        found = _NAMED.fullmatch(part)
        if found is not None:
            return frozenset(literal[1:-1] for literal in re.findall(_STRING, part))
    return frozenset()


def is_bounded_by_window(source: str, fact: str) -> bool:
    """Say whether a condition bounds what a fact, a number, can come to over time.

    It does if `&&` joins it from a limit on this request and a limit on a window: on the window's sum of this fact or
    its count, each by `<` or `<=` and a number. The sum of a window and the fact together are both.
    """
    here = over_time = False
    for part in _conjuncts(source):
        terms = _limited(part)
        numbers = [term for term in terms if re.fullmatch(_NUMBER, term)]
        sums = [term for term in terms if (found := _SUM.fullmatch(term)) is not None and found[1] == fact]
        counts = [term for term in terms if _COUNT.fullmatch(term)]
        facts = [term for term in terms if term == fact]
        if len(terms) == len(numbers) + len(sums) + len(counts) + len(facts):
            here = here or bool(facts)
            over_time = over_time or bool(sums or (counts and not facts))
        here = here or re.fullmatch(rf"{fact}=={_NUMBER}", part) is not None
    return here and over_time


def unknown_fields(source: str) -> list[tuple[str, str, str]]:
    """Return each field that a condition takes of an object that has none of that name: object, field, what follows."""
    text = "".join(_texts(source))
    found = [(owner, plain or quoted, after) for owner, plain, quoted, after in _FIELD.findall(text)]
    return list(dict.fromkeys(field for field in found if field[1] not in _FIELDS[field[0]]))


def _limited(part: str) -> list[str]:
    found = _BELOW.fullmatch(part)
    return re.split(r"\+", found["left"] or found["right"]) if found is not None else []


def _texts(source: str) -> Iterator[str]:
    """Yield the tokens without comments and spaces, save a space between two words."""
    before, spaced = "", False
    for token in TOKEN.finditer(source):
        if token["space"] is not None:
            spaced = True
            continue
        text = token[0]
        if spaced and re.match(r"\w", before[-1:]) and re.match(r"\w", text):
            yield " "
        yield text
        before, spaced = text, False


def _conjuncts(source: str) -> list[str]:
    """Return what `&&` joins at the top, without spaces; the whole where `||` or `?` joins it there."""
    parts, depth, whole = [""], 0, list(_texts(source))
    for number, text in enumerate(whole):
        depth += (text in {"(", "[", "{"}) - (text in {")", "]", "}"})
        if depth == 0 and text in {"|", "?"}:
            return ["".join(whole)]
        if depth == 0 and text == "&":
            parts += [""] if whole[number - 1] != "&" else []
        else:
            parts[-1] += text
    if len(parts) == 1:
        inner = _inside(whole)
        return _conjuncts(inner) if inner is not None else parts
    return [inner for part in parts for inner in _conjuncts(part)]


def _inside(whole: list[str]) -> str | None:
    """Return what stands within one pair of parentheses around everything; None if there is no such pair."""
    depth = 0
    for number, text in enumerate(whole):
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return "".join(whole[1:-1]) if text == ")" and number == len(whole) - 1 else None
    return None
