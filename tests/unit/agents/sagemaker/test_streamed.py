"""A streamed answer is the same wherever its bytes are cut: in a character, a line, a line end, a mark."""

import contextlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.agents.sagemaker.streamed import DONE, NotJson, decoded, values

TEXT = 'Grüße, 世界 🎉 \u2028 "quoted" \\ and\nmore'
TOKENS = [{"token": {"text": word}} for word in TEXT.split(" ")]


def events(found, end="\n"):
    """Write JSON values as server-sent events, with the end of an OpenAI-style stream."""
    lines = [f"data: {json.dumps(one, ensure_ascii=False)}{end}{end}" for one in found]
    return "".join([*lines, f"data: [DONE]{end}{end}"]).encode()


def json_lines(found, end="\n"):
    return "".join(f"{json.dumps(one, ensure_ascii=False)}{end}" for one in found).encode()


def cut(raw, at):
    """Cut bytes at these places."""
    edges = [0, *sorted(at), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("written", "last"), [(events, [DONE]), (json_lines, [])])
def test_each_place_may_be_cut(written, last, end):
    raw = written(TOKENS, end)
    for at in range(len(raw) + 1):
        assert [*values(cut(raw, [at]))] == [*TOKENS, *last], at
    assert [*values(bytes([byte]) for byte in raw)] == [*TOKENS, *last]


a_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), st.lists(a_value, min_size=1, max_size=5), st.sampled_from([events, json_lines]))
def test_any_values_come_through_any_cuts(data, found, written):
    raw = written(found, data.draw(st.sampled_from(["\n", "\r\n", "\r"])))
    at = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
    seen = [*values(cut(raw, at))]
    assert [one for one in seen if one is not DONE] == found
    assert seen[-1] is DONE or written is json_lines


@given(st.data(), a_value)
def test_one_document_over_many_lines_is_one_value(data, found):
    raw = json.dumps(found, indent=2, ensure_ascii=False).encode()
    assert [*values(cut(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=6))))] == [found]


def test_what_is_complete_is_not_held_back():
    came = []

    def parts():
        yield b'data: {"a": 1}\n'
        came.append("first")
        yield b'\ndata: {"a": 2}\n\n'

    seen = values(parts())
    assert next(seen) == {"a": 1}
    assert came == []


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b": a comment\nevent: token\nid: 7\nretry: 5\ndata:1\n\n", [1]),
        (b'data: {"a":\ndata: 1}\n\ndata: 2', [{"a": 1}, 2]),
        (b'data:{\n  "a": 1\n}\n\n', [{"a": 1}]),
        (b'data: {"a": 1}\ndata: {"a": 2}\ndata: [DONE]\n', [{"a": 1}, {"a": 2}, DONE]),
        (b'\xef\xbb\xbfdata: "\xc3\xa9"\n\n', ["é"]),
        (b'\xef\xbb\xbf{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        (b'\n\n{"a": 1}{"a": 2} 3\n', [{"a": 1}, {"a": 2}, 3]),
        (b"", []),
        (b"\r\n\n", []),
    ],
)
def test_other_ways_of_writing_are_read(raw, found):
    assert [*values([raw])] == found


@pytest.mark.parametrize(
    "raw", [b"Sorry.", b'{"a": ', b"data: Sorry.\n\n", b'data: {"a": \n\n', b"\xff\xfe", b"[" * 100_000, b'"\xc3"']
)
def test_anything_else_is_no_json(raw):
    with pytest.raises(NotJson):
        [*values([raw])]
    with pytest.raises(NotJson):
        decoded(raw)


def test_two_values_are_no_answer():
    with pytest.raises(NotJson, match="1 2"):
        decoded(b"1 2")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [b"{}" * 200_000, b"\n" * 400_000, b"data: {\n" * 50_000, b"data: 1\r" * 50_000, b'{"a":\n' + b"[\n" * 100_000],
)
def test_hostile_streams_are_read_at_once(raw):
    for parts in ([raw], (raw[at : at + 3] for at in range(0, len(raw), 3))):
        with contextlib.suppress(NotJson):
            [*values(parts)]
