"""Whose call without a session it is, by the addresses in a request's headers.

Certain is one thing: the last address of X-Forwarded-For. Google's front end writes it, whatever the caller sent
before it (Google Cloud's documentation, "Request headers in Cloud Functions"), and it is where the connection came
from. All else a caller of the function's own address may make up, so it is believed only when the connection came from
Hosting. What is known of Hosting is in docs/operations.md, "Whose address counts".
"""

import ipaddress
from collections.abc import Iterable

from starlette.requests import Request

from backend.values import Visitor

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGEST = 45  # characters of an address
# Google's own networks, from which Hosting was seen to call (66.102.8.x). No customer's machine of Google Cloud has an
# address there, but others of Google's services call from there too, for anybody: see Attempts.
GOOGLES_OWN = (
    "64.233.160.0/19 66.102.0.0/20 72.14.192.0/18 74.125.0.0/16 108.177.0.0/17 142.250.0.0/15 172.217.0.0/16"
    " 172.253.0.0/16 173.194.0.0/16 192.178.0.0/15 209.85.128.0/17 216.58.192.0/19 216.239.32.0/19"
    " 2001:4860::/32 2404:6800::/32 2607:f8b0::/32 2800:3f0::/32 2a00:1450::/32 2c0f:fb50::/32"
)


class Proxies:
    """The networks of those who are believed when they say for whom they forward a request."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = [(n.version, int(n.netmask), int(n.network_address)) for n in networks]

    def visitor(self, request: Request, attestation: str | None = None) -> Visitor:
        """Who makes a call without a session."""
        # A caller may send the header several times.
        lines = ",".join(request.headers.getlist("x-forwarded-for"))
        told = [address.strip() for address in lines.split(",") if address.strip()]
        peer = told[-1] if told else "" if request.client is None else request.client.host
        if not self._is_believed(_parsed(peer)):
            return Visitor(peer[:_LONGEST], peer[:_LONGEST], attestation)
        clients = request.headers.getlist("fastly-client-ip") or told[-2:-1]
        client = _parsed(clients[0]) if len(clients) == 1 else None
        return Visitor(peer if client is None else str(client), peer, attestation)

    def _is_believed(self, peer: Address | None) -> bool:
        if peer is None:
            return False
        number, its_version = int(peer), peer.version
        return any(its_version == version and number & mask == first for version, mask, first in self._networks)


def parsed(networks: str) -> tuple[Network, ...]:
    """The networks of a text that separates them by spaces. Raises ValueError with what is none."""
    return tuple(ipaddress.ip_network(network) for network in networks.split())


def _parsed(address: str) -> Address | None:
    try:
        return None if "%" in address else ipaddress.ip_address(address.strip())
    except ValueError:
        return None
