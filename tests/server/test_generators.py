"""Client generators accept the document; and what one of them makes, asks and decides here."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from interlock.web import openapi

PYTHON = "openapi-python-client==0.29.1"
MODELS = "datamodel-code-generator==0.89.0"
TYPESCRIPT = ("typescript@5.9.3", "@hey-api/openapi-ts@0.95.0")  # hey-api breaks on typescript 7


@pytest.fixture
def document(server, tmp_path):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi.document(server.app.app, server.context.cookie)))
    return path


TRIES = 3
FROM_THE_CACHE = os.environ | {"UV_OFFLINE": "1", "npm_config_prefer_offline": "true"}


def must_be_there(command, *words):
    """Run a generator that another package registry brings; skip, with the reason, where it cannot be had.

    What was had once is taken from the cache: no registry that is down for a while makes a test fail. On CI a skip is a
    failure (tests/conftest.py), so the registry is asked several times.
    """
    found = shutil.which(command) or shutil.which(command, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{command} is not installed")
    for env in (FROM_THE_CACHE, *[dict(os.environ)] * TRIES):
        done = subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=300, env=env)
        if done.returncode == 0:
            return found
    pytest.skip(f"{' '.join(words)} cannot be had: {done.stderr.strip().splitlines()[-1:]}")


def generate(*words, folder):
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=FROM_THE_CACHE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def test_a_python_client_is_made_that_asks_and_decides(server, document, tmp_path, monkeypatch):
    uv = must_be_there("uv", "tool", "run", "--from", PYTHON, "openapi-python-client", "--version")
    order = (uv, "tool", "run", "--from", PYTHON, "openapi-python-client", "generate", "--meta", "none")
    made = tmp_path / "made_client"
    said = generate(*order, "--fail-on-warning", "--path", str(document), "--output-path", str(made), folder=tmp_path)
    assert "WARNING" not in said.upper()
    operations = {
        item["operationId"] for path in json.loads(document.read_text())["paths"].values() for item in path.values()
    }
    assert {path.stem for path in made.glob("api/*/*.py")} - {"__init__"} == operations
    monkeypatch.syspath_prepend(str(tmp_path))
    models, ask, vote = map(
        importlib.import_module,
        (f"made_client.{name}" for name in ("models", "api.agents.agents_ask", "api.requests.requests_vote")),
    )
    client_type = importlib.import_module("made_client").Client

    async def calls(function, of, **words):
        transport = httpx.ASGITransport(server.app)
        client = client_type(
            base_url=server.context.origin, headers=dict(of.headers), httpx_args={"transport": transport}
        )
        return await function.asyncio(client=client, **words)

    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await calls(ask, agent, body=models.Ask(models.AskedAction("approval", "send")), idempotency_key="order-1")
    body = models.NewVote(models.Verdict.APPROVE, asked.digest)
    assert (await calls(vote, mia, request_id=asked.id, body=body)).status == "approved"
    wrong = await calls(vote, mia, request_id="nothing", body=body)
    assert (type(wrong).__name__, wrong.code) == ("Problem", "not_found")


def test_python_models_are_made(document, tmp_path, monkeypatch):
    uv = must_be_there("uv", "tool", "run", "--from", MODELS, "datamodel-codegen", "--version")
    order = (uv, "tool", "run", "--from", MODELS, "datamodel-codegen", "--input-file-type", "openapi")
    kind = ("--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin", "--disable-timestamp")
    generate(*order, *kind, "--input", str(document), "--output", "made_models.py", folder=tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = importlib.import_module("made_models")
    assert {"Request", "Problem", "Vote", "RunView"} <= vars(made).keys()


@pytest.mark.soak
def test_a_typescript_client_is_made_that_its_compiler_accepts(document, tmp_path):
    npx = must_be_there("npx", "--yes", *(f"--package={one}" for one in TYPESCRIPT), "openapi-ts", "--version")
    packages = [f"--package={one}" for one in TYPESCRIPT]
    generate(npx, "--yes", *packages, "openapi-ts", "-i", str(document), "-o", "made", folder=tmp_path)
    strict = (
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",  # the compiler takes ES5 for granted, which nothing speaks any more
        "es2022",
        "--lib",
        "es2022,dom,dom.iterable",
        "--moduleResolution",
        "bundler",
    )
    generate(npx, "--yes", *packages, "tsc", *strict, "--module", "es2022", "made/index.ts", folder=tmp_path)
    types = (tmp_path / "made" / "types.gen.ts").read_text()
    assert "export type Problem" in types
