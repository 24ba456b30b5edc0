"""From one of several servers to another: a request or stream is passed on, and what it answers.

A refusal of the owner's is passed on as any answer.

What if it is full: `MOST_RELAYED` at a time, of one address a third of that; one more is refused
(503). What is passed on is not collected: the slower side holds up the faster. A server that dies
ends what is passed on to it: a stream is closed with 1012, and its page comes again.
"""

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore2
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.http11 import Response as Refusal
from websockets.uri import parse_uri

from app.errors import BrokenOff, Busy, Elsewhere, Malformed
from app.fairness import Allowance
from app.sessions.owning import MOVED
from app.store.owned import Owner
from app.web.calls import DIAL_SECONDS, DIALS, Calls, Unreachable
from app.web.carrying import Carried, Heard
from app.web.limits import client_of
from app.web.tickets import TICKET, Tickets, target_of

MOST_RELAYED = 3_000
MOST_OF_ONE = MOST_RELAYED // 3
MOST_MESSAGE = 32_000_000
"""Bytes of one message of the owner's: a frame of the largest network is smaller."""
OPEN_SECONDS = 1.0
"""For the owner to open a stream; then the database is asked again who the owner is."""
ANSWER_SECONDS = 60.0
"""Between two parts of an answer: heavy work waits half a minute for its turn."""
HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"upgrade", b"te", b"trailer", b"proxy-connection"),
    *(b"x-forwarded-for", b"forwarded", b"expect", TICKET),
}


class Lost(Exception):
    """The owner has gone, or is not the owner any more."""


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


