"""What was approved of one agent and one action last, found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    columns, approved = ["tenant", "agent", "action", "decided_at", "id"], sa.text("status = 'approved'")
    op.create_index("requests_approved", "requests", columns, sqlite_where=approved, postgresql_where=approved)
