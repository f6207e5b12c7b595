"""What may become of the decisions on an agent's requests beside what they were made for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consent:
    """What is allowed for one agent. Nothing is, unless its configuration says so.

    Args:
        export: its decisions may leave as training data.
        recall: its decisions may be shown to it, or to another agent, as examples.
        redact: the fields that never leave: names of fields at any depth, or JSON Pointers (RFC 6901).
    """

    export: bool = False
    recall: bool = False
    redact: tuple[str, ...] = ()


NO_CONSENT = Consent()
