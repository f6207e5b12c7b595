"""The shapes of answers that are the server's own: pages, and what is told of accounts, tokens and who is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REF = "#/components/schemas/"
STRING: dict[str, Any] = {"type": "string"}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}


def ref(shape: str) -> dict[str, Any]:
    """Return a reference to a shape."""
    return {"$ref": REF + shape}


def _object(description: str, optional: Mapping[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    found = {"type": "object", "description": description, "properties": {**properties, **(optional or {})}}
    return found | {"required": list(properties)}


def _list(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": shape}


def _page(name: str, shape: str, **also: Any) -> dict[str, Any]:
    said = "A part of a list; `next` is the cursor of the part after it: give it as `after`."
    return _object(said, {"next": STRING}, **{name: _list(ref(shape)), "more": {"type": "boolean"}, **also})


_LIMIT: dict[str, Any] = {"type": ["integer", "null"]}
_WHO = {
    "principal": STRING,
    "kind": {"enum": ["person", "agent", "service"]},
    "tenant": STRING,
    "by": {"enum": ["token", "session"], "description": "By what they are known."},
    "expires_at": MOMENT,
}
_LINK = {
    "name": {"type": "string", "description": "The id under which their votes are counted."},
    "link": {"type": "string", "description": "Told this once: give it to them, and to nobody else."},
    "expires_at": MOMENT,
}
_WAY = {
    "type": "object",
    "properties": {"when": {"enum": ["at_once", "digest", "never"]}, "digest_at": STRING, "address": STRING},
    "required": ["when", "digest_at", "address"],
}
_MEMBERS = {"type": "object", "additionalProperties": _list(STRING), "description": "By name, who belongs to it."}

SERVER_SHAPES: dict[str, Any] = {
    "RequestPage": _page("requests", "Request"),
    "EffectPage": _page("effects", "Request"),
    "Warnings": _object("What looks like a mistake.", warnings=_list(STRING)),
    "ListedPage": _page("requests", "ListedRequest"),
    "RunPage": _page("runs", "Run"),
    "ThreadPage": _page("threads", "Thread"),
    "TokenPage": _page("tokens", "Token"),
    "DeliveryPage": _page("deliveries", "Delivery"),
    "LogPage": _page(
        "entries", "Entry", position={"type": "string", "description": "Where to go on: give it as `after`, any time."}
    ),
    "AgentRules": _object(
        "An agent as it loads here, and what holds for it. A limit that is null is not set.",
        agent=ref("Agent"),
        limits=_object("How many requests.", waiting=_LIMIT, per_hour=_LIMIT),
        retries={"type": "object"},
        policies=_list({"type": "object"}),
    ),
    "Agents": _object("Agents that have a name.", agents=_list(ref("Agent"))),
    "StatesDeleted": _object(
        "Of how many runs of a thread the states were deleted.", thread=STRING, runs={"type": "integer"}
    ),
    "RunState": _object(
        "A kept state of a run: of which pause it is, what the graph holds, and what its sub-graphs under way do.",
        {"values": {"description": "By name."}, "subgraphs": {"description": "By path, then by name."}},
        of=STRING,
        pause={"type": ["integer", "null"]},
    ),
    "Sessions": _object("Where somebody is signed in.", sessions=_list(ref("Session"))),
    "Ended": _object("The ids of what has been ended.", ended=_list(STRING)),
    "Replied": _object("How the request stands.", id=STRING, status=STRING),
    "VoteResults": _object("What came of each vote, in order.", results=_list(ref("VoteResult"))),
    "VoteResult": _object(
        "The status and the body that the vote alone would have been answered with.",
        {"request": ref("Request"), "problem": ref("Problem")},
        status={"type": "integer"},
    ),
    "Entries": _object("Entries of the log, the oldest first.", entries=_list(ref("Entry"))),
    "Event": _object(
        "A server-sent event. Only entries of the log have an id: their position, from which the stream can go on.",
        {"id": STRING},
        event={"type": "string", "description": "What has happened; `end` is the last one."},
        data={"type": "string", "description": "JSON: of an entry of the log the Entry."},
    ),
    "Id": _object("The id of something.", id=STRING),
    "Position": _object("A position of the log.", position=STRING),
    "Pauses": _object(
        "By run, the requests that it waits at.", pauses={"type": "object", "additionalProperties": _list(STRING)}
    ),
    "SignedIn": _object("Who has signed in.", **_WHO),
    "Who": _object("Who calls.", **_WHO, roles=_list(STRING)),
    "Accounts": _object("The people who sign in by name and password.", people=_list(ref("Account"))),
    "Link": _object("A link with which somebody sets a password, once.", **_LINK),
    "Invited": _object(
        "A link with which somebody joins, once; and what looks like a mistake.", **_LINK, warnings=_list(STRING)
    ),
    "Delegations": _object("Who votes for whom.", delegations=_list(ref("StandingDelegation"))),
    "Grants": _object("Standing grants, the newest first.", grants=_list(ref("Grant"))),
    "NoticeSettings": _object(
        "How somebody is told of what waits for them, and the channels that talk to people: their types, by name.",
        ways={"type": "object", "additionalProperties": _WAY},
        zone=STRING,
        quiet={"type": ["array", "null"], "items": STRING},
        outcomes={"type": "boolean"},
        channels={"type": "object", "additionalProperties": STRING},
    ),
    "Members": _object("Groups, or roles, as they were asked for.", {"groups": _MEMBERS, "roles": _MEMBERS}),
    "Alive": _object("The process answers.", status={"const": "alive"}),
    "Ready": _object(
        "The database answers as well.", status={"const": "ready"}, configuration={"enum": ["in use", "held"]}
    ),
    "Problem": _object(
        "RFC 9457: what is wrong.",
        type=STRING,
        title=STRING,
        status={"type": "integer"},
        detail={"type": "string", "description": "a sentence: what is wrong, and what to do"},
        code={"type": "string", "description": "the stable name of the error"},
        details={"type": "object"},
    ),
}


def issued_token(token: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shape of a token with its secret."""
    secret = {"type": "string", "description": "Told this once, and nowhere else ever."}
    found = {**token, "description": "A new token, with its secret."}
    return found | {
        "properties": {**token["properties"], "secret": secret},
        "required": [*token["required"], "secret"],
    }
