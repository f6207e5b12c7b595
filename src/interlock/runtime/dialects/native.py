"""The dialect of `interlock.ask`: what an interrupt holds, and what resumes it.

The interrupt's value is everything that is asked. The answer is the id of the decided request and nothing else: what
was decided is read from the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from interlock.domain.action import Ask
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.errors import InvalidValue

FORMAT = 1

_ASK: TypeAdapter[Ask] = TypeAdapter(Ask)


def payload(ask: Ask, replaces: str | None = None) -> dict[str, Json]:
    """Return the value of the interrupt that asks this. The interrupt has its id from LangGraph."""
    return {"interlock": FORMAT, **_ASK.dump_python(ask, mode="json", exclude={"interrupt_id"}), "replaces": replaces}


def payload_again(request: Request) -> dict[str, Json]:
    """Return the value of the interrupt that asks again what a lapsed request asked."""
    return payload(replace(request.ask, policy=request.route.policy), request.id)


def is_native(value: object) -> bool:
    """Say whether an interrupt's value was made by `interlock.ask`."""
    return isinstance(value, dict) and value.get("interlock") == FORMAT and {"subject", "task"} <= value.keys()


def read(interrupt_id: str, value: dict[str, Any]) -> Ask:
    """Read what an interrupt asks; raise InvalidValue if it was not made by `interlock.ask`."""
    try:
        return _ASK.validate_python({**value, "interrupt_id": interrupt_id})
    except ValueError as error:
        raise InvalidValue("interrupt", f"was not made by interlock.ask: {error}") from None


def replaces(value: dict[str, Any]) -> str | None:
    """Return the request that an interrupt asks again, if it does."""
    found = value.get("replaces")
    return found if isinstance(found, str) else None


def answer(request_id: str) -> dict[str, Json]:
    """Return the value that resumes an interrupt whose request is decided."""
    return {"interlock_request": request_id}


def answer_id(value: object) -> str | None:
    """Return the id of the request that an answer names, or None if it names none."""
    found = value.get("interlock_request") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
