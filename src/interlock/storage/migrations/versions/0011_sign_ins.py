"""From where sessions are used, and who is at an identity provider at the moment."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, and make the table."""
    op.add_column("credentials", sa.Column("device", TEXT, nullable=False, server_default=""))
    op.add_column("credentials", sa.Column("address", TEXT))
    op.create_table(
        "sign_in_attempts",
        sa.Column("state", TEXT, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("browser", "provider", "nonce", "verifier", "return_to")),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("sign_in_attempts_by_end", "sign_in_attempts", ["expires_at"])
