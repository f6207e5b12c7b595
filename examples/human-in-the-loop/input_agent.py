"""The input pattern: the agent lacks something, pauses, asks you, and goes on with your answer.

    python input_agent.py
    python input_agent.py "Book a flight to Lisbon with TAP"

It asks only for what the request does not say: an airline from a list, a place, a form that is checked. You confirm
the whole booking, which is entered into a ledger (INTERLOCK_LEDGER). Stop it at a question if you like: the question
waits, and `interlock answer` answers it from anywhere. The agent itself is `interlock/agents/input.py`.
"""

import sys

from interlock.cli import main

if __name__ == "__main__":
    task = " ".join(sys.argv[1:]) or "Book a flight"
    sys.exit(main(["run", "input", task]))
