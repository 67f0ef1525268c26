"""Which addresses a typed host may lead to: public unicast ones, judged on the binary address (I35, A1). Pure.

`is_global` alone calls some wrapped private addresses global, so an IPv4 address inside an IPv6 one is unwrapped first.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

PRIVATE_4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""The special-purpose registry of RFC 6890 and its updates, multicast, and what is reserved."""
UNICAST_6 = IPv6Network("2000::/3")
SPECIAL_6 = tuple(
    IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
NAT64 = IPv6Network("64:ff9b::/96")
V4_COMPATIBLE = IPv6Network("::/96")


def is_public(address: str) -> bool:
    """May a typed host lead here? Anything that is no plain address is refused."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = embedded(found)
        if inner is None:
            return found in UNICAST_6 and not any(found in net for net in SPECIAL_6)
        found = inner
    return not any(found in net for net in PRIVATE_4)


def embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address a mapped, compatible, NAT64 or 6to4 address stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64 or address in V4_COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
