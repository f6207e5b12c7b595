"""Whatever schema an agent brings, it is judged or refused within a second or two, and the other threads go on.

Each bomb goes off in a process of its own, in which a thread ticks: the interpreter's lock was never held for longer
than its longest pause.
"""

import json
import sys
import threading
import time

import pytest
from tests.explosions import Explosions

from interlock.domain.action import Question
from interlock.engine import schemas
from interlock.errors import InvalidAnswer

LONGEST_PAUSE = 1.0


def _ladder(rung, top):
    """Return a schema of so many definitions, each of which refers to the next."""
    rungs = {f"d{number}": rung({"$ref": f"#/$defs/d{number + 1}"}) for number in range(top)}
    return {"$defs": {**rungs, f"d{top}": {"type": "object"}}, "$ref": "#/$defs/d0"}


def _wrapped(times, wrap, inner):
    for _ in range(times):
        inner = wrap(inner)
    return inner


def _deep(depth, leaf=0):
    return _wrapped(depth, lambda inner: [inner], leaf)


ROOT = {"$ref": "#"}
TWICE_THE_ITEMS = [{"items": ROOT}, {"items": ROOT}]
NEVER_ZERO = {"not": {"const": 0}}
MANY = {f"p{number}": 1 for number in range(12_000)}
BACKTRACKS = "^(?=(a+)+$)(a|aa)+\\1$"

BOMBS = {
    # fan-out of references, when the schema is built and when it is used
    "allOf": (_ladder(lambda rung: {"allOf": [rung] * 2}, 60), {}),
    "allOf, with as many misfits": (_ladder(lambda rung: {"allOf": [rung] * 2}, 60), 3),
    "anyOf": (_ladder(lambda rung: {"anyOf": [rung] * 2}, 60), 3),
    "oneOf": (_ladder(lambda rung: {"oneOf": [rung] * 2}, 60), {}),
    "not": (_ladder(lambda rung: {"not": {"not": rung}, "allOf": [rung]}, 60), {}),
    "if, then, else": (_ladder(lambda rung: {"if": rung, "then": rung, "else": rung}, 60), {}),
    "dependentSchemas": (_ladder(lambda rung: {"dependentSchemas": {"a": rung, "b": rung}}, 60), {"a": 1, "b": 1}),
    "unevaluatedProperties": (
        _ladder(lambda rung: {"allOf": [rung] * 2, "unevaluatedProperties": False}, 40),
        {"a": 1},
    ),
    "a chain": ({"$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(1_800)} | {"d1800": {}}, **ROOT}, 1),
    # schemas that refer to themselves
    "loop": (ROOT, 1),
    "recursive allOf": ({"allOf": TWICE_THE_ITEMS}, _deep(60)),
    "recursive anyOf": ({"anyOf": [{"type": "integer"}, *TWICE_THE_ITEMS], **NEVER_ZERO}, _deep(60)),
    "$dynamicRef": (
        {
            "$id": "http://example.com/r",
            "$dynamicAnchor": "n",
            "anyOf": [{"items": {"$dynamicRef": "#n"}}, {"items": {"$dynamicRef": "#n"}}],
            **NEVER_ZERO,
        },
        _deep(60),
    ),
    "$recursiveRef": (
        {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$recursiveAnchor": True,
            "allOf": [{"items": {"$recursiveRef": "#"}}] * 2,
        },
        _deep(60),
    ),
    "$id and $anchor": (
        {
            "$defs": {
                f"d{n}": {"$id": f"http://x/d{n}", "$anchor": "a", "allOf": [{"$ref": f"http://x/d{n + 1}#a"}] * 2}
                for n in range(50)
            }
            | {"d50": {"$id": "http://x/d50", "$anchor": "a"}},
            "$ref": "http://x/d0#a",
        },
        1,
    ),
    "contains": (_ladder(lambda rung: {"contains": rung, "minContains": 2, "allOf": [rung]}, 30), _deep(30)),
    # what is wide
    "anyOf in anyOf over arrays": (
        _wrapped(10, lambda inner: {"anyOf": [{"items": inner}] * 2}, {"type": "string"}),
        _deep(9, [1] * 3_000),
    ),
    "unevaluated, wide": (
        {"anyOf": [{"properties": {f"p{n}": True}} for n in range(1_500)], "unevaluatedProperties": False},
        MANY,
    ),
    "propertyNames": ({"propertyNames": {"anyOf": [{"pattern": f"^{n}(a|b)+$"} for n in range(1_500)]}}, MANY),
    "uniqueItems": ({"uniqueItems": True}, list(range(35_000))),
    "uniqueItems of objects": ({"uniqueItems": True}, [{"a": [n]} for n in range(15_000)]),
    "a long enum": ({"items": {"enum": list(range(11_000))}}, [-1] * 80_000),
    "long messages": ({"allOf": [{"type": "string"}] * 2_500}, ["x" * 200_000]),
    "many messages": ({"items": {"required": [f"r{n}" for n in range(5_000)]}}, [{}] * 30_000),
    "fractions": ({"items": {"allOf": [{"multipleOf": 1e-300}] * 50}}, [1.7e308] * 9_000),
    "deep": (_wrapped(60, lambda inner: {"not": inner}, {}), _deep(60)),
    # regular expressions
    "pattern": ({"pattern": "^(a+)+$"}, "a" * 50_000 + "b"),
    "pattern that looks ahead": ({"pattern": BACKTRACKS}, "a" * 50_000 + "b"),
    "large automata": ({"allOf": [{"pattern": f"^\\p{{L}}{{100}}{n}$"} for n in range(1_500)]}, "a" * 1_000),
    "patternProperties": (
        {"patternProperties": {f"{BACKTRACKS}{n}": {} for n in range(800)}},
        {"a" * 40 + str(n): 1 for n in range(3_000)},
    ),
    "format": ({"allOf": [{"format": "regex"}, {"format": "email"}, {"format": "idn-hostname"}]}, "(\\w{99}){99}" * 9),
}


@pytest.fixture(scope="module")
def explosions():
    with Explosions(__file__) as started:
        yield started


@pytest.mark.sampled(11)
@pytest.mark.parametrize("name", BOMBS)
def test_I4_no_schema_stops_a_worker(explosions, name):
    told = explosions.of(name)
    assert told["longest_pause"] < LONGEST_PAUSE
    for said in (told["asked"], told["answered"]):
        assert said in {"taken", "refused"}


def explode(name):
    def said(judge):
        try:
            judge()
        except InvalidAnswer:
            return "refused"
        return "taken"

    schema, value = BOMBS[name]
    question = Question("which?", schema)
    pauses = [0.0]
    threading.Thread(target=_tick, args=(pauses,), daemon=True).start()
    asked = said(lambda: schemas.misfit_of(question))
    answered = said(lambda: schemas.check_answer(value, question))
    sys.stdout.write(json.dumps({"asked": asked, "answered": answered, "longest_pause": pauses[0]}))


def _tick(pauses):
    """Measure in the processor's time: on a busy machine nobody's clock stands still."""
    last = time.process_time()
    while True:
        time.sleep(0.005)
        now = time.process_time()
        pauses[0] = max(pauses[0], now - last)
        last = now
