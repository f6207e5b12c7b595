"""What can be said at a prompt, in words: the answer to `help`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SKIP = "skip"

AGAIN = "  If this word itself is what you want to give, type it once more."
"""Where any text may be given: a word that asks for help can be an answer as well."""

REASON = "  Say in one line why not."
FEEDBACK = "  Say in one line what should be different. The agent reads it, and comes back with another draft."
COMMENT = "  Say in one line why you decide so. It is kept with your decision."
INSTEAD = "  Say in one line what the agent is to go on with. The action is not done."
NOTHING_YET = "  Nothing is decided yet; Ctrl-C leaves it waiting."

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

EDIT_AGAIN = {"yes": "change it once more, from what you wrote", "no": "leave it as it was; nothing is decided"}

CHANGES = {
    "yes": "approve it with the changes that are shown",
    "no": "drop the changes; nothing is decided",
    "edit": "go on with changing it",
}


def means_if(does: str) -> dict[str, str]:
    """Return what can be said where it is asked whether a decision is meant, which does this."""
    return {"yes": does, "no": "decide nothing: it goes on waiting", "show": MEANS["show"]}


def asks_help(given: str) -> bool:
    """Say whether somebody asks what can be said."""
    return given.casefold().removeprefix("/") in {"help", "?"}


def help_lines(words: Iterable[str], means: Mapping[str, str] = MEANS, *, before: str = "") -> list[str]:
    """Return what each of the words means, one line each, with what is typed before the word."""
    return [f"  {before}{word}: {means[word]}" for word in words if word in means]
