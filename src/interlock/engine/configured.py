"""The policies and people of `interlock.yaml`, as the file is now, or the last good ones while it cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from interlock.config.load import SETTLED_NS, reload_settings
from interlock.config.located import ConfigFile
from interlock.config.policies import FactSettings, LevelSettings, PolicySettings, StepSettings
from interlock.config.sections import Settings
from interlock.config.values import suggestion
from interlock.domain.authority import Directory, canonical_id
from interlock.domain.calendar import Calendar
from interlock.domain.consent import Consent
from interlock.domain.explain import duration_words
from interlock.domain.expression_cost import TooMuch
from interlock.domain.facts import Fact, compile_expression, is_condition
from interlock.domain.grants import GrantLimits, Total
from interlock.domain.policy import Escalation, Level, Policy, Step, why_no_grants
from interlock.domain.policy_check import RESERVED, ROUTE_NAMES, WHERE_NAMES, free_names
from interlock.domain.retries import Retries
from interlock.domain.windows import is_window, sums_in
from interlock.engine.calendars import Place, build_calendars
from interlock.engine.people import directory_of
from interlock.engine.policy_snapshot import from_snapshot
from interlock.engine.ports.policies import PolicySet
from interlock.errors import BadInput, InterlockError

Stamp = tuple[int, int, int]
MAX_PROBLEM = 1_000
ANYONE = "anyone with role "


def _by_a_reviewer(within: timedelta) -> tuple[Level]:
    return (Level("reviewer", steps=(Step(ask=("role:reviewer",), within=within),)),)


BUILT_IN = PolicySet(
    policies=(),
    default=Policy("local", _by_a_reviewer(timedelta(days=7)), initiator_may_approve=True),
    directory=Directory(local_roles=True),
)
"""The configuration without a file: one person on one machine."""

DEFAULT = Policy("default", _by_a_reviewer(timedelta(hours=24)))
"""The default policy of a file that names none."""


class ConfiguredPolicies:
    """Reads policies and people from the configuration, again whenever the file has changed.

    While the file is broken, half saved, empty or gone, its last good content holds.

    Raises:
        BadInput: as `build_policies`.
    """

    def __init__(self, settings: Settings) -> None:
        self._good = settings.origin, build_policies(settings)
        self._held: tuple[Stamp | None, PolicySet] | None = None  # the stamp of a settled file that cannot be used

    def current(self) -> PolicySet:
        """Return policies and people as configured now, or the last good ones with the reason. See the port."""
        origin, good = self._good
        return good if origin is None else from_snapshot(self, partial(self._look, origin, good))

    def _look(self, origin: ConfigFile, good: PolicySet) -> PolicySet:
        held = self._held
        stamp = _stamp(origin)
        if held is not None and stamp is not None and stamp == held[0]:
            return held[1]
        if held is None and origin.settled and stamp == origin.stamp:
            return good
        try:
            # Only people and policies are read again: the database's address does not change in a running process.
            settings = reload_settings(origin)
            self._good, self._held = (settings.origin, build_policies(settings)), None
        except Exception as error:  # noqa: BLE001 - whatever a half saved file does to its readers
            self._held = self._hold(error, stamp)
            return self._held[1]
        return self._good[1]

    def _hold(self, error: Exception, stamp: Stamp | None) -> tuple[Stamp | None, PolicySet]:
        """Go on with the last good configuration, and say why. Every process that reads this file says the same."""
        problem = error.message if isinstance(error, InterlockError) else f"{type(error).__name__}: {error}"
        problem = " ".join(problem.split())[:MAX_PROBLEM].rstrip(".")
        since = "" if stamp is None else f" (as of {datetime.fromtimestamp(stamp[0] // 10**9, UTC):%Y-%m-%d %H:%M:%S}Z)"
        said = f"{problem}{since}. The last good configuration holds until this is mended."
        settled = stamp is not None and time.time_ns() - stamp[0] > SETTLED_NS
        return stamp if settled else None, replace(self._good[1], held=said)


def build_policies(settings: Settings) -> PolicySet:
    """Turn settings into policies and people.

    Raises:
        InvalidPolicy: if a policy cannot work; with file, line and key.
        InvalidConfig: if two people have one id.
    """
    origin = settings.origin
    if origin is None:
        return BUILT_IN
    directory = directory_of(settings, origin)
    builder = _PolicyBuilder(origin.error, settings.groups, build_calendars(settings.calendars, origin))
    policies = tuple(builder.policy(name, given, ("policies", name)) for name, given in settings.policies.items())
    default = DEFAULT if settings.default is None else builder.policy("default", settings.default, ("default",))
    retries = {agent: Retries(**given.model_dump()) for agent, given in settings.retries.items()}
    limits = dict(settings.request_limits), dict(settings.requests_per_hour)
    consents = {agent: Consent(**given.model_dump()) for agent, given in settings.learning.items()}
    return PolicySet(policies, default, directory, None, retries, *limits, consents, settings.cost.prices)


def _stamp(origin: ConfigFile) -> Stamp | None:
    try:
        found = origin.path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True, slots=True)
class _PolicyBuilder:
    """Builds policies; says file, line and key if one cannot work."""

    error: Callable[[Place, str], BadInput]
    groups: Collection[str]
    calendars: Mapping[str, Calendar]

    def policy(self, name: str, given: PolicySettings, path: Place) -> Policy:
        if path == ("policies", "default"):
            raise self.error(path, "`default` is the name of the policy of last resort: choose another")
        if path == ("default",) and given.applies_to is not None:
            raise self.error((*path, "applies_to"), "the default applies to what is left: remove it")
        if given.calendar is not None:
            self._must_exist(given.calendar, (*path, "calendar"))
        facts = {fact: self._fact(fact, value, (*path, "facts", fact)) for fact, value in given.facts.items()}
        if given.applies_to is not None:
            self._expression(given.applies_to, ROUTE_NAMES, (*path, "applies_to"))
        return Policy(
            name=name,
            levels=self._levels(given, facts, (*path, "levels")),
            applies_to=given.applies_to,
            facts=facts or None,
            four_eyes=given.four_eyes,
            initiator_may_approve=given.initiator_may_approve,
            edits=given.edits,
            reason_for=tuple(given.reason_for),
            answer_expires=given.answer_expires,
            windows_by=self._windows_by(given, path),
        )

    def _windows_by(self, given: PolicySettings, path: Place) -> tuple[tuple[str, ...], ...]:
        if given.windows is None:
            return ()
        if not any(is_window(name) for level in given.levels if level.when for name in free_names(level.when)):
            raise self.error((*path, "windows"), "no `when` counts over a window, such as recent_24h.count: remove it")
        return tuple(dict.fromkeys(tuple(source.split(".")[1:]) for source in given.windows.by))

    def _fact(self, name: str, given: FactSettings, path: Place) -> Fact:
        if name in RESERVED or name.startswith("recent_"):
            raise self.error(path, "is a name that expressions have already: choose another")
        if given.type not in {"decimal", "integer"}:
            for key in sorted({"min", "max", "digits"} & given.model_fields_set):
                raise self.error((*path, key), f"belongs to a number, not to a {given.type}: remove it")
        if given.min is not None and given.max is not None and given.min > given.max:
            raise self.error((*path, "min"), "must not be more than max")
        keys = tuple(given.source.split(".")[1:])
        return Fact(keys, given.type, given.min, given.max, given.digits)

    def _levels(self, policy: PolicySettings, facts: Mapping[str, Fact], path: Place) -> tuple[Level, ...]:
        levels: list[Level] = []
        given = policy.levels
        for index, level in enumerate(given):
            here = (*path, index)
            self._level_shape(level, here, is_last=index == len(given) - 1)
            if level.approve and any(not earlier.automatic for earlier in levels):
                raise self.error((*here, "approve"), "automatic levels come before those that ask people: move it up")
            if level.when is not None:
                self._condition(level.when, facts, (*here, "when"))
            name = level.name or f"level {index + 1}"
            if name in {earlier.name for earlier in levels}:
                raise self.error((*here, "name"), f"there is a level {name!r} already: choose another name")
            hold = policy.hold if level.hold is None else level.hold
            steps = tuple(
                self._step(step, policy, hold or None, (*here, "steps", number))
                for number, step in enumerate(level.steps)
            )
            grants = self._grants(level, steps, (*here, "grants"))
            levels.append(Level(name, level.when, steps, automatic=bool(level.approve), grants=grants))
        return tuple(levels)

    def _grants(self, level: LevelSettings, steps: Sequence[Step], path: Place) -> GrantLimits | None:
        if level.grants is None:
            return None
        reason = why_no_grants(steps)
        if reason is not None:
            raise self.error(path, f"cannot be given: {reason}; remove it")
        total = next((Total(name, most) for name, most in level.grants.sum.items()), None)
        return GrantLimits(level.grants.within, level.grants.uses, total)

    def _level_shape(self, level: LevelSettings, path: Place, *, is_last: bool) -> None:
        if is_last and level.when is not None:
            raise self.error(
                (*path, "when"), "the last level takes what is left: remove its `when`, or add a level after it"
            )
        if not is_last and level.when is None:
            raise self.error(path, "has no `when`, so that no level after it is ever taken: add one")
        if level.approve and level.steps:
            raise self.error((*path, "steps"), "a level is approved automatically or has steps: remove one")
        if level.approve and level.hold:
            raise self.error((*path, "hold"), "there is no vote that could be taken back: a rule approves; remove it")
        if level.approve and is_last:
            # Requests with missing or wrong facts go to the last level, where a rule would approve them.
            raise self.error((*path, "approve"), "the last level must ask people: add one with `steps` after it")
        if not level.approve and not level.steps:
            raise self.error(path, "has no steps: add `steps`, or `approve: automatically`")

    def _step(self, given: StepSettings, policy: PolicySettings, hold: timedelta | None, path: Place) -> Step:
        ask = tuple(self._ask(entry, (*path, "ask", index)) for index, entry in enumerate(given.ask))
        if given.where is not None:
            self._expression(given.where, WHERE_NAMES, (*path, "where"))
        self._moments(given, path)
        if hold is not None and hold >= given.within:
            raise self.error((*path, "within"), "is not longer than `hold`: make it longer, or hold less long")
        return Step(
            ask=tuple(dict.fromkeys(ask)),
            approvals=given.approvals,
            rejections=given.rejections,
            within=given.within,
            where=given.where,
            remind_after=tuple(given.remind_after),
            escalate=self._escalation(given, path),
            on_timeout=given.on_timeout,
            calendar=self._calendar(given, policy.calendar, path),
            hold=hold,
        )

    def _calendar(self, step: StepSettings, policys: str | None, path: Place) -> Calendar | None:
        """Return the calendar of a step: its own or its policy's, which exists."""
        if step.calendar is not None:
            self._must_exist(step.calendar, (*path, "calendar"))
        name = step.calendar or policys
        if name is None:
            return None
        calendar = self.calendars[name]
        if not calendar.can_offer(step.within):
            most = duration_words(step.within, open_time=True)
            reason = f"is {most} of open time, which {name!r} does not offer in ten years: wait less long"
            raise self.error((*path, "within"), reason)
        return calendar

    def _must_exist(self, calendar: str, path: Place) -> None:
        if calendar not in self.calendars:
            hint = suggestion(calendar, self.calendars) if self.calendars else "add it under `calendars`"
            raise self.error(path, f"there is no calendar {calendar!r}: {hint}")

    def _moments(self, given: StepSettings, path: Place) -> None:
        for index, moment in enumerate(given.remind_after):
            if moment >= given.within:
                raise self.error((*path, "remind_after", index), "is not before the end of `within`: remind earlier")
            if index and moment <= given.remind_after[index - 1]:
                raise self.error((*path, "remind_after", index), "is not after the one before: sort them")

    def _escalation(self, given: StepSettings, path: Place) -> Escalation | None:
        if given.escalate is None:
            if given.on_timeout == "escalate":
                raise self.error((*path, "on_timeout"), "escalates to nobody: add `escalate: {to: [...]}`")
            return None
        here, after = (*path, "escalate"), given.escalate.after
        if after is None and given.on_timeout != "escalate":
            raise self.error(here, "never comes: add `after`, or `on_timeout: escalate`")
        if after is not None and after >= given.within:
            raise self.error((*here, "after"), "is not before the end of `within`: escalate earlier")
        to = tuple(self._ask(entry, (*here, "to", index)) for index, entry in enumerate(given.escalate.to))
        return Escalation(tuple(dict.fromkeys(to)), after)

    def _ask(self, entry: str, path: Place) -> str:
        if entry.startswith(ANYONE):
            return f"role:{entry.removeprefix(ANYONE).strip()}"
        kind, _, name = entry.partition(":")
        if kind == "group" and name not in self.groups:
            raise self.error(path, f"there is no group {name!r}: {suggestion(name, self.groups)}")
        return f"{kind}:{canonical_id(name) if kind == 'person' else name.strip()}"

    def _condition(self, source: str, facts: Mapping[str, Fact], path: Place) -> None:
        try:
            windows = frozenset(filter(is_window, free_names(source)))
        except Exception:  # noqa: BLE001 - what cannot be read is told of below
            windows = frozenset()
        self._expression(source, ROUTE_NAMES | facts.keys() | windows, path)
        for name in sorted(sums_in(source)):
            if name not in facts:
                raise self.error(path, f"`sum.{name}` is not declared: {suggestion(name, facts)}")
            if facts[name].type not in {"decimal", "integer"}:
                raise self.error(path, f"`sum.{name}` is not a number: give the fact the type decimal")

    def _expression(self, source: str, names: frozenset[str], path: Place) -> None:
        try:
            compile_expression(source)
        except TooMuch as error:
            raise self.error(path, str(error)) from None
        except ValueError as error:
            raise self.error(path, f"cannot be read as CEL: {error}") from None
        if not is_condition(source):
            raise self.error(path, "is neither true nor false, whatever is asked: write a condition")
        for name in sorted(free_names(source) - names):
            if name.startswith("recent_"):
                raise self.error(path, f"`{name}` is no window here: `when` takes recent_1h to recent_90d")
            raise self.error(path, f"`{name}` is not declared: {suggestion(name, names)}")
