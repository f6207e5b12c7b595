"""The built wheel, in a clean environment, has every page and whatever pages load."""

import contextlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest
from tests.server.page_routes import OPEN_PAGES, PAGES

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
SOURCES = ROOT / "src"
PAGES_FOLDER = SOURCES / "interlock" / "web" / "pages"
AGENT = """
from interlock import Action, Agent, Question, ask
from langgraph.graph import END, START, StateGraph


def gate(state: dict) -> dict:
    return {"done": ask(Action("pay", {"to": state["input"]})).approved}


def wonder(state: dict) -> dict:
    return {"done": ask(Question("How many?")).answer}


agent = Agent(StateGraph(dict).add_node("gate", gate).add_edge(START, "gate").add_edge("gate", END))
asking = Agent(StateGraph(dict).add_node("wonder", wonder).add_edge(START, "wonder").add_edge("wonder", END))
"""
REFUSED = {"/account/chats/link": 401, "/decide": 403, "/requests/{request_id}/grant": 403}
"""Pages that say why there is nothing: links without their token, and a policy without grants."""

ASSET = re.compile(r'(?:src|href)="(/assets/[^"]+)"')


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    order = [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder]
    subprocess.run(order, cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel):
    """Return the folder of the commands of an environment that has the wheel, and what its server needs, alone."""
    folder = wheel.parent / "clean"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, f"{wheel}[server]"], check=True)
    return python.parent


def environ(clean, folder):
    return {"HOME": str(folder), "PATH": str(clean), "INTERLOCK_DATABASE_URL": f"sqlite:///{folder}/served.db"}


def asked(clean, folder):
    """Have a run ask something; return what stands in the addresses of pages."""
    (folder / "pay.py").write_text(AGENT)

    def told(*order):
        run = [clean / "interlock", *order, "--json"]
        return subprocess.run(run, cwd=folder, env=environ(clean, folder), stdout=subprocess.PIPE, check=False).stdout

    for agent in ("pay.py:agent", "pay.py:asking"):
        told("run", agent, "ACME", "--detach")
    listed = {one["kind"]: one for one in json.loads(told("requests", "list"))["requests"]}
    request = listed["approval"]
    ids = {"request_id": request["id"], "run_id": request["run"], "stream": request["id"], "digest": request["digest"]}
    return ids | {"name": request["agent"], "part": "subject", "number": "1"}, listed["input"]["id"]


@contextlib.contextmanager
def served(clean, folder):
    order = [clean / "interlock", "serve", "--port", "0", "--json", "--no-access-log"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(order, cwd=folder, env=environ(clean, folder), **pipes) as serving:
        try:
            yield json.loads(serving.stdout.readline())
        finally:  # also where an assertion fails: its end is awaited
            serving.terminate()
        assert serving.wait(60) == 0


def test_the_wheel_has_all_that_lies_beside_the_code(wheel):
    beside = {
        str(one.relative_to(SOURCES))
        for one in (SOURCES / "interlock").rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    }
    held = zipfile.ZipFile(wheel).namelist()
    assert {one for one in beside if "/templates/" in one or "/static/" in one}, "the pages have moved: look there"
    assert beside - set(held) == set()
    assert {Path(one).name for one in held if "/licenses/" in one} == {"LICENSE", "NOTICE"}


def origin(told):
    return {"Origin": told["origin"]}


@contextlib.contextmanager
def signed_in(told):
    with httpx2.Client(base_url=told["origin"], follow_redirects=True, timeout=60) as browser:
        sent = {"link": told["sign_in"].partition("#")[2]}
        assert browser.post("/sign-in", data=sent, headers=origin(told)).status_code == 200
        yield browser


def test_it_serves_every_page_and_every_asset_that_a_template_names(clean, tmp_path):
    named = re.compile(r"[\w-][\w.-]*\.(?:js|css|svg)")
    wanted = {name for one in PAGES_FOLDER.rglob("*.html") for name in named.findall(one.read_text())}
    assert {"htmx.min.js", "interlock.css"} <= wanted
    given, question = asked(clean, tmp_path)
    pages = [path for method, path in {**PAGES, **OPEN_PAGES} if method == "GET" and "/assets/" not in path]
    with served(clean, tmp_path) as told, signed_in(told) as browser:

        def opened(path):
            given["request_id"] = question if path.endswith("/answer") else given["stream"]
            return browser.get(path.format_map(given), params={"digest": given["digest"], "name": "ann@example.com"})

        invited = browser.post("/settings/people/invite", data={"name": "ann@example.com"}, headers=origin(told))
        assert invited.status_code == 200
        answers = {path: opened(path) for path in pages}
        found = {path: answer.status_code for path, answer in answers.items()}
        assert found == {path: REFUSED.get(path, 200) for path in pages}
        loaded = {address for answer in answers.values() for address in ASSET.findall(answer.text)}
        for address in loaded:
            answer = browser.get(address)
            assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), address
        missing = {name for name in wanted if browser.get(f"/assets/any/{name}").status_code != 200}
    assert missing == set()
