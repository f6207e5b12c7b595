"""OpenTelemetry: one trace from an agent's start over its pauses to its effects, whatever processes carry it on.

Nothing is loaded, and nothing is done, where no SDK of OpenTelemetry is. Spans hold names and ids, never content.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SDK = "opentelemetry.sdk.trace"
"""Whoever wants traces has loaded it: by its own code, or by `opentelemetry-instrument`."""


@contextmanager
def span(name: str, *, within: str | None = None, **attributes: str) -> Iterator[None]:
    """Do something in a span.

    Args:
        within: the trace context (W3C `traceparent`) that it belongs to, where this process is in no span.
        attributes: names and ids.
    """
    if SDK not in sys.modules:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - slow to load, and not needed without an SDK
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    inside = trace.get_current_span().get_span_context().is_valid
    context = None if inside or within is None else TraceContextTextMapPropagator().extract({"traceparent": within})
    named = {f"interlock.{key}": value for key, value in attributes.items()}
    tracer = trace.get_tracer("interlock")
    # What an agent's code raises may hold what it works on: the span says that it failed, and the log says why.
    with tracer.start_as_current_span(
        name, context, attributes=named, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield
        except BaseException:
            begun.set_status(trace.StatusCode.ERROR)
            raise


def current() -> str | None:
    """Return the trace context that this process is in, as W3C `traceparent`; None if it is in no span."""
    if SDK not in sys.modules:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see `span`

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
