"""What one of several servers shows another: a ticket for each request, and a token of a page.

A ticket says for whom a server asks. It is signed with a key of the store's, and good for some
seconds, for one server, for one request, and once. A token of the second way says at which server
a page is, so that any of them can pass on what it posts.

What if it is full: `MOST_TICKETS` within their time; one more is refused (503).
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections import deque

from starlette.types import Scope

from app.errors import Busy, Elsewhere
from app.sessions.servers import Servers

TICKET = b"shallows-relay"
"""The header that a ticket is in."""
TICKET_SECONDS = 5.0
MOST_TICKETS = 20_000


class Tickets:
    """Makes tickets, and looks at those of others.

    Args:
        key: Of the store, so that all servers on it have the same.
    """

    def __init__(self, key: bytes, servers: Servers) -> None:
        self._key, self._servers = key, servers
        self._had: set[str] = set()
        self._order: deque[tuple[float, str]] = deque()

    def make(self, scope: Scope, server: str) -> bytes:
        """One for this request, at that server."""
        client, scheme = (scope.get("client") or ("unknown", 0))[0], scope["scheme"]
        now, once = self._servers.database_now, secrets.token_hex(8)
        said = json.dumps([server, now, once, client, scheme]).encode()
        return base64.urlsafe_b64encode(said) + b"." + self._proof(said, scope)

    def read(self, ticket: bytes, scope: Scope) -> tuple[str, str] | None:
        """For whom somebody asks, and how they came; None if no server has signed that.

        Raises:
            Elsewhere: one has, and it is not good here: it was used, is old, or another server's
                or version's.
            Busy: so many have come that none can be told from one that was used.
        """
        words, _, proof = ticket.partition(b".")
        try:
            said = base64.urlsafe_b64decode(words)
        except ValueError:
            return None
        if not hmac.compare_digest(proof, self._proof(said, scope)):
            return None
        try:
            server, made, once, client, scheme = json.loads(said)
        except ValueError:
            raise Elsewhere from None
        now = self._servers.database_now
        # Also if its clock was set back: what was made then is too far away to be good.
        while self._order and abs(self._order[0][0] - now) > 2 * TICKET_SECONDS:
            self._had.discard(self._order.popleft()[1])
        if server != self._servers.id or abs(now - made) > TICKET_SECONDS or once in self._had:
            raise Elsewhere
        if len(self._had) >= MOST_TICKETS:
            raise Busy("other servers ask too much of this one; try again in a moment")
        self._had.add(once)
        self._order.append((now, once))
        return client, scheme

    def _proof(self, said: bytes, scope: Scope) -> bytes:
        what = b"\n".join((said, scope.get("method", "WS").encode(), target_of(scope)))
        return hmac.new(self._key, what, hashlib.sha256).hexdigest().encode()

    # -- tokens of the second way: any server knows whose page they are ----------------------

    def token(self) -> str:
        """For a page at this server."""
        name = f"{self._servers.id}~{secrets.token_urlsafe(12)}"
        return f"{name}~{self._short(name)}"

    def server_of(self, token: str) -> str | None:
        """At which server a page is; None if no server has made that token."""
        name, _, proof = token.rpartition("~")
        good = hmac.compare_digest(proof.encode(), self._short(name).encode())
        return name.partition("~")[0] if good else None

    def _short(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:16]


def target_of(scope: Scope) -> bytes:
    """The path and query of a request, as they came."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + (b"?" + query if query else b"")
