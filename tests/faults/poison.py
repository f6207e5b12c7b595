"""An agent whose import does harm where POISON is set. KIND stands for what it does; a test replaces it."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

KIND = "none"


class Escaping(BaseException):
    """What no `except Exception` catches."""


def escape() -> None:
    raise Escaping("out")


def fail() -> None:
    raise RuntimeError("no such key")


def interrupt() -> None:
    raise KeyboardInterrupt


def crash() -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


HARMS: dict[str, Callable[[], object]] = {
    "hangs": lambda: time.sleep(100_000),
    "hangs with the lock of the interpreter": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
    "dies": lambda: os._exit(7),
    "crashes": crash,
    "exits": lambda: sys.exit(3),
    "interrupts": interrupt,
    "escapes": escape,
    "raises": fail,
    "kills its parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "forks and exits": lambda: os.fork() and os._exit(9),
}

if os.environ.get("POISON"):
    HARMS[KIND]()


class State(TypedDict, total=False):
    input: Any


agent = StateGraph(State).add_node("node", lambda state: {}).add_edge(START, "node").add_edge("node", END)
