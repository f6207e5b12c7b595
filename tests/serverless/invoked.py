"""One invocation of a function in a process of its own, which a test kills."""

import os
from importlib import import_module

from interlock import failpoints
from interlock.service.components import Components

LEASE = 3.0  # a busy machine takes its time between two beats


def invoke(environ, name, event, place):
    """Invoke a function, with failpoints."""
    os.environ.update(environ)
    Components.worker.__kwdefaults__["lease"] = LEASE
    handler = import_module(name).handler
    failpoints.configure(place)
    handler(event, None)
