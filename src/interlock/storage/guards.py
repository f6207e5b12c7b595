"""The triggers that refuse to change the log, on SQLite and on PostgreSQL."""

SQLITE_GUARDS = {
    f"log_refuses_{verb.lower()}": f"CREATE TRIGGER log_refuses_{verb.lower()} BEFORE {verb} ON log "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    for verb in ("UPDATE", "DELETE")
} | {
    "log_refuses_replace": "CREATE TRIGGER log_refuses_replace BEFORE INSERT ON log WHEN EXISTS ("
    "SELECT 1 FROM log WHERE position = NEW.position "
    "UNION ALL SELECT 1 FROM log WHERE tenant = NEW.tenant AND stream = NEW.stream AND seq = NEW.seq) "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
}
"""The triggers that refuse to change SQLite's log, as migrations make them."""

POSTGRES_GUARD = "A 58 BEGIN RAISE EXCEPTION 'the log is append-only'; END"
"""The same on PostgreSQL: always on (A), before UPDATE, DELETE and TRUNCATE (58 of pg_trigger.tgtype), whatever
the statement is (a condition and columns would be named between), its function."""

POSTGRES_GUARD_MADE = (
    """CREATE OR REPLACE FUNCTION log_refuses_change() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'the log is append-only'; END$$""",
    "DROP TRIGGER IF EXISTS log_refuses_change ON log",
    """CREATE TRIGGER log_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION log_refuses_change()""",
    "ALTER TABLE log ENABLE ALWAYS TRIGGER log_refuses_change",
)
"""How it is made anew."""
