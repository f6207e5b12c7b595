"""`interlock.yaml` and `INTERLOCK_*` variables become frozen settings. Every error names file, line and key.

The file is the argument's, else `INTERLOCK_CONFIG`'s, else `./interlock.yaml` where there is one; without any, the
built-in defaults hold. What a policy means is judged where policies are built, not here.
"""

from interlock.config.load import data_home, load_settings
from interlock.config.located import ConfigFile, Key
from interlock.config.sections import (
    CalendarSettings,
    DatabaseSettings,
    DelegationSettings,
    FactSettings,
    LevelSettings,
    LimitSettings,
    PersonSettings,
    PolicySettings,
    Settings,
    StepSettings,
    config_schema,
)
from interlock.config.values import parse_duration, suggestion

__all__ = [
    "CalendarSettings",
    "ConfigFile",
    "DatabaseSettings",
    "DelegationSettings",
    "FactSettings",
    "Key",
    "LevelSettings",
    "LimitSettings",
    "PersonSettings",
    "PolicySettings",
    "Settings",
    "StepSettings",
    "config_schema",
    "data_home",
    "load_settings",
    "parse_duration",
    "suggestion",
]
