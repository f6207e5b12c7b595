"""Draw docs/reference-cli.md from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from typer.main import get_command

from interlock.cli.app import COMMANDS, app, load
from interlock.cli.errors import MEANINGS
from markdown_table import table

HELP = "--help"
TYPES = {
    "str": "TEXT",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "float range": "NUMBER",
    "path": "FILE",
}
INTRODUCTION = """\
# The commands

What `interlock` can do, drawn from its commands by `python docs/generate.py`. `interlock COMMAND --help` says the same.
`--json` writes for programs what is otherwise written for people; `interlock schema` describes that.
"""


def commands() -> Iterator[str]:
    yield INTRODUCTION.rstrip()
    yield from ("", "## Before the command", "")
    yield from given(get_command(app))
    yield from ("", "## Commands", "")
    yield from table(
        ("command", "what it does"), ((f"[`{name}`](#{anchor(name)})", said) for name, (_, said) in COMMANDS.items())
    )
    for name in COMMANDS:
        yield from drawn(load(name), name, 2)
    yield from ("", "## Exit codes", "")
    yield from table(("code", "meaning"), ((str(code.value), said) for code, said in MEANINGS.items()))


def anchor(name: str) -> str:
    """Return the anchor of a command's heading, as GitHub makes it."""
    return f"interlock-{name.replace(' ', '-')}"


def drawn(command: Any, path: str, depth: int) -> Iterator[str]:
    """Draw a command and those under it."""
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    yield from ("", f"{'#' * depth} `interlock {path}`", "")
    yield " ".join((command.help or "").split())
    if inner:
        for name, one in inner.items():
            yield from drawn(one, f"{path} {name}", depth + 1)
    else:
        yield ""
        yield from given(command)


def given(command: Any) -> Iterator[str]:
    """Draw what is given to a command."""
    context = command.make_context(command.name or "interlock", [], resilient_parsing=True)
    rows = [row(one, context) for one in command.params if HELP not in one.opts and not getattr(one, "hidden", False)]
    if rows:
        yield from table(("given", "default", "what it does"), rows)
    else:
        yield "Nothing is given to it."


def row(one: Any, context: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        return f"`{one.metavar or one.name.upper()}`", "required" if one.required else "", one.help or ""
    names = "/".join([", ".join(one.opts), *one.secondary_opts])
    takes = "" if one.is_flag or one.count else f" {one.metavar or kind(one.display_type(context))}"
    several = " (several times)" if one.multiple else ""
    default = "required" if one.required else written(one)
    return f"`{names}{takes}`{several}", default, one.help or ""


def kind(shown: str) -> str:
    """Say what an option takes: one of some words, or a value of a type."""
    bare = shown.strip("<>").removeprefix("list[").removesuffix("]")
    return TYPES.get(bare, bare)


def written(one: Any) -> str:
    if one.is_flag:
        return f"`{(one.opts if one.default else one.secondary_opts)[-1]}`" if one.secondary_opts else ""
    if one.default in (None, "", (), []):
        return ""
    return f"`{', '.join(map(str, one.default)) if isinstance(one.default, list) else one.default}`"
