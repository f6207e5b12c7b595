"""Addresses in the one form in which they are compared: of sites, as browsers write them, and of machines."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

_MAPPED = IPv6Network("::ffff:0:0/96")
_CARRIERS = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))  # NAT64, and what came before the mapped ones
_PROTOCOLS, _LOCAL_NAT64 = IPv4Network("192.0.0.0/24"), IPv6Network("64:ff9b:1::/48")
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5}", re.ASCII)


def origin_at(scheme: str, host: str, port: int | None) -> str:
    """Return the origin of a site (RFC 6454): letters are small, and a port that goes without saying is left out.

    Raises:
        ValueError: if it is not reached by HTTP, or has no host, or the port is none.
    """
    if scheme not in DEFAULT_PORTS or not host or port == 0:
        raise ValueError(f"{scheme}://{host} is no site")
    name = host.lower()
    with suppress(ValueError):
        found = ip_address(name)
        name = f"[{found}]" if found.version == 6 else str(found)  # noqa: PLR2004 - the version of IP
    return f"{scheme}://{name}" + ("" if port in {None, DEFAULT_PORTS[scheme]} else f":{port}")


def hosts_of(site: str) -> frozenset[str]:
    """Return what a call of a site may name as its host, in small letters: with its port, and without the usual one."""
    given = urlsplit(site)
    if given.port is not None:
        return frozenset({given.netloc})
    return frozenset({given.netloc, f"{given.netloc}:{DEFAULT_PORTS[given.scheme]}"})


def machine(text: str) -> IPv4Address | IPv6Address | None:
    """Return an IP address as proxies and sockets say it: with or without a port; None if it is none.

    One of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.1`) is that of IPv4.
    """
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ip_address(text if with_port is None else with_port[1] or with_port[2])
    except ValueError:
        return None
    return found if isinstance(found, IPv4Address) else found.ipv4_mapped or IPv6Address(int(found))


def network(text: str) -> IPv4Network | IPv6Network:
    """Return an address or a network of them; one of IPv4 that is written as one of IPv6 is that of IPv4.

    Raises:
        ValueError: if it is none.
    """
    found = ip_network(text)
    if isinstance(found, IPv4Network) or not found.subnet_of(_MAPPED):
        return found
    return IPv4Network((int(found.network_address) & 0xFFFF_FFFF, found.prefixlen - _MAPPED.prefixlen))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the open internet: none of this machine's, of a private network, or a group's.

    An address of IPv6 that carries one of IPv4 (mapped, 6to4, NAT64, Teredo) is as public as that one.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and address not in _PROTOCOLS
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _CARRIERS):
        carried.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    inside = all(is_public(one) for one in carried if one is not None)
    is_none = address.is_multicast or address.is_site_local or address in _LOCAL_NAT64
    return inside and address.is_global and not is_none
