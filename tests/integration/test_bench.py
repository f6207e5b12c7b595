"""The measurements still run: names that move must not leave them behind."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"
ONE_CYCLE = """
import asyncio, json, sys
import cycle, handwritten, over_http, run, turns

async def main():
    async with cycle.Governed(sys.argv[1]) as governed:
        await governed.cycle("one")
    vote, parts = await turns.vote_time(sys.argv[2]), run.parts_of(1, quick=True, million=False)
    print(json.dumps({"vote": vote, "parts": list(parts)}))

turns.VOTES = 1
asyncio.run(main())
"""


def test_a_cycle_and_a_vote_can_be_measured(tmp_path):
    command = [sys.executable, "-c", ONE_CYCLE, tmp_path / "cycle.db", tmp_path / "vote.db"]
    done = subprocess.run(command, cwd=BENCH, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["vote"] > 0
    assert "cycles" in found["parts"]
