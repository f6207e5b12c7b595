"""An upgrade without a pause: the version before goes on on the tables of this one, beside it."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from interlock.storage.schema import NEEDED, REVISIONS

ROOT = Path(__file__).parents[2]
BEFORE = "b449c19"
"""The last commit whose newest tables are of the revision that is needed."""


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return where the version before lies."""
    order = ["git", "-C", str(ROOT), "archive", BEFORE, "src/interlock"]
    found = subprocess.run(order, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"without Git's history there is no commit {BEFORE}: {found.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


@pytest.fixture(params=["sqlite", "postgres"])
def old(request, command, before):
    """Return the command of the version before, on the database of `command`."""
    if request.param == "postgres":
        command.environ["INTERLOCK_DATABASE_URL"] = request.getfixturevalue("postgres").fresh()

    def run(*arguments):
        program = f"import sys; sys.path.insert(0, {str(before)!r}); from interlock.cli import main; sys.exit(main())"
        return command.runs([sys.executable, "-c", program, *arguments])

    return run


def test_the_version_before_goes_on_beside_this_one(command, old, backdoor):
    url = command.env["INTERLOCK_DATABASE_URL"].removeprefix("sqlite:///")
    asked = old("run", command.agent("payer"), "a book", "--detach")
    assert asked.returncode == 7, asked
    old_run, old_request = asked.stdout.split()
    new_run, new_request = command.paused(text="a pen")  # this one adds what it needs
    assert backdoor(url).sql("SELECT version_num FROM schema_version") == [(NEEDED,)]
    assert backdoor(url).sql("SELECT version_num FROM schema_applied") == [(REVISIONS[-1],)]

    by_old, by_new = old("approve", new_request, "--yes"), command.run("approve", old_request, "--yes")
    assert (by_old.returncode, by_new.returncode) == (0, 0), (by_old, by_new)
    assert command.sink == ["5 shop pay for a pen", "5 shop pay for a book"]
    for looked in (old("doctor", "--fold"), command.run("doctor", "--fold")):
        assert looked.returncode == 0, looked
    done = {run["id"]: run["status"] for run in command.json("runs", "list")["runs"]}
    assert done == {old_run: "done", new_run: "done"}
