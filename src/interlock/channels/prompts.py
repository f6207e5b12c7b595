"""What can be said at a prompt, in words: the answer to `help`."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HELP", "SKIP", "help_lines"]

HELP = "help"
SKIP = "skip"

MEANS = {
    "yes": "approve it: what is shown is done",
    "no": "reject it; you are asked for a reason, which you may leave out",
    "modify": "change it, look at the changes, and approve it so",
    "answer": "give an answer, in place of letting it be done",
    "accept": "accept the draft as it is",
    "revise": "send the draft back, with what should be different",
    "edit": "change it, look at the changes, and accept it so",
    "reject": "reject it; you are asked for a reason, which you may leave out",
    "show": "show everything: nothing folded, and the whole policy",
    "skip": "leave it for later, and go on with what else is asked",
    "quit": "leave everything waiting: it is kept, and goes on from any terminal",
}


def help_lines(words: Iterable[str]) -> list[str]:
    """Return what each of the words means, one line each."""
    return [f"  {word}: {MEANS[word]}" for word in words if word in MEANS]
