"""The first tables: log, requests, runs, states, jobs, policies, notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = "'open', 'approved', 'rejected', 'answered', 'revised', 'expired', 'withdrawn'"
EFFECTS = "'none', 'claimed', 'executed', 'failed', 'unknown', 'lapsed'"
RUN_STATUSES = "'queued', 'running', 'paused', 'needs_attention', 'done', 'failed', 'cancelled'"
IS_OPEN = sa.text("status = 'open'")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
XACT = "(pg_current_xact_id()::text)::bigint"


def upgrade() -> None:
    """Make the tables."""
    if op.get_bind().dialect.name == "postgresql":
        _ordered_log()
    else:
        _log()
    _requests()
    _runs()
    op.create_table(
        "states",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "run_id", name="states_key"),
    )
    _jobs()
    op.create_table(
        "policies",
        sa.Column("hash", TEXT, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", TEXT, nullable=False),
        sa.UniqueConstraint("tenant", "stream", "seq", name="log_stream"),
        sqlite_autoincrement=True,
    )
    op.create_index("log_feed", "log", ["tenant", "position"])
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_refuses_{verb.lower()} BEFORE {verb} ON log "
            "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        )
    # INSERT OR REPLACE deletes without asking the trigger above.
    op.execute(
        "CREATE TRIGGER log_refuses_replace BEFORE INSERT ON log WHEN EXISTS ("
        "SELECT 1 FROM log WHERE position = NEW.position "
        "UNION ALL SELECT 1 FROM log WHERE tenant = NEW.tenant AND stream = NEW.stream AND seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    )


def _ordered_log() -> None:
    op.create_table(
        "log",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("xact", sa.BigInteger, nullable=False, server_default=sa.text(XACT)),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", TEXT, nullable=False),
        sa.UniqueConstraint("tenant", "stream", "seq", name="log_stream"),
    )
    op.create_index("log_feed", "log", ["tenant", "epoch", "xact", "position"])
    op.create_table(
        "epochs",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("origin", TEXT, nullable=False, unique=True),
    )
    op.execute(
        "CREATE FUNCTION log_refuses_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the log is append-only'; END$$"
    )
    # For statements, so that even one that meets no row is refused; always, whatever a session says of replication.
    op.execute(
        "CREATE TRIGGER log_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_refuses_change()"
    )
    op.execute("ALTER TABLE log ENABLE ALWAYS TRIGGER log_refuses_change")


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("effect", TEXT, nullable=False),
        sa.Column("interrupt_id", TEXT, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="requests_key"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="status_is_known"),
        sa.CheckConstraint(f"effect IN ({EFFECTS})", name="effect_is_known"),
        sa.CheckConstraint("effect = 'none' OR status = 'approved'", name="effect_is_approved"),
        sa.CheckConstraint("version > 0", name="version_is_positive"),
    )
    op.create_index("requests_of_run", "requests", ["tenant", "run_id", "interrupt_id"])
    op.create_index("requests_by_age", "requests", ["tenant", "opened_at", "id"])
    op.create_index(
        "requests_inbox", "requests", ["tenant", "due_at", "id"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    )
    op.create_index(
        "requests_due", "requests", ["due_at", "tenant", "id"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("lease_owner", TEXT),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="runs_key"),
        sa.CheckConstraint(f"status IN ({RUN_STATUSES})", name="status_is_known"),
        sa.CheckConstraint("version > 0", name="version_is_positive"),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
    )
    op.create_index("runs_by_age", "runs", ["tenant", "started_at", "id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.Integer, nullable=False),
        sa.Column("owner", TEXT),
        sa.PrimaryKeyConstraint("tenant", "kind", "subject", name="jobs_key"),
    )
    op.create_index("jobs_due", "jobs", ["due_at", "tenant", "kind", "subject"])
