"""The tables. Every key begins with the tenant; policies are shared, because their hash names their content.

What they hold is read from `body`; the other columns are there to be searched, ordered and compared. Times are
microseconds since 1970. A change here, or of an enumeration of the rules, needs a migration: a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from interlock.domain.delivery import DeliveryState
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus

REVISIONS = ("0008", "0009", "0010", "0011", "0012", "0013", "0014", "0015", "0016", "0017", "0018", "0019", "0020")
"""Every revision of the schema that this version knows, oldest first. It works with the last one."""

NEEDED = "0016"
"""The revision that a version must know to use these tables: the last one that did more than add (decision 73)."""

VERSION_TABLE, APPLIED_TABLE = "schema_version", "schema_applied"
"""They hold what is needed, and the last revision that was applied."""

metadata = MetaData()
ordered = MetaData()
"""What PostgreSQL has in place of `log`."""

IS_OPEN = text("status = 'open'")
"""Written out, not bound: only so does a planner know that the indexes of open requests apply."""

IS_COUNTED = text("status IN ('open', 'approved') AND effect <> 'lapsed'")
"""What windows count: whatever may still happen, or has."""

IS_APPROVED = text("status = 'approved'")
IS_UNSETTLED = text("effect IN ('claimed', 'unknown')")
IS_DUE = text("due_at IS NOT NULL")
HAS_ENDED = text("decided_at IS NOT NULL")
HAS_VERDICT = text("verdict IS NOT NULL")
HAS_REFERENCE = text("reference IS NOT NULL")
IS_OPEN_OF_REFERENCE = text("status = 'open' AND reference IS NOT NULL")
OF_REFERENCE_INDEX = ("tenant", "reference", "opened_at", "id", "status", "agent")
OPEN_OF_REFERENCE_INDEX = ("tenant", "reference", "due_at", "id", "asks", "status", "agent")
"""All by which lists are chosen of what is about the same."""

ENDED_INDEX = ("tenant", "decided_at", "ended", "agent", "action", "level", "opened_at")
"""All that statistics need of requests that have ended."""

_Text = Text().with_variant(Text(collation="C"), "postgresql")
"""Texts that are ordered and compared as bytes of UTF-8, wherever they are."""


def _all(kind: Any, *names: str) -> list[Column[Any]]:
    """Return columns of one type that are never empty."""
    return [Column(name, kind, nullable=False) for name in names]


def _keyed(name: str, *columns: str) -> list[Any]:
    """Return a primary key of texts, with its columns."""
    return [*_all(_Text, *columns), PrimaryKeyConstraint(*columns, name=name)]


def _one_of(column: str, values: type[Status | EffectState | RunStatus | DeliveryState]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


log = Table(
    "log",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    *_all(_Text, "tenant", "stream"),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", _Text, nullable=False),
    UniqueConstraint("tenant", "stream", "seq", name="log_stream"),
    Index("log_feed", "tenant", "position"),
    sqlite_autoincrement=True,  # a position is never given twice, whatever happens to the table's end
)
"""SQLite's: a position is a number, given under the lock of the one that writes. Triggers refuse UPDATE and DELETE."""

