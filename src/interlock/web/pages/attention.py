"""Runs and effects that need a person's attention, and what to do about each."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.access import Permission, why_refused
from interlock.service.deliveries import delivery_words
from interlock.service.run_permissions import RunPermitted, run_permitted
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Reader, pages
from interlock.web.visible import attention_seen

router = pages()

TITLES = {
    "agent_unavailable": "The agent cannot be loaded",
    "arguments_changed": "It would do something else than was approved",
    "attempts_exhausted": "It has failed too often",
    "effect_refused": "What was approved may not be carried out",
    "effect_unknown": "Nobody knows whether it happened",
    "invalid_ask": "It asks in a way that is not understood",
    "invalid_context": "What it was started with does not fit any more",
    "invalid_state": "Its state cannot be kept",
    "may_have_happened": "It may have done something already",
    "model_not_usable": "Its model cannot be used as it is set up",
    "not_governed": "It would do something that nobody is asked about",
    "record_altered": "The record is not what was written",
    "too_many_requests": "It asks too much at once",
    "version_mismatch": "The agent has changed since the run paused",
}
"""Why a run needs attention, in a few words, by `AttentionNeeded.code`."""


@router.get("/attention")
async def show(call: Call, caller: Reader) -> Response:
    """List the runs that need attention, the effects of which nobody knows, and what channels could not be told of."""
    found = await attention_seen(caller)
    directory = await caller.client.system.directories.directory(caller.principal.tenant)
    may: dict[str, RunPermitted] = {
        matter.run.id: run_permitted(matter.run, caller.principal, directory)
        for matter in found.matters
        if matter.run is not None
    }
    refused = why_refused(Permission.send, caller.principal, caller.credential.scopes, directory)
    shown: dict[str, Any] = {"found": found, "may": may, "may_send": refused is None}
    return await page(call, "attention.html", caller, **shown, titles=TITLES, words_of=delivery_words)
