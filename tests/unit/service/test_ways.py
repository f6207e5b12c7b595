"""By what way an entry came has words wherever it is shown: no way of the tree lacks them, and none is of nobody."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import interlock
from interlock.channels.table import REPLYING
from interlock.config.channels import WebhookSettings
from interlock.service.ways import ACTS_AS, OWN, WAYS, came_by, way_words

SOURCE = Path(interlock.__file__).parent
NOT_LOGGED = {
    "domain/access.py": {""},  # asks what somebody may see
    "service/credentials.py": {""},  # whoever calls it in Python names somebody, and no way
    "service/sentences.py": {"", "f' via {entry.via}'"},  # shows what stands in the log
    "channels/mail.py": {"self.name"},  # looks at a request as its reader does
    "service/notices.py": {"self._channel"},  # the same
}
"""By file: what is given as a way where nothing is written under it, or nobody says which it is."""

PASSED_ON = {"via", "self._via", "principal.via", "actor.via", "by.via", "entry.via", "VIA", "one.via"}
OF_A_CHANNEL = "settings.type"
AT = {"Principal": 3, "Actor": 1, "bearer": 0}
"""Where in a call the way stands, if it has no name there."""


def given(tree):
    """Yield every expression that is given as a way."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                at = AT.get(name)
                yield from node.args[at : at + 1] if at is not None else ()
                yield from (one.value for one in node.keywords if one.arg == "via" and at is not None)
                yield from (one.value for one in node.keywords if one.arg == "via" and name.endswith("Replies"))
            case ast.Assign(targets=[ast.Name(id="via" | "VIA")], value=value):
                yield value
            case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
                named = [*args.posonlyargs, *args.args][-len(args.defaults) :] if args.defaults else []
                yield from (value for one, value in zip(named, args.defaults, strict=True) if one.arg == "via")


def ways_of(value, file):
    """Return the ways that an expression stands for."""
    match value:
        case ast.Constant(value=str(text)):
            return set() if text in NOT_LOGGED.get(file, ()) else {text}
        case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="ACTS_AS")), *_]):
            return {ACTS_AS}
        case ast.IfExp(body=one, orelse=other):
            return ways_of(one, file) | ways_of(other, file)
    text = ast.unparse(value)
    if text == OF_A_CHANNEL:
        return {get_args(one.model_fields["type"].annotation)[0] for one in REPLYING if one is not WebhookSettings}
    assert text in PASSED_ON | NOT_LOGGED.get(file, set()), f"{file}: what way is {text}?"
    return set()


def ways_in_the_tree():
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        file = str(path.relative_to(SOURCE))
        if file.startswith(("testing/", "agents/")):  # stories of tests; in the agents `via` is how a mail goes out
            continue
        for value in given(ast.parse(path.read_text())):
            for way in ways_of(value, file):
                found.setdefault(way, set()).add(file)
    return found


def test_every_way_that_the_tree_writes_has_words_and_no_other_has():
    assert set(ways_in_the_tree()) == {*WAYS, ACTS_AS}
    assert set(WAYS) >= OWN


def test_a_new_way_is_found():
    calls = (
        "Actor(by, 'pigeon')",
        "Principal('m', 'person', 't', via='fax')",
        "TokenReplies(c, k, via='telex', name='')",
    )
    new = ast.parse("\n".join(calls))
    assert {way for value in given(new) for way in ways_of(value, "new.py")} == {"pigeon", "fax", "telex"}
    with pytest.raises(AssertionError, match="what way is"):
        ways_of(ast.parse("pick()", mode="eval").body, "new.py")


def test_no_two_ways_are_called_the_same():
    assert len({*WAYS.values()}) == len(WAYS)


@pytest.mark.parametrize(
    ("via", "words"),
    [
        ("link", "by a mail's link"),
        ("terminal as mia by local:root", "in a terminal of local:root"),
        ("program.py", "by program.py"),
        ("", "by a way that nobody named"),
    ],
)
def test_a_way_is_said_in_words(via, words):
    assert way_words(via) == words


def test_what_happens_by_itself_came_by_no_way():
    assert {came_by(via) for via in OWN} == {""}
    assert came_by("sqs") == "by Amazon SQS"
