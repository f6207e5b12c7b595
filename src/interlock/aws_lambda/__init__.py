"""Functions of AWS Lambda: `api.handler`, `runs.handler`, `sweep.handler`, `messages.handler`.

Nothing runs while people think. A commit that asks for work is followed by a message on a queue of SQS that names the
run; what gets lost of that, the sweep finds.
"""
