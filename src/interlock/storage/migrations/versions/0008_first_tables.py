"""All tables. It has the number of the last of the eight steps that it stands for; the others were never released."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from interlock.storage.guards import POSTGRES_GUARD_MADE, SQLITE_GUARDS

revision = "0008"
down_revision = None

STATUSES = "'open', 'approved', 'rejected', 'answered', 'revised', 'expired', 'withdrawn'"
EFFECTS = "'none', 'claimed', 'executed', 'failed', 'unknown', 'lapsed'"
RUN_STATUSES = "'queued', 'running', 'paused', 'needs_attention', 'done', 'failed', 'cancelled'"
IS_OPEN = sa.text("status = 'open'")
OF_OPEN: dict[str, Any] = {"sqlite_where": IS_OPEN, "postgresql_where": IS_OPEN}
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER, BIG, BYTES = sa.Integer(), sa.BigInteger(), sa.LargeBinary()


def upgrade() -> None:
    """Make the tables."""
    if op.get_bind().dialect.name == "postgresql":
        _ordered_log()
    else:
        _log()
    _requests()
    _runs()
    _table("threads", ("tenant", "name"), *_all(NUMBER, "version"))
    _table("windows", ("tenant", "action"), *_all(NUMBER, "version"))
    of_state = sa.PrimaryKeyConstraint("tenant", "run_id", "digest", name="states_by_digest")
    op.create_table("states", *_all(TEXT, "tenant", "run_id", "digest"), *_all(BYTES, "state"), of_state)
    owner = sa.Column("owner", TEXT)
    _table("jobs", ("tenant", "kind", "subject"), *_all(BIG, "due_at"), *_all(NUMBER, "generation"), owner)
    op.create_index("jobs_due", "jobs", ["due_at", "tenant", "kind", "subject"])
    op.create_index("jobs_of_subject", "jobs", ["subject", "due_at"])
    _table(
        "cursors",
        ("tenant", "channel"),
        *_all(TEXT, "position"),
        sa.Column("upto", TEXT),
        *_all(NUMBER, "version"),
        sa.Column("owner", TEXT),
        sa.Column("lease_until", BIG),
        sa.CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="cursor_lease_is_whole"),
    )
    times = _all(BIG, "place", "number", "created_at", "updated_at")
    _table("store", ("tenant", "namespace", "key"), *_all(BYTES, "value"), *times)
    op.create_index("store_order", "store", ["tenant", "number"])
    op.create_table("policies", sa.Column("hash", TEXT, primary_key=True), *_all(BYTES, "body"))
    op.create_table("notes", sa.Column("key", TEXT, primary_key=True), *_all(sa.Text(), "value"))


def _all(kind: Any, *names: str) -> list[sa.Column[Any]]:
    """Return columns of one type that are never empty."""
    return [sa.Column(name, kind, nullable=False) for name in names]


def _table(name: str, key: tuple[str, ...], *rest: Any) -> None:
    """Make a table whose key are texts."""
    op.create_table(name, *_all(TEXT, *key), *rest, sa.PrimaryKeyConstraint(*key, name=f"{name}_key"))


def _log() -> None:
    op.create_table(
        "log", sa.Column("position", NUMBER, primary_key=True, autoincrement=True), *_entry(), sqlite_autoincrement=True
    )
    op.create_index("log_feed", "log", ["tenant", "position"])
    for trigger in SQLITE_GUARDS.values():
        op.execute(trigger)


def _entry() -> list[Any]:
    unique = sa.UniqueConstraint("tenant", "stream", "seq", name="log_stream")
    return [*_all(TEXT, "tenant", "stream"), *_all(NUMBER, "seq"), *_all(BYTES, "body"), *_all(TEXT, "leaf"), unique]


def _ordered_log() -> None:
    xact = sa.text("(pg_current_xact_id()::text)::bigint")
    op.create_table(
        "log",
        sa.Column("position", BIG, sa.Identity(always=True), primary_key=True),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("xact", BIG, nullable=False, server_default=xact),
        *_entry(),
    )
    op.create_index("log_feed", "log", ["tenant", "epoch", "xact", "position"])
    op.create_table(
        "epochs",
        sa.Column("number", BIG, primary_key=True, autoincrement=False),
        sa.Column("origin", TEXT, nullable=False, unique=True),
    )
    for statement in POSTGRES_GUARD_MADE:
        op.execute(statement)


def _requests() -> None:
    _table(
        "requests",
        ("tenant", "id"),
        *_all(TEXT, "run_id", "agent", "status", "effect", "interrupt_id"),
        *_all(BIG, "opened_at", "due_at"),
        *_all(NUMBER, "version"),
        *_all(BYTES, "body"),
        sa.Column("wake_at", BIG),
        sa.Column("action", TEXT),
        sa.Column("asks", TEXT),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="status_is_known"),
        sa.CheckConstraint(f"effect IN ({EFFECTS})", name="effect_is_known"),
        sa.CheckConstraint("effect = 'none' OR status = 'approved'", name="effect_is_approved"),
        sa.CheckConstraint("version > 0", name="version_is_positive"),
    )
    op.create_index("requests_of_run", "requests", ["tenant", "run_id", "interrupt_id"])
    op.create_index("requests_by_age", "requests", ["tenant", "opened_at", "id"])
    columns = ["tenant", "due_at", "id", "asks", "status"]  # the last one for SQLite, which would look it up
    op.create_index("requests_inbox", "requests", columns, **OF_OPEN)
    op.create_index("requests_of_agent", "requests", ["tenant", "agent", "due_at", "id"], **OF_OPEN)
    op.create_index("requests_due", "requests", ["wake_at", "tenant", "id"], **OF_OPEN)
    op.create_index("requests_recent", "requests", ["tenant", "action", "opened_at", "id"])
    _table("participants", ("tenant", "request_id", "person"), *_all(BIG, "at"))
    op.create_index("participants_of_person", "participants", ["tenant", "person", "at", "request_id"])


def _runs() -> None:
    _table(
        "runs",
        ("tenant", "id"),
        *_all(TEXT, "agent", "status"),
        *_all(BIG, "started_at"),
        *_all(NUMBER, "version"),
        sa.Column("lease_owner", TEXT),
        sa.Column("lease_until", BIG),
        *_all(BYTES, "body"),
        sa.Column("state_digest", TEXT),
        sa.Column("thread", TEXT),
        sa.Column("turn", NUMBER),
        sa.CheckConstraint(f"status IN ({RUN_STATUSES})", name="status_is_known"),
        sa.CheckConstraint("version > 0", name="version_is_positive"),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
    )
    op.create_index("runs_by_age", "runs", ["tenant", "started_at", "id"])
    op.create_index("runs_of_thread", "runs", ["tenant", "thread", "turn"], unique=True)
