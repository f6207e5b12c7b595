"""The largest values that are taken: as many bytes as there may be, or as many levels, in every form."""

from interlock.domain.canonical import MAX_BYTES, MAX_DEPTH

ROOM = MAX_BYTES - 100


def nested(levels):
    value = "bottom"
    for level in range(levels):
        value = {"k": value} if level % 2 else [value]
    return value


def as_many(what, size):
    """Return as many parts, of so many bytes each, as there is room for."""
    return [what] * (ROOM // size)


LARGEST = {
    "100,000 lines": {"text": "x\n\n" * 50_000 + "end"},
    "many numbers": {"numbers": as_many(0, 2)},
    "many rows": {"rows": as_many({"a": 0}, 8)},
    "a long text": {"text": "lorem ipsum " * (ROOM // 12)},
    "many lists": {"lists": as_many([[]], 5)},
    "many keys": {f"{number:x}": 0 for number in range(ROOM // 9)},
    "64 levels": {"deep": nested(MAX_DEPTH - 1)},
    "what does not show": {"text": "\u200b\U000e0041" * (ROOM // 7)},
    "a long name": {"k" * ROOM: 0},
}
"""Arguments of an action, each of which is taken."""

TOO_LARGE = {
    "200,000 lines": {"text": "\n" * 200_000},
    "a text of 1 MB": {"text": "lorem ipsum " * 85_000},
    "a name of 1 MB": {"k" * 1_000_000: 0},
    "65 levels": {"deep": nested(MAX_DEPTH)},
    "200 levels": {"deep": nested(200)},
}
"""Arguments that are refused when they are asked for, before anybody sees them."""
