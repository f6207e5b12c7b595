"""The code blocks of the README work as they stand."""

import asyncio
import re
from pathlib import Path

import pytest

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.domain.run import RunStatus
from interlock.engine.configured import build_policies
from interlock.engine.ports.store import RequestFilter
from interlock.testing.people import principal

README = (Path(__file__).parents[2] / "README.md").read_text()
ME = principal("local:me")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_agent_of_the_readme_pays_once_it_is_approved(tmp_path):
    (code,) = blocks("python")
    file = tmp_path / "pay.py"
    file.write_text(code)

    async def story() -> object:
        system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": "memory:"}), {})
        name, reference = system.registry.reference(f"{file}:agent")
        agent = system.registry.load(reference)
        run = await system.runs.start(name, reference, agent.input_from("ACME"), ME)
        worker = system.worker()
        await worker.drain()
        (request,) = await system.store.requests("default", RequestFilter())
        assert request.asked.args == {"amount": 120, "to": "ACME"}
        await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)
        await worker.drain()
        loaded = await system.store.load("default", run_id=run.id)
        await system.close()
        return loaded.run.run

    run = asyncio.run(story())
    assert run.status is RunStatus.done
    assert "'paid': 120" in run.output["result"]


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_policies_of_the_readme_can_be_used(tmp_path, block):
    file = tmp_path / "interlock.yaml"
    file.write_text(block)
    policies = build_policies(load_settings(file, {}))
    assert [policy.name for policy in policies.policies] == ["purchases"]


def test_every_file_that_the_readme_names_is_there():
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (root / target).exists(), target
