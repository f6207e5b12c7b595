"""Pages of requests and runs: an index says which there may be, and the store in memory judges and sorts them.

An index of DynamoDB is late by milliseconds, rarely by more: a list may lack what was written just now. Nothing is
decided by a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from itertools import islice

from interlock.domain.statistics import Dimension, Span
from interlock.engine.ports.statistics import Backlog
from interlock.engine.ports.store import RequestFilter, RunFilter, SortKey
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.items import filled, row_of
from interlock.storage.dynamodb.keys import Item, batched, joined, number
from interlock.storage.dynamodb.reads import rows
from interlock.storage.dynamodb.table import AT_ONCE, Table
from interlock.storage.memory_tables import Tables, is_wanted_request, is_wanted_run
from interlock.storage.rows import FIND_LIMIT, NEVER, OPEN, Clock, RequestRow, encodable, micros, moment
from interlock.storage.statistics import is_untold, most

PAGE = 25
"""How many places in an index are read at once, where few are wanted: each costs what its bytes cost."""


def requests(table: Table, tenant: str, wanted: RequestFilter, after: SortKey | None, limit: int) -> Tables:
    """Read the requests among which a page is."""
    if after is not None and not encodable(after.id):
        return Tables()
    if wanted.people is not None:
        return _acted_on(table, tenant, wanted, after, limit)
    if wanted.run_id is not None:
        every = (table.get(keys.asked(tenant, wanted.run_id)) or {}).get("every", {}) if wanted.run_id else {}
        return rows(table, tenant, every)
    if wanted.reference is not None or wanted.reference_prefix is not None:
        return _about(table, tenant, wanted)
    ids = (item["id"] for item in _places(table, tenant, wanted, after, limit) if _may_be_wanted(item, wanted))
    tables = Tables()
    for some in batched(ids, max(1, limit)):
        filled(table.get_all(keys.row(tenant, key) for key in some).values(), tables)
        if sum(is_wanted_request(row, wanted) for row in tables.requests.values()) >= limit:
            break
    return tables


def _may_be_wanted(item: Item, wanted: RequestFilter) -> bool:
    """Judge by what the index holds."""
    row: RequestRow = row_of(RequestRow, item)
    return is_wanted_request(row, wanted)


def _places(table: Table, tenant: str, wanted: RequestFilter, after: SortKey | None, limit: int) -> Iterator[Item]:
    """Yield what an index holds of the requests of a list, in its order, behind a key."""
    is_unsettled = bool(wanted.effects) and {"claimed", "unknown"}.issuperset(wanted.effects)
    by_due = wanted.statuses == OPEN
    index, partition = ("age", joined(tenant, "request"))
    if by_due or is_unsettled:
        index, partition = "open", joined(tenant, "open" if by_due else "unsettled")
    place = None if after is None else f"{number(after.at)}/{after.id}"
    low, high = (place, None) if by_due else (None, place)
    page = max(2 * limit, PAGE)
    found = table.query(partition, index=index, low=low, high=high, newest_first=not by_due, page=page)
    return (item for item in found if item[f"{index}_{keys.SK}"] != place)


def _acted_on(table: Table, tenant: str, wanted: RequestFilter, after: SortKey | None, limit: int) -> Tables:
    """Read what people have acted on, the last first, until a page is there."""
    of_each = [
        table.query(joined(tenant, "person", person), index="named", newest_first=True, page=max(2 * limit, PAGE))
        for person in wanted.people or ()
    ]
    acts = merge(*of_each, key=lambda act: (act["at"], act["request_id"]), reverse=True)
    tables = Tables()
    for some in batched(acts, max(1, limit)):
        filled(table.get_all(keys.row(tenant, act["request_id"]) for act in some).values(), tables)
        filled((act | {"kind": "act"} for act in some), tables)
        if len(tables.page_of(tenant, wanted, after, limit)) >= limit:
            break
    return tables


def _about(table: Table, tenant: str, wanted: RequestFilter) -> Tables:
    begins = wanted.reference if wanted.reference is not None else wanted.reference_prefix or ""
    if not encodable(begins):
        return Tables()
    prefix = keys.reference(begins) if wanted.reference is not None else keys.references(begins)
    found = table.query(joined(tenant, "reference"), index="about", prefix=prefix)
    return rows(table, tenant, (item["id"] for item in found))


def approved(table: Table, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Tables:
    """Read what was approved of an agent's action before a moment."""
    found = table.query(joined(tenant, "ended"), index="ended", high=number(micros(before)), newest_first=True)
    ids = (one["id"] for one in found if (one["status"], one["agent"], one.get("action")) == ("approved", *call))
    return rows(table, tenant, islice(ids, limit))


def opened_requests(table: Table, tenant: str, agent: str, since: datetime, most_: int) -> int:
    """Count an agent's requests that were opened after a moment."""
    found = table.query(joined(tenant, "request"), index="age", low=number(micros(since) + 1))
    return sum(1 for _ in islice((one for one in found if one["agent"] == agent), most_))


def open_requests(table: Table, tenant: str, agent: str, most_: int) -> int:
    """Return how many requests of an agent are open: the tenant's head counts them."""
    counts: dict[str, int] = (table.get(keys.head(tenant)) or {}).get("open", {})
    return min(most_, counts.get(agent, 0))


