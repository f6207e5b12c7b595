"""Draw docs/reference-configuration.md from the settings' classes and their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from interlock.config.base import Section
from interlock.config.load import VARIABLES
from interlock.config.sections import Settings, config_schema
from interlock.config.values import PATTERNS, Duration, Rate
from markdown_table import table

SCHEMA = config_schema()
TERMS = {
    "must be a name of letters, digits, spaces and . _ -": "name",
    "must be a person's id, such as mia@example.com": "person",
    "must be group:NAME, role:NAME, person:ID or `anyone with role NAME`": "whom to ask",
    "must be the path of an argument, such as args.amount": "argument",
    "must be a name of letters, digits and _": "identifier",
    "must be module:attribute or path/to/file.py:attribute": "reference",
    "must be at most 40 small letters, digits and -": "short name",
    "must be a name of at most 200 letters, digits and . _ -": "name of a queue",
    "must be the name of a queue, or its address": "queue",
    "must be the id of a room, such as C0123456789, and not its name": "room",
    "must be the name of a region, such as eu-central-1": "region",
    "must be the name or the address of a machine, such as smtp.example.com": "machine",
    "must be a mail address, such as approvals@example.com": "mail address",
    "must be one scope of the provider's, such as email": "scope",
}
"""What the page calls texts of a form, by what is said where one is not of it."""

VALUES = {
    "duration": "how long: `30s`, `15m`, `4h`, `2d`, `1w`, `1h30m`; at least `1s`, at most ten years",
    "rate": "how often in how long: `600 per 1m`; or `unlimited`",
    "moment": "a date and a time with its offset: `2026-12-01T09:00:00+01:00`",
    "day": "a date: `2026-12-25`",
    "hours": "a span of a day: `09:00-17:00`, from `00:00` to `24:00`",
    **{term: said.removeprefix("must be ") for said, term in TERMS.items()},
}
FORMS = {
    TypeAdapter(Duration).json_schema()["pattern"]: "duration",
    TypeAdapter(Rate).json_schema()["pattern"]: "rate",
    **{pattern: TERMS[said] for pattern, said in PATTERNS.items()},
}
UNITS = ("bytes", "seconds")

ENVIRONMENT = {
    "INTERLOCK_CONFIG": "the file to read in place of `./interlock.yaml`",
    "INTERLOCK_DATABASE_URL": "goes before `database.url`, unless `database.fixed` is set",
    "INTERLOCK_ORIGIN": "goes before `server.origin`: where people reach the server",
    "INTERLOCK_RUNS_QUEUE": "on AWS Lambda: the address of the queue of SQS that carries runs on",
    "INTERLOCK_MESSAGES_QUEUE": "on AWS Lambda: that of the queue by which messages are sent at once",
    "INTERLOCK_SCHEDULE_GROUP": "on AWS Lambda: the group of the Scheduler in which the sweep is scheduled",
    "INTERLOCK_SCHEDULE_ROLE": "on AWS Lambda: the role by which those schedules invoke the sweep",
    "INTERLOCK_SWEEP": "on AWS Lambda: the sweep, by its ARN; it knows its own",
    "INTERLOCK_SERVER": "the address of the server at which commands work, as `--server`",
    "INTERLOCK_TOKEN": "a token to be known by at that server; goes before what `interlock login` has kept",
    "INTERLOCK_DEBUG": "`1` shows the traceback of an error",
    "INTERLOCK_MODEL": "built-in agents: the model that plans",
    "INTERLOCK_SAGEMAKER_CONTRACT": "built-in agents: what the endpoint `SAGEMAKER_ENDPOINT_NAME` takes and answers:"
    " `text-generation` (the default), `chat` or `custom`",
    "INTERLOCK_SAGEMAKER_REQUEST": "the custom contract: a JSON template of the request",
    "INTERLOCK_SAGEMAKER_ANSWER": "the custom contract: a JMESPath to the text of an answer",
    "INTERLOCK_SAGEMAKER_STREAMED": "the custom contract: a JMESPath to the text of each value of a stream",
    "INTERLOCK_SAGEMAKER_STREAM": "`0` never asks that endpoint for a stream",
    "INTERLOCK_SAGEMAKER_COMPONENT": "the inference component of that endpoint, where it has several",
    "INTERLOCK_SMTP_URL": "built-in agents: the mail server by which mails are sent",
    "INTERLOCK_MAIL_FROM": "built-in agents: who sends them",
    "INTERLOCK_MAILDIR": "built-in agents: the folder into which mails are written where there is no mail server",
    "INTERLOCK_LEDGER": "built-in agents: the file into which purchases are written",
    "INTERLOCK_REPORTS": "built-in agents: the folder into which reports are written",
    "INTERLOCK_FAILPOINTS": "tests: where the process stops or ends",
}
"""What the variables are for; a test says if one is missing."""
INTRODUCTION = """\
# Configuration: interlock.yaml

