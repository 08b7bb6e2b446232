"""Which addresses a tool may reach, by any spelling."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.errors import ConfigError
from antiphon.tools.addresses import AddressPolicy, Forbidden

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "2001:db8::1", "5f00::1", "fec0::1"],
    "IPv4 in IPv6": ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::127.0.0.1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"],
    "6to4": ["2002:7f00:1::1", "2002:a9fe:a9fe::"],
    "Teredo": ["2001:0:7f00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"],
}
# What a resolver makes of them is 127.0.0.1, 169.254.169.254, or nothing.
SPELLINGS = [
    *("127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.0.0.1.", "localhost"),
    *("localhost.", "LOCALHOST", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0", "::ffff:7f00:1", "::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert AddressPolicy().allows(address)


@pytest.mark.parametrize("address", [address for group in PRIVATE.values() for address in group])
def test_all_others_are_not(address):
    assert not AddressPolicy().allows(address)


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_gets_through(host):
    with pytest.raises((Forbidden, OSError)):
        asyncio.run(AddressPolicy().resolve(host, 80))


def test_one_private_address_among_public_ones_is_enough():
    class Loop(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host, port, **_):
            return [(2, 1, 6, "", (address, port)) for address in ("8.8.8.8", "10.0.0.1")]

    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(Forbidden):
        runner.run(AddressPolicy().resolve("rebind.example", 80))


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "localhost", "LOCALHOST."])
def test_the_operator_may_allow_some(entry):
    assert "127.0.0.1" in asyncio.run(AddressPolicy([entry, "::1"]).resolve("localhost", 80))


def test_what_is_allowed_allows_nothing_else():
    policy = AddressPolicy(["127.0.0.1", "crm.internal"])
    assert not policy.allows("127.0.0.2")
    assert not policy.allows("10.0.0.1", host="crm.internal.evil.example")
    assert policy.allows("10.0.0.1", host="crm.internal")
    assert not policy.allows("::ffff:127.0.0.2")


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "", "127.0.0.1:80", "10.0.0.0/33"])
def test_a_wrong_entry_is_refused(entry):
    with pytest.raises(ConfigError, match="allow_private"):
        AddressPolicy([entry])
