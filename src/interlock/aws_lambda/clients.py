"""Clients of the services that functions give hints to."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config  # type: ignore[import-untyped]  # it brings no types

SHORT_TIMEOUTS = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
"""How long they are waited for: somebody waits for the answer to a call, and what they are told can get lost."""


@cache
def client(service: str) -> Any:
    """Return the client of a service, made when it is first needed: few calls commit, and it takes time."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415

    return boto3.client(service, config=SHORT_TIMEOUTS)