ordered_log = Table(
    "log",
    ordered,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("xact", BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"), nullable=False),
    *_all(_Text, "tenant", "stream"),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", _Text, nullable=False),
    UniqueConstraint("tenant", "stream", "seq", name="log_stream"),
    Index("log_feed", "tenant", "epoch", "xact", "position"),
)
"""PostgreSQL's: who writes waits for nobody, so the order is that of (epoch, transaction, position)."""

epochs = Table(
    "epochs",
    ordered,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", _Text, nullable=False, unique=True),
)
"""PostgreSQL's: one row for each time that a server was started. Its transactions are numbered from there on."""

requests = Table(
    "requests",
    metadata,
    *_keyed("requests_key", "tenant", "id"),
    *_all(_Text, "run_id", "agent", "status", "effect", "interrupt_id"),
    *_all(BigInteger, "opened_at", "due_at"),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("wake_at", BigInteger),
    Column("action", _Text),
    Column("asks", _Text),
    Column("reference", _Text),
    Column("decided_at", BigInteger),
    Column("ended", _Text),
    Column("level", _Text),
    _one_of("status", Status),
    _one_of("effect", EffectState),
    CheckConstraint("effect = 'none' OR status = 'approved'", name="effect_is_approved"),
    CheckConstraint("version > 0", name="version_is_positive"),
    Index("requests_of_run", "tenant", "run_id", "interrupt_id"),
    Index("requests_by_age", "tenant", "opened_at", "id"),
    Index("requests_inbox", "tenant", "due_at", "id", "asks", "status", sqlite_where=IS_OPEN),
    Index("requests_of_agent", "tenant", "agent", "due_at", "id", "action", "level", "status", sqlite_where=IS_OPEN),
    Index("requests_ended", *ENDED_INDEX, sqlite_where=HAS_ENDED),
    Index("requests_due", "wake_at", "tenant", "id", sqlite_where=IS_OPEN),
    Index("requests_unsettled", "tenant", "opened_at", "id", sqlite_where=IS_UNSETTLED),
    Index("requests_of_agent_by_age", "tenant", "agent", "opened_at", "id"),
    Index("requests_recent", "tenant", "action", "opened_at", "id"),
    Index("requests_approved", "tenant", "agent", "action", "decided_at", "id", sqlite_where=IS_APPROVED),
    Index("requests_of_reference", *OF_REFERENCE_INDEX, sqlite_where=HAS_REFERENCE),
    Index("requests_open_of_reference", *OPEN_OF_REFERENCE_INDEX, sqlite_where=IS_OPEN_OF_REFERENCE),
    Index("requests_of_status", "tenant", "status", "opened_at", "id"),
)
"""`due_at` is the deadline, and orders inboxes; `wake_at` is when the next thing comes due: perhaps a reminder. `asks`
holds whom the present step asks, and nothing when there is none: an index alone says who may find the request.
`ended` says how it ended, at `decided_at`, and statistics are read from `requests_ended` alone.

The conditions of the indexes are PostgreSQL's as well, by the migrations: here they would load that dialect."""

participants = Table(
    "participants",
    metadata,
    *_keyed("participants_key", "tenant", "request_id", "person"),
    Column("at", BigInteger, nullable=False),
    Column("verdict", _Text),
    Column("waited", BigInteger),
    Index("participants_of_person", "tenant", "person", "at", "request_id"),
    Index("participants_by_time", "tenant", "at", "person", "verdict", "waited", sqlite_where=HAS_VERDICT),
)
"""Who has voted on a request, answered or changed it; what they last said by it, when, and after how long."""

cursors = Table(
    "cursors",
    metadata,
    *_keyed("cursors_key", "tenant", "channel"),
    Column("position", _Text, nullable=False),
    Column("upto", _Text),
    Column("version", Integer, nullable=False),
    Column("owner", _Text),
    Column("lease_until", BigInteger),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="cursor_lease_is_whole"),
)
"""How far each channel has told people what the log holds. `upto` is the end of what somebody tells, or was telling."""

windows = Table(
    "windows", metadata, *_keyed("windows_key", "tenant", "action"), Column("version", Integer, nullable=False)
)
"""One counter for each action over which some policy counts, whoever asks for it: whoever has counted commits only if
nobody has opened another one meanwhile."""

