"""The card of a dataset: `README.md` as Hugging Face reads it, with a head in YAML."""

from __future__ import annotations

from interlock.domain.canonical import canonical_bytes
from interlock.learning.formats import DatasetFormat
from interlock.learning.manifest import Manifest

ABOUT: dict[DatasetFormat, str] = {
    DatasetFormat.sft: "what people approved, corrected or answered, as prompt and completion (TRL's `SFTTrainer`)",
    DatasetFormat.dpo: "what people preferred to what the agent proposed (TRL's `DPOTrainer`)",
    DatasetFormat.kto: "what people let pass, and what they did not (TRL's `KTOTrainer`)",
    DatasetFormat.reward: "what people preferred to what the agent proposed (TRL's `RewardTrainer`)",
    DatasetFormat.openai: "what people approved, corrected or answered (OpenAI's supervised fine-tuning)",
    DatasetFormat.argilla: "each decision as a record, to be looked at and judged again (Argilla)",
}
SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))


def card(manifest: Manifest) -> bytes:
    """Return the card of a dataset."""
    return "\n".join([*_head(manifest), "", *_text(manifest), ""]).encode()


def _head(manifest: Manifest) -> list[str]:
    size = next((name for name, end in SIZES if manifest.rows < end), "1M<n<10M")
    files = [line for one in manifest.files for line in (f"  - split: {one.split}", f"    path: {one.name}")]
    return [
        "---",
        "license: other",
        "task_categories:",
        "- text-generation",
        "tags:",
        "- human-feedback",
        f"- {manifest.selection.format}",
        "size_categories:",
        f"- {size}",
        *(["configs:", "- config_name: default", "  data_files:", *files] if files else []),
        "---",
    ]


def _text(manifest: Manifest) -> list[str]:
    counts = manifest.counts
    filters = canonical_bytes(dict(manifest.selection.filters())).decode()
    agents = [
        f"| {_cell(name)} | {', '.join(map(_cell, sorted(fields))) or 'nothing'} |"
        for name, fields in sorted(manifest.agents.items())
    ]
    files = [f"| `{one.name}` | {one.rows} | {one.first} | {one.last} | `{one.sha256}` |" for one in manifest.files]
    where = "nothing" if manifest.positions is None else " to ".join(f"`{one}`" for one in manifest.positions)
    origin = (
        "Each row comes from one decision that people made in Interlock. What a rule approved, what expired and what "
        "was taken back is not in it, and no reviewer is named. The texts are those of agents and of people who wrote "
        "to them: read them before you publish this."
    )
    decisions = (
        f"- Decisions: {counts.decisions} read, {counts.wanted} wanted; {counts.refused} more are of agents whose "
        "configuration does not allow it"
    )
    rows = (
        f"- Rows: {manifest.rows}; left out: {counts.duplicates} with the content of an earlier row, {counts.unlike} "
        f"with nothing to learn once fields were taken out, {counts.straddling} whose run stands in an earlier split"
    )
    return [
        "# Decisions of people on what agents asked",
        "",
        f"Format `{manifest.selection.format}`: {ABOUT[manifest.selection.format]}.",
        "",
        origin,
        "",
        f"- Filters: {_cell(filters)}",
        f"- Positions in the log: {where}",
        decisions,
        rows,
        "",
        *("| agent | fields taken out |", "|---|---|", *agents),
        "",
        "Splits are by time, the oldest decisions for training:",
        "",
        *("| file | rows | first decision | last decision | SHA-256 |", "|---|---|---|---|---|", *files),
    ]


def _cell(text: str) -> str:
    """Return a name as it stands in a table: literally."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return f"`{shown.replace('`', chr(39)).replace('|', '/')}`"
