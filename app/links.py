"""Where the server is: every address of its own that it gives out is made here.

It may lie below a path of a proxy's (`SHALLOWS_ROOT_PATH`, docs/decisions/0025). Which path that
is belongs to the context: each request has it, and so has what runs beside the requests.
"""

import re
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_ROOT: ContextVar[str] = ContextVar("root", default="")


def server_path(path: str) -> str:
    """The address of a path of the server; the path begins with /."""
    return f"{_ROOT.get()}{path}"


def cookie_path() -> str:
    """Where the server's cookies are sent: to nothing else of its host."""
    return _ROOT.get() or "/"


def cookie_name(name: str) -> str:
    """How one is called: what lies further down on the host gets it too, and has its own."""
    return name + re.sub(r"[^A-Za-z0-9]", "_", _ROOT.get())


def begin_at(root: str) -> None:
    """From now on in this context, and in what begins in it, the server lies below `root`."""
    _ROOT.set(root)


def placed(scope: Mapping[str, Any], root: str) -> dict[str, Any]:
    """What ASGI says of a request: its path begins with `root`, also if a proxy has cut that off.

    A request for `root` itself gets a `/` behind it from the router, as any other does.
    """
    decoded, path = unquote(root), scope["path"]
    within = path == decoded or path.startswith(f"{decoded}/")
    return {**scope, "root_path": decoded, "path": path if within else decoded + path}


def path_in(scope: Mapping[str, Any]) -> str:
    """The path of a request as the routes name it, wherever the server lies."""
    path: str = scope["path"]
    return path[len(scope.get("root_path", "")) :]


ANY = ("0.0.0.0", "::")
"""What a server is bound to that is reached from everywhere."""
IN_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""Docker and Podman put these there. No other machine reaches a container's own address."""


FAR_AWAY = ("192.0.2.1", 9)
"""Nobody's address: what leads there leads to the Internet."""
VIRTUAL = re.compile(r"docker|br-|veth|virbr|vmnet|vboxnet|podman|cni|utun|tun|tap|wg", re.I)
"""How networks are called in which there is no device of a class."""


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
            probe.connect(FAR_AWAY)
            address = str(probe.getsockname()[0])
        except OSError:
            return _near_address()
    return None if address.startswith("127.") else address


def _near_address() -> str | None:
    """That in a network which leads nowhere else, such as a hotspot of this machine's own."""
    import psutil

    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = (
        ip_address(entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if name in up and entry.family == socket.AF_INET and not VIRTUAL.match(name)
    )
    return next((str(one) for one in found if not (one.is_loopback or one.is_link_local)), None)
