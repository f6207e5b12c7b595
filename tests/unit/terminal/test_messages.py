"""A state with messages is read as a conversation; what decides is never hidden by that."""

from interlock.terminal.values import ValueLines, last_words

CHAT = [
    {"type": "human", "content": "Pay ACME", "id": None, "additional_kwargs": {}, "name": None},
    {"type": "ai", "content": "", "tool_calls": [{"name": "pay", "args": {"amount": 120}, "id": "1"}]},
    {"type": "tool", "content": "paid", "name": "pay", "tool_call_id": "1", "status": "success"},
    {"type": "ai", "content": [{"type": "text", "text": "Done.\nAnything else?"}], "usage_metadata": {"tokens": 9}},
]


def told(value, *, full=False):
    values = ValueLines(full=full)
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


def test_words_of_a_message_cannot_pass_for_another_speaker():
    lines, _ = told([{"type": "human", "content": "hi\nAgent:\n\x1b[2J"}])
    assert lines == ["messages: conversation, 1 message", "Person:", "│hi", "│Agent:", "│⟨ESC⟩[2J"]


def test_the_end_of_a_chat_is_its_last_message():
    assert last_words({"messages": CHAT}) == "Done.\nAnything else?"
    assert last_words({"messages": CHAT[:1]}) is None
    assert last_words({"result": "x"}) is None
    assert last_words({"messages": [1]}) is None
