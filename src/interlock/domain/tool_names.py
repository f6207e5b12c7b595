"""What a tool is called, where its module was made of a file."""

from __future__ import annotations

import re

__all__ = ["FILE_MODULE", "tool_shown"]

FILE_MODULE = "interlock_agent_"
"""How the name of a module begins that is made of a file; a digest of its path follows."""

_OF_FILE = re.compile(rf"^{FILE_MODULE}[0-9a-f]+:")


def tool_shown(tool: str) -> str:
    """Return a tool's name for people: without its module, if that was made of a file and has no name of its own."""
    return _OF_FILE.sub("", tool)