Every key that `interlock.yaml` may have, drawn from the settings by `python docs/generate.py`. The file is found where
you work, or named by `--config FILE`; without one the defaults hold. A key that is not listed here is refused, with
file and line. `interlock policy check` reads a file and says what is wrong with it. People, policies, calendars,
`retries` and `request_limits` are read again whenever the file has changed, all else when a process starts. For editors
there is a [JSON Schema](interlock.schema.json).
"""


def configuration() -> Iterator[str]:
    yield INTRODUCTION
    places: dict[type[Section], str] = {}
    place(Settings, "", places)
    for model, path in places.items():
        if path:
            yield from ("", f"## `{path}`", "", sentence(model), "")
        yield from table(("key", "value", "default", "what it does"), keys(model, places))
    yield from ("", "## Values", "")
    yield from table(("value", "what it is"), VALUES.items())
    yield from ("", "## Environment", "")
    yield from table(("variable", "what it does"), ((f"`{name}`", ENVIRONMENT[name]) for name in variables()))


def variables() -> list[str]:
    """Return the variables in the order of the page; one that the page lacks comes last, and is not found there."""
    order = list(ENVIRONMENT)
    return sorted(VARIABLES, key=lambda name: order.index(name) if name in order else len(order))


def place(model: type[Section], path: str, places: dict[type[Section], str]) -> None:
    """Note where each section is, the first time that it is met."""
    places[model] = path
    for name, field in model.model_fields.items():
        within = {"tuple": "[]", "dict": ".NAME"}.get(container_of(field.annotation), "")
        found = sections_of(field.annotation)
        for one in found:
            if one not in places:
                which = f" ({get_args(one.model_fields['type'].annotation)[0]})" if len(found) > 1 else ""
                place(one, f"{path}.{field.alias or name}{within}{which}".lstrip("."), places)


def keys(model: type[Section], places: Mapping[type[Section], str]) -> Iterator[tuple[str, ...]]:
    """Return a row for each key of a section."""
    schema = SCHEMA if model is Settings else SCHEMA["$defs"][model.__name__]
    named = {one.__name__: path for one, path in places.items()}
    for name, field in model.model_fields.items():
        key = field.alias or name
        said = field.description or sentence(next(iter(sections_of(field.annotation)), model)).rstrip(".")
        yield f"`{key}`", kind(key, schema["properties"][key], named), default(field), said


def sentence(model: type[Section]) -> str:
    return (model.__doc__ or "").strip()


def sections_of(annotation: Any) -> list[type[Section]]:
    """Return the sections that a key may hold, alone, in a list, or by name."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for one in getattr(annotation, "__args__", ()) for found in sections_of(one)]


def container_of(annotation: Any) -> str:
    return getattr(getattr(annotation, "__origin__", None), "__name__", "")


def kind(key: str, schema: Mapping[str, Any], places: Mapping[str, str]) -> str:  # noqa: C901 - see `of`
    """Say what a value is, from its JSON Schema; `places` says where each section is on the page."""

    def of(schema: Mapping[str, Any]) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each form of a schema
        match schema:
            case {"$ref": ref}:
                path = places[ref.rpartition("/")[2]]
                return f"section [`{path}`](#{anchor(path)})"
            case {"anyOf": [{"type": "string"}, {"type": "array"}]}:
                return "hours, or a list of them"
            case {"anyOf": options} | {"oneOf": options}:
                return " or ".join(of(one) for one in options if one != {"type": "null"})
            case {"enum": values}:
                return ", ".join(f"`{value}`" for value in values)
            case {"const": value}:
                return f"`{value}`"
            case {"type": "array", "items": items}:
                return f"list: {of(items)}"
            case {"type": "object", "patternProperties": named}:
                return f"by name: {of(*named.values())}"
            case {"type": "object", "additionalProperties": items}:
                return f"by name: {of(items)}"
            case {"type": "integer"}:
                unit = next((f", {unit}" for unit in UNITS if key.endswith(unit)), "")
                return f"integer{unit}{span(schema)}"
            case {"format": "date-time"}:
                return "moment"
            case {"format": "date"}:
                return "day"
            case {"pattern": pattern}:
                return FORMS[pattern]
            case {"type": "string"}:
                return "text"
            case {"type": "boolean"}:
                return "`true`, `false`"
        return str(schema["type"])

    return of(schema)


def span(schema: Mapping[str, Any]) -> str:
    if "minimum" not in schema:
        return ""
    return f", {schema['minimum']:,} to {schema['maximum']:,}"


def anchor(path: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return "".join(sign for sign in path.lower().replace(" ", "-") if sign.isalnum() or sign in "_-")


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value is None or isinstance(value, Section) else written(value)


def written(value: Any) -> str:
    """Return a default as the file would have it."""
    match value:
        case timedelta():
            return f"`{duration(value)}`"
        case int() as calls, timedelta() as per:
            return f"`{calls} per {duration(per)}`"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple() | dict():
            return f"`[{', '.join(value)}]`" if value else ""
    return f"`{value}`" if value != "" else ""


def duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0 and (seconds > length or unit != "d"):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
