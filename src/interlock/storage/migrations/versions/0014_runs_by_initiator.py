"""Who has started a run: a column to find runs by, and indexes by it, by agent and by thread."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SIZE = 500


def upgrade() -> None:
    """Add the column, and fill it from what runs hold; make the indexes."""
    op.add_column("runs", sa.Column("initiator", TEXT))
    if op.get_bind().execute(sa.text("SELECT 1 FROM runs LIMIT 1")).first():
        _fill(op.get_bind())
    for name in ("agent", "initiator"):
        op.create_index(f"runs_of_{name}", "runs", ["tenant", name, "started_at", "id"])
    threaded, columns = sa.text("thread IS NOT NULL"), ["tenant", "thread", "started_at", "id"]
    op.create_index("runs_of_thread_by_age", "runs", columns, sqlite_where=threaded, postgresql_where=threaded)


def _fill(bind: sa.Connection) -> None:
    runs = sa.table("runs", sa.column("tenant"), sa.column("id"), sa.column("body"), sa.column("initiator"))
    key = sa.tuple_(runs.c.tenant, runs.c.id)
    page = sa.select(runs.c.tenant, runs.c.id, runs.c.body).order_by(runs.c.tenant, runs.c.id)
    update = sa.update(runs).where(runs.c.tenant == sa.bindparam("of"), runs.c.id == sa.bindparam("run"))
    after = ("", "")
    while rows := bind.execute(page.where(key > sa.tuple_(*map(sa.literal, after))).limit(SIZE)).fetchall():
        after = (rows[-1].tenant, rows[-1].id)
        for row in rows:
            values = {"initiator": _initiator_of(row.body)}
            bind.execute(update.values(values), {"of": row.tenant, "run": row.id})


def _initiator_of(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["initiator"])
    except (ValueError, KeyError, TypeError):  # an audit finds what cannot be read
        return None
