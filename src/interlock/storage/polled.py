"""What a program reads that polls the database: a view of requests."""

from __future__ import annotations

_POLLED = """CREATE VIEW approval_requests AS SELECT
    id, coalesce(nullif({described}, ''), action, '') AS plan,
    CASE status WHEN 'open' THEN 'pending' ELSE status END AS status,
    tenant, agent, action, {opened} AS opened_at, {due} AS due_at, reference
FROM requests"""

POLLED = {
    "sqlite": _POLLED.format(
        described="json_extract(CAST(body AS TEXT), '$.ask.description')",
        opened="strftime('%Y-%m-%dT%H:%M:%SZ', opened_at / 1000000, 'unixepoch')",
        due="strftime('%Y-%m-%dT%H:%M:%SZ', due_at / 1000000, 'unixepoch')",
    ),
    "postgresql": _POLLED.format(
        described="convert_from(body, 'UTF8')::json #>> '{ask,description}'",
        opened="to_timestamp(opened_at / 1000000)",
        due="to_timestamp(due_at / 1000000)",
    )
    + """ UNION ALL SELECT '', '', '', '', '', '', now(), now(), '' WHERE false""",
}
"""What a program reads that polls the database: `pending`, and then for ever what it came to. PostgreSQL would write to
the table through a view of one table alone: a union, also with nothing, can only be read."""
