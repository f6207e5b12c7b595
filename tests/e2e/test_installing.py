"""Each line that tells somebody what to install is run in a clean environment: what it installs can be imported."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LINE = re.compile(r"pip install ('\.\[\w+\]'|-r [\w./-]+|\.(?=[\s`\"]))")
NEEDED = {
    "client": "interlock.client",
    "dynamodb": "interlock.storage.dynamodb.store",
    "langchain": "langchain.agents",
    "models": "langchain.chat_models",
    "oidc": "interlock.web.oidc_provider",
    "postgres": "psycopg",
    "rabbitmq": "interlock.channels.rabbitmq",
    "sagemaker": "interlock.agents.sagemaker.settings",
    "server": "interlock.web.app",
    "sqs": "interlock.channels.sqs",
    "webhook": "interlock.channels.webhook",
}


def lines():
    """Return each line as written, with the folder to run it in."""
    texts = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for text in [ROOT / "README.md", *texts]:
        for found in LINE.findall(text.read_text()):
            yield (text.parent if found.startswith("-r") else ROOT), found


def test_no_line_names_a_package_of_another_project():
    said = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    wrong = [text for text in said if re.search(r"(pip|uv) (install|add) '?interlock", text.read_text())]
    assert wrong == []
    assert {file.read_text().strip() for file in (ROOT / "examples").glob("*/requirements.txt")} == {"../.."}


@pytest.mark.sampled(16)
@pytest.mark.parametrize(("folder", "line"), sorted(set(lines())), ids=lambda part: str(part).removeprefix(f"{ROOT}"))
def test_a_line_installs_what_it_says(folder, line, tmp_path):
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "clean"], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, *shlex.split(line)], cwd=folder, check=True)
    extra = re.search(r"\[(\w+)\]", line)
    wanted = ["interlock", *([NEEDED[extra[1]]] if extra else [])]
    done = subprocess.run(
        [python, "-c", f"import {', '.join(wanted)}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    command = python.with_name("interlock")
    assert subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "interlock "
    )
