"""From the moment that this is imported, garbage is looked for seldom, in this process and in its forks.

What is loaded by then stays. As often as Python looks by itself, it takes a third of a test's time, and more in a fork:
each look copies the pages that it shares with the process that it was forked from.
"""

import gc

RARELY = (100_000, 20, 100)


def from_now_on() -> None:
    """Keep what is there, and look for garbage seldom."""
    gc.freeze()
    gc.set_threshold(*RARELY)
    gc.enable()


from_now_on()
