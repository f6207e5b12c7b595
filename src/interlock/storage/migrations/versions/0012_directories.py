"""Directories in the log, and local accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "directories",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="directories_key"),
    )
    op.create_table(
        "accounts",
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("tenant", "name", "password", "authenticator", "recovery")
        ),
        sa.Column("used_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="accounts_key"),
    )
    op.create_table(
        "attempts",
        *(sa.Column(name, TEXT, nullable=False) for name in ("tenant", "key")),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="attempts_key"),
    )
