"""Of several servers: what another one has is asked of it, by bytes, and its answer passed on.

Whatever a request or stream is about has one owner (`app/sessions/servers.py`). Whoever is asked
and is not it looks in the database who is, and passes the request on with a ticket: for whom it
asks, signed with a key of the store's, good for some seconds, for one server, and once. A request
with a ticket has been let in already, has been counted, and is never passed on again. What no
server has signed is no ticket: it opens no door, and whoever sends it is a stranger like any other.
If the owner is lost, or can't be reached twice, whoever is asked takes it (`Servers.take`) and
answers itself. Only a call that is not taken shows that, and none of others' meanwhile: what this
server or its client does wrong, or has not enough of, is theirs, and so is a refusal, which is
passed on. However many somebody makes at once, what an owner has is not taken from it for that.

A server that is fenced says nothing: what it would send is looked at here, message by message.

What if it is full: `MOST_RELAYED` at a time, of one address a third of that, and `MOST_TICKETS`
within their time; one more is refused (503). What is passed on is not collected: the slower side
holds up the faster. An owner that dies ends what is passed on to it: a stream is closed with 1012,
and its page comes again.
"""

import asyncio
import base64
import contextlib
import errno
import hashlib
import hmac
import json
import logging
import math
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpcore2
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.http11 import Response as Refusal
from websockets.uri import parse_uri

from app.errors import Busy, Elsewhere, Malformed, NotFound, ShallowsError
from app.fairness import Allowance
from app.links import path_in
from app.sessions.owning import MOVED
from app.sessions.servers import Servers
from app.store.owned import Kind, Owner
from app.web.limits import client_of
from app.web.passes import TOKEN, UP
from app.web.security import UNCOUNTED, refuse
from app.web.ways import RELAYED

log = logging.getLogger(__name__)

TICKET = b"shallows-relay"
TICKET_SECONDS = 5.0
MOST_TICKETS = 20_000
MOST_RELAYED = 3_000
MOST_OF_ONE = MOST_RELAYED // 3
MOST_GONE = 10_000
"""Pages that are known to have gone; beyond, those that were found out first are forgotten."""
MOST_MESSAGE = 32_000_000
"""Bytes of one message of the owner's: a frame of the largest network is smaller."""
DIALS, DIAL_SECONDS = 2, 0.4
"""So often a server is called that does not answer, until what it has is taken from it."""
LATE_SECONDS = 0.1
"""A call that was given up so much later than it was to be: this server has too much to do."""
TRIES, AGAIN_SECONDS = 4, 0.3
"""So often it is asked who the owner is, and after that time if it is not who was asked."""
OPEN_SECONDS = 1.0
"""For the owner to open a stream; then the database is asked again who the owner is."""
ANSWER_SECONDS = 60.0
"""Between two parts of an answer: heavy work waits half a minute for its turn."""
PING_SECONDS, PONG_SECONDS = 1.0, 2.0

NAMED = re.compile(r"/(train|sessions|rooms)/([A-Za-z0-9_-]{1,64})(?:/.*)?")
KINDS: dict[str, Kind] = {"train": "job", "sessions": "session", "rooms": "room"}
BY_CODE = {"/rooms/join", "/rooms/teacher"}
"""Who these are about is in their bodies; see `routes/rooms.py`."""
QUERIES: tuple[tuple[str, Kind], ...] = (("room", "room"), ("session", "session"))
OUR_OWN = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
    *(errno.EADDRNOTAVAIL, errno.EADDRINUSE),
}
"""Why a call is not even made: there are no more files, ports or bytes to be had here."""
HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"upgrade", b"te", b"trailer", b"proxy-connection"),
    *(b"x-forwarded-for", b"forwarded", b"expect", TICKET),
}


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


class Unreachable(Exception):
    """A server does not answer when it is called."""


class Lost(Exception):
    """The owner has gone, or is not the owner any more."""


