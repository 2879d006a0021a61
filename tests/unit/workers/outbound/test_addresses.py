"""Public addresses, also those that embed another one, and the operator's exceptions."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.outbound import AddressPolicy, is_public

NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::808:808"),
    *("100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fd20:ce::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "4000::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0"),
    *("223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_no_public_host_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.integers(0, 2**32 - 1))
def test_nothing_that_python_knows_to_be_special_is_public(number: int) -> None:
    address = IPv4Address(number)

    special = address.is_private or address.is_multicast or address.is_reserved
    assert not (is_public(address) and (special or not address.is_global))


@given(st.integers(0, 2**128 - 1))
def test_no_special_ipv6_address_is_public(number: int) -> None:
    address = IPv6Address(number)

    special = address.is_private or address.is_multicast or address.is_reserved
    assert not (is_public(address) and (special or not address.is_global))


@given(st.integers(0, 2**32 - 1))
def test_an_address_behind_nat64_is_as_public_as_what_it_carries(number: int) -> None:
    behind = IPv6Address(int(IPv6Address("64:ff9b::")) + number)

    assert is_public(behind) == is_public(IPv4Address(number))


def test_an_operator_opens_the_networks_that_it_names_and_no_other() -> None:
    policy = AddressPolicy(allow=[ip_network("10.1.2.0/24"), ip_network("fd00::/64")])

    assert policy.permits(ip_address("10.1.2.3"))
    assert policy.permits(ip_address("fd00::3"))
    assert policy.permits(ip_address("1.1.1.1"))
    assert not policy.permits(ip_address("10.1.3.3"))
    assert not policy.permits(ip_address("::ffff:10.1.2.3"))
    assert not policy.permits(ip_address("64:ff9b::a01:203"))


def test_what_an_operator_denies_is_refused_though_public_or_allowed() -> None:
    policy = AddressPolicy(
        allow=[ip_network("10.0.0.0/8")], deny=[ip_network("10.9.0.0/16"), ip_network("8.8.8.8/32")]
    )

    assert not policy.permits(ip_address("10.9.0.1"))
    assert not policy.permits(ip_address("8.8.8.8"))
    assert not policy.permits(ip_address("64:ff9b::808:808"))
    assert policy.permits(ip_address("10.8.0.1"))
    assert policy.permits(ip_address("8.8.4.4"))
