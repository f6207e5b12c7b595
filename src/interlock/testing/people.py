"""Principals as tests want them: at a terminal, in the tenant of a local system."""

from __future__ import annotations

from typing import Literal

from interlock.domain.authority import Principal


def principal(
    name: str, kind: Literal["person", "agent", "service"] = "person", tenant: str = "default", via: str = "terminal"
) -> Principal:
    """Return whoever acts in a test, at a terminal unless it is said."""
    return Principal(name, kind, tenant, via)
