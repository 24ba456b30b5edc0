"""Of several servers: what another one has is asked of it, by bytes, and its answer passed on.

Whatever a request or stream is about has one owner (`app/sessions/servers.py`). Whoever is asked
and is not it looks in the database who is, and passes the request on (`upstream.py`) with a ticket
(`tickets.py`). A request with a ticket has been let in already, has been counted, and is never
passed on again. What no server has signed is no ticket: it opens no door, and whoever sends it is a
stranger like any other. If the owner is lost, or can't be reached twice (`calls.py`), whoever
is asked takes it (`Servers.take`) and answers itself.

A server that is fenced says nothing: what it would send is looked at here, message by message.

What if it is full: see `upstream.py`, and `MOST_GONE`. An answer is collected only where its
request was read here already, to see what it is about: that has a bound.
"""

import asyncio
import contextlib
import re
from collections import deque
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BrokenOff, Elsewhere, NotFound, ShallowsError
from app.links import path_in
from app.sessions.owning import MOVED
from app.sessions.servers import Servers
from app.store.owned import Kind, Owner
from app.web.calls import Unreachable
from app.web.passes import TOKEN, UP
from app.web.security import UNCOUNTED, refuse
from app.web.tickets import TICKET, Tickets
from app.web.upstream import MOST_MESSAGE, Ahead, Lost, Upstream
from app.web.ways import RELAYED

MOST_GONE = 10_000
"""Pages that are known to have gone; beyond, those that were found out first are forgotten."""
TRIES, AGAIN_SECONDS = 4, 0.3
"""So often it is asked who the owner is, and after that time if it is not who was asked."""

NAMED = re.compile(r"/(train|sessions|rooms)/([A-Za-z0-9_-]{1,64})(?:/.*)?")
KINDS: dict[str, Kind] = {"train": "job", "sessions": "session", "rooms": "room"}
BY_CODE = {"/rooms/join", "/rooms/teacher"}
"""Who these are about is in their bodies; see `routes/rooms.py`."""
QUERIES: tuple[tuple[str, Kind], ...] = (("room", "room"), ("session", "session"))


def named(scope: Scope) -> tuple[Kind, str] | None:
    """What a request is about, if that has an owner."""
    path = path_in(scope)
    if path == "/ws":
        query = parse_qs(scope["query_string"].decode("latin-1"))
        for word, kind in QUERIES:
            if word in query:
                return kind, query[word][0][:64]
        return None
    found = None if path in BY_CODE else NAMED.fullmatch(path)
    return None if found is None else (KINDS[found[1]], found[2])


class Relay:
    """Passes on what is asked of another server.

    Args:
        key: Of the store, so that all servers on it have the same.

    Attributes:
        inner: What answers here, past all doors.
    """

    inner: ASGIApp

    def __init__(self, servers: Servers, key: bytes) -> None:
        self.servers = servers
        self.tickets = Tickets(key, servers)
        self.upstream = Upstream(self.tickets)
        self._gone: dict[str, None] = {}
        """Tokens of pages that were at other servers, and are not there any more."""
        servers.when_gone += [self.upstream.end_links, self.upstream.calls.forget]
        servers.when_fenced.append(lambda: self.upstream.end_links(()))

    # -- whose is it ------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here, or have the owner answer."""
        early = Early(receive, send) if scope["type"] == "websocket" else None
        if early is not None:
            receive, send = early.receive, early.send
        else:
            receive = Ahead(receive)
        try:
            if not await self._pass_on(scope, receive, send, early):
                await self.inner(scope, receive, send)
        except ShallowsError as error:
            await refuse(scope, send, error)

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, early: "Early | None"
    ) -> bool:
        """Have the owner answer; False if this server is it, or nobody is.

        Raises:
            ShallowsError: it can't be passed on, and is not to be answered here.
        """
        if path_in(scope) == UP:
            if (owner := self._owner_of_way(scope)) is None:
                return False
            try:
                await self.upstream.send_on(owner, scope, receive, self._up(scope, send))
            except (Unreachable, Lost):
                raise Elsewhere from None
            return True
        thing = named(scope)
        return thing is not None and await self._to_owner(thing, scope, receive, send, early)

    def knows_page(self, token: str) -> bool:
        """Whether a token is of a page at another server that lives, as far as is known here."""
        return token not in self._gone and self.tickets.server_of(token) in self.servers.others

    def _up(self, scope: Scope, send: Send) -> Send:
        """Hear whether a page has gone: what comes up for it counts against nobody else then."""

        async def hear(message: Message) -> None:
            if message.get("status") == NotFound.status:
                self._gone[Headers(scope=scope).get(TOKEN, "")] = None
                if len(self._gone) > MOST_GONE:
                    del self._gone[next(iter(self._gone))]
            await send(message)

        return hear

    def _owner_of_way(self, scope: Scope) -> Owner | None:
        server = self.tickets.server_of(Headers(scope=scope).get(TOKEN, ""))
        if server is None or (other := self.servers.others.get(server)) is None:
            return None
        return Owner(server, other.address, 0, True)

    async def _to_owner(
        self,
        thing: tuple[Kind, str],
        scope: Scope,
        receive: Receive,
        send: Send,
        early: "Early | None" = None,
    ) -> bool:
        kind, name = thing
        for _ in range(TRIES):
            here = self.servers.is_here.get(kind)
            if self.servers.holds(kind, name) if here is None else here(name):
                return False
            owner = await self.servers.owner(kind, name)
            if owner is None:
                return False
            if owner.alive:
                if scope.get(RELAYED):
                    raise Elsewhere
                try:
                    await self.upstream.send_on(owner, scope, receive, send)
                    return True
                except Unreachable:
                    if kind == "job":
                        raise Elsewhere from None  # it trains on there
                    self.servers.unreachable(owner.server)
                    if early is not None:
                        await early.accept()  # it takes a while now, and a proxy waits for that
                except Lost:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
            if (take := self.servers.inherit.get(kind)) is not None:
                with contextlib.suppress(Elsewhere):
                    await take(name)
                continue
            return False
        raise Elsewhere

    # -- what is named in a body ------------------------------------------------------------

    async def answer(self, kind: Kind, name: str, request: Request) -> Response | None:
        """The owner's answer to a request that was read already; None if it is answered here.

        Raises:
            ShallowsError: the owner can't be asked.
        """
        if request.scope.get(RELAYED):
            return None
        body = await request.body()
        waiting = deque([body])
        status, headers, said = 500, [], b""

        async def receive() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.popleft(), "more_body": False}
            return await request.receive()

        async def send(message: Message) -> None:
            nonlocal status, headers, said
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            said += message.get("body", b"")
            if len(said) > MOST_MESSAGE:
                raise Elsewhere  # nothing here answers so much

        try:
            if not await self._to_owner((kind, name), request.scope, Ahead(receive), send):
                return None
        except BrokenOff:
            raise Elsewhere from None  # nothing of it was passed on yet
        answer = Response(said, status, media_type=dict(headers).get(b"content-type", b"").decode())
        answer.raw_headers = [(k, v) for k, v in headers if k != b"content-length"]
        answer.raw_headers.append((b"content-length", str(len(said)).encode()))
        return answer


