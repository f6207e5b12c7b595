"""Find the file, read it, say what is wrong with it, and complete it from the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from interlock.config.located import MAX_FILE, BadYaml, ConfigFile, Key, Tree, read_tree, say
from interlock.config.paths import expanded, home
from interlock.config.sections import Settings
from interlock.config.values import PATTERNS, suggestion
from interlock.errors import BadInput, InvalidConfig

DEFAULT_FILE = "interlock.yaml"

VARIABLES = frozenset(
    f"INTERLOCK_{name}"
    for name in (
        *("CONFIG", "DATABASE_URL", "DEBUG", "FAILPOINTS", "ORIGIN", "SERVER", "TOKEN"),
        *("RUNS_QUEUE", "MESSAGES_QUEUE", "SCHEDULE_GROUP", "SCHEDULE_ROLE", "SWEEP"),
        "MODEL",
        *(f"SAGEMAKER_{name}" for name in ("CONTRACT", "REQUEST", "ANSWER", "STREAMED", "STREAM", "COMPONENT")),
        *("MAILDIR", "MAIL_FROM", "SMTP_URL", "LEDGER", "REPORTS"),
    )
)
"""Every variable that is read. Any other one with this prefix is refused: a misspelled name would change nothing."""

SETTLED_NS = 2_000_000_000
"""A file younger than this may change again within one tick of the file system's clock, and keep its stamp."""


def reload_settings(origin: ConfigFile) -> Settings:
    """Read the file of some settings again, while a process runs by them.

    Raises:
        InvalidConfig: with file, line and key of everything that cannot be used; also if the file looks half saved.
        InvalidPolicy: the same, if the first problem is in a policy.
    """
    settings = load_settings(origin.path, {})
    assert settings.origin is not None
    settings.origin.must_be_whole(origin)
    return settings


