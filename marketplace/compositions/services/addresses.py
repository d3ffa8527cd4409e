"""Which addresses a provider may have: public ones, and those that the settings allow. No Django in here."""

import ipaddress
import socket
from collections.abc import Sequence

from marketplace.compositions.services.faults import ServiceFault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def networks(words: Sequence[str]) -> list[Network]:
    """This will read networks such as `10.0.0.0/8`, or single addresses."""
    return [ipaddress.ip_network(word, strict=False) for word in words]


def is_public(address: Address) -> bool:
    """This will tell whether an address is of the internet at large, also the one that is wrapped in it."""
    inner = _inner(address)
    if inner is not None and not is_public(inner):
        return False
    # RFC 6052 puts an IPv4 address into this prefix, which is none of a host itself.
    return (address.is_global or (address.version == 6 and address in _NAT64)) and not address.is_multicast


def _inner(address: Address) -> Address | None:
    """Gives the IPv4 address to which an IPv6 address leads: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def addresses_of(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """This will look a host up, once, and give its addresses; whoever connects uses these and asks no name again.

    Raises ServiceFault where there is none, or where one of them is neither public nor allowed: a name that leads here
    as well as abroad is refused.
    """
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ServiceFault("service-gone", f"{host}: {getattr(error, 'strerror', '') or error}", lasts=False) from None
    found = list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))
    for text in found:
        address = ipaddress.ip_address(text)
        plain = getattr(address, "ipv4_mapped", None) or address
        if not is_public(address) and not any(plain in network for network in allowed):
            raise ServiceFault("service-private", host)
    return found