runs = Table(
    "runs",
    metadata,
    *_keyed("runs_key", "tenant", "id"),
    *_all(_Text, "agent", "status"),
    Column("started_at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("lease_owner", _Text),
    Column("lease_until", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Column("state_digest", _Text),
    Column("thread", _Text),
    Column("turn", Integer),
    Column("initiator", _Text),
    _one_of("status", RunStatus),
    CheckConstraint("version > 0", name="version_is_positive"),
    CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
    Index("runs_by_age", "tenant", "started_at", "id"),
    Index("runs_of_agent", "tenant", "agent", "started_at", "id"),
    Index("runs_of_status", "tenant", "status", "started_at", "id"),
    Index("runs_of_initiator", "tenant", "initiator", "started_at", "id"),
    Index("runs_of_thread_by_age", "tenant", "thread", "started_at", "id", sqlite_where=text("thread IS NOT NULL")),
    Index("runs_of_thread", "tenant", "thread", "turn", unique=True),
)
"""`state_digest` names the state that a run goes on from. A thread has one run for each of its turns."""

threads = Table(
    "threads", metadata, *_keyed("threads_key", "tenant", "name"), Column("version", Integer, nullable=False)
)
"""One counter for each thread: whoever begins or ends a run of it waits for the others, and finds what they did."""

states = Table(
    "states",
    metadata,
    *_keyed("states_by_digest", "tenant", "run_id", "digest"),
    Column("state", LargeBinary, nullable=False),
)
"""The LangGraph states of each run, apart from its row: the one that it goes on from, and those that stay readable."""

store = Table(
    "store",
    metadata,
    *_keyed("store_key", "tenant", "namespace", "key"),
    Column("value", LargeBinary, nullable=False),
    *_all(BigInteger, "place", "number", "created_at", "updated_at"),
    Index("store_order", "tenant", "number"),
)
"""What agents keep for themselves. It is theirs: no log speaks of it, and no audit reads it. `number` is the order of
making; `place` is the number of the first item of its namespace."""

jobs = Table(
    "jobs",
    metadata,
    *_keyed("jobs_key", "tenant", "kind", "subject"),
    Column("due_at", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("owner", _Text),
    Index("jobs_due", "due_at", "tenant", "kind", "subject"),
    Index("jobs_of_subject", "subject", "due_at"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("digest", _Text, primary_key=True),
    *_all(_Text, "tenant", "id", "kind", "principal", "principal_kind", "issued_by"),
    *_all(BigInteger, "issued_at", "expires_at"),
    *_all(_Text, "scopes", "label"),
    *(Column(name, BigInteger) for name in ("idle", "used_at", "ended_at")),
    Column("device", _Text, nullable=False, server_default=""),
    Column("address", _Text),
    UniqueConstraint("tenant", "id", name="credentials_by_id"),
    Index("credentials_of_principal", "tenant", "kind", "principal", "id"),
)
"""Tokens, sessions and sign-in links: who comes is found by the digest of the secret, which is not kept."""

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("state", _Text, primary_key=True),
    *_all(_Text, "browser", "provider", "nonce", "verifier", "return_to"),
    *_all(BigInteger, "expires_at"),
    Index("sign_in_attempts_by_end", "expires_at"),
)
"""Who is at an identity provider at the moment: `state` and `browser` are digests. A row goes when it is used."""

deliveries = Table(
    "deliveries",
    metadata,
    *_keyed("deliveries_key", "tenant", "id"),
    *_all(_Text, "channel", "state", "request_id"),
    Column("recipient", _Text, nullable=False, server_default=""),
    Column("made_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _one_of("state", DeliveryState),
    Index("deliveries_due", "channel", "due_at", sqlite_where=IS_DUE),
    Index("deliveries_by_age", "tenant", "made_at", "id"),
    Index("deliveries_of_state", "tenant", "state", "made_at", "id"),
    Index("deliveries_of_request", "tenant", "request_id", "made_at", "id"),
    Index("deliveries_to", "tenant", "channel", "recipient", "made_at"),
)
"""Messages to people and programs: what is sent, or was. They go some day; what has happened is in the log.

`request_id` is the stream that a message is about: the id of a request, or of a run.
"""

received = Table(
    "received",
    metadata,
    Column("key", _Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index("received_by_end", "expires_at"),
)
"""Messages that have come in from outside, by what tells them apart: the same one again is refused while it counts."""

directories = Table(
    "directories", metadata, *_keyed("directories_key", "tenant"), Column("version", Integer, nullable=False)
)
"""How many entries the log of each tenant's directory has: what they say is read from the log alone."""

accounts = Table(
    "accounts",
    metadata,
    *_keyed("accounts_key", "tenant", "name"),
    *_all(_Text, "password", "authenticator", "recovery"),
    Column("used_step", BigInteger, nullable=False),
)
"""What people with an account prove themselves by: hashes, and the key of a second factor."""

attempts = Table(
    "attempts",
    metadata,
    *_keyed("attempts_key", "tenant", "key"),
    Column("number", Integer, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""How often in a row somebody has failed to sign in, by a short digest of the name: strangers cannot fill it."""

policies = Table(
    "policies", metadata, Column("hash", _Text, primary_key=True), Column("body", LargeBinary, nullable=False)
)

notes = Table("notes", metadata, Column("key", _Text, primary_key=True), Column("value", Text, nullable=False))
