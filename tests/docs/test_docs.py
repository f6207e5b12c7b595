"""The code blocks of docs/ work as they stand, from the top of each page to its end, in a directory of its own.

A block of Python or YAML that begins with a comment naming a file is written to that file; other Python is executed.
In a block of `console`, each line after `$ ` is run by a shell, and what stands below it must be what it writes: `…`
stands for anything. `ID` stands for the newest open request, `RUN` for the newest run. What `export` sets holds for the
lines below it. `interlock serve` goes on until the page ends, on a free port that the page calls `127.0.0.1:8000`;
`LINK` stands for what is behind the `#` of its link. Blocks of `sh` are not run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts and page.name != "security.md"
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
ADDRESS = "127.0.0.1:8000"
NAMED = re.compile(r"# ([\w./-]+\.(?:py|yaml|json))\n")


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, folder, path):
        self.folder = folder
        self.names = {"__name__": "__page__"}
        data = {"XDG_DATA_HOME": str(folder / "data"), "NO_COLOR": "1", "COLUMNS": "120"}
        self.environ = {**os.environ, **data, "PATH": path}
        self.serving, self.address, self.link = None, ADDRESS, "LINK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.serving is not None:
            self.serving.terminate()
            self.serving.communicate(timeout=60)

    def read(self, language, block):
        named = NAMED.match(block)
        if named:
            file = self.folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block)
        elif language == "python":
            exec(compile(block, "page", "exec"), self.names)
        elif language == "console":
            for command, shown in COMMAND.findall(block):
                self.type(command, shown)

    def type(self, command, shown):
        filled = self.filled(command)
        if command.startswith("interlock serve"):
            said = self.serve(command)
        elif command.startswith("export "):
            said = self.export(filled)
        else:
            said = self.shell(filled)
        said = said.replace(self.address, ADDRESS)
        pattern = ".*".join(map(re.escape, shown.strip().split("…")))
        assert re.search(pattern, said, re.DOTALL), f"$ {command}\n{said}\nis not what the page shows:\n{shown}"

    def filled(self, command):
        for word, kind in (("ID", "requests"), ("RUN", "runs")):
            if re.search(rf"\b{word}\b", command):
                listed = json.loads(self.shell(f"interlock {kind} list --json 2>/dev/null"))[kind]
                command = re.sub(rf"\b{word}\b", listed[0]["id"], command)
        return re.sub(r"\bLINK\b", self.link, command.replace(ADDRESS, self.address))

    def serve(self, command):
        order = [*shlex.split(command), "--port", "0"]
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.serving = subprocess.Popen(order, cwd=self.folder, env=self.environ, **how)
        said = ""
        while "/sign-in#" not in said:
            line = self.serving.stdout.readline()
            assert line, f"{command} has ended: {said}"
            said += line
        self.address, self.link = re.search(r"http://([^/]+)/sign-in#(\S+)", said).groups()
        return said

    def export(self, command):
        said, *now = self.shell(f"{command}; printf '\\0'; env -0").split("\0")
        self.environ = dict(one.split("=", 1) for one in now if one)
        return said

    def shell(self, command):
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if "2>/dev/null" in command else subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.stdout


@pytest.mark.sampled(2)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_followed_to_its_end(tmp_path, monkeypatch, quick_path, page):
    for needed in ("curl", "jq"):
        if re.search(rf"^\$ .*\b{needed} ", page.read_text(), re.MULTILINE) and shutil.which(needed) is None:
            pytest.skip(f"not on this platform: there is no {needed}")
    monkeypatch.chdir(tmp_path)
    with Reader(tmp_path, quick_path) as reader:
        for language, block in BLOCK.findall(page.read_text()):
            reader.read(language, block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_decision_has_a_number_of_its_own_and_says_it():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in decisions]
    assert len(set(numbers)) == len(numbers), [n for n in numbers if numbers.count(n) > 1]
    for number, page in zip(numbers, decisions, strict=True):
        assert re.match(rf"# 0*{number}[.:] ", page.read_text()), page.name
