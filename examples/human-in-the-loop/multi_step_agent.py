"""The multi-step pattern: a purchase that a manager, finance and a director pass before it is paid.

    python multi_step_agent.py
    python multi_step_agent.py "Buy 20 laptops from ACME for 24000"

Below 1,000, up to 5,000 a day, a rule approves it, below 10,000 a manager and finance, above a director as well: the
limits stand in multi_step/interlock.yaml, which the first run writes. You are alone at this machine, so you play the
people whom the policy asks, which only a demo's database allows, and the log says. Stop it at a question if you like,
and decide it from anywhere: interlock -c multi_step/interlock.yaml approve ID --as pete@example.com. The agent itself
is `interlock/agents/multi_step.py`; what it pays is in multi_step/ledger.jsonl.
"""

import sys

from interlock.cli import main

if __name__ == "__main__":
    task = " ".join(sys.argv[1:]) or "Buy 3 laptops from ACME for 4500"
    sys.exit(main(["demo", "multi_step", task, "--folder", "multi_step"]))
