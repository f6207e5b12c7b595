"""How often somebody may call this process: people, agents and services by who they are, all others by where they are.

What one of them has used up is nobody else's. It is counted in memory: each process of several counts for itself.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from interlock.config.server import RateSettings
from interlock.domain.rates import Rate
from interlock.errors import TooManyCalls

MOST_CALLERS = 50_000
"""How many callers are remembered: those who called last."""


class Counter:
    """Counts what each of many has done.

    Args:
        rate: how often each may do it; None if there is no limit.
        what: what that is, in a sentence's place.
        clock: seconds that never go back.
    """

    def __init__(self, rate: Rate | None, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._what = what
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def count(self, who: str, more: int | None = None) -> None:
        """Count one of somebody, or so many more where one is counted already; never more than all that there are.

        Raises:
            TooManyCalls: if they have done it too often; it says when they may again.
        """
        if self._rate is None:
            return
        number = 1 if more is None else min(more, self._rate.times - 1)
        now = self._clock()
        full_at, wait = self._rate.take(self._full_at.get(who, now), now, number)
        self._full_at[who] = full_at
        self._full_at.move_to_end(who)
        if len(self._full_at) > MOST_CALLERS:
            self._full_at.popitem(last=False)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyCalls(f"Too many {self._what}: try again in {seconds} s.", retry_after=seconds)


class Rates:
    """The limits of one process.

    Args:
        given: as they are configured.
    """

    def __init__(self, given: RateSettings, clock: Callable[[], float] = time.monotonic) -> None:
        calls, unknown, sign_ins = (
            None if rate is None else Rate(*rate) for rate in (given.calls, given.unknown, given.sign_ins)
        )
        self._calls = Counter(calls, "calls", clock)
        self._unknown = Counter(unknown, "calls by nobody who is known", clock)
        self._sign_ins = Counter(sign_ins, "tries to sign in", clock)

    def call(self, tenant: str, principal: str) -> None:
        """Count a call of somebody who is known, from wherever it comes."""
        self._calls.count(f"{tenant}\n{principal}")

    def votes(self, tenant: str, principal: str, number: int) -> None:
        """Count a call with so many votes as so many calls; it is counted as one by now."""
        self._calls.count(f"{tenant}\n{principal}", number - 1)

    def unknown(self, address: str | None) -> None:
        """Count a call of somebody who is not known."""
        self._unknown.count(place_of(address))

    def sign_in(self, address: str | None) -> None:
        """Count a try to sign in."""
        self._sign_ins.count(place_of(address))


def place_of(address: str | None) -> str:
    """Return what an address is counted as: of IPv6 its network, in which a machine takes what addresses it likes."""
    if address is None:
        return ""
    found = ip_address(address)
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
