"""Find foreign triggers, rules and row policies that may alter our reads or writes.

Each query returns what was added, to which table, and the statement that takes it away.
"""

from __future__ import annotations

from interlock.storage.schema import VERSION_TABLE, metadata, ordered

__all__ = ["POSTGRES_ADDITIONS", "SQLITE_ADDITIONS"]


def _listed(*names: str) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


_TABLES = _listed(*{*metadata.tables, *ordered.tables, VERSION_TABLE})

SQLITE_ADDITIONS = f"""
SELECT 'trigger ' || name, tbl_name, 'DROP TRIGGER "' || replace(name, '"', '""') || '"' FROM sqlite_master
WHERE type = 'trigger' AND lower(tbl_name) IN ({_TABLES}) AND NOT (lower(tbl_name) = 'log' AND name IN (
  'log_refuses_update', 'log_refuses_delete', 'log_refuses_replace'))
"""  # noqa: S608 - names of ours
"""Triggers, but for those that refuse to change the log. Each names its table as whoever made it spelt that."""

POSTGRES_ADDITIONS = f"""
WITH ours AS (
  SELECT oid, CAST(relname AS text) AS name, relrowsecurity OR relforcerowsecurity AS secured FROM pg_class
  WHERE relname IN ({_TABLES})
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST('log' AS regclass))
)
SELECT 'trigger ' || tgname, name, format('DROP TRIGGER %I ON %I', tgname, name) FROM pg_trigger, ours
WHERE tgrelid = ours.oid AND NOT tgisinternal AND NOT (name = 'log' AND tgname = 'log_refuses_change')
UNION ALL
SELECT 'rule ' || rulename, name, format('DROP RULE %I ON %I', rulename, name) FROM pg_rewrite, ours
WHERE ev_class = ours.oid AND rulename <> '_RETURN'
UNION ALL
SELECT 'row-level policy ' || polname, name, format('DROP POLICY %I ON %I', polname, name) FROM pg_policy, ours
WHERE polrelid = ours.oid
UNION ALL
SELECT 'row-level security', name,
  format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', name) FROM ours WHERE secured
"""  # noqa: S608 - names of ours
"""Triggers, rules, and row-level security with its policies."""
