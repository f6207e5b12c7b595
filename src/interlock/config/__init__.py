"""`interlock.yaml` and `INTERLOCK_*` variables become frozen settings. Every error names file, line and key.

The file is the argument's, else `INTERLOCK_CONFIG`'s, else `./interlock.yaml` where there is one; without any, the
built-in defaults hold. What a policy means is judged where policies are built, not here.
"""

from interlock.config.load import load_settings
from interlock.config.sections import Settings

__all__ = ["Settings", "load_settings"]
