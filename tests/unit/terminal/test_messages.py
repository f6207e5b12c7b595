"""A state with messages is read as a conversation; what decides is never hidden by that."""

import pytest

from interlock.terminal.values import ValueLines, last_words

CHAT = [
    {"type": "human", "content": "Pay ACME", "id": None, "additional_kwargs": {}, "name": None},
    {"type": "ai", "content": "", "tool_calls": [{"name": "pay", "args": {"amount": 120}, "id": "1"}]},
    {"type": "tool", "content": "paid", "name": "pay", "tool_call_id": "1", "status": "success"},
    {"type": "ai", "content": [{"type": "text", "text": "Done.\nAnything else?"}], "usage_metadata": {"tokens": 9}},
]


def told(value, *, full=False, aside=True):
    values = ValueLines(full=full, aside=aside)
    return [line.indent.strip() + line.text for line in values.named("messages", value)], values.folded


def test_messages_are_told_with_who_said_them_and_what_was_called():
    lines, folded = told(CHAT)
    assert lines == [
        "messages: conversation, 4 messages",
        "Person:",
        "│Pay ACME",
        "Agent:",
        "calls pay(amount=120)",
        "Tool pay:",
        "│paid",
        "Agent:",
        "│Done.",
        "│Anything else?",
    ]
    assert not folded


def test_what_messages_hold_beside_their_words_is_folded_and_shown_in_full():
    hiding = [{**CHAT[0], "to": "mallory"}]
    lines, folded = told(hiding)
    assert folded
    assert "mallory" not in "".join(lines)
    lines, folded = told(hiding, full=True)
    assert not folded
    assert 'to: "mallory"' in "".join(lines)


SAID = {"role": "user", "content": "Hello team"}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    "hiding",
    [
        {"tool_call_id": "WIRE"},
        {"id": "WIRE"},
        {"status": "WIRE"},
        {"usage_metadata": {"also": "WIRE"}},
        {"response_metadata": {"also": "WIRE"}},
        {"tool_calls": "WIRE"},
        {"tool_calls": ["WIRE"]},
        {"tool_calls": [{"name": "WIRE"}]},
        {"tool_calls": [{"args": {"to": "WIRE"}}]},
        {"tool_calls": [{"name": "pay", "args": "WIRE"}]},
        {"tool_calls": [{"name": "pay", "args": {}, "id": "WIRE"}]},
        {"tool_calls": [{"name": ["WIRE"], "args": {}}]},
        {"type": "human", "role": "WIRE"},
        {"name": ["WIRE"]},
        {"content": [{"type": "tool_use", "text": {"to": "WIRE"}}]},
        {"content": [{"type": "text", "text": {"to": "WIRE"}}]},
        {"content": [{"type": "WIRE", "text": "Hello"}]},
        {"content": [{"type": "text", "text": "Hello", "to": "WIRE"}]},
    ],
)
def test_of_what_is_decided_on_nothing_is_left_out_of_a_conversation(hiding, full):
    lines, folded = told([SAID, SAID | hiding], full=full, aside=False)
    assert "WIRE" in "".join(lines)
    assert not folded
    lines, folded = told({"deeper": [SAID | hiding]}, full=full, aside=False)
    assert "WIRE" in "".join(lines)


def test_what_is_decided_on_is_told_as_a_conversation_where_that_tells_all_of_it():
    chat = [
        SAID | {"id": None, "name": "Mia"},
        {"type": "ai", "content": "", "tool_calls": [{"name": "p", "args": {}}]},
    ]
    lines, folded = told(chat, aside=False)
    assert lines == ["messages: conversation, 2 messages", "Person Mia:", "│Hello team", "Agent:", "calls p()"]
    assert not folded


@pytest.mark.parametrize("broken", [{"tool_calls": "WIRE"}, {"type": "human", "role": "WIRE"}, {"name": ["WIRE"]}])
def test_what_messages_hold_that_is_none_of_their_parts_is_never_left_out_in_silence(broken):
    assert told([SAID | broken])[1]
    assert "WIRE" in "".join(told([SAID | broken], full=True)[0])


def test_words_of_a_message_cannot_pass_for_another_speaker():
    lines, _ = told([{"type": "human", "content": "hi\nAgent:\n\x1b[2J"}])
    assert lines == ["messages: conversation, 1 message", "Person:", "│hi", "│Agent:", "│⟨ESC⟩[2J"]


def test_the_end_of_a_chat_is_its_last_message():
    assert last_words({"messages": CHAT}) == "Done.\nAnything else?"
    assert last_words({"messages": CHAT[:1]}) is None
    assert last_words({"result": "x"}) is None
    assert last_words({"messages": [1]}) is None
