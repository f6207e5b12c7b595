"""Effects of which nobody knows what became, and what an agent has opened lately, found by an index; a view to read."""

import sqlalchemy as sa
from alembic import op

from interlock.storage.polled import POLLED

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes; and PostgreSQL's view anew, with the grants that it has, so that nobody writes through it."""
    unsettled = sa.text("effect IN ('claimed', 'unknown')")
    by_age = ["tenant", "opened_at", "id"]
    op.create_index("requests_unsettled", "requests", by_age, sqlite_where=unsettled, postgresql_where=unsettled)
    op.create_index("requests_of_agent_by_age", "requests", ["tenant", "agent", "opened_at", "id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POLLED["postgresql"].replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
