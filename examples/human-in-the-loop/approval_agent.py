"""The approval pattern: the agent plans a message, you approve, reject or modify it, the agent sends it.

    python approval_agent.py
    python approval_agent.py "Send email to ann@example.com about the budget"

The mail goes into a maildir, or out by SMTP with INTERLOCK_SMTP_URL. The plan comes from an offline planner, or from
SAGEMAKER_ENDPOINT_NAME, or from INTERLOCK_MODEL=provider:model. Stop it at the question if you like: the request waits,
and `interlock approve` decides it from anywhere. The agent itself is `interlock/agents/approval.py`.
"""

import sys

from interlock.cli import main

if __name__ == "__main__":
    task = " ".join(sys.argv[1:]) or "Send email to team about meeting"
    sys.exit(main(["run", "approval", task]))
