"""What is shown of a value: typed, whole, its numbers as written; what is long is folded or read in pieces."""

import json
from itertools import count

import pytest

from interlock.domain.action import Action
from interlock.domain.canonical import canonical_bytes
from interlock.web.pages.rendering import spelled
from interlock.web.pages.value_text import part_at, read, shown_text
from interlock.web.pages.values import PIECE_ROOM, Place, Room, node_of, tree

SOURCE = "/requests/req_1/values/subject?digest=sha256%3A00"


def pieces(value, room=PIECE_ROOM):
    """Return the trees of a value, one after the other, as somebody reads them who opens each piece."""
    left, found = [((), 0)], []
    while left:
        at, start = left.pop(0)
        part, _ = part_at(value, at)
        node = tree(part, source=SOURCE, room=Room(room), place=Place(at, start), folds=False)
        found.append(node)
        left += [address for one in parts(node) if one.more for address in [place_of(one.more)]]
        assert len(found) < 10_000
    return found


def place_of(more):
    at, _, start = more.address.partition("&at=")[2].partition("&from=")
    return tuple(at.split(".") if at else ()), int(start)


def parts(node):
    yield node
    for entry in node.entries:
        yield from parts(entry.value)
        if entry.name is not None:
            yield from parts(entry.name)
    for cell in (cell for row in node.rows for cell in row if cell is not None):
        yield from parts(cell)


def leaves(nodes):
    """Return how many leaves there are of each kind, and all text."""
    found = [one for node in nodes for one in parts(node)]
    return len([one for one in found if one.kind in {"number", "yes", "no", "nothing"}]), "".join(
        one.text for one in found if one.kind == "text"
    )


def test_each_kind_is_told_apart():
    node = node_of({"a": "x", "b": 1, "c": True, "d": False, "e": None, "f": [], "g": {}, "h": ["1"]})
    kinds = [entry.value.kind for entry in node.entries]
    assert kinds == ["text", "number", "yes", "no", "nothing", "list", "group", "list"]
    assert node.entries[-1].value.entries[0].value.looks_like, "a text that could be a number"
    assert not node.entries[0].value.looks_like


@pytest.mark.parametrize("number", [1e20, 0.1, 1e-7, 1e21, 5e-324, -0.0, 2**53 - 1, 1.7976931348623157e308])
def test_numbers_are_shown_as_the_canonical_bytes_write_them(number):
    action = Action("pay", {"amount": number})
    amount = tree(read(action.canonical)["args"]["amount"])
    assert f'"amount":{amount.text}}}'.encode() in action.canonical


def test_like_objects_make_a_table_whose_numbers_stand_on_the_right():
    node = node_of([{"to": "a", "amount": 1}, {"to": "b", "amount": 20.5, "note": "x"}])
    assert (node.kind, [(one.name.text, one.numbers) for one in node.columns]) == (
        "table",
        [("amount", True), ("note", False), ("to", False)],
    )
    assert [cell and cell.text for cell in node.rows[0]] == ["1", None, "a"]


@pytest.mark.parametrize(
    "rows",
    [[{"a": 1}], [{"a": 1}, 2], [{"a": [1]}, {"a": 2}], [{"a": "x" * 300}, {"a": "y"}], [{"a": 1}, {"b": 2}, {"c": 3}]],
)
def test_other_lists_make_none(rows):
    assert node_of(rows).kind == "list"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x" * 1_001, "Text of 1,001 characters"),
        ("x\n" * 40 + "x", "Text of 81 characters in 41 lines"),
        ([1] * 51, "List of 51 entries"),
        ({f"f{i}": 1 for i in range(51)}, "Group of 51 fields"),
        ([{"a": 1}] * 51, "Table of 51 rows"),
    ],
)
def test_what_is_long_is_folded_and_says_how_long_it_is(value, said):
    assert node_of(value).folded == said
    assert node_of({"v": value[:-2] if not isinstance(value, dict) else {"a": 1}}).entries[0].value.folded == ""


