"""Tokens, sessions and sign-in links; and a view of requests for who polls the database."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

VIEW = """CREATE VIEW approval_requests AS SELECT
    id, coalesce(nullif({described}, ''), action, '') AS plan,
    CASE status WHEN 'open' THEN 'pending' ELSE status END AS status,
    tenant, agent, action, {opened} AS opened_at, {due} AS due_at
FROM requests"""
POLLED = {
    "sqlite": VIEW.format(
        described="json_extract(CAST(body AS TEXT), '$.ask.description')",
        opened="strftime('%Y-%m-%dT%H:%M:%SZ', opened_at / 1000000, 'unixepoch')",
        due="strftime('%Y-%m-%dT%H:%M:%SZ', due_at / 1000000, 'unixepoch')",
    ),
    "postgresql": VIEW.format(
        described="convert_from(body, 'UTF8')::json #>> '{ask,description}'",
        opened="to_timestamp(opened_at / 1000000)",
        due="to_timestamp(due_at / 1000000)",
    ),
}
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
