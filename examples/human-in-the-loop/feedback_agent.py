"""The feedback pattern: the agent writes a draft, you send it back with feedback, until you accept it.

    python feedback_agent.py
    python feedback_agent.py "Write a report about the third quarter"

Each round shows what has changed; the fourth is the last. What you accept is filed in INTERLOCK_REPORTS. The drafts
come from offline rules, or from SAGEMAKER_ENDPOINT_NAME, or from INTERLOCK_MODEL=provider:model. Stop it at the
question if you like, and go on with `interlock revise` or `interlock approve`. The agent itself is
`interlock/agents/feedback.py`.
"""

import sys

from interlock.cli import main

if __name__ == "__main__":
    task = " ".join(sys.argv[1:]) or "Write a report"
    sys.exit(main(["run", "feedback", task]))
