"""Lists of what is about the same, or stands in one way, found in their order by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes; that of references takes the place of one without an order."""
    named, opened = sa.text("reference IS NOT NULL"), sa.text("status = 'open' AND reference IS NOT NULL")
    op.drop_index("requests_by_reference", "requests")
    columns = ["tenant", "reference", "opened_at", "id", "status", "agent"]
    op.create_index("requests_of_reference", "requests", columns, sqlite_where=named, postgresql_where=named)
    columns = ["tenant", "reference", "due_at", "id", "asks", "status", "agent"]
    op.create_index("requests_open_of_reference", "requests", columns, sqlite_where=opened, postgresql_where=opened)
    op.create_index("requests_of_status", "requests", ["tenant", "status", "opened_at", "id"])
    op.create_index("runs_of_status", "runs", ["tenant", "status", "started_at", "id"])
    op.create_index("deliveries_of_state", "deliveries", ["tenant", "state", "made_at", "id"])
