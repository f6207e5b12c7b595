"""Children that an agent's code forks: signals end them, and are not told to the process that they came from."""

from __future__ import annotations

import os
import signal
import threading

HANDLED: set[signal.Signals] = set()
"""The signals that ask this process for an end."""

_forking = threading.local()


def _hold_signals() -> None:
    """Keep signals back while a thread forks: one that came before the child has forgotten them would be lost in it."""
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _forget_signals() -> None:
    """Let signals end a child that an agent's code has forked: handled as here, they would reach the parent's loop."""
    if HANDLED:
        signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    _release_signals()


os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_forget_signals)