class Early:
    """A stream that can be accepted before it is known who talks on it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._heard = self._accepted = False

    async def accept(self) -> None:
        """Accept it now, once."""
        if not self._accepted:
            await self._receive()  # that somebody wants to connect
            self._accepted = True
            await self._send({"type": "websocket.accept"})

    async def receive(self) -> Message:
        """What comes; that somebody wants to connect comes first, whether or not it has."""
        if not self._heard:
            self._heard = True
            if self._accepted:
                return {"type": "websocket.connect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        """What goes out; who was accepted is not refused any more, and comes again instead."""
        if not self._accepted:
            self._accepted = message["type"] == "websocket.accept"
        elif message["type"] == "websocket.http.response.start":
            message = {"type": "websocket.close", "code": MOVED}
        elif message["type"] == "websocket.close":  # its reason is for one that was not accepted
            message = {"type": "websocket.close", "code": message.get("code", 1000)}
        elif message["type"] in ("websocket.accept", "websocket.http.response.body"):
            return
        await self._send(message)


# -- where it stands ------------------------------------------------------------------------


class Innermost:
    """Before what answers: whoever has passed all doors is passed on from here."""

    def __init__(self, app: ASGIApp, relay: Relay) -> None:
        relay.inner = app
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the owner answer."""
        if scope["type"] in ("http", "websocket"):
            await self._relay.serve(scope, receive, send)
        else:
            await self._relay.inner(scope, receive, send)


class Outermost:
    """Before all doors: nothing is said while this server is fenced; who has a ticket is let in.

    Who has none goes on to the doors, and so does who has made one up: it must cost nobody a server
    that a proxy leaves one which answers 502.
    """

    def __init__(self, app: ASGIApp, relay: Relay) -> None:
        self._app, self._relay = app, relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in by its door."""
        if scope["type"] not in ("http", "websocket") or path_in(scope).startswith(UNCOUNTED):
            await self._app(scope, receive, send)
            return
        guard = Guard(scope, self._relay.servers, send)
        if self._relay.servers.fenced or self._relay.servers.leaving:
            await guard.refuse()
            return
        ticket = next((value for name, value in scope["headers"] if name == TICKET), None)
        how = {**scope, "method": "GET"} if scope["type"] == "websocket" else scope
        try:
            good = None if ticket is None else self._relay.tickets.read(ticket, how)
        except ShallowsError as error:
            await refuse(scope, guard.send, error)
            return
        if good is None:
            await self._app(scope, receive, guard.send)
        else:
            client, scheme = good
            let_in = {**scope, "client": (client, 0), "scheme": scheme, RELAYED: True}
            await self._relay.serve(let_in, receive, guard.send)
        if guard.broke:
            raise BrokenOff("an answer has no end: this server is silent")


class Guard:
    """What goes out for one request: as soon as this server is fenced, nothing more does.

    Attributes:
        broke: Whether an answer to a request has begun, and has no end.
    """

    def __init__(self, scope: Scope, servers: Servers, send: Send) -> None:
        self._scope, self._servers, self._send = scope, servers, send
        self._begun = self._over = self.broke = False

    async def send(self, message: Message) -> None:
        """Pass on, or end."""
        if self._over:
            return
        if not self._servers.fenced:
            self._begun = True
            await self._send(message)
        else:
            await self.refuse()

    async def refuse(self) -> None:
        """End it: it is to be asked for again, where another server may answer."""
        self._over = True
        if not self._begun:
            await refuse(self._scope, self._send, Elsewhere())
        elif self._scope["type"] == "websocket":
            with contextlib.suppress(RuntimeError):
                await self._send({"type": "websocket.close", "code": MOVED})
        else:
            self.broke = True
