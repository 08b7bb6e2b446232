"""Which addresses a tool may reach: public ones, and those the operator allows.

Judged is not how a host is written but what it resolves to, and connections are made to exactly the addresses that were
judged: no spelling and no change of the name's records in between gets around it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from antiphon.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is routed on the internet (RFC 4291, 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)


class Forbidden(Exception):
    """The host is, or resolves to, an address that tools may not reach."""


class AddressPolicy:
    """Public addresses, and `allow_private`: networks ("10.0.0.0/8", "127.0.0.1") and names of hosts ("crm.internal"),
    whatever those resolve to. Raises ConfigError for an entry that is neither."""

    def __init__(self, allow_private: Iterable[str] = ()) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._hosts: set[str] = set()
        for entry in allow_private:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                if "/" in entry or ":" in entry or not entry.strip():
                    raise ConfigError(f"allow_private: {entry!r} is no network and no host name") from None
                self._hosts.add(_bare(entry))

    def allows(self, address: str, *, host: str = "") -> bool:
        """Whether a connection may be made to the address, in its usual notation, that `host` stands for."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if _bare(host) in self._hosts or self.names(address):
            return True
        return all(_is_public(meant) for meant in _meanings(found))

    def names(self, host: str) -> bool:
        """Whether the operator has allowed this very host."""
        if _bare(host) in self._hosts:
            return True
        try:
            found = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(found in network for network in self._networks if network.version == found.version)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of `host`. Raises Forbidden if any of them may not be reached, and OSError if there is none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            if not self.allows(address, host=host):
                raise Forbidden(f"{host} is not a public address")
        return addresses


def _bare(host: str) -> str:
    return host.lower().rstrip(".")


def _meanings(address: Address) -> list[Address]:
    """The address, and the IPv4 addresses that are written inside an IPv6 one: a gateway would go there."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    meant: list[Address] = [found for found in inner if found is not None]
    if not meant or address in _GLOBAL_UNICAST:
        meant.append(address)
    return meant


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _GLOBAL_UNICAST
