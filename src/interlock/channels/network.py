"""Connections to addresses that others have named: none leads into this network, whatever a name stands for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import httpcore2

from interlock.domain.addresses import is_public, machine


class ForbiddenAddress(httpcore2.ConnectError):
    """A name stands for an address that nothing may be sent to."""


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections to public addresses alone.

    The name is looked up here, and the address that was judged is the one that is connected to: whoever answers another
    one a moment later gains nothing.

    Args:
        allowed: networks that may be reached although they are private.
    """

    def __init__(self, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = allowed
        self._below = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the backend below names it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host, if each address that it has may be reached."""
        addresses = await _addresses(host, port)
        for address in addresses:
            if not (is_public(address) or any(address in network for network in self._allowed)):
                raise ForbiddenAddress(f"{host} is {address}, which is no public address.")
        failure: Exception = httpcore2.ConnectError(f"{host} has no address.")
        for address in addresses:
            try:
                return await self._below.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait, between two tries to connect."""
        await self._below.sleep(seconds)


async def _addresses(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(f"{host} has no address: {error.strerror or error}") from None
    read = [machine(place[0].partition("%")[0]) for *_, place in found if isinstance(place[0], str)]
    return list(dict.fromkeys(address for address in read if address is not None))
