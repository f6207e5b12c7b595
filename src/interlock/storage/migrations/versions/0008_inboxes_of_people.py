"""Whom open requests ask and who has acted on which, to find the inbox of one person; and cursors of channels."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("status = 'open'")
PAGE = 500
LONGEST = 1_000
UNKNOWN = "\n?\n"
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

requests = sa.table(
    "requests",
    sa.column("tenant", sa.Text),
    sa.column("id", sa.Text),
    sa.column("status", sa.Text),
    sa.column("asks", sa.Text),
    sa.column("body", sa.LargeBinary),
)
log = sa.table(
    "log",
    sa.column("tenant", sa.Text),
    sa.column("stream", sa.Text),
    sa.column("seq", sa.Integer),
    sa.column("body", sa.LargeBinary),
)


def upgrade() -> None:
    """Add what inboxes are found by, fill it from rows and log, and add the cursors of channels."""
    op.add_column("requests", sa.Column("asks", TEXT))
    _name_who_is_asked()
    op.drop_index("requests_inbox", "requests")
    columns = ["tenant", "due_at", "id", "asks", "status"]  # the last one for SQLite, which would look it up
    op.create_index("requests_inbox", "requests", columns, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
    participants = op.create_table(
        "participants",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "request_id", "person", name="participants_key"),
    )
    _name_who_has_acted(participants)
    op.create_index("participants_of_person", "participants", ["tenant", "person", "at", "request_id"])
    op.create_table(
        "cursors",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("position", TEXT, nullable=False),
        sa.Column("upto", TEXT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("owner", TEXT),
        sa.Column("lease_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant", "channel", name="cursors_key"),
        sa.CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="cursor_lease_is_whole"),
    )


def _name_who_is_asked() -> None:
    connection, after = op.get_bind(), ("", "")
    key = sa.tuple_(requests.c.tenant, requests.c.id)
    page = sa.select(requests.c.tenant, requests.c.id, requests.c.body).where(IS_OPEN)
    page = page.order_by(requests.c.tenant, requests.c.id).limit(PAGE)
    while rows := connection.execute(page.where(key > sa.tuple_(*after))).all():
        for tenant, request_id, body in rows:
            this = (requests.c.tenant == tenant) & (requests.c.id == request_id)
            connection.execute(sa.update(requests).where(this).values(asks=_asks(bytes(body))))
        after = (rows[-1][0], rows[-1][1])


def _asks(body: bytes) -> str:
    try:
        entries = dict.fromkeys(map(_folded, json.loads(body).get("step_asks", ())))
    except (ValueError, TypeError, AttributeError):
        return UNKNOWN  # an audit finds what is no request
    if any(entry.startswith("role:") for entry in entries):
        entries["any role"] = None
    text = "".join(f"\n{json.dumps(entry)}\n" for entry in entries)
    return text if 0 < len(text) <= LONGEST else UNKNOWN


def _folded(entry: str) -> str:
    kind, colon, name = entry.partition(":")
    if kind != "person":
        return entry
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    folded = unicodedata.normalize("NFD", visible).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return kind + colon + unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded)).strip()


def _name_who_has_acted(participants: sa.Table) -> None:
    connection, after = op.get_bind(), ("", "")
    key = sa.tuple_(requests.c.tenant, requests.c.id)
    page = sa.select(requests.c.tenant, requests.c.id).order_by(requests.c.tenant, requests.c.id).limit(PAGE)
    while rows := connection.execute(page.where(key > sa.tuple_(*after))).all():
        for tenant, request_id in rows:
            history = sa.select(log.c.body).where(log.c.tenant == tenant, log.c.stream == request_id)
            acts: dict[str, int] = {}
            for (body,) in connection.execute(history.order_by(log.c.seq)):
                acts |= _act(bytes(body))
            found = [
                {"tenant": tenant, "request_id": request_id, "person": person, "at": at} for person, at in acts.items()
            ]
            if found:
                op.bulk_insert(participants, found)
        after = (rows[-1][0], rows[-1][1])


def _act(body: bytes) -> dict[str, int]:
    """Return who acted by an entry of the log, and when, in microseconds since 1970."""
    try:
        event = json.loads(body)["event"]
        match event["type"]:
            case "vote_cast":
                person, at = event["vote"]["voter"], event["vote"]["at"]
            case "edited":
                person, at = event["edition"]["author"], event["at"]
            case _:
                return {}
    except (ValueError, TypeError, KeyError):
        return {}  # an audit finds what is no entry
    is_text = isinstance(person, str) and "\0" not in person
    return {person: (datetime.fromisoformat(at) - EPOCH) // MICROSECOND} if is_text else {}
