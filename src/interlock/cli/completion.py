"""`interlock completion`: how a shell completes commands, options, ids and names."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable

import typer
from typer._click.shell_completion import _resolve_context, _resolve_incomplete
from typer.main import get_command

from interlock.cli.app import Root, group
from interlock.cli.app import app as commands

SECONDS = 3.0  # who has pressed the tab key is not kept waiting longer, whatever the database does
BASH = """\
_interlock() {
    local IFS=$'\\n'
    COMPREPLY=($("${1/#\\~/$HOME}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _interlock interlock
"""

ZSH = """\
#compdef interlock
_interlock() {
    local -a found
    found=("${(@f)$(${~words[1]} completion words --explained : -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n $found[1] ]]; then _describe -V interlock found; else _files; fi
}
compdef _interlock interlock
"""

FISH = """\
function __interlock_words
    set -l line (commandline -opc)
    set -l found ($line[1] completion words --explained \\t -- $line[2..] (commandline -ct) 2>/dev/null)
    if count $found >/dev/null
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command interlock --no-files --keep-order --arguments '(__interlock_words)'
"""

app = group("Complete commands, ids and names in your shell.")


@app.command()
def bash() -> None:
    """For ~/.bashrc: eval "$(interlock completion bash)"."""
    sys.stdout.write(BASH)


@app.command()
def zsh() -> None:
    """For ~/.zshrc, after compinit: eval "$(interlock completion zsh)"."""
    sys.stdout.write(ZSH)


@app.command()
def fish() -> None:
    """For ~/.config/fish/config.fish: interlock completion fish | source."""
    sys.stdout.write(FISH)


@app.command(hidden=True)
def words(
    line: list[str] = typer.Argument([""], metavar="WORDS", help="The words after `interlock`, up to the cursor."),
    explained: str | None = typer.Option(None, "--explained", help="Say what each is, after this sign."),
) -> None:
    """Write what the last word may become, one a line: for the functions that the other commands write.

    Errors are nobody's: where nothing can be found out, nothing is written.
    """
    ends = threading.Timer(SECONDS, os._exit, [0])
    ends.daemon = True
    ends.start()
    with contextlib.suppress(Exception, SystemExit):
        sys.stdout.write("".join(f"{one}\n" for one in completed(line, explained)))
    ends.cancel()


def completed(line: list[str], sign: str | None = None) -> Iterable[str]:
    """Return what the last word of a line may become; with a sign, also what each is, behind that."""
    *before, last = line
    # As the commands' own library completes; what it has for shells writes texts of agents into scripts.
    context = _resolve_context(get_command(commands), {"obj": Root()}, "interlock", before)
    found, last = _resolve_incomplete(context, before, last)
    for item in found.shell_complete(context, last):
        if item.type == "plain":
            value = item.value.replace(":", "\\:") if sign == ":" else item.value
            yield f"{value}{sign}{item.help}" if sign and item.help else value
