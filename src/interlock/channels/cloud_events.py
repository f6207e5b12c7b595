"""An entry of the log as a CloudEvent (CNCF CloudEvents 1.0, JSON format): what brokers and webhooks carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.engine.ports.sender import Message
from interlock.service.shapes import entry_shape, request_shape

CONTENT_TYPE = "application/cloudevents+json"


def cloud_event(message: Message, origin: str | None, reply: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what has happened, and the request as it stands when this is sent.

    `source` and `id` together name the event: whoever gets them twice has heard it twice.

    Args:
        origin: where people reach the server, such as `https://approvals.example.com`; None if there is none.
        reply: how one replies to it by the channel itself, if one can.
    """
    entry, request = message.entry, message.request
    source = f"urn:interlock:{entry.tenant}" if origin is None else f"{origin}/tenants/{entry.tenant}"
    more: dict[str, Any] = {} if reply is None else {"reply": reply}
    if origin is not None and request is not None:
        more["url"] = f"{origin}/requests/{request.id}"
    return {
        "specversion": "1.0",
        "id": f"{entry.stream}.{entry.seq}",
        "source": source,
        "type": f"interlock.{entry.event.type}",
        "subject": entry.stream,
        "time": entry.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"entry": entry_shape(entry), "request": None if request is None else request_shape(request), **more},
    }


def cloud_event_bytes(message: Message, origin: str | None, reply: Mapping[str, Any] | None = None) -> bytes:
    """Return the event as JSON, in UTF-8; what is no text there (a lone surrogate) is written as an escape."""
    return json.dumps(cloud_event(message, origin, reply), ensure_ascii=True, allow_nan=False).encode()
