"""When the next thing comes due, apart from the deadline; and what policies count over."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("status = 'open'")
PAGE = 500
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

requests = sa.table(
    "requests",
    sa.column("tenant", sa.Text),
    sa.column("id", sa.Text),
    sa.column("action", sa.Text),
    sa.column("body", sa.LargeBinary),
)


def upgrade() -> None:
    """Add the columns, fill them from what is there, and let the index of what is due follow."""
    op.add_column("requests", sa.Column("wake_at", sa.BigInteger))
    op.add_column("requests", sa.Column("action", TEXT))
    op.execute("UPDATE requests SET wake_at = due_at WHERE status = 'open'")
    _name_actions()
    op.drop_index("requests_due", "requests")
    op.create_index(
        "requests_due", "requests", ["wake_at", "tenant", "id"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    )
    op.create_index("requests_recent", "requests", ["tenant", "agent", "action", "opened_at", "id"])
    op.create_table(
        "windows",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "agent", "action", name="windows_key"),
    )


def _name_actions() -> None:
    """Write down what each request that asks for an action is called, so that windows reach back behind this change."""
    connection, after = op.get_bind(), ("", "")
    key = sa.tuple_(requests.c.tenant, requests.c.id)
    page = sa.select(requests.c.tenant, requests.c.id, requests.c.body).order_by(requests.c.tenant, requests.c.id)
    while rows := connection.execute(page.where(key > sa.tuple_(*after)).limit(PAGE)).all():
        for tenant, request_id, body in rows:
            asked = json.loads(bytes(body))["ask"]["subject"]
            if asked["kind"] == "approval":
                this = (requests.c.tenant == tenant) & (requests.c.id == request_id)
                connection.execute(sa.update(requests).where(this).values(action=asked["name"]))
        after = (rows[-1][0], rows[-1][1])
