"""`interlock doctor`: is this installation well, and does anything need a person."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import typer

from interlock.cli.agents import examined
from interlock.cli.errors import Exit, write_json
from interlock.cli.hints import command_prefix, pasteable
from interlock.cli.options import JSON
from interlock.cli.session import Session, check_here, execute, settings_of
from interlock.config.paths import expanded
from interlock.config.sections import Settings
from interlock.config.values import suggestion
from interlock.domain.delivery import NOT_PLANNED, SWITCHED_OFF, DeliveryState
from interlock.domain.policy_check import check
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.engine.audit import audit_record, audit_times
from interlock.engine.repair import repair
from interlock.errors import BadInput, InterlockError, StoreError
from interlock.service.deliveries import delivery_words
from interlock.service.hostile_text import plain
from interlock.storage.open import file_of, scheme_of
from interlock.terminal.screen import Line, Screen

SKEW = 5.0
LITTLE = 200_000_000
LONG = 60.0
MOST_RUNS = 1_000
MOST_TOLD = 200
MANY = 0.9
OTHERS = "What runs already goes on with the last good one, and says so in the log; nothing new begins with this one."
SIGNS = {"ok": ("✓", "good"), "warning": ("!", "warn"), "error": ("✗", "bad")}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "warning", "error"]
    message: str


def doctor(
    ctx: typer.Context,
    *,
    fold: bool = typer.Option(False, "--fold", help="Compare every row with its log, and every entry with its hash."),
    mend: bool = typer.Option(
        False, "--repair", help="Write anew, from the log, what --fold finds altered or due by a wrong clock."
    ),
    as_json: bool = JSON,
) -> None:
    """Examine versions, configuration, database, mail, disk, clock, agents, and what waits for a person."""
    check_here(ctx)
    prefix = command_prefix(ctx.obj.config, ctx.obj.database)

    async def work(session: Session) -> int:
        found: list[CheckResult] = []
        async for finding in _examination(session, settings, fold=fold or mend, mend=mend):
            found.append(finding)
            session.show(_line(finding, session.prefix))
        session.write(_shape(found))
        return Exit.ended_badly if any(finding.state == "error" for finding in found) else Exit.ok

    try:
        settings = settings_of(ctx.obj)
        execute(ctx, work, as_json=as_json, settings=settings)
    except BadInput as error:
        raise typer.Exit(_unusable("configuration", error, prefix, as_json=as_json)) from None
    except StoreError as error:
        raise typer.Exit(_unusable("database", error, prefix, as_json=as_json)) from None


def _unusable(what: str, error: InterlockError, prefix: str, *, as_json: bool) -> int:
    """Report what stands in the way of every other question."""
    others = f" {OTHERS}" if what == "configuration" else ""
    found = CheckResult(what, "error", f"{error.message.rstrip('.')}.{others}")
    if as_json:
        write_json(_shape([found]))
    else:
        Screen.on().show(_line(_versions(), prefix), _line(found, prefix))
    return Exit.ended_badly


def _line(finding: CheckResult, prefix: str) -> Line:
    sign, style = SIGNS[finding.state]
    return Line(f"{sign} {finding.what}: {plain(pasteable(finding.message, prefix))}", style, "", "    ")


def _shape(found: list[CheckResult]) -> dict[str, Any]:
    return {"well": all(finding.state != "error" for finding in found), "findings": [asdict(one) for one in found]}


async def _examination(session: Session, settings: Settings, *, fold: bool, mend: bool) -> AsyncIterator[CheckResult]:
    yield _versions()
    yield await _configuration(session, settings)
    for finding in (_database(settings), _results(session), _mail(), await _clock(session)):
        yield finding
    async for finding in _agents(session, settings):
        yield finding
    if mend:
        repaired, refused = await repair(session.system.store, session.system.desk, session.principal)
        for done in repaired:
            yield CheckResult("repaired", "ok", done.message)
        for message in refused:
            yield CheckResult("not repaired", "error", message)
    async for finding in _waiting(session):
        yield finding
    store = session.system.store
    for one in (altered := await (audit_record(store) if fold else audit_times(store))):
        yield CheckResult("record" if fold else "waiting", one.severity, str(one))
    if fold and not altered:
        yield CheckResult("record", "ok", "every row is the fold of its log, every entry has its hash")


async def _agents(session: Session, settings: Settings) -> AsyncIterator[CheckResult]:
    """Examine the agents, and name those for whose attempts something is configured, and of whom nothing is known."""
    for agent in await examined(session):
        yield _agent(agent)
    names = settings.retries.keys() - session.system.registry.names.keys()
    if names:
        names -= {run.agent async for run in session.client.runs(limit=MOST_RUNS)}
    for name in sorted(names):
        near = suggestion(name, session.system.registry.names)
        message = f"no agent is called {name}: {near} One that is run by its file is called after that, without `.py`."
        yield CheckResult(f"retries.{name}", "warning", message)


def _agent(agent: dict[str, Any]) -> CheckResult:
    what = f"agent {plain(agent['name'])}"
    if agent["error"]:
        return CheckResult(what, "error", agent["error"])
    if agent["unmade"]:
        return CheckResult(what, "warning", f"loads, and what it gates is not known before a run. {agent['unmade']}")
    loads = f"loads, version {agent['version']}"
    if not agent["gates"]:
        message = (
            f"{loads}, and gates nothing that its code shows: what it does runs under LangGraph's own rules, at least "
            "once. Use interlock.ask and perform, @gated, or interlock.langchain (docs/how-to/own-graph.md)"
        )
        return CheckResult(what, "warning", message)
    return CheckResult(what, "ok", loads)


def _versions() -> CheckResult:
    found = [f"Python {sys.version.split()[0]}", f"SQLite {sqlite3.sqlite_version}"]
    for package in ("interlock-hitl", "langgraph", "sqlalchemy", "pydantic"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            message = f"{package} is not installed: in a checkout of Interlock, pip install ."
            return CheckResult("versions", "error", message)
    return CheckResult("versions", "ok", ", ".join(found))


async def _configuration(session: Session, settings: Settings) -> CheckResult:
    policies = await session.system.directories.current(session.principal.tenant)
    findings = check((*policies.policies, policies.default), policies.directory)
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    where = settings.origin.name if settings.origin else "none: the built-in defaults hold"
    if settings.origin is not None and not settings.origin.tree.value:
        message = f"{where} says nothing: for what starts now the defaults hold; what runs keeps the last good one"
        return CheckResult("configuration", "warning", message)
    if errors:
        return CheckResult("configuration", "error", f"{where}: {errors[0]}: interlock policy check")
    return CheckResult("configuration", "ok", where)


def _database(settings: Settings) -> CheckResult:
    url = settings.database_url
    match scheme_of(url):
        case "memory":
            return CheckResult("database", "warning", "in memory: everything is forgotten when the process ends")
        case "sqlite":
            return _file(url)
        case "postgresql":
            return _server(url)
        case "dynamodb":
            return CheckResult("database", "ok", f"the table {urlsplit(url).netloc} of DynamoDB, with all its indexes")
        case scheme:
            return CheckResult("database", "ok", f"a store of another package has opened it ({scheme}://)")


def _file(url: str) -> CheckResult:
    path = file_of(url)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return CheckResult("database", "error", f"{path} and its directory must be writable for this user")
    problem = _integrity(path)
    if problem:
        return CheckResult("database", "error", f"{path}: {problem}; restore it from a backup")
    free = shutil.disk_usage(path.parent).free
    size = f"{path.stat().st_size / 1e6:,.1f} MB, {free / 1e9:,.1f} GB free"
    if free < LITTLE:
        return CheckResult("database", "error", f"{path}: {size}: make room")
    if path.stat().st_mode & 0o077:
        return CheckResult("database", "warning", f"{path}: {size}, sound; but others may open it: chmod 600 {path}")
    return CheckResult("database", "ok", f"{path}: {size}, sound")


def _results(session: Session) -> CheckResult:
    found, problems = session.system.kept.found()
    if problems:
        return CheckResult("results", "error", "; ".join(problems))
    if found:
        waiting = ", ".join(sorted({one.command.request_id for one in found}))
        return CheckResult("results", "warning", f"kept in files, and not recorded yet: {waiting}: interlock work")
    return CheckResult("results", "ok", "none waits to be recorded")


def _server(url: str) -> CheckResult:
    from interlock.storage.postgres import health  # noqa: PLC0415 - the driver is an extra

    found = health(url)
    told = (
        f"{found.address}: PostgreSQL {found.version}, {found.size / 1e6:,.1f} MB, {found.connections} of "
        f"{found.most_connections} connections in use"
    )
    if not found.keeps:
        problem = "but fsync is off: what is acknowledged may be lost. Switch it on"
        return CheckResult("database", "error", f"{told}; {problem}")
    if found.held_up > LONG:
        problem = (
            f"a transaction has been open for {found.held_up:,.0f} seconds, and until it ends nobody hears of "
            "what was committed since: look in pg_stat_activity and pg_prepared_xacts"
        )
        return CheckResult("database", "warning", f"{told}; {problem}")
    if found.connections > MANY * found.most_connections:
        return CheckResult("database", "warning", f"{told}: raise max_connections, or run fewer processes")
    return CheckResult("database", "ok", told)


def _integrity(path: Path) -> str:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(3)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == [("ok",)] else "; ".join(str(row[0]) for row in found)


def _mail() -> CheckResult:
    if os.environ.get("INTERLOCK_SMTP_URL"):
        return CheckResult("mail", "ok", "by SMTP (INTERLOCK_SMTP_URL); not tried")
    chosen = os.environ.get("INTERLOCK_MAILDIR")
    if not chosen:
        return CheckResult("mail", "ok", "into a maildir in your data directory; set INTERLOCK_SMTP_URL to send it")
    path = expanded(chosen).absolute()
    nearest = next(one for one in (path, *path.parents) if one.exists())
    if not os.access(nearest, os.W_OK):
        return CheckResult("mail", "error", f"{nearest} cannot be written: set INTERLOCK_MAILDIR to another directory")
    return CheckResult("mail", "ok", f"into the maildir {chosen}; set INTERLOCK_SMTP_URL to send it")


async def _clock(session: Session) -> CheckResult:
    behind = abs(((await session.client.now()) - datetime.now(UTC)).total_seconds())
    if behind > SKEW:
        return CheckResult("clock", "warning", f"the store's clock is {behind:,.0f} seconds away from this machine's")
    return CheckResult("clock", "ok", "the store's and this machine's agree")


async def _waiting(session: Session) -> AsyncIterator[CheckResult]:
    attention = [run async for run in session.client.runs((RunStatus.needs_attention,))]
    for run in attention:
        yield CheckResult("run", "error", f"{run.id} needs attention ({run.attention}): interlock runs show {run.id}")
    page = await session.client.list_effects((EffectState.unknown,), limit=MOST_TOLD)
    unknown = page.rows
    if page.next is not None:
        yield CheckResult("effects", "error", f"more than these {MOST_TOLD} are unknown: interlock effects list")
    for request in unknown:
        yield CheckResult("effect", "error", f"{request.id} is unknown: interlock effects settle {request.id} …")
    waiting = await session.client.list_deliveries(channel=NOT_PLANNED, state=DeliveryState.waiting, limit=MOST_TOLD)
    for one in waiting.rows:
        words = delivery_words(one)
        yield CheckResult("message", "error", f"{one.stream}: {words.says}: {words.reason}")
    off = await session.client.list_deliveries(channel=SWITCHED_OFF, state=DeliveryState.failed, limit=MOST_TOLD)
    for one in off.rows:
        words = delivery_words(one)
        again = f"interlock deliveries again {one.id}"
        yield CheckResult("channel", "error", f"{words.says}: {words.reason} Use it again: {again}")
    if not attention and not unknown:
        yield CheckResult("runs", "ok", "none needs attention, no effect is unknown")
