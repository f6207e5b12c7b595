"""What the stack may be told, by CDK's context: `-c asset=asset -c origin=https://approvals.example.com`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from constructs import Node


@dataclass(frozen=True)
class Options:
    """What may differ.

    Args:
        asset: the folder, or the zip file, with Interlock, its dependencies, `interlock.yaml` and agents.
        origin: where people reach it; by default the address of its HTTP API.
        python: the version of Python for which the asset was made.
        architecture: that of the asset: x86_64, or arm64.
        memory: MB of a function.
        run_seconds: the longest that an agent takes from one pause to the next.
        sweep_minutes: how often it is looked for what could not be scheduled, or whose message was lost.
        mail: who is told of alarms.
        secrets: variables of `api`, `runs` and `messages`, with the names of secrets of Secrets Manager.
        environment: further variables of all functions.
        keep: whether table and bucket stay where the stack is deleted.
    """

    asset: str = "asset"
    origin: str = ""
    python: str = "3.13"
    architecture: str = "x86_64"
    memory: int = 1024
    run_seconds: int = 900
    sweep_minutes: int = 5
    mail: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    keep: bool = True

    @classmethod
    def of(cls, node: Node) -> Options:
        """Read them from the context, where a command line has only text."""
        given = {one.name: node.try_get_context(one.name) for one in fields(cls)}
        found = {name: _read(name, value) for name, value in given.items() if value is not None}
        if not Path(found.get("asset", cls.asset)).exists():
            raise SystemExit("There is no asset: make one with build.py, and name it with `-c asset=FOLDER`.")
        return cls(**found)


_TEXTS = frozenset(("asset", "origin", "python", "architecture", "mail"))


def _read(name: str, value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and name not in _TEXTS else value
