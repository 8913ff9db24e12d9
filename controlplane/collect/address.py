"""Addresses we never connect to, whoever names them: link-local ones, where clouds hand out credentials.

Loopback is allowed: many a vLLM server runs on the same machine.
"""

import ipaddress

_METADATA = frozenset(ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200"))
"""Metadata services of clouds that are not link-local."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def forbidden(text: str) -> str | None:
    """Why ``text``, a literal address, must not be connected to; ``None`` when it may, or is not an address."""
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    if address.is_link_local:
        return f"{address} is link-local"
    if address in _METADATA:
        return f"{address} is a cloud's metadata service"
    if address.is_multicast:
        return f"{address} is no host's address"
    return None
