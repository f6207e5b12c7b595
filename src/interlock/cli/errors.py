"""Exit codes, and how errors are printed."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from typing import Any

from typer.exceptions import TyperException

from interlock.cli.hints import pasteable
from interlock.errors import InterlockError, ReasonMissing, RecordAltered, StoreUnavailable, WrongDigest
from interlock.service.error_table import Exit, error_shape, meaning_of
from interlock.terminal.screen import Screen

__all__ = ["MEANINGS", "Exit", "code_of", "json_line", "report", "report_usage", "write_json"]

MEANINGS = {
    Exit.ok: "done",
    Exit.internal: "internal error: a defect of Interlock",
    Exit.usage: "bad input: options, configuration, an agent, a value",
    Exit.refused: "refused: forbidden, closed, too late, something else was shown",
    Exit.not_found: "not found",
    Exit.conflict: "conflict: somebody else was faster",
    Exit.store: "the database, or the server",
    Exit.waiting: "the run waits: left at the prompt, or detached",
    Exit.ended_badly: "the run failed, was cancelled, or needs attention; or doctor found something",
    Exit.interrupted: "interrupted",
}
"""What the exit codes mean, for `--help`."""

NEXT: dict[type[InterlockError], str] = {
    WrongDigest: "See what stands there now: interlock requests show {request_id}",
    ReasonMissing: 'Give it with -m "…".',
    RecordAltered: "Nothing is decided or executed by what was altered. See what else is: interlock doctor --fold",
    StoreUnavailable: "See what is wrong: interlock doctor",
}
"""The next step, where the error's own sentence does not name it."""


def code_of(error: BaseException) -> Exit:
    """Return the exit code for an error."""
    return Exit.interrupted if isinstance(error, KeyboardInterrupt) else meaning_of(type(error)).exit


def report(error: BaseException, *, as_json: bool, prefix: str = "interlock") -> Exit:
    """Tell an error to whoever ran the command: never as a traceback, unless INTERLOCK_DEBUG asks for one."""
    if os.environ.get("INTERLOCK_DEBUG"):
        traceback.print_exception(error)
    with contextlib.suppress(OSError, ValueError):  # nobody reads: the exit code says it all the same
        _tell(error, as_json=as_json, prefix=prefix)
    return code_of(error)


def _tell(error: BaseException, *, as_json: bool, prefix: str) -> None:
    code, message, details = _told(error)
    if as_json:
        write_json({"error": error_shape(code, message, details)})
        return
    screen = Screen.on(sys.stderr)
    screen.say(pasteable(message, prefix), "bad")
    hint = _next_step(error)
    if hint:
        screen.say(pasteable(hint, prefix))


def report_usage(error: TyperException, *, as_json: bool) -> Exit:
    """Tell whoever ran the command what is wrong with the command line."""
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    if as_json:
        command = context.command_path if context else "interlock"
        write_json({"error": error_shape("usage", message.rstrip("."), {"command": command})})
        return Exit.usage
    if not message or type(error).__name__ == "NoArgsIsHelpError":  # the help has been shown, or is the message
        sys.stderr.write(message and f"{message}\n")
        return Exit.usage
    screen = Screen.on(sys.stderr)
    screen.say(message, "bad")
    if context is not None:
        screen.say(context.get_usage())
        screen.say(f"More: {context.command_path} --help")
    return Exit.usage


def json_line(document: object) -> str:
    """Return a JSON document in one line of ASCII."""
    return json.dumps(document, default=str) + "\n"


def write_json(document: object) -> None:
    """Write a JSON document in one line of ASCII."""
    sys.stdout.write(json_line(document))
    sys.stdout.flush()


def _told(error: BaseException) -> tuple[str, str, dict[str, object]]:
    if isinstance(error, InterlockError):
        return error.code, error.message, error.details
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "Interrupted.", {}
    message = (
        f"Internal error: {type(error).__name__}: {error}. This is a defect of Interlock; "
        "INTERLOCK_DEBUG=1 shows where it is."
    )
    return "internal", message, {"type": type(error).__name__}


def _next_step(error: BaseException) -> str:
    if not isinstance(error, InterlockError):
        return ""
    hint = next((NEXT[kind] for kind in type(error).__mro__ if kind in NEXT), "")
    try:
        return hint.format(**error.details)
    except KeyError:
        return ""
