"""Whose page a request comes from, and through what: origins, and what proxies say of them.

`X-Forwarded-Proto` is believed whoever sends it: no page can add it to a request that a browser
makes without asking first, so whoever makes it up deceives only itself. `X-Forwarded-For` is
another matter: it says whose share is used up, so it counts only from `SHALLOWS_TRUSTED_PROXIES`.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
SCHEMES = {"ws": "http", "wss": "https"}
"""Of streams, as an origin says them."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""


def origin_of(text: str) -> Origin | None:
    """The origin that a text such as `https://school.example` names; None if it names none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    default = DEFAULT_PORTS.get(parts.scheme)
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if default is None or not host or not plain or not host.isprintable() or " " in host:
        return None
    return parts.scheme, host, default if port is None else port


def scheme_of(scheme: str, headers: Mapping[str, str]) -> str:
    """http or https: what the browser speaks, to this server or to a proxy before it."""
    forwarded = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    spoken = forwarded if forwarded in {*DEFAULT_PORTS, *SCHEMES} else scheme
    return SCHEMES.get(spoken, spoken)


def allowed_origin(scheme: str, headers: Mapping[str, str], allowed: Sequence[str]) -> bool:
    """Whether a request may come from the page that makes it.

    Browsers name the page's origin; a script that names none is no page, and may.
    """
    named = headers.get("origin")
    if named is None or named in allowed:
        return True
    origin = origin_of(named)
    own = origin_of(f"{scheme_of(scheme, headers)}://{headers.get('host', '')}")
    return origin is not None and (origin == own or origin in map(origin_of, allowed))


def unnamed_proxy(client: Any, headers: Mapping[str, str]) -> str | None:
    """The address of a proxy nearby that says for whom it asks, and is not believed."""
    forwarded = headers.get("x-forwarded-for")
    host = str((client or ("", 0))[0])
    if forwarded is None or host in forwarded:
        return None
    try:
        return host if ipaddress.ip_address(host).is_private else None
    except ValueError:
        return None
