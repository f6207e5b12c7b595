"""The address of a table: `dynamodb://TABLE?region=…&endpoint=…&bucket=…`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from interlock.errors import InvalidConfig

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}", re.ASCII)
_KNOWN = frozenset(("region", "endpoint", "bucket"))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a table is.

    Args:
        region: of AWS; by AWS's usual chain, if none is given.
        endpoint: the address of something that stands in for AWS.
        bucket: of S3, for values that are too large for an item; without it they are in the table, in parts.
    """

    table: str
    region: str | None = None
    endpoint: str | None = None
    bucket: str | None = None

    @classmethod
    def of(cls, url: str) -> Address:
        """Read an address; InvalidConfig if it is none."""
        form = "Write dynamodb://TABLE, perhaps with ?region=REGION&bucket=BUCKET&endpoint=URL."
        parts = urlsplit(url)
        given = parse_qs(parts.query, keep_blank_values=True)
        if not _TABLE.fullmatch(parts.netloc) or parts.path not in {"", "/"} or parts.fragment:
            raise InvalidConfig(f"{url} names no table of DynamoDB. {form}")
        for name, values in given.items():
            if name not in _KNOWN or len(values) > 1 or not values[0]:
                raise InvalidConfig(f"{url} gives {name!r}, which is not known, or is given twice, or empty. {form}")
        return cls(parts.netloc, **{name: values[0] for name, values in given.items()})
