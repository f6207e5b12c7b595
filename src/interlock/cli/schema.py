"""`interlock schema`: the JSON Schema of what `--json` writes."""

from __future__ import annotations

from interlock.cli.errors import write_json
from interlock.service.shapes import schema as shapes


def schema() -> None:
    """Write the JSON Schema of requests, runs, entries of the log and errors; its `$id` names their version."""
    write_json(shapes())