class Upstream:
    """The way to the other servers.

    Attributes:
        calls: Those to them.
        now: How many requests and streams are passed on just now,
        passed: and how many have been.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._links: dict[str, set[asyncio.Task[Any]]] = {}
        self._ended: set[asyncio.Task[Any]] = set()
        self._places = Allowance(MOST_OF_ONE, MOST_RELAYED)
        self.calls = Calls(time.monotonic)
        self.now = self.passed = 0
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=MOST_RELAYED, max_keepalive_connections=0
        )

    async def send_on(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the owner answer.

        Raises:
            Unreachable: it does not take the call.
            Lost: it has gone, or is not the owner any more; nothing was answered.
            ShallowsError: it can't be passed on.
            BrokenOff: it has gone in the middle of its answer.
        """
        with self._link(owner.server, client_of(scope)):
            if scope["type"] == "websocket":
                await self._stream(owner, scope, receive, send)
            else:
                await self._request(owner, scope, receive, send)

    def end_links(self, alive: Collection[str]) -> None:
        """End what is passed on to servers that do not live."""
        for server in self._links.keys() - set(alive):
            # Once: it may take a while to say so to who reads it.
            for task in self._links[server] - self._ended:
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

    # -- streams ----------------------------------------------------------------------------

    async def _stream(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            upstream = await self._opened(owner, scope)
        except InvalidStatus as refused:
            await _pass_on_refusal(refused.response, send)
            return
        code = MOVED
        try:
            await receive()  # that somebody wants to connect
            await send({"type": "websocket.accept"})
            code = await Carried(upstream, receive, send).to_its_end()
            await upstream.close()
        except asyncio.CancelledError:
            if (me := asyncio.current_task()) not in self._ended or me is None:
                raise
            me.uncancel()
        finally:
            # The owner hears of it, also if whoever it was for had gone before it was accepted.
            upstream.transport.abort()
        with contextlib.suppress(RuntimeError, OSError):  # they may have gone since
            await send({"type": "websocket.close", "code": code})

    async def _opened(self, owner: Owner, scope: Scope) -> Heard:
        """A stream to the owner.

        Raises:
            InvalidStatus: the owner refuses it.
            Lost: it has not answered in time, or is not the owner.
            Unreachable: it does not take the call.
            ShallowsError: it could not be called.
        """
        address = urlsplit(owner.address)
        uri = _uri(address.netloc, target_of(scope).decode("latin-1"))
        ticket = self._tickets.make({**scope, "method": "GET"}, owner.server).decode()
        why: Exception = Unreachable()
        began = self.calls.ticks()
        for _ in range(DIALS):
            line = await self._dialled(owner.server, str(address.hostname), address.port or 80)
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    opened = await connect(
                        uri,
                        sock=line,
                        proxy=None,
                        compression=None,
                        additional_headers={TICKET.decode(): ticket},
                        user_agent_header=None,
                        open_timeout=None,
                        ping_interval=None,  # it says by itself that it lives
                        create_connection=Heard,
                        close_timeout=OPEN_SECONDS,
                        max_size=MOST_MESSAGE,
                    )
                assert isinstance(opened, Heard)
                self.calls.taken(owner.server)
                return opened
            except TimeoutError:
                line.close()
                raise Lost from None  # it is frozen, or busy: the database knows
            except InvalidStatus as refused:
                line.close()
                self.calls.taken(owner.server)
                if _is_elsewhere(refused.response.status_code, bytes(refused.response.body)):
                    raise Lost from None
                raise
            except (WebSocketException, OSError) as error:
                line.close()
                why = error
        raise self.calls.failed(owner.server, began, why) from None

    async def _dialled(self, server: str, host: str, port: int) -> socket.socket:
        """A connection to a server.

        Raises:
            Unreachable: it takes none.
            Busy: this server can't call, or the other one takes others' calls.
        """
        loop = asyncio.get_running_loop()
        why: Exception = Unreachable()
        first = self.calls.ticks()
        for _ in range(DIALS):
            began = self.calls.ticks()
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                    return await _connected(found, DIAL_SECONDS / len(found))
            except (OSError, TimeoutError) as error:
                why = error
                self.calls.check(began)
                await asyncio.sleep(DIAL_SECONDS / 4)
        raise self.calls.failed(server, first, why) from None

    # -- requests ---------------------------------------------------------------------------

    async def _request(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        assert isinstance(receive, Ahead)
        address = urlsplit(owner.address)
        headers = [(k, v) for k, v in scope["headers"] if k not in HOP_BY_HOP]
        if all(name != b"host" for name, _ in headers):  # HTTP/1.0 needs none
            headers.append((b"host", address.netloc.encode()))
        first = self.calls.ticks()
        for dial in range(DIALS):
            began = self.calls.ticks()
            body = _Body(receive, there=_has_body(scope))
            request = httpcore2.Request(
                scope["method"],
                httpcore2.URL(
                    scheme=b"http",
                    host=str(address.hostname).encode(),
                    port=address.port,
                    target=target_of(scope),
                ),
                headers=[*headers, (TICKET, self._tickets.make(scope, owner.server))],
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
                    self.calls.check(began)
                if dial + 1 == DIALS:
                    raise self.calls.failed(owner.server, first, why) from None
            else:
                return

    async def _exchange(
        self, server: str, request: httpcore2.Request, body: "_Body", send: Send
    ) -> None:
        """Send a request on, and its answer back.

        Raises:
            Lost: the owner has gone before it has answered.
            Elsewhere: so it has, and the body with it.
            BrokenOff: it has gone in the middle of its answer.
            Malformed: it can't be said on as it came.
        """
        began = False
        me = asyncio.current_task()
        assert me is not None
        # Who has asked may go while the owner works, and while the answer streams down.
        gone = asyncio.create_task(body.gone(me))
        try:
            response = await self._pool.handle_async_request(request)
            self.calls.taken(server)
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
                gone.cancel()  # it would take the end of the answer for that of its reader
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
            raise _broken(began, body.begun) from None
        except asyncio.CancelledError:
            if body.left:
                me.uncancel()
                return
            if me not in self._ended:
                raise
            me.uncancel()
            raise _broken(began, body.begun) from None
        finally:
            gone.cancel()


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


async def _connected(found: Sequence[Any], seconds: float) -> socket.socket:
    """A connection to the first address of a name that takes one, each in so many seconds.

    Raises:
        OSError: none does; why the last one does not.
    """
    why = OSError("the name has no address")
    for family, kind, proto, _, address in found:
        try:
            line = socket.socket(family, kind, proto)
            try:
                line.setblocking(False)
                async with asyncio.timeout(seconds):
                    await asyncio.get_running_loop().sock_connect(line, address)
            except BaseException:
                line.close()
                raise
            return line
        except OSError as error:  # a TimeoutError is one
            why = error
    raise why


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


def _broken(began: bool, sent: bool) -> Exception:
    """What comes of it that the owner has gone in the middle of an answer, or before."""
    if began:
        return BrokenOff("an answer that is passed on has no end: its server has gone")
    return Elsewhere() if sent else Lost()
