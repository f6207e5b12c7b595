"""What belongs to one agent or one run is found at once, however many others wait."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    """Add an index of each agent's open requests, and one of each run's job."""
    columns = ["tenant", "agent", "due_at", "id"]
    op.create_index("requests_of_agent", "requests", columns, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
    op.create_index("jobs_of_subject", "jobs", ["subject", "due_at"])
