"""A dump of PostgreSQL is made and put back as a page shows, and the record goes on there."""

import json
import os
import re
import subprocess
from pathlib import Path

from interlock.testing.postgres import binaries

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "operations.md").read_text()
SHOWN = re.search(r"^```sh\n(pg_dump .*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
COMPLAINS = "|| [ $? -eq 8 ]"  # of the tests' server, which does not wait for its disk


def test_a_dump_of_postgresql_is_put_back_whole_and_goes_on(tmp_path, postgres, quick_path):
    before = f"before_{os.getpid()}"
    restored = f"restored_{os.getpid()}"  # the tests' processes may share a server
    postgres.execute(f"CREATE DATABASE {before}")
    path = f"{binaries()}{os.pathsep}{quick_path}"
    environ = {**os.environ, "PATH": path, "INTERLOCK_DATABASE_URL": postgres.url(before), "NO_COLOR": "1"}

    def shell(command):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def requests():
        return [one["id"] for one in json.loads(shell("interlock requests list --json"))["requests"]]

    shell('interlock run approval "Send email to team about meeting" --detach || [ $? -eq 7 ]')
    waiting = requests()
    said = shell(f"set -e\n{SHOWN.replace('interlock_restored', restored).strip()} {COMPLAINS}")
    assert "every row is the fold of its log" in said
    last = json.loads(shell("interlock log --json").splitlines()[-1])
    environ["INTERLOCK_DATABASE_URL"] = postgres.url(restored)
    assert requests() == waiting != []
    shell(f"interlock approve {waiting[0]} --yes && interlock work --once")
    assert requests() == []
    since = shell(f"interlock log --json --after {last['position']}").splitlines()
    assert {"vote_cast", "run_done"} <= {json.loads(entry)["event"]["type"] for entry in since}
    assert "every row is the fold of its log" in shell(f"interlock doctor --fold {COMPLAINS}")