class Calls:
    """To other servers: which of them take some, and whether one that fails is their fault.

    Args:
        ticks: Seconds that never go back.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.ticks = ticks
        self._taken: dict[str, float] = {}

    def taken(self, server: str) -> None:
        """A server has answered a call."""
        self._taken[server] = self.ticks()

    def forget(self, alive: Collection[str]) -> None:
        """Know nothing of servers that do not live any more."""
        self._taken = {server: at for server, at in self._taken.items() if server in alive}

    def failed(self, server: str, since: float, why: BaseException) -> Unreachable:
        """A call that began then was not taken, by a server that is not there then.

        Raises:
            Busy: this server could not make it, or the other one takes others.
        """
        if any(getattr(error, "errno", None) in OUR_OWN for error in _causes(why)):
            raise Busy("this server can't call others just now; try again in a moment") from None
        if self._taken.get(server, -math.inf) >= since:
            raise Busy("another server has too much to do; try again in a moment") from None
        return Unreachable()

    def check(self, since: float) -> None:
        """Of a call that began then and was given up: it was in time.

        Raises:
            Busy: it was not, since this server has too much to do.
        """
        if self.ticks() > since + DIAL_SECONDS + LATE_SECONDS:
            raise Busy("this server has too much to do; try again in a moment") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__


class Relay:
    """Passes on what is asked of another server.

    Attributes:
        inner: What answers here, past all doors.
        now: How many requests and streams are passed on just now,
        passed: and how many have been.
    """

    inner: ASGIApp

    def __init__(self, servers: Servers, key: bytes) -> None:
        self.servers = servers
        self.tickets = Tickets(key, servers)
        self._links: dict[str, set[asyncio.Task[Any]]] = {}
        self._ended: set[asyncio.Task[Any]] = set()
        self._places = Allowance(MOST_OF_ONE, MOST_RELAYED)
        self._calls = Calls(time.monotonic)
        self._gone: dict[str, None] = {}
        """Tokens of pages that were at other servers, and are not there any more."""
        self.now = self.passed = 0
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=MOST_RELAYED, max_keepalive_connections=0
        )
        servers.when_gone += [self._end_links, self._calls.forget]
        servers.when_fenced.append(lambda: self._end_links(()))

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
                return await self._send_on(owner, scope, receive, self._up(scope, send))
            except (Unreachable, Lost):
                raise Elsewhere from None
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
                    return await self._send_on(owner, scope, receive, send)
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

    def _end_links(self, alive: Collection[str]) -> None:
        for server in self._links.keys() - set(alive):
            for task in self._links[server]:
                self._ended.add(task)
                task.cancel()

    @contextlib.contextmanager
    def _link(self, server: str, client: str) -> Iterator[None]:
        """Something is passed on to a server; it ends when that dies.

        Raises:
            Busy: so much is passed on, of this client or of all, that this can't be.
            Lost: the server has died.
        """
        if not self._places.has_room(client):
            raise Busy("too much is passed on to other servers; try again in a moment")
        self._places.take(client)
        task = asyncio.current_task()
        assert task is not None
        self.now, self.passed = self.now + 1, self.passed + 1
        links = self._links.setdefault(server, set())
        links.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._ended:
                task.uncancel()
                raise Lost from None
            raise
        finally:
            self.now -= 1
            self._places.give(client)
            self._ended.discard(task)
            links.discard(task)
            if not links:
                self._links.pop(server, None)

    async def _send_on(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> bool:
        with self._link(owner.server, client_of(scope)):
            if scope["type"] == "websocket":
                await self._stream(owner, scope, receive, send)
            else:
                await self._request(owner, scope, receive, send)
        return True

    # -- streams ----------------------------------------------------------------------------

    async def _stream(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            upstream = await self._opened(owner, scope)
        except InvalidStatus as refused:
            await _pass_on_refusal(refused.response, send)
            return
        try:
            await receive()  # that somebody wants to connect
            await send({"type": "websocket.accept"})
            code = await _carry(upstream, receive, send)
        except asyncio.CancelledError:
            upstream.transport.abort()
            if (me := asyncio.current_task()) not in self._ended or me is None:
                raise
            me.uncancel()
            code = MOVED
        await upstream.close()
        with contextlib.suppress(RuntimeError):  # whoever it was for may have gone
            await send({"type": "websocket.close", "code": code})

    async def _opened(self, owner: Owner, scope: Scope) -> ClientConnection:
        """A stream to the owner.

        Raises:
            InvalidStatus: the owner refuses it.
            Lost: it has not answered in time, or is not the owner.
            Unreachable: it does not take the call.
            ShallowsError: it could not be called.
        """
        address = urlsplit(owner.address)
        uri = _uri(address.netloc, target_of(scope).decode("latin-1"))
        ticket = self.tickets.make({**scope, "method": "GET"}, owner.server).decode()
        why: Exception = Unreachable()
        began = self._calls.ticks()
        for _ in range(DIALS):
            line = await self._dialled(owner.server, str(address.hostname), address.port or 80)
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    upstream = await connect(
                        uri,
                        sock=line,
                        proxy=None,
                        compression=None,
                        additional_headers={TICKET.decode(): ticket},
                        user_agent_header=None,
                        open_timeout=None,
                        ping_interval=PING_SECONDS,
                        ping_timeout=PONG_SECONDS,
                        close_timeout=OPEN_SECONDS,
                        max_size=MOST_MESSAGE,
                    )
                self._calls.taken(owner.server)
                return upstream
            except TimeoutError:
                line.close()
                raise Lost from None  # it is frozen, or busy: the database knows
            except InvalidStatus as refused:
                line.close()
                self._calls.taken(owner.server)
                if _is_elsewhere(refused.response.status_code, bytes(refused.response.body)):
                    raise Lost from None
                raise
            except (WebSocketException, OSError) as error:
                line.close()
                why = error
        raise self._calls.failed(owner.server, began, why) from None

    async def _dialled(self, server: str, host: str, port: int) -> socket.socket:
        """A connection to a server.

        Raises:
            Unreachable: it takes none.
            Busy: this server can't call, or the other one takes others' calls.
        """
        loop = asyncio.get_running_loop()
        why: Exception = Unreachable()
        first = self._calls.ticks()
        for _ in range(DIALS):
            began = self._calls.ticks()
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                    family, kind, proto, _, address = found[0]
                    line = socket.socket(family, kind, proto)
                    try:
                        line.setblocking(False)
                        await loop.sock_connect(line, address)
                    except BaseException:
                        line.close()
                        raise
                    return line
            except (OSError, TimeoutError) as error:
                why = error
                self._calls.check(began)
                await asyncio.sleep(DIAL_SECONDS / 4)
        raise self._calls.failed(server, first, why) from None

    # -- requests ---------------------------------------------------------------------------

    async def _request(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        assert isinstance(receive, Ahead)
        address = urlsplit(owner.address)
        headers = [(k, v) for k, v in scope["headers"] if k not in HOP_BY_HOP]
        if all(name != b"host" for name, _ in headers):  # HTTP/1.0 needs none
            headers.append((b"host", address.netloc.encode()))
        first = self._calls.ticks()
        for dial in range(DIALS):
            began = self._calls.ticks()
            body = _Body(receive, there=_has_body(scope))
            request = httpcore2.Request(
                scope["method"],
                httpcore2.URL(
                    scheme=b"http",
                    host=str(address.hostname).encode(),
                    port=address.port,
                    target=target_of(scope),
                ),
                headers=[*headers, (TICKET, self.tickets.make(scope, owner.server))],
                content=body.parts() if _has_body(scope) else None,
                extensions={
                    "timeout": {
                        "connect": DIAL_SECONDS,
                        "read": ANSWER_SECONDS,
                        "write": ANSWER_SECONDS,
                        "pool": DIAL_SECONDS,
                    }
                },
            )
            try:
                await self._exchange(owner.server, request, body, send)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as why:
                if isinstance(why, httpcore2.ConnectTimeout):
                    self._calls.check(began)
                if dial + 1 == DIALS:
                    raise self._calls.failed(owner.server, first, why) from None
            else:
                return

    async def _exchange(
        self, server: str, request: httpcore2.Request, body: "_Body", send: Send
    ) -> None:
        """Send a request on, and its answer back.

        Raises:
            Lost: the owner has gone before it has answered.
            Elsewhere: so it has, and the body with it.
            Malformed: it can't be said on as it came.
        """
        began = False
        me = asyncio.current_task()
        assert me is not None
        # Who has asked may go while the owner works, and while the answer streams down.
        gone = asyncio.create_task(body.gone(me))
        try:
            response = await self._pool.handle_async_request(request)
            self._calls.taken(server)
            body.sent.set()
            try:
                if response.status == Elsewhere.status and not body.begun:
                    part = await anext(response.aiter_stream(), b"")
                    if _is_elsewhere(response.status, part):
                        raise Lost
                    parts: AsyncIterator[bytes] = _one(part)
                else:
                    parts = response.aiter_stream()
                began = True
                headers = [(k.lower(), v) for k, v in response.headers]
                headers = [(k, v) for k, v in headers if k not in (*HOP_BY_HOP, b"date", b"server")]
                headers = [(k, v) for k, v in headers if k != b"transfer-encoding"]
                start: MutableMapping[str, Any] = {"type": "http.response.start"}
                await send({**start, "status": response.status, "headers": headers})
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            finally:
                await response.aclose()
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
            raise
        except httpcore2.LocalProtocolError:
            raise Malformed("this request can't be passed on as it came") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as why:
            if not (began or body.begun or isinstance(why, httpcore2.TimeoutException)):
                raise httpcore2.ConnectError from None  # something before it has taken the call
            await _broken(began, body.begun, send)
        except asyncio.CancelledError:
            if body.left:
                me.uncancel()
                return
            if me not in self._ended:
                raise
            me.uncancel()
            self._ended.discard(me)
            await _broken(began, body.begun, send)
        finally:
            gone.cancel()

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

        if not await self._to_owner((kind, name), request.scope, Ahead(receive), send):
            return None
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


class Ahead:
    """What comes of a request. Whoever waits for its end takes nothing from who is to read it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()

    async def __call__(self) -> Message:
        """The next message."""
        return self._messages.popleft() if self._messages else await self._receive()

    async def gone(self) -> None:
        """Until whoever has sent it is not there any more; nobody may read meanwhile."""
        while not self._messages or self._messages[-1]["type"] != "http.disconnect":
            self._messages.append(await self._receive())


