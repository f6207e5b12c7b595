"""OpenTelemetry: one trace from an agent's start over its pauses to its effects, across processes.

Without an SDK of OpenTelemetry, nothing is loaded or done. Spans hold names and ids, never content.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import time_ns

SDK = "opentelemetry.sdk.trace"
"""The module that a process with traces has loaded, by its own code or by `opentelemetry-instrument`."""


@contextmanager
def span(name: str, *, within: str | None = None, began: datetime | None = None, **attributes: str) -> Iterator[None]:
    """Run the block in a span.

    Args:
        within: the trace context (W3C `traceparent`) that it belongs to. If this process is in a span of another trace,
            such as that of a call over HTTP, the new span links to it.
        began: when it began, if that was earlier, perhaps in another process.
        attributes: names and ids.
    """
    if SDK not in sys.modules:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - slow to load, and not needed without an SDK
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    inside = trace.get_current_span().get_span_context()
    context, links = None, []
    if within is not None:
        belongs = TraceContextTextMapPropagator().extract({"traceparent": within})
        asked = trace.get_current_span(belongs).get_span_context()
        if asked.is_valid and asked.trace_id != inside.trace_id:
            context, links = belongs, [trace.Link(inside)] if inside.is_valid else []
    named = {f"interlock.{key}": value for key, value in attributes.items()}
    tracer = trace.get_tracer("interlock")
    start = None if began is None else min(int(began.timestamp() * 1e9), time_ns())
    # An error of an agent's code may hold its data: the span only says that it failed, and the log says why.
    with tracer.start_as_current_span(
        name,
        context,
        attributes=named,
        links=links,
        start_time=start,
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        try:
            yield
        except BaseException:
            begun.set_status(trace.StatusCode.ERROR)
            raise


def current() -> str | None:
    """Return the present trace context as W3C `traceparent`; None outside of a span."""
    if SDK not in sys.modules:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see `span`

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
