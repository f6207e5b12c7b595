"""What Slack refuses of blocks and forms, by its reference: https://docs.slack.dev/reference/block-kit/blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_BLOCKS = {"chat.postMessage": 50, "chat.update": 50, "chat.postEphemeral": 50, "views.open": 100}
LONGEST_TEXT = {"header": 150, "section": 3_000, "context": 3_000, "input": 2_000, "button": 75, "option": 75}
LONGEST_RICH_TEXT = 3_000
LONGEST_CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
LONGEST_VIEW = {"title": 24, "submit": 24, "close": 24}


def why_refused(method: str, given: dict[str, Any]) -> str:
    """Return Slack's word for what is wrong with a call; nothing if nothing is."""
    if method not in MOST_BLOCKS:
        return ""
    view = given.get("view", {})
    blocks = view.get("blocks", given.get("blocks", []))
    found = [*_problems_of_view(view)] if view else []
    if len(blocks) > MOST_BLOCKS[method]:
        found.append("too many blocks")
    if len(str(given.get("text", ""))) > 40_000:  # noqa: PLR2004
        return "msg_too_long"
    for block in blocks:
        found += _problems(block)
    return f"invalid_blocks: {', '.join(found)}" if found else ""


def _problems_of_view(view: dict[str, Any]) -> Iterator[str]:
    yield from (f"view.{name}" for name, most in LONGEST_VIEW.items() if name in view and _length(view[name]) > most)
    if len(view.get("private_metadata", "")) > 3_000:  # noqa: PLR2004
        yield "private_metadata"
    if any(block["type"] == "input" for block in view["blocks"]) and "submit" not in view:
        yield "submit"


def _problems(block: dict[str, Any]) -> Iterator[str]:
    judge = _JUDGES.get(block["type"])
    if judge is None:
        yield f"unknown block {block['type']}"
    else:
        yield from judge(block)


def _problems_of_text(block: dict[str, Any]) -> Iterator[str]:
    if not 0 < _length(block["text"]) <= LONGEST_TEXT[block["type"]]:
        yield f"{block['type']}.text"


def _problems_of_context(block: dict[str, Any]) -> Iterator[str]:
    elements = block["elements"]
    if len(elements) > 10 or any(not 0 < _length(one) <= LONGEST_TEXT["context"] for one in elements):  # noqa: PLR2004
        yield "context"


def _problems_of_actions(block: dict[str, Any]) -> Iterator[str]:
    elements = block["elements"]
    if not 0 < len(elements) <= 25 or len({one["action_id"] for one in elements}) < len(elements):  # noqa: PLR2004
        yield "actions"
    for one in elements:
        yield from _problems_of_button(one)


def _problems_of_rich_text(block: dict[str, Any]) -> Iterator[str]:
    texts = [one for part in block["elements"] for one in part["elements"]]
    if not texts or any(one["type"] == "text" and not one["text"] for one in texts):
        yield "rich_text without text"
    if sum(len(one.get("text", "")) for one in texts) > LONGEST_RICH_TEXT:
        yield "rich_text"


def _problems_of_input(block: dict[str, Any]) -> Iterator[str]:
    if not 0 < _length(block["label"]) <= LONGEST_TEXT["input"]:
        yield "input.label"
    yield from _problems_of_element(block["element"])


def _problems_of_button(one: dict[str, Any]) -> Iterator[str]:
    if one["type"] != "button" or not 0 < _length(one["text"]) <= LONGEST_TEXT["button"]:
        yield "button.text"
    if len(one.get("value", "")) > 2_000 or len(one.get("url", "")) > 3_000:  # noqa: PLR2004
        yield "button.value"
    confirm = one.get("confirm")
    if confirm and any(not 0 < _length(confirm[name]) <= most for name, most in LONGEST_CONFIRM.items()):
        yield "button.confirm"


def _problems_of_element(element: dict[str, Any]) -> Iterator[str]:
    if element["type"] == "plain_text_input":
        if len(element.get("initial_value", "")) > 3_000 or len(element.get("placeholder", {}).get("text", "")) > 150:  # noqa: PLR2004
            yield "initial_value"
        return
    options = element.get("options", [])
    most = {"radio_buttons": 10, "static_select": 100}.get(element["type"], 0)
    if not 0 < len(options) <= most:
        yield f"{element['type']}.options"
    yield from ("option" for one in options if not 0 < _length(one["text"]) <= 75 or len(one["value"]) > 150)  # noqa: PLR2004


_JUDGES = {
    "header": _problems_of_text,
    "section": _problems_of_text,
    "context": _problems_of_context,
    "actions": _problems_of_actions,
    "rich_text": _problems_of_rich_text,
    "input": _problems_of_input,
}


def _length(text: dict[str, Any]) -> int:
    assert text["type"] in {"plain_text", "mrkdwn"}, text
    return len(text["text"])
