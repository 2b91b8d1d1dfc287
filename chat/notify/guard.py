"""Which addresses a call may go to. What leads inside the operator's own network needs the operator's word."""

from __future__ import annotations

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Whether an address belongs to the world: not loopback, private, link-local, shared, reserved or multicast.

    An IPv6 address that carries an IPv4 one is as public as what it carries.
    """
    try:
        return all(_is_global(one) for one in _carried(ipaddress.ip_address(address.partition("%")[0])))
    except ValueError:
        return False


def _is_global(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def _carried(address: Address) -> list[Address]:
    """The address, or those of IPv4 that stand for it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address]
