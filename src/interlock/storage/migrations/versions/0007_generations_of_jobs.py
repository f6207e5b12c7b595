"""Jobs: what was called their mark is their generation."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the column."""
    op.execute("ALTER TABLE jobs RENAME COLUMN mark TO generation")
