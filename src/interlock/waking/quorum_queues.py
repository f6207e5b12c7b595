"""How queues that stay are declared on RabbitMQ: as quorum queues, with a delivery limit and dead letters."""

from __future__ import annotations

DELIVERY_LIMIT = 20
"""How often a message goes back to its queue before it goes to the dead letters."""

DEAD_LIMIT = 1_000_000
"""The same for dead letters, which have nowhere to go then: many, as who looks at one puts it back. By itself
RabbitMQ 4 has a limit of 20."""

Arguments = dict[str, str | int]


def arguments_of(queue: str) -> Arguments:
    """Return the arguments with which a queue is declared, given its name; its dead letters go to `NAME.dead`."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",  # the default one: the routing key names the queue
        "x-dead-letter-routing-key": dead_letters_of(queue),
    }


def dead_letters_of(queue: str) -> str:
    """Return the name of the queue of a queue's dead letters."""
    return f"{queue}.dead"


def dead_arguments() -> Arguments:
    """Return the arguments with which a queue of dead letters is declared."""
    return {"x-queue-type": "quorum", "x-delivery-limit": DEAD_LIMIT}
