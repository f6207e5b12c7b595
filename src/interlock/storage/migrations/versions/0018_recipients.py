"""To whom messages went, so that nobody gets too many of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column and its index. Rows of the version before have nobody, and are old within an hour."""
    op.add_column("deliveries", sa.Column("recipient", TEXT, nullable=False, server_default=""))
    op.create_index("deliveries_to", "deliveries", ["tenant", "channel", "recipient", "made_at"])
