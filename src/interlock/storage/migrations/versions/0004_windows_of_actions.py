"""Windows count an action whoever asks for it: one counter for each action, and an index without the agent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make one counter of those that an action's agents had, never below any of them.

    A process of an older version that has counted by agent cannot commit: it fails for want of the column `agent`.
    """
    counters = op.get_bind().execute(
        sa.text("SELECT tenant, action, max(version) AS version FROM windows GROUP BY tenant, action")
    )
    highest = [dict(row) for row in counters.mappings()]
    op.drop_table("windows")
    windows = op.create_table(
        "windows",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "action", name="windows_key"),
    )
    op.bulk_insert(windows, highest)
    op.drop_index("requests_recent", "requests")
    op.create_index("requests_recent", "requests", ["tenant", "action", "opened_at", "id"])
