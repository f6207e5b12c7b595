"""By what way each entry came to the log: every way that there is, and its words."""

from __future__ import annotations

WAYS = {
    "web": "on the page",
    "api": "through the API",
    "callback": "by a callback",
    "link": "by a mail's link",
    "slack": "in Slack",
    "rabbitmq": "by RabbitMQ",
    "sqs": "by Amazon SQS",
    "terminal": "in a terminal",
    "python": "in a Python program",
    "oidc": "by a sign-in provider",
    "run": "in a run",
    "worker": "in a worker",
    "sweep": "when it was due",
    "serve": "as the server began",
    "server": "in the server",
}
"""What the log calls each way, and that in words. A WebSocket, and a terminal at a server, come through the API."""

OWN = frozenset({"run", "worker", "sweep", "serve", "server"})
"""What Interlock does by itself: nobody came by a way."""

ACTS_AS = "terminal as "
"""How the way begins of who plays somebody else at a demo's database: `terminal as PERSON by WHO`."""


def way_words(via: str) -> str:
    """Return a way in words. One that a program of somebody's own has named is called by its name."""
    if via.startswith(ACTS_AS):
        return f"in a terminal of {via.rpartition(' by ')[2]}"
    return WAYS.get(via) or (f"by {via}" if via else "by a way that nobody named")


def came_by(via: str) -> str:
    """Return by what way somebody came, in words; nothing where Interlock acted by itself."""
    return "" if via in OWN or not via else way_words(via)


def in_brackets(via: str) -> str:
    """Return by what way somebody came, to stand behind a sentence; nothing where Interlock acted by itself."""
    return f" [{came_by(via)}]" if came_by(via) else ""