class _Body:
    """The body of a request, as it is passed on.

    Attributes:
        begun: Whether some of it has been sent on.
        sent: Whether all of it has, or no more of it is wanted.
        left: Whether whoever sent it has gone since.
    """

    def __init__(self, receive: Ahead, *, there: bool) -> None:
        self._receive = receive
        self.begun = self.left = False
        self.sent = asyncio.Event()
        if not there:
            self.sent.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """Part by part."""
        self.begun = True
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise httpcore2.ReadError("whoever sent it has gone")
            more = message.get("more_body", False)
            if part := message.get("body", b""):
                yield part
        self.sent.set()

    async def gone(self, task: "asyncio.Task[Any]") -> None:
        """End a task once whoever asked has gone."""
        await self.sent.wait()
        await self._receive.gone()
        self.left = True
        task.cancel()


def _uri(netloc: str, target: str) -> str:
    """The address of a stream at another server.

    Raises:
        Malformed: it would not come there as it came here.
    """
    uri = f"ws://{netloc}{target}"
    with contextlib.suppress(InvalidURI, ValueError):
        if parse_uri(uri).resource_name == target:
            return uri
    raise Malformed("this address can't be passed on as it came")


def _is_elsewhere(status: int, body: bytes) -> bool:
    """Whether a server says that it is not the owner."""
    return status == Elsewhere.status and f'"{Elsewhere.code}"'.encode() in body


