"""Tokens, sessions and sign-in links; and a view of requests for who polls the database."""

import sqlalchemy as sa
from alembic import op

from interlock.storage.schema import POLLED

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and the view."""
    op.create_table(
        "credentials",
        sa.Column("digest", TEXT, primary_key=True),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("tenant", "id", "kind", "principal", "principal_kind", "issued_by", "scopes", "label")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("issued_at", "expires_at")),
        *(sa.Column(name, sa.BigInteger()) for name in ("idle", "used_at", "ended_at")),
        sa.UniqueConstraint("tenant", "id", name="credentials_by_id"),
    )
    op.execute(POLLED[op.get_bind().dialect.name])
    op.create_index("credentials_of_principal", "credentials", ["tenant", "kind", "principal", "id"])
