"""`interlock dataset`: what people decided, as training data."""

from __future__ import annotations

import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import typer

from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.statistics import Ended
from interlock.learning.formats import DatasetFormat
from interlock.learning.selection import Selection
from interlock.service.dataset_files import must_be_empty, unpack
from interlock.service.datasets import IN_MEMORY
from interlock.service.hostile_text import plain
from interlock.service.inline import counted

app = group("What people decided, as training data.")


@app.callback()
def dataset() -> None:
    """Export what people decided, to train the agents by it."""


@app.command("export")
def export(
    ctx: typer.Context,
    *,
    written: DatasetFormat = typer.Option(..., "--format", help="What reads it: see docs/how-to/dataset.md."),
    into: Path = typer.Option(..., "--into", metavar="FOLDER", help="Where to write it: empty, or not there yet."),
    agent: str | None = typer.Option(None, "--agent", metavar="NAME", help="Only requests of this agent."),
    action: str | None = typer.Option(None, "--action", metavar="NAME", help="Only requests for this action."),
    level: str | None = typer.Option(None, "--level", metavar="NAME", help="Only this level: `policy: level`."),
    outcome: list[Ended] = typer.Option([], "--outcome", help="Only what ended so; several times for several."),
    since: str | None = typer.Option(None, "--since", metavar="TIME", help="A duration back from now, or a moment."),
    until: str | None = typer.Option(None, "--until", metavar="TIME", help="The same; now, if it is not given."),
    redact: list[str] = typer.Option(
        [], "--redact", metavar="FIELD", help="Take this field out: a name, or a JSON Pointer. Several times."
    ),
    validation: int = typer.Option(10, "--validation", metavar="PERCENT", help="Of the rows, before the newest."),
    test: int = typer.Option(10, "--test", metavar="PERCENT", help="Of the rows, the newest."),
    as_json: bool = JSON,
) -> None:
    """Write what people decided into a folder: rows by split, a manifest with hashes, a card.

    Only decisions on requests of agents whose configuration allows it (`learning` in interlock.yaml). The log says that
    they were exported.
    """
    must_be_empty(into)
    selection = Selection(
        written, agent, action, level, tuple(outcome), since, until, tuple(redact), validation=validation, test=test
    )

    async def work(session: Session) -> None:
        manifest = await _written(session, selection, into)
        session.write(manifest)
        _tell(session, manifest, into)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


async def _written(session: Session, selection: Selection, into: Path) -> dict[str, Any]:
    """Write a dataset into a folder, and return its manifest."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as archive:
        async with aclosing(session.client.export_dataset(selection)) as parts:
            async for part in parts:
                archive.write(part)
        archive.seek(0)
        return unpack(archive, into)


def _tell(session: Session, manifest: dict[str, Any], into: Path) -> None:
    rows, decisions = manifest["rows"], manifest["decisions"]
    told = counted(rows["written"], "row", "rows"), counted(decisions["wanted"], "decision", "decisions")
    session.tell(f"{told[0]} of {told[1]} are in {plain(str(into))}.", "good" if rows["written"] else "warn")
    if manifest["files"]:
        session.show_table(
            ("FILE", "ROWS", "FROM", "TO"),
            [
                (one["name"], f"{one['rows']:,}", one["decided"]["first"][:10], one["decided"]["last"][:10])
                for one in manifest["files"]
            ],
        )
    left_out = {
        "with the content of an earlier row": rows["duplicates"],
        "without anything to learn once fields were taken out": rows["alike_after_redaction"],
        "whose run stands in an earlier split": rows["run_in_earlier_split"],
    }
    for why, number in left_out.items():
        if number:
            session.tell(f"Left out: {counted(number, 'row', 'rows')} {why}.", "dim")
    if decisions["without_consent"]:
        session.tell(
            f"{counted(decisions['without_consent'], 'decision is', 'decisions are')} of agents that do not allow it: "
            "`learning: {AGENT: {export: true}}` in interlock.yaml does.",
            "warn",
        )