async def _pass_on_refusal(refusal: Refusal, send: Send) -> None:
    """What the owner has said instead of opening a stream."""
    start: Message = {"type": "websocket.http.response.start", "status": refusal.status_code}
    headers = [(k.lower().encode(), v.encode()) for k, v in refusal.headers.raw_items()]
    left_out = {*HOP_BY_HOP, b"date", b"server", b"transfer-encoding", b"content-length"}
    headers = [(k, v) for k, v in headers if k not in left_out]
    headers.append((b"content-length", str(len(refusal.body)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": bytes(refusal.body)})


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _one(part: bytes) -> AsyncIterator[bytes]:
    yield part


async def _broken(began: bool, sent: bool, send: Send) -> None:
    """The owner has gone in the middle of an answer, or before."""
    if not began:
        raise Elsewhere if sent else Lost
    # What came is passed on; whoever reads it sees that it has no end.
    await send({"type": "http.response.body", "body": b""})


async def _carry(upstream: ClientConnection, receive: Receive, send: Send) -> int:
    """Carry messages both ways until one side closes; the code for this side."""

    async def up() -> int:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or 1000
                await upstream.close(code if code not in (1005, 1006, 1015) else 1000)
                return int(code)
            said = message.get("text")
            await upstream.send(said if said is not None else message["bytes"])

    async def down() -> int:
        async for message in upstream:
            name = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", name: message})
        code = upstream.close_code or 1006
        return code if code not in (1005, 1006, 1011, 1015) else MOVED

    ways = {asyncio.create_task(up()), asyncio.create_task(down())}
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        codes = [way.result() for way in done if way.exception() is None]
        return codes[0] if codes else MOVED
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)


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
            return
        client, scheme = good
        let_in = {**scope, "client": (client, 0), "scheme": scheme, RELAYED: True}
        await self._relay.serve(let_in, receive, guard.send)


class Guard:
    """What goes out for one request: as soon as this server is fenced, nothing more does."""

    def __init__(self, scope: Scope, servers: Servers, send: Send) -> None:
        self._scope, self._servers, self._send = scope, servers, send
        self._begun = self._over = False

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
            await self._send({"type": "http.response.body", "body": b""})