def load_settings(path: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration.

    Args:
        path: the file; None to look for one.
        environ: the environment; None for the process's own.

    Raises:
        InvalidConfig: with file, line and key of everything that cannot be used.
        InvalidPolicy: the same, if the first problem is in a policy.
    """
    env = os.environ if environ is None else environ
    _refuse_unknown(env)
    chosen = _choose(path, env)
    settings = Settings() if chosen is None else _read(chosen)
    return _resolve(settings, env)


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in sorted(env):
        if name.startswith("INTERLOCK_") and name not in VARIABLES:
            raise InvalidConfig(f"There is no variable {name}: {suggestion(name, VARIABLES)} Unset it.", variable=name)


def _choose(path: Path | str | None, env: Mapping[str, str]) -> Path | None:
    if path is not None:
        return expanded(str(path), env)
    if env.get("INTERLOCK_CONFIG"):
        return expanded(env["INTERLOCK_CONFIG"], env)
    # A broken link is no missing file: it is read, and refused.
    return Path(DEFAULT_FILE) if os.path.lexists(DEFAULT_FILE) else None


def _read(path: Path) -> Settings:
    name = str(path)
    if path.exists() and not (path.is_file() or path.is_dir()):  # reading a pipe would wait
        raise InvalidConfig(f"{name}: is no plain file: put one in its place", file=name)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
            found = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidConfig(
            f"{name}: cannot be read ({why}): create it, or name another with INTERLOCK_CONFIG", file=name
        ) from None
    tree = tree_of(raw, name)
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    settled = time.time_ns() - found.st_mtime_ns > SETTLED_NS
    origin = ConfigFile(path.absolute(), name, tree, stamp, settled=settled, finished=raw.endswith((b"\n", b"\r")))
    return _validate(tree.value, origin)


def tree_of(raw: bytes, name: str) -> Tree:
    """Read YAML; raise `InvalidConfig` with the name and the line of what cannot be read."""
    try:
        return read_tree(raw)
    except BadYaml as bad:
        reason = bad.reason if bad.path else f"the file {bad.reason}"
        raise InvalidConfig(say(name, bad.line, bad.path, reason), file=name, line=bad.line) from None


def sent_settings(text: str) -> Settings:
    """Read a configuration that was sent as text, to try its policies. See `load_settings`."""
    name = "configuration"
    tree = tree_of(text.encode(errors="replace"), name)
    return _validate(tree.value, ConfigFile(Path(name), name, tree, (0, 0, 0), settled=True, finished=True))


def _validate(data: object, origin: ConfigFile) -> Settings:
    if not isinstance(data, dict):
        raise origin.error((), "the file must consist of sections, such as `groups:`")
    try:
        settings = Settings.model_validate({key: value for key, value in data.items() if value is not None})
    except ValidationError as error:
        raise all_problems(origin, error) from None
    settings._origin = origin  # noqa: SLF001 - our own class
    return settings


def _resolve(settings: Settings, env: Mapping[str, str]) -> Settings:
    """Make paths absolute: those of the file from its folder, those of the environment from the current one."""
    folder = settings.origin.path.parent if settings.origin else Path.cwd()
    if env.get("INTERLOCK_DATABASE_URL") and not settings.database.fixed:
        url = _absolute_url(env["INTERLOCK_DATABASE_URL"], Path.cwd(), env)
    elif settings.database.url is not None:
        url = _absolute_url(settings.database.url, folder, env)
    else:
        url = f"sqlite:///{data_home(env) / 'interlock' / 'interlock.db'}"
    agents = {name: _absolute_reference(reference, folder, env) for name, reference in settings.agents.items()}
    changed: dict[str, Any] = {"database": settings.database.model_copy(update={"url": url}), "agents": agents}
    if env.get("INTERLOCK_ORIGIN"):
        changed["server"] = settings.server.model_copy(update={"origin": env["INTERLOCK_ORIGIN"]})
    if settings.cost.prices is not None:
        prices = str(folder / expanded(settings.cost.prices, env))
        changed["cost"] = settings.cost.model_copy(update={"prices": prices})
    return settings.model_copy(update=changed)


def data_home(env: Mapping[str, str]) -> Path:
    """Return the user's data directory."""
    return _home_of("XDG_DATA_HOME", ".local/share", env)


def config_home(env: Mapping[str, str]) -> Path:
    """Return the directory of the user's configuration."""
    return _home_of("XDG_CONFIG_HOME", ".config", env)


def _home_of(variable: str, otherwise: str, env: Mapping[str, str]) -> Path:
    # The XDG base directory specification: a relative value is to be ignored.
    given = Path(env.get(variable) or "")
    return given if given.is_absolute() else home(env=env) / otherwise


def _absolute_url(url: str, folder: Path, env: Mapping[str, str]) -> str:
    scheme, separator, rest = url.partition(":///")
    if separator:
        is_file = scheme.split("+")[0] == "sqlite" and rest and not rest.startswith((":memory:", "file:"))
    else:
        is_file, rest = ":" not in url.partition("/")[0], url  # a plain path
    if not is_file:
        return url
    path = folder / expanded(rest, env)
    return f"{scheme}:///{path}" if separator else str(path)


def _absolute_reference(reference: str, folder: Path, env: Mapping[str, str]) -> str:
    file, _, attribute = reference.rpartition(":")
    return f"{(folder / expanded(file, env)).resolve()}:{attribute}" if file.endswith((".py", ".json")) else reference


def all_problems(origin: ConfigFile, error: ValidationError) -> BadInput:
    """Return one error that names everything that is wrong, in the order of the lines."""
    problems: list[Any] = error.errors(include_url=False)
    found = [_problem(problem) for problem in problems if not _follows(problem, problems)]
    found.sort(key=lambda problem: origin.tree.line(problem[0]))
    first = origin.error(*found[0])
    text = "\n".join(origin.say(path, reason) for path, reason in found[:20])
    return type(first)(text, **first.details)


def _follows(problem: dict[str, Any], problems: Sequence[Any]) -> bool:
    """Say whether a list is too short only because its entries could not be read."""
    place = problem["loc"]
    inside = any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in problems)
    return problem["type"] == "too_short" and inside


def _problem(problem: dict[str, Any]) -> tuple[tuple[Key, ...], str]:
    path, kind, context = problem["loc"], problem["type"], problem.get("ctx", {})
    if path and path[-1] == "[key]":
        return path[:-1], "is not a name that can be used here: use letters, digits, spaces and . _ -"
    if kind == "unknown_key":
        path = (*path, context["key"])
    if kind == "string_pattern_mismatch":
        return path, PATTERNS[context["pattern"]]
    return path, _WORDS[kind].format(**context) if kind in _WORDS else problem["msg"]


_WORDS = {
    "missing": "is missing: add it",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_type": "must be text: put it in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must have keys, such as `name: …`",
    "model_type": "must have keys, such as `name: …`",
    "model_attributes_type": "must have keys, such as `name: …`",
    "too_short": "must have at least {min_length} entry",
    "too_long": "must have at most {max_length} entries",
}
