"""Where the server is: every address of its own that it gives out is made here."""

import socket
from pathlib import Path

BASE = ""
"""What stands before each path. A sub-path of a proxy would be this one setting."""


def server_path(path: str) -> str:
    """The address of a path of the server; the path begins with /."""
    return f"{BASE}{path}"


ANY = ("0.0.0.0", "::")
"""What a server is bound to that is reached from everywhere."""
IN_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""Docker and Podman put these there. No other machine reaches a container's own address."""


def addresses(host: str) -> list[str]:
    """The addresses at which a server bound to `host` can be reached, that for others first."""
    if host not in ANY:
        return [host]
    lan = lan_address(host)
    return [*([lan] if lan else []), "localhost"]


def in_url(address: str) -> str:
    """A name or an address as it stands in a URL: one of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def lan_address(host: str) -> str | None:
    """Where other machines reach a server bound to `host`, if this machine can know it.

    No packet is sent: a UDP socket only picks a route.
    """
    if host not in ANY:
        return None if host in ("localhost", "::1") or host.startswith("127.") else host
    if any(mark.exists() for mark in IN_A_CONTAINER):
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if address.startswith("127.") else address
