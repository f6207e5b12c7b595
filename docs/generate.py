"""Write what is drawn from the code: the diagrams, and what there is of Python, configuration, API and commands.

python docs/generate.py            # writes the pages; a test says when they are older than the code
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import interlock
from api_page import api
from cli_page import commands
from configuration_page import configuration
from interlock.domain.lifecycle import TRANSITIONS
from interlock.domain.run import ENDED
from interlock.domain.run_lifecycle import RUN_TRANSITIONS
from interlock.errors import InterlockError
from interlock.service.error_table import meaning_of
from interlock.service.ways import WAYS
from socket_page import socket

HERE = Path(__file__).parent
WIDTH = 100
QUOTES = "'\""
WAYS_SAID = """The log names it as `via` (`WAYS` in `service/ways.py`). What comes by a WebSocket, or from a terminal at
a server, comes through the API. A program of yours names its own way; who plays somebody else at a demo's database
comes as `terminal as PERSON by WHO`."""
SECTIONS = re.compile(r"^(Args|Attributes|Raises|Returns):$", re.MULTILINE)


def main() -> None:
    """Write the pages."""
    for name in pages():
        (HERE / name).write_text(page(name))


def pages() -> dict[str, Callable[[], Iterator[str]]]:
    """Return what draws each page, by its name."""
    return {
        "tables.md": tables,
        "reference.md": reference,
        "reference-configuration.md": configuration,
        "reference-api.md": api,
        "reference-socket.md": socket,
        "reference-cli.md": commands,
    }


def page(name: str) -> str:
    """Return the text of a page."""
    return "\n".join(pages()[name]()) + "\n"


# ── the tables ──


def tables() -> Iterator[str]:
    yield "# The tables, drawn"
    yield ""
    yield "Drawn from `TRANSITIONS` (`domain/lifecycle.py`) and `RUN_TRANSITIONS` (`domain/run_lifecycle.py`) by"
    yield "`python docs/generate.py`. What has no arrow cannot happen."
    yield from ("", "## A request: its outcome", "")
    outcome = {(one[0], event): other[0] for (*one, event), other in TRANSITIONS.items() if one[0] == "open"}
    yield from diagram(outcome, begin="open", ends={after for after in outcome.values() if after != "open"})
    yield from ("", "## The effect of an approved request", "")
    effect = {(one[1], event): other[1] for (*one, event), other in TRANSITIONS.items() if one[0] == "approved"}
    yield from diagram(effect, begin="none", ends={"executed", "failed", "lapsed"})
    yield from ("", "## A run", "")
    yield from diagram(RUN_TRANSITIONS, begin="queued", ends=ENDED)
    yield from ("", "## By what way an entry came", "", WAYS_SAID, "", "| `via` | in words |", "|---|---|")
    yield from (f"| `{via}` | {words} |" for via, words in WAYS.items())


def diagram(table: Mapping[tuple[Any, str], Any], *, begin: str, ends: Any) -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2", f"  [*] --> {begin}")
    for (before, event), after in table.items():
        yield f"  {before} --> {after}: {event}"
    yield from (f"  {end} --> [*]" for end in sorted(map(str, ends)))
    yield "```"


# ── the public API ──


def reference() -> Iterator[str]:
    yield "# The public API"
    yield ""
    yield "What `import interlock` offers, from its docstrings, by `python docs/generate.py`."
    for name in interlock.__all__:
        yield from ("", f"## `{name}`", "")
        yield from described(name, getattr(interlock, name))
    yield from ("", "## Error codes", "", "| code | error | what it says | exit | HTTP |", "|---|---|---|---|---|")
    for error in sorted(errors(InterlockError), key=lambda it: it.code):
        means = meaning_of(error)
        row = (f"`{error.code}`", f"`{error.__name__}`", first_line(error), f"{means.exit:d}", f"{means.status:d}")
        yield f"| {' | '.join(row)} |"


def errors(kind: type[InterlockError]) -> Iterator[type[InterlockError]]:
    yield kind
    for under in kind.__subclasses__():
        if under.__module__ == kind.__module__:
            yield from errors(under)


def described(name: str, thing: Any) -> Iterator[str]:
    if not (inspect.isclass(thing) and issubclass(thing, enum.Enum | BaseException)):
        yield from ("```text", signature(name, thing), "```", "")
    yield prose(inspect.getdoc(thing) or "")
    if inspect.isclass(thing) and issubclass(thing, enum.Enum):
        yield from ("", ", ".join(f"`{member.value}`" for member in thing))
    elif inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and (isinstance(value, property) or inspect.isfunction(value)):
                yield from ("", f"### `{name}.{member}`", "")
                if inspect.isfunction(value):
                    yield from ("```text", signature(member, value), "```", "")
                yield prose(inspect.getdoc(value) or "")


def signature(name: str, thing: Any) -> str:
    """Return how a thing is called, one parameter a line where it is long."""
    kept: list[str] = []
    for one in inspect.signature(thing).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in kept:
            kept.append("*")
        if one.name not in {"self", "kind"}:
            kept.append(parameter(one))
    whole = f"{name}({', '.join(kept)})"
    return whole if len(whole) <= WIDTH else f"{name}(\n" + "".join(f"  {one},\n" for one in kept) + ")"


def parameter(one: inspect.Parameter) -> str:
    annotation = "" if one.annotation is one.empty else f": {str(one.annotation).strip(QUOTES)}"
    default = "" if one.default is one.empty else f" = {repr(one.default).replace('<factory>', '{}')}"
    return f"{one.name}{annotation}{default}"


def prose(doc: str) -> str:
    """Return a docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    for line in doc.splitlines():
        if SECTIONS.match(line):
            lines.append(f"**{line.removesuffix(':')}**\n")
        elif re.match(r"    \*?\w+: ", line):
            key, _, rest = line.strip().partition(": ")
            lines.append(f"- `{key}`: {rest}")
        elif line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(textwrap.dedent(line))
    return "\n".join(lines).strip()


def first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


if __name__ == "__main__":
    main()