def test_what_is_deep_is_folded():
    value = 1
    for _ in range(12):
        value = [value]
    folded = [one for one in parts(node_of(value)) if one.folded]
    assert [one.folded for one in folded] == ["List of 1 entry"]


def deep(levels):
    value = "bottom"
    for level in range(levels):
        value = {f"k{level}": value} if level % 2 else [value]
    return value


HOSTILE = {
    "100,000 lines": "\n".join(map(str, range(100_000))),
    "10,000 keys": {f"key{i}": i for i in range(10_000)},
    "20,000 numbers": list(range(20_000)),
    "200 levels": deep(200),
    "a text of 1 MB": "lorem ipsum " * 85_000,
    "a name of 1 MB": {"k" * 1_000_000: "v"},
    "much that does not show": "\u200b\U000e0041" * 50_000,
    "a table of 5,000 rows": [{"a": i, "b": str(i)} for i in range(5_000)],
    "many lists of many": [[list(range(40)) for _ in range(20)] for _ in range(20)],
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_page_stays_small_and_the_pieces_are_all_of_it(value):
    value = read(json.dumps(value, ensure_ascii=False).encode())
    first = tree(value, source=SOURCE)
    size = sum(len(one.text) + len(shown_text(one.text)) for one in parts(first))
    assert size < 200_000
    assert sum(1 for _ in parts(first)) < 2_000
    expected = leaves([tree(value)])
    assert leaves(pieces(value)) == expected


def test_what_is_nested_too_deep_is_shown_as_it_is_written():
    value = deep(200)
    written = next(one for one in parts(node_of(value)) if one.kind == "json")
    assert json.loads(written.text) == part_at(value, ["0"] * (200 - json_depth(written.text)))[0]


def json_depth(text):
    value = json.loads(text)
    for depth in count():
        if not isinstance(value, list | dict):
            return depth
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return None


@pytest.mark.parametrize("at", [["1"], ["0", "0"], ["-1"], ["x"], ["²"], ["0n"], ["99999999999999999999"]])
def test_a_place_that_is_none_is_refused(at):
    with pytest.raises(KeyError):
        part_at([1], at)


def test_what_deceives_is_said_at_its_place():
    node = node_of(
        {"\u0440\u0430ypal": "ok", "b": "a\u202eb", "c": "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440"}
    )
    warned = {one.text: one.warnings for one in parts(node) if one.warnings}
    assert warned["\u0440\u0430ypal"] == ('Mixes Cyrillic and Latin letters in "\u0440\u0430ypal"',)
    assert "1 invisible or control character" in warned["a\u202eb"][0]
    assert len(warned) == 2


def test_a_name_of_two_scripts_is_flagged_also_where_each_word_has_one():
    assert any(one.warnings for one in parts(node_of({"send_\u0440\u0430\u0443": 1})))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" admin  ", "⟨1 space⟩admin⟨2 spaces⟩"),
        ("a" + "\u200b" * 500, "a⟨U+200B x500⟩"),
        ("a\nb", "a\nb"),
        ("⟨U+200B⟩", "⟨U+27E8⟩U+200B⟨U+27E9⟩"),
    ],
)
def test_text_is_shown_so_that_it_can_only_be_read(text, shown):
    assert shown_text(text) == shown


def test_the_tree_of_canonical_bytes_holds_every_name():
    value = {"\u043a\u043b\u044e\u0447": 1, "": 2, "a": {"b": []}}
    assert [entry.name.text for entry in tree(read(canonical_bytes(value))).entries] == [
        "",
        "a",
        "\u043a\u043b\u044e\u0447",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timeout_seconds", "timeout seconds"),
        ("dryRun", "dry run"),
        ("memory_mb", "memory mb"),
        ("amount", ""),
        ("IBAN", ""),
        ("a__b", ""),
        ("drop_table\u202e", ""),
        ("x_" * 40 + "x", ""),
    ],
)
def test_a_name_that_programmers_write_as_one_word_has_its_words_beside_it(name, words):
    assert spelled(name) == words
