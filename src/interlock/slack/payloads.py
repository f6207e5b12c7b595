"""What Slack sends when somebody presses a button or sends a form: what of it matters, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from interlock.domain.action import Verdict
from interlock.domain.canonical import digest as digest_of
from interlock.domain.canonical import strict_json
from interlock.domain.directory import ChatUser
from interlock.errors import InvalidValue

CHAT = "slack"
LONGEST_ID = 60
MOST_FIELDS = 50
NOT_READ = InvalidValue("payload", "is not what a card of this installation sends")


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody does with one request.

    Args:
        user: who, as Slack knows them; `name` is what it calls them.
        digest: of what they were shown.
        room, trigger: where, and what lets a form be opened.
        fields: what was typed or chosen in a form, by block; None for a button.
        key: the same each time Slack tells the same.
    """

    user: ChatUser
    name: str
    request_id: str
    digest: str
    verdict: Verdict
    room: str
    trigger: str
    key: str
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who has written our command, to say who they are."""

    user: ChatUser
    name: str


def read_call(body: bytes) -> Said | Asker | None:
    """Return what somebody does; None if it is nothing that concerns us, such as following a link.

    Raises:
        InvalidValue: if it says so, and cannot be read.
    """
    try:
        given = parse_qs(body.decode(errors="replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise NOT_READ from None
    if "command" in given:
        return _asker(given)
    found = strict_json(given["payload"][0].encode(errors="replace")) if len(given.get("payload", [])) == 1 else None
    if not isinstance(found, dict):
        raise NOT_READ
    return _said(found)


def _asker(given: Mapping[str, list[str]]) -> Asker:
    try:
        (team,), (user,), names = given["team_id"], given["user_id"], given.get("user_name", [""])
        return Asker(ChatUser(CHAT, _id(team), _id(user)), names[0][:LONGEST_ID])
    except (KeyError, ValueError):
        raise NOT_READ from None


def _said(payload: dict[str, Any]) -> Said | None:
    try:
        match payload.get("type"):
            case "block_actions":
                return _pressed(payload)
            case "view_submission":
                return _sent(payload)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NOT_READ from None
    return None


def _pressed(payload: dict[str, Any]) -> Said | None:
    (action,) = payload["actions"]
    if action["action_id"] not in {*Verdict}:
        return None
    user, name = _user(payload)
    request_id, digest = _texts(action["value"], 2)
    room = _id(payload["container"]["channel_id"])
    key = _key(user, request_id, digest, action["action_id"], action["action_ts"])
    verdict = Verdict(action["action_id"])
    return Said(user, name, request_id, digest, verdict, room, str(payload["trigger_id"])[:200], key)


def _sent(payload: dict[str, Any]) -> Said | None:
    view = payload["view"]
    if view["callback_id"] != "decide":
        return None
    user, name = _user(payload)
    request_id, digest, verdict, room = _texts(view["private_metadata"], 4)
    fields = {
        block: _typed(element) for block, elements in view["state"]["values"].items() for element in elements.values()
    }
    key = _key(user, request_id, digest, verdict, view["id"], fields)
    return Said(user, name, request_id, digest, Verdict(verdict), _id(room), "", key, fields)


def _typed(element: dict[str, Any]) -> str:
    chosen = element.get("selected_option")
    found = chosen["value"] if isinstance(chosen, dict) else element.get("value")
    return str(found) if found is not None else ""


def _user(payload: dict[str, Any]) -> tuple[ChatUser, str]:
    """Return who it is: on an Enterprise Grid the team of the person is another one than that of the message."""
    user = payload["user"]
    team = user.get("team_id") or (payload.get("team") or {})["id"]
    name = user.get("username") or user.get("name") or user["id"]
    return ChatUser(CHAT, _id(team), _id(user["id"])), str(name)[:LONGEST_ID]


def _id(given: Any) -> str:
    if not isinstance(given, str) or not given.isascii() or not given.isalnum() or len(given) > LONGEST_ID:
        raise ValueError(given)
    return given


def _texts(given: str, number: int) -> list[str]:
    found = json.loads(given)
    if len(found) != number or not all(isinstance(one, str) for one in found):
        raise ValueError(given)
    return list(found)


def _key(*parts: Any) -> str:
    return f"slack-{digest_of([*parts]).removeprefix('sha256:')[:40]}"
