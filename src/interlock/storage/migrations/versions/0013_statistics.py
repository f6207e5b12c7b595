"""How requests ended, and how long people took: what statistics are read from."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIZE = 500


def upgrade() -> None:
    """Add columns and indexes, and fill them from what requests hold."""
    for name, kind in (("decided_at", sa.BigInteger()), ("ended", TEXT), ("level", TEXT)):
        op.add_column("requests", sa.Column(name, kind))
    op.add_column("participants", sa.Column("verdict", TEXT))
    op.add_column("participants", sa.Column("waited", sa.BigInteger()))
    if op.get_bind().execute(sa.text("SELECT 1 FROM requests LIMIT 1")).first():
        _fill(op.get_bind())
    op.drop_index("requests_of_agent", "requests")
    of_agent = ["tenant", "agent", "due_at", "id", "action", "level", "status"]
    ended = ["tenant", "decided_at", "ended", "agent", "action", "level", "opened_at"]
    by_time = ["tenant", "at", "person", "verdict", "waited"]
    for name, table, columns, where in (
        ("requests_of_agent", "requests", of_agent, "status = 'open'"),
        ("requests_ended", "requests", ended, "decided_at IS NOT NULL"),
        ("participants_by_time", "participants", by_time, "verdict IS NOT NULL"),
    ):
        partly = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=partly, postgresql_where=partly)


def _fill(bind: sa.Connection) -> None:
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name) for name in ("tenant", "id", "body", "decided_at", "ended", "level")
    ]
    requests = sa.table("requests", *columns)
    key = sa.tuple_(requests.c.tenant, requests.c.id)
    page = sa.select(requests.c.tenant, requests.c.id, requests.c.body).order_by(requests.c.tenant, requests.c.id)
    update = sa.update(requests).where(
        requests.c.tenant == sa.bindparam("of"), requests.c.id == sa.bindparam("request")
    )
    after = ("", "")
    while rows := bind.execute(page.where(key > sa.tuple_(*map(sa.literal, after))).limit(SIZE)).fetchall():
        after = (rows[-1].tenant, rows[-1].id)
        for row in rows:
            bind.execute(update.values(_columns_of(row.body)), {"of": row.tenant, "request": row.id})


def _columns_of(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
        route = request["route"]
        level = f"{route['policy']}: level {route['level'] + 1}"[:200]
        at = request.get("decided_at")
        micros = None if at is None else (datetime.fromisoformat(at) - EPOCH) // timedelta(microseconds=1)
        return {"level": level, "decided_at": micros, "ended": _ended(request)}
    except (ValueError, KeyError, TypeError):  # an audit finds what cannot be read
        return {"level": None, "decided_at": None, "ended": None}


def _ended(request: dict[str, Any]) -> str | None:
    status = str(request["status"])
    if status != "approved":
        return None if status == "open" else status
    if any(one.startswith("rule:") for one in request["decided_by"]):
        return "automatic"
    return "approved" if request["digest"] == request["asked_digest"] else "changed"
