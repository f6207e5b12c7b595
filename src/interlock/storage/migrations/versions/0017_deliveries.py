"""Messages to people and programs."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
STATES = "state IN ('waiting', 'delivered', 'failed', 'dropped')"


def upgrade() -> None:
    """Make the table and its indexes."""
    texts = [sa.Column(name, TEXT, nullable=False) for name in ("tenant", "id", "channel", "state", "request_id")]
    op.create_table(
        "deliveries",
        *texts,
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="deliveries_key"),
        sa.CheckConstraint(STATES, name="state_is_known"),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("deliveries_due", "deliveries", ["channel", "due_at"], sqlite_where=due, postgresql_where=due)
    op.create_index("deliveries_by_age", "deliveries", ["tenant", "made_at", "id"])
    op.create_index("deliveries_of_request", "deliveries", ["tenant", "request_id", "made_at", "id"])
