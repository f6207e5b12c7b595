"""Threads, and states that stay readable: a run's states lie under their digests, its row names the one it is at."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PAGE = 50
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

runs = sa.table(
    "runs",
    sa.column("tenant", sa.Text),
    sa.column("id", sa.Text),
    sa.column("state_digest", sa.Text),
    sa.column("body", sa.LargeBinary),
)
earlier = sa.table(
    "earlier_states",
    sa.column("tenant", sa.Text),
    sa.column("run_id", sa.Text),
    sa.column("state", sa.LargeBinary),
)


def upgrade() -> None:
    """Add threads; file each state under its digest, and write into each run's row which one it is at."""
    op.create_table(
        "threads",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="threads_key"),
    )
    op.add_column("runs", sa.Column("state_digest", TEXT))
    op.add_column("runs", sa.Column("thread", TEXT))
    op.add_column("runs", sa.Column("turn", sa.Integer))
    op.create_index("runs_of_thread", "runs", ["tenant", "thread", "turn"], unique=True)
    op.rename_table("states", "earlier_states")
    states = op.create_table(
        "states",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "run_id", "digest", name="states_by_digest"),
    )
    _file_states(states)
    op.drop_table("earlier_states")
    _name_states()


def _file_states(states: sa.Table) -> None:
    connection, after = op.get_bind(), ("", "")
    key = sa.tuple_(earlier.c.tenant, earlier.c.run_id)
    page = sa.select(earlier).order_by(earlier.c.tenant, earlier.c.run_id)
    while rows := connection.execute(page.where(key > sa.tuple_(*after)).limit(PAGE)).all():
        filed = [
            {"tenant": tenant, "run_id": run_id, "digest": _digest(bytes(state)), "state": bytes(state)}
            for tenant, run_id, state in rows
        ]
        op.bulk_insert(states, filed)
        after = (rows[-1][0], rows[-1][1])


def _digest(state: bytes) -> str:
    return "sha256:" + hashlib.sha256(state).hexdigest()


def _name_states() -> None:
    connection, after = op.get_bind(), ("", "")
    key = sa.tuple_(runs.c.tenant, runs.c.id)
    page = sa.select(runs.c.tenant, runs.c.id, runs.c.body).order_by(runs.c.tenant, runs.c.id)
    while rows := connection.execute(page.where(key > sa.tuple_(*after)).limit(PAGE)).all():
        for tenant, run_id, body in rows:
            digest = json.loads(bytes(body)).get("state_digest")
            if digest is not None:
                this = (runs.c.tenant == tenant) & (runs.c.id == run_id)
                connection.execute(sa.update(runs).where(this).values(state_digest=digest))
        after = (rows[-1][0], rows[-1][1])