def runs(table: Table, tenant: str, wanted: RunFilter, after: str | None, limit: int) -> Tables:
    """Read the runs among which a page is."""
    behind = None if after is None else table.get(keys.row(tenant, after))
    if after is not None and (behind is None or behind["kind"] != "run"):
        return Tables()
    if wanted.ids is not None:
        return rows(table, tenant, [*wanted.ids, *([after] if after else [])])
    index, partition = _of_runs(tenant, wanted)
    place = None if behind is None else f"{number(behind['started_at'])}/{after}"
    found = table.query(partition, index=index, high=place, newest_first=True)
    tables = filled([behind] if behind else [])
    for some in batched(found, max(2, min(limit, AT_ONCE))):
        filled(table.get_all(keys.row(tenant, item["id"]) for item in some).values(), tables)
        if sum(is_wanted_run(row, wanted) for row in tables.runs.values()) > limit:
            break
    return tables


def _of_runs(tenant: str, wanted: RunFilter) -> tuple[str, str]:
    """Return the index, and its partition, that has the fewest runs among which those are."""
    if wanted.thread is not None:
        return "about", joined(tenant, "thread", wanted.thread)
    if wanted.initiator is not None:
        return "open", joined(tenant, "initiator", wanted.initiator)
    if wanted.agent is not None:
        return "named", joined(tenant, "agent", wanted.agent)
    return "age", joined(tenant, "run")


def find(table: Table, tenant: str, kind: str, prefix: str) -> list[str]:
    """Return ids that begin with a prefix."""
    if not encodable(prefix):
        return []
    found = table.query(joined(tenant, kind), index="ids", prefix=keys.beginning(prefix), page=FIND_LIMIT)
    return [item["id"] for item in islice((one for one in found if one["id"].startswith(prefix)), FIND_LIMIT)]


def statistics(table: Table, tenant: str, span: Span) -> Tables:
    """Read what ended in a span of time, and what is open."""
    partition = joined(tenant, "acts" if span.by is Dimension.reviewer else "ended")
    low, high = number(micros(span.since)), number(micros(span.until))
    tables = Tables()
    for item in table.query(partition, index="ended", low=low, high=high):
        if span.by is Dimension.reviewer:
            filled([item | {"kind": "act"}], tables)
        else:
            tables.requests[tenant, item["id"]] = row_of(RequestRow, item)
    if not is_untold(span):
        for item in table.query(joined(tenant, "open"), index="open"):
            tables.requests.setdefault((tenant, item["id"]), row_of(RequestRow, item))
    return tables


def backlog(table: Table, clock: Clock, agents: int) -> Backlog:
    """Count what is open, by the heads of tenants, and the jobs that are due."""
    waiting: dict[str, int] = {}
    for head in table.query("heads"):
        for agent, count in head.get("open", {}).items():
            waiting[agent] = waiting.get(agent, 0) + count
    now = clock()
    due = table.query(joined("due", "job"), index="due", high=number(micros(now) + 1))
    ready = [item["due_at"] for item in due if item.get("owner") is None]
    by_agent = sorted(waiting.items(), key=lambda one: (-one[1], one[0]))
    first = min(ready, default=NEVER)
    return Backlog(now, most(by_agent, agents), len(ready), None if first == NEVER else moment(first))


def agenda(table: Table, clock: Clock, limit: int, subject: str | None) -> Tables:
    """Read what is due, and what comes due next: requests first, as what is decided of them makes jobs due."""
    now, tables = micros(clock()), Tables()
    for item in _due(table, "request", limit, now):
        _into(tables, item)
    if subject is None:
        for item in _due(table, "job", limit, now):
            _into(tables, item)
    else:
        # By keys: a message names the run, and comes before an index knows of its job.
        found = table.query(keys.job_of(subject, "").pk)
        filled(table.get_all(keys.job(item["tenant"], subject) for item in found).values(), tables)
    return tables


def _due(table: Table, kind: str, limit: int, now: int) -> Iterator[Item]:
    """Yield what is due of a kind, the first first, and what comes due next, if no more is due than is wanted."""
    at = "wake_at" if kind == "request" else "due_at"
    for item in islice(table.query(joined("due", kind), index="due", page=PAGE), max(1, limit)):
        yield item
        if item[at] > now:
            return


def _into(tables: Tables, item: Item) -> None:
    key = item["tenant"], item["id"]
    if item["kind"] == "request":
        tables.requests[key] = row_of(RequestRow, item)._replace(status=OPEN[0])
    else:
        filled([item], tables)


def jobs_after(table: Table, moment_: datetime, limit: int) -> Tables:
    """Read the jobs that are due only after a moment, the latest first."""
    found = table.query(joined("due", "job"), index="due", low=number(micros(moment_) + 1), newest_first=True)
    return filled(islice(found, limit))


def change_token(table: Table) -> int:
    """Return how many commits there are, of all tenants."""
    return sum(head["number"] for head in table.query("heads"))


def tenants(table: Table) -> list[str]:
    """Return the tenants that have a directory."""
    return sorted(head["tenant"] for head in table.query("heads") if head.get("directory"))


def thread_names(table: Table, tenant: str, after: str, limit: int) -> list[str]:
    """Return the names of threads that come after a name, in order."""
    if not encodable(after):
        return []
    found = table.query(keys.thread(tenant, "").pk, low=keys.beginning(after) or None, page=limit + 1)
    return [item["id"] for item in islice((one for one in found if one["id"] > after), limit)]
