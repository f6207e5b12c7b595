"""Reports: what a writer is asked, what it answers, and the tool that files what people accepted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from interlock import NotDone
from interlock.agents.models import Completion, completion, offline
from interlock.agents.places import place, sync_folder
from interlock.agents.plans import PlanningFailed, fitting, object_of, parse_output

MAX_TITLE = 200
MAX_TEXT = 100_000
MAX_REQUEST = 10_000
MAX_NOTES = 20
MAX_SLUG = 60

_REPORT: Final[dict[str, Any]] = {
    "title": {"type": "string", "pattern": r"^[^\n]*\S[^\n]*$", "maxLength": MAX_TITLE},
    "text": {"type": "string", "pattern": r"\S", "maxLength": MAX_TEXT},
}
_VALIDATOR: Final = jsonschema_rs.validator_for(object_of(_REPORT))
_TASK: Final = """\
You write reports for somebody. A person reviews each draft and may send it back with feedback.
Answer with one JSON object and nothing else, with exactly these keys: {"title": "...", "text": "..."}
"title" is one line. "text" is Markdown without the title. Make no figures up.
"""


def write(request: str, rounds: Sequence[tuple[dict[str, Any], str]]) -> tuple[dict[str, Any], str]:
    """Write a draft; return it, and a line for the reviewer about who wrote it.

    Args:
        request: what is wanted, in somebody's words.
        rounds: the drafts before, each with the feedback on it, the oldest first.

    Raises:
        PlanningFailed: nobody could write it.
    """
    text = " ".join(request[:MAX_REQUEST].split())
    if not text:
        raise PlanningFailed('say what is wanted, for example "Write a report about the third quarter"')
    model = completion()
    if model is None:
        return _by_rules(text, [feedback for _, feedback in rounds]), offline("written")
    return _by_model(model, text, rounds), f"written by {model.name}"


def difference(before: dict[str, Any], after: dict[str, Any], *, names: tuple[str, str]) -> str:
    """Return a unified diff of two drafts; nothing, where they are the same."""
    old, new = (f"{draft['title']}\n\n{draft['text']}".splitlines() for draft in (before, after))
    return "\n".join(unified_diff(old, new, *names, lineterm=""))


def reports_folder() -> str:
    """Return where this process files reports.

    It is `INTERLOCK_REPORTS`, by default `interlock/reports` in the user's data directory. An agent asks for it once,
    before people are asked: in another folder, a report that a crash has left without its record would be filed again.
    """
    return str(place("INTERLOCK_REPORTS", "reports"))


def file_report(draft: dict[str, Any], *, idempotency_key: str, into: str = "") -> dict[str, Any]:
    """Write an accepted report to a file of its own, once for each key. It appears whole or not at all.

    Args:
        into: the folder, as `reports_folder` returned it, perhaps in another process; without it, this one's.

    Raises:
        NotDone: it is no report, or the folder cannot be written.
    """
    _check(draft)
    folder = Path(into or reports_folder())
    slug = re.sub(r"[^a-z0-9]+", "-", draft["title"].lower()).strip("-")[:MAX_SLUG].strip("-") or "report"
    path = folder / f"{slug}-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]}.md"
    staged = folder / f".{path.name}.{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with staged.open("xb") as file:
            file.write(f"# {draft['title']}\n\n{draft['text'].rstrip()}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)  # of one key everybody writes the same, so whoever comes last changes nothing
        sync_folder(path.parent)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise NotDone(
            f"{path} cannot be written: {error.strerror or error}; mend that, or set INTERLOCK_REPORTS for a new run"
        ) from error
    return {"file": str(path)}


def _check(draft: object) -> None:
    error = next(_VALIDATOR.iter_errors(draft), None)
    if error is not None:
        raise NotDone(f"a report has a title and a text, and nothing else: {error.message[:200]}")


# ── by a model ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_model(model: Completion, request: str, rounds: Sequence[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    asked: dict[str, Any] = {"request": request}
    if rounds:
        asked["rounds"] = [{"draft": draft, "feedback": feedback} for draft, feedback in rounds]
    again = "Revise the last draft: follow its feedback, keep what nobody objected to.\n" if rounds else ""
    prompt = f"{_TASK}{again}\n{json.dumps(asked, ensure_ascii=False, indent=1)}\n"
    return model.read(prompt, lambda output: fitting(parse_output(output), _VALIDATOR))


# ── by rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ORDER: Final = re.compile(
    r"^(?:please\s+)?(?:(?:write|draft|prepare|make|compose)\s+)?(?:me\s+)?(?:an?\s+|the\s+)?(?:\w+\s+)?report"
    r"(?:\s+(?:about|on|of|regarding|for)\s+)?",
    re.IGNORECASE,
)
_FIGURE: Final = re.compile(r"([^\W\d][\w ]{0,40}?)\s*[:=]?\s+([+-]?[0-9](?:[0-9,.]{0,20}[0-9])?\s?%?)(?=\s|,|;|$)")


def _by_rules(request: str, notes: Sequence[str]) -> dict[str, Any]:
    """Follow `title: X`, `shorter`, `add data`, `data: sales 120, costs 80`, `mention X`; note anything else."""
    topic = _ORDER.sub("", request, count=1).strip(" .!?\"'") or "the request"
    title = f"Report on {topic}"[:MAX_TITLE]
    sections = {
        "Summary": f"This report is about {topic}.",
        "Background": f"It was asked for in these words: {request}",
    }
    for note in (part.strip() for text in notes for part in re.split(r"[;\n]", text)[:MAX_NOTES]):
        retitled = re.match(r"(?:the\s+)?title(?:\s+should\s+be|\s+to|\s*[:=])\s*(.+)", note, re.IGNORECASE)
        if retitled:
            title = retitled[1][:MAX_TITLE]
        elif note:
            _follow(sections, note)
    text = "\n\n".join(f"## {name}\n\n{body}" for name, body in sections.items())
    return {"title": title, "text": text[:MAX_TEXT]}


def _follow(sections: dict[str, str], note: str) -> None:
    mention = re.match(r"(?:please\s+)?(?:also\s+)?(?:mention|include|say)\s+(?:that\s+)?(.+)", note, re.IGNORECASE)
    if re.search(r"\b(?:shorter|shorten|briefer|too long)\b", note, re.IGNORECASE):
        sections.pop("Background", None)
    elif re.search(r"\b(?:data|figures|numbers)\b", note, re.IGNORECASE):
        figures = _FIGURE.findall(note.partition(":")[2])
        rows = "".join(f"\n| {name.strip()} | {value} |" for name, value in figures)
        none = "No figures were given. Feedback such as `data: sales 120, costs 80` puts them here."
        sections["Data"] = f"| what | figure |\n|---|---|{rows}" if rows else none
    elif mention:
        _add(sections, "Points", mention[1])
    else:
        _add(sections, "Noted", note)


def _add(sections: dict[str, str], name: str, point: str) -> None:
    sections[name] = f"{sections[name]}\n- {point}" if name in sections else f"- {point}"
