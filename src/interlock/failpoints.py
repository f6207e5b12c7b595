"""Named places where a test may stop, fail or kill the process. Free when off.

`INTERLOCK_FAILPOINTS="effect.called=kill"` makes the process kill itself (SIGKILL) when it first passes that place;
`effect.called=kill:3` at the third time; `=stop` sends SIGSTOP; `=raise` raises `FailpointError`. Several are separated
by commas. The names stand in `NAMES`, in the order of the circle.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter

from interlock.errors import InvalidConfig

NAMES = (
    "run.started",  # the run is committed, nothing advances it yet
    "advance.began",  # the lease is committed, the agent has not run
    "step.kept",  # the state after a step is committed, the next step has not begun
    "agent.returned",  # the agent has run, nothing of it is committed
    "store.before_commit",  # a transaction is complete but not committed
    "store.after_commit",  # a transaction is committed but not acknowledged
    "advance.committed",  # the advance is committed, its process knows it
    "vote.committed",  # the vote is committed, nobody is told
    "effect.claimed",  # the claim is committed, the tool is not called
    "effect.called",  # the tool has acted, its result is not recorded
    "effect.recorded",  # the result is recorded, the advance is not committed
    "channel.told",  # people are told, the channel's cursor has not moved
    "delivery.sent",  # a message was taken, its row does not say so yet
)


class FailpointError(RuntimeError):
    """Raised where a test asked for it."""


_ACTION = re.compile(r"(kill|stop|raise)(?::([1-9][0-9]{0,8}))?")
_active: dict[str, tuple[str, int]] = {}
_passed: Counter[str] = Counter()


def configure(setting: str) -> None:
    """Switch failpoints on, as in `INTERLOCK_FAILPOINTS`; an empty string switches all off.

    Raises:
        InvalidConfig: for a name or an action that does not exist.
    """
    _active.clear()
    _passed.clear()
    for part in filter(None, setting.split(",")):
        name, _, action = part.partition("=")
        if name not in NAMES or not (asked := _ACTION.fullmatch(action)):
            raise InvalidConfig(
                f"INTERLOCK_FAILPOINTS: {part!r} is not NAME=kill|stop|raise[:N]; names: {', '.join(NAMES)}"
            )
        _active[name] = (asked[1], int(asked[2] or 1))


def failpoint(name: str) -> None:
    """Do here what a test asked for; nothing, if none did."""
    if name not in _active:
        return
    verb, nth = _active[name]
    _passed[name] += 1
    if _passed[name] != nth:
        return
    if verb == "raise":
        raise FailpointError(name)
    os.kill(os.getpid(), signal.SIGKILL if verb == "kill" else signal.SIGSTOP)


configure(os.environ.get("INTERLOCK_FAILPOINTS", ""))
