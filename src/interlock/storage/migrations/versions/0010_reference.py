"""What a request is about in the business: a column to find it by, shown in the view for who polls the database."""

import sqlalchemy as sa
from alembic import op

from interlock.storage.polled import POLLED

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the column and its index, and the view anew."""
    named = sa.text("reference IS NOT NULL")
    op.execute("DROP VIEW approval_requests")
    op.add_column("requests", sa.Column("reference", TEXT))
    op.create_index(
        "requests_by_reference", "requests", ["tenant", "reference"], sqlite_where=named, postgresql_where=named
    )
    op.execute(POLLED[op.get_bind().dialect.name])
