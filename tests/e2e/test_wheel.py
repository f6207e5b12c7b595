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

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
SOURCES = ROOT / "src"
PAGES = SOURCES / "interlock" / "web" / "pages"
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


@contextlib.contextmanager
def served(clean, folder):
    order = [clean / "interlock", "serve", "--port", "0", "--json", "--no-access-log"]
    environ = {"HOME": str(folder), "PATH": str(clean), "INTERLOCK_DATABASE_URL": f"sqlite:///{folder}/served.db"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(order, cwd=folder, env=environ, **pipes) as serving:
        yield json.loads(serving.stdout.readline())
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


def test_it_serves_the_inbox_and_every_asset_that_a_template_names(clean, tmp_path):
    named = re.compile(r"[\w-][\w.-]*\.(?:js|css|svg)")
    wanted = {name for one in PAGES.rglob("*.html") for name in named.findall(one.read_text())}
    assert {"htmx.min.js", "interlock.css"} <= wanted
    with served(clean, tmp_path) as told, httpx2.Client(base_url=told["origin"], follow_redirects=True) as browser:
        link = told["sign_in"].partition("#")[2]
        sent = {"Origin": told["origin"]}
        assert browser.post("/sign-in", data={"link": link}, headers=sent).status_code == 200
        inbox = browser.get("/")
        assert (inbox.status_code, "Inbox" in inbox.text) == (200, True)
        for address in ASSET.findall(inbox.text):
            answer = browser.get(address)
            assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), address
        missing = {name for name in wanted if browser.get(f"/assets/any/{name}").status_code != 200}
    assert missing == set()
