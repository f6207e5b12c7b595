"""What an error says, as text that the log can carry."""

from __future__ import annotations

from interlock.runtime.state.models import is_small

__all__ = ["MAX_REASON", "describe", "said"]

MAX_REASON = 2_000


def describe(error: BaseException) -> str:
    """Return an error's type and what it says, if it says anything."""
    says = said(error)
    return f"{type(error).__name__}: {says}" if says else type(error).__name__


def said(error: BaseException) -> str:
    """Return what an error says, as text that the log can carry: bounded, and without lone surrogates."""
    try:
        if is_small(error.args):
            text = str(error)
        else:
            texts = [one for one in error.args[:MAX_REASON] if isinstance(one, str)]
            text = " ".join(texts) or "(what it holds is too large to be said)"
    except BaseException:  # noqa: BLE001 - an error whose own code fails
        text = "(it cannot say what it is)"
    return text[:MAX_REASON].encode(errors="backslashreplace").decode()
