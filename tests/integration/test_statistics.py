"""Statistics are read from indexes alone, and an older database gets what they are read from."""

import re
from datetime import timedelta
from itertools import product

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from interlock.domain.statistics import Dimension, Ended, Every, Span, groups_of
from interlock.storage import migrate, open_store, postgres_migrate, statistics
from interlock.storage.compiled import Statements
from interlock.storage.rows import request_row
from interlock.storage.schema import REVISIONS
from interlock.testing.samples import TENANT, approved, opened

PERIODS = [None, *Every]
COUNTED = list(product([None, Dimension.agent, Dimension.action, Dimension.level], PERIODS))
REVIEWERS = list(product([Dimension.reviewer], PERIODS))
QUERIES = {
    "requests_ended": [query(*of) for query in (statistics.numbers_query, statistics.times_query) for of in COUNTED],
    "participants_by_time": [
        query(*of) for query in (statistics.numbers_query, statistics.times_query) for of in REVIEWERS
    ],
    "requests_of_agent": [statistics.waiting_query(by) for by in (Dimension.agent, Dimension.action, Dimension.level)],
    "requests_(of_agent|of_status|inbox|due)": [statistics.waiting_query(None), statistics.OPEN_BY_AGENT],
    "jobs_due": [statistics.READY],
}
VALUES = {"tenant": "t", "since": 17_000, "until": 18_000, "limit": 5_000, "now": 9}
FILLED = (
    """INSERT INTO requests SELECT 't' || n % 2, 'req_' || n, 'run_' || n, 'a' || n % 4,
    CASE n % 20 WHEN 0 THEN 'open' ELSE 'rejected' END, 'none', 'i', n, n, 1, repeat('x', 500)::bytea
    FROM generate_series(1, 20000) n""",
    """UPDATE requests SET decided_at = opened_at + 5, ended = 'rejected' WHERE status <> 'open'""",
    "UPDATE requests SET action = 'act', level = 'low'",
    """INSERT INTO participants SELECT tenant, id, 'p' || opened_at % 9, opened_at, 'reject', 7 FROM requests""",
    "INSERT INTO jobs SELECT tenant, 'advance', id, opened_at, 1, NULL FROM requests",
)


@pytest.fixture(scope="module")
def filled(postgres):
    """Return the address of a schema with many rows, of which the planner knows."""
    url = postgres.fresh()
    store = open_store(url)
    postgres.execute(*FILLED, url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE requests, participants, jobs")
    yield url, Statements(PGDialect_psycopg())
    store._database.close()


@pytest.mark.parametrize("index", QUERIES)
def test_postgres_counts_by_an_index_alone(filled, index):
    url, statements = filled
    with psycopg.connect(url) as connection:
        for query in QUERIES[index]:
            written = statements.written(query)
            values = VALUES | {"tenant": "t1"}
            rows = connection.execute(f"EXPLAIN {written.text}", written.parameters(values)).fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert re.search(rf"Index (Only )?Scan using {index}", plan), plan
            assert "Seq Scan" not in plan, plan
            if index != "jobs_due":
                assert "Index Only Scan" in plan, plan


@pytest.mark.parametrize("index", QUERIES)
async def test_sqlite_counts_by_an_index_alone(tmp_path, clock, index):
    store = open_store(str(tmp_path / "counted.db"), clock)

    def explain(on, query):
        written = on._statements.written(query)
        rows = on.raw.execute(f"EXPLAIN QUERY PLAN {written.text}", written.parameters(VALUES)).fetchall()
        return " | ".join(row[-1] for row in rows)

    for query in QUERIES[index]:
        plan = await store._read(lambda on, query=query: explain(on, query))
        covering = "" if index == "jobs_due" else "COVERING "
        assert re.search(rf"(SEARCH|SCAN) (requests|participants|jobs) USING {covering}INDEX {index}", plan), plan
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_an_older_database_gets_what_is_counted(  # noqa: PLR0917 - fixtures
    kind, request, tmp_path, clock, monkeypatch, migrations, backdoor
):
    url = str(tmp_path / "old.db") if kind == "sqlite" else request.getfixturevalue("postgres").fresh()
    with monkeypatch.context() as patch:
        for module in (migrate, postgres_migrate):
            patch.setattr(module, "REVISIONS", REVISIONS[: REVISIONS.index("0013")])
        open_store(url)._database.close()
    database = backdoor(url)
    for number in range(3):
        asked = opened(f"req_{number}", clock.at - timedelta(minutes=number)).after
        row = request_row(asked if number == 0 else approved(asked, clock.at).after)
        old = {name: value for name, value in row._asdict().items() if name not in {"decided_at", "ended", "level"}}
        marks = ", ".join("?" * len(old))
        database.sql(f"INSERT INTO requests ({', '.join(old)}) VALUES ({marks})", *old.values())
    store = open_store(url, clock)
    span = Span(clock.at - timedelta(days=1), clock.at + timedelta(days=1), Dimension.level)
    (group,) = groups_of(await store.statistics(TENANT, span, limit=9), None)
    assert (group.key, group.ended, group.waiting) == ("default: level 1", {Ended.approved: 2}, 1)
    assert (group.p50, group.p95) == (timedelta(minutes=1), timedelta(minutes=2))
    assert not (await store.audit()).misfiled
    await store.close()
