"""What a connection may cost below requests and messages: bytes, frames, places, and time.

uvicorn reads whatever comes, parses all of it at once, answers every ping, and waits for ever for
the rest. Its two protocols are given a `Tap` here instead of their transport: it hands on what came
in small slices, and stops reading for as long as a connection has had more than its share of the
processor. Then the peer's own window fills, and it has to wait itself.

What if it is full:

- a connection that has used up its share of the processor's time, or its address, is not read;
- control frames beyond their rate, and a message in more pieces than allowed, close it with 1008;
- a request or message that does not end in time closes it (408, 1008), and so does a reader that
  takes less than a trickle;
- of an address whose unfinished messages, or answers not taken, are too many bytes together, those
  that have waited longest are closed, or if none has waited, the largest;
- an address that has all its connections gets no further one: it is closed at once.

A proxy that is trusted speaks for many, so its own connections and time are not counted.

Relied on of uvicorn, which the lock pins; `tests/app/test_connections.py` fails if they go:
`Config.http` and `.ws` take classes; `H11Protocol` has `transport`, `conn`, `cycle`, `flow`,
`on_response_complete` and `send_400_response`, hands its `transport` on when it upgrades;
`WebSocketsSansIOProtocol` has `conn`, `transport`, `queue`, `handshake_initiated`,
`handshake_complete`, `close_sent`, `handle_ping`, and `send_receive_event_to_app` with `frames` and
`curr_msg_data_type`. Of websockets: `ServerProtocol` calls its own `recv_frame` and `fail`, and has
`reader.buffer` and `current_size`.
"""

import asyncio
import json
import logging
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.server import ServerProtocol

from app.errors import PROBLEM_JSON, BrokenOff, Malformed, ShallowsError, TooSlow
from app.settings import Settings
from app.web.limits import Bucket, Refusals, client_of

log = logging.getLogger(__name__)
quiet = logging.getLogger(f"{__name__}.strangers")
"""For what uvicorn would log of every stranger's nonsense; it is counted instead."""
quiet.setLevel(logging.ERROR)


def _in_one_line(record: logging.LogRecord) -> bool:
    """An answer that broke off is no error of the program; its connection ends without its end."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BrokenOff):
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.args, record.exc_info = str(error), (), None
    return True


quiet.addFilter(_in_one_line)

READ = 16_384
"""Bytes read at once; asyncio would take 256 KB of each connection."""
SLICE = 1024
"""Bytes parsed before the time is looked at: at most 170 frames."""
LARGE_SLICE = 8192
"""Where the last slice held no whole frame: the next is likely of the same large one."""
CONNECTION_SHARE, CONNECTION_BURST = 0.05, 0.1
"""Of one processor, for what one connection sends to be parsed: seconds a second, and at once."""
ADDRESS_SHARE, ADDRESS_BURST = 0.5, 1.0
CONTROLS_PER_SECOND, CONTROLS_BURST = 10.0, 50.0
"""Pings, pongs and closes. A browser answers one ping in ten seconds, and sends none."""
MOST_FRAGMENTS = 1000
"""Of one message. Browsers send a message of 1 MB in 8 at most."""
MOST_UNANSWERED = 65_536
"""Bytes waiting to be taken, beyond which pings are not answered."""
MOST_UNFINISHED = 24_000_000
"""Bytes of one address's messages and bodies of which the rest has not come."""
MOST_UNSENT = 64_000_000
"""Bytes of answers that one address has not taken."""
RECENT = 2.0
"""Seconds for which nobody counts as slow."""
TRICKLE = 4000.0
"""Bytes a second; a reader that takes less is let go."""
MOST_PEERS = 1000
"""Addresses that are known; beyond, those without a connection and a debt are forgotten."""
ALIVE_SECONDS = 0.5
"""Of several servers, each says so often on a stream that it lives, for a proxy to notice soon when
it does not: by a pong that nobody has asked for and nobody answers (RFC 6455, 5.5.3)."""
INVALID_DATA, POLICY_VIOLATION = 1007, 1008

Clock = Callable[[], float]


class Peer:
    """The connections of one address."""

    def __init__(self, trusted: bool, now: float) -> None:
        self.connections: set[Bounded] = set()
        self.stuck: set[Bounded] = set()
        self.trusted = trusted
        self.held = 0
        self.time = Bucket(ADDRESS_SHARE, ADDRESS_BURST, now)


class Config(uvicorn.Config):
    """uvicorn's, with the protocols below and what they share."""

    def __init__(self, app: Any, settings: Settings, refusals: Refusals, **options: Any) -> None:
        super().__init__(app, http=RequestProtocol, ws=StreamProtocol, **options)
        self.patience = settings.slow_request_seconds
        self.reader_patience = settings.slow_reader_seconds
        self.most_connections = min(settings.max_connections_per_client, open_files() // 2)
        self.refusals = refusals
        self.alive_seconds = ALIVE_SECONDS if settings.server_address else None
        self._trusted = _TrustedHosts(settings.trusted_proxies)
        self._peers: dict[str, Peer] = {}

    def peer(self, host: str) -> Peer:
        """Who has that address; known for as long as it has a connection, at least."""
        name = client_of({"client": (host, 0)})
        if (known := self._peers.get(name)) is None:
            now = asyncio.get_running_loop().time()
            self._peers[name] = known = Peer(host in self._trusted, now)
        return known

    def forget(self, peer: Peer, connection: "Bounded") -> None:
        """Note that a connection is gone."""
        peer.connections.discard(connection)
        peer.stuck.discard(connection)
        if len(self._peers) <= MOST_PEERS or peer.connections:
            return
        # An address with a debt is remembered, or a new connection would be a new account.
        now = asyncio.get_running_loop().time()
        for name, known in [*self._peers.items()]:
            if not known.connections and not known.time.wait(now, ADDRESS_BURST):
                del self._peers[name]


def open_files() -> int:
    """How many sockets this process may have, after asking for as many as it may get."""
    try:
        import resource
    except ImportError:
        resource = None  # type: ignore[assignment]
    if sys.platform == "win32" or resource is None:
        return 2**16  # there is no such bound
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2**16 if hard == resource.RLIM_INFINITY else min(2**16, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return 2**16 if soft == resource.RLIM_INFINITY else soft


class Tap:
    """A transport that hands on what came a slice at a time, while its protocol wants more."""

    def __init__(self, transport: asyncio.Transport, peer: Peer, clock: Clock) -> None:
        self._transport, self._peer, self._clock = transport, peer, clock
        self._time = Bucket(CONNECTION_SHARE, CONNECTION_BURST, clock())
        self._pending = bytearray()
        self._held = self._feeding = self._closed = False
        self._size = SLICE
        self._later: asyncio.TimerHandle | asyncio.Handle | None = None
        self.owner: Bounded

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's."""
        return getattr(self._transport, name)

    @property
    def pending(self) -> int:
        """Bytes that came and were not handed on."""
        return len(self._pending)

    def pause_reading(self) -> None:
        """The protocol wants no more for now."""
        self._held = True

    def resume_reading(self) -> None:
        """The protocol takes more."""
        self._held = False
        if not self._feeding and self._later is None:
            self._later = asyncio.get_running_loop().call_soon(self._go_on)

    def received(self, data: bytes | memoryview) -> None:
        """Hand it on, now or when there is time."""
        self._pending += data
        self._flow()

    def close_tap(self) -> None:
        """Nothing is handed on any more."""
        self._closed = True
        self._pending.clear()
        if self._later is not None:
            self._later.cancel()

    def _go_on(self) -> None:
        self._later = None
        self._flow()

    def _flow(self) -> None:
        # uvicorn wants to read on also when the connection is lost; it would count as unfinished.
        if self._feeding or self._closed:
            return
        self._feeding = True
        try:
            while self._pending and not self._held and self._later is None:
                if self._transport.is_closing():
                    self._pending.clear()
                    break
                self._feed_one()
            self.owner.looked()
        except Exception:
            # An error here must not keep a connection open that nobody reads.
            log.exception("what a connection sent could not be parsed")
            self._transport.abort()
        finally:
            self._feeding = False
        if self._transport.is_closing():
            return
        if self._pending or self._held or self._later is not None:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _feed_one(self) -> None:
        part = bytes(self._pending[: self._size])
        del self._pending[: self._size]
        began = time.thread_time()
        self._size = SLICE if self.owner.feed(part) else LARGE_SLICE
        spent = time.thread_time() - began
        now = self._clock()
        accounts = [self._time] if self._peer.trusted else [self._time, self._peer.time]
        # A debt is paid off by waiting; whoever has none takes the next slice at once.
        if wait := max(account.owe(now, spent) for account in accounts):
            self._later = asyncio.get_running_loop().call_later(wait, self._go_on)


class Bounded(asyncio.BufferedProtocol):
    """What both protocols have in common; mixed into uvicorn's."""

    config: Any
    """The `Config` above; uvicorn's classes declare their own."""
    transport: Any
    peer: Peer
    held = 0
    """Bytes of what is not finished."""
    unfinished_since = stuck_since = float("inf")
    _left = 0

    def connection_made(self, transport: Any) -> None:
        """Open the tap; at once close what is one too many."""
        loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._buffer = bytearray(READ)
        if isinstance(transport, Tap):  # an upgrade: it was a request's
            tap, self.peer = transport, transport.owner.peer
            self.peer.connections.add(self)
            transport.owner.leave()
        else:
            host = (transport.get_extra_info("peername") or ("unknown",))[0]
            self.peer = self.config.peer(str(host))
            self.peer.connections.add(self)
            tap = Tap(transport, self.peer, loop.time)
        tap.owner = self
        super().connection_made(tap)  # type: ignore[arg-type]
        too_many = len(self.peer.connections) > self.config.most_connections
        if too_many and not self.peer.trusted:
            self.config.refusals["too_many_connections"] += 1
            tap.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back the place."""
        self.leave()
        self.transport.close_tap()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Stop counting for anything."""
        self.finished()
        self.taken()
        self.config.forget(self.peer, self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where asyncio puts what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """What has come goes to the tap first."""
        self.transport.received(memoryview(self._buffer)[:nbytes])

    @abstractmethod
    def feed(self, data: bytes) -> bool:
        """Parse a slice; whether it had the end of something in it."""

    @abstractmethod
    def looked(self) -> None:
        """Some was parsed: see what is not finished, and since when."""

    @abstractmethod
    def too_slow(self) -> None:
        """Close what did not finish in time."""

    # -- what has come in part

    def unfinished(self, size: int, new: bool) -> None:
        """Note that so many bytes wait for the rest; `new` if of something that has just begun."""
        loop = asyncio.get_running_loop()
        if new or self._deadline is None:
            self.finished()
            self.unfinished_since = loop.time()
            self._deadline = loop.call_later(self.config.patience, self._over)
        self.peer.held += size - self.held
        self.held = size
        if self.peer.held > MOST_UNFINISHED:
            # One that is only idle holds nothing, however long it has been.
            holding = [connection for connection in self.peer.connections if connection.held]
            slowest = min(holding, key=lambda connection: connection.unfinished_since)
            slow = loop.time() - slowest.unfinished_since > RECENT
            largest = max(holding, key=lambda connection: connection.held)
            one = slowest if slow else largest
            if one.transport.is_closing():  # it does not take the goodbye either
                one.transport.abort()
            else:
                one.too_slow()

    def finished(self) -> None:
        """Note that nothing is unfinished."""
        self.peer.held -= self.held
        self.held, self.unfinished_since = 0, float("inf")
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _over(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.config.refusals["too_slow"] += 1
            self.too_slow()

    # -- what is not taken

    def pause_writing(self) -> None:
        """More waits to be taken than fits: watch whether it is taken."""
        super().pause_writing()
        now = asyncio.get_running_loop().time()
        self.stuck_since = now
        self.peer.stuck.add(self)
        self._watch_taking()
        stuck = sorted(self.peer.stuck, key=lambda one: one.stuck_since)
        unsent = sum(one.transport.get_write_buffer_size() for one in stuck)
        for one in stuck:
            if unsent <= MOST_UNSENT or now - one.stuck_since < RECENT:
                break
            unsent -= one.transport.get_write_buffer_size()
            one.cut()

    def resume_writing(self) -> None:
        """It was taken."""
        super().resume_writing()
        self.taken()

    def taken(self) -> None:
        """Note that nothing is stuck."""
        self.peer.stuck.discard(self)
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def cut(self) -> None:
        """End it: what waits to be taken is thrown away."""
        self.config.refusals["too_slow"] += 1
        self.transport.abort()

    def _watch_taking(self) -> None:
        self._left = self.transport.get_write_buffer_size()
        patience = self.config.reader_patience
        self._taking = asyncio.get_running_loop().call_later(patience, self._look_whether_taken)

    def _look_whether_taken(self) -> None:
        taken = self._left - self.transport.get_write_buffer_size()
        if taken < min(self._left, TRICKLE * self.config.reader_patience):
            self.cut()
        else:
            self._watch_taking()


class RequestProtocol(Bounded, H11Protocol):  # type: ignore[misc]
    """REST, the page and its files."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = quiet
        self._stage: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
        self._body = 0

    def connection_made(self, transport: Any) -> None:
        """A connection that says nothing is bounded too."""
        super().connection_made(transport)
        self.looked()

    def feed(self, data: bytes) -> bool:
        """A slice of requests."""
        self._body += len(data)
        self.data_received(data)
        return self.conn.their_state is not h11.SEND_BODY

    def on_response_complete(self) -> None:
        """The next request may come."""
        super().on_response_complete()
        if self.transport.owner is self and not self.transport.is_closing():
            self.looked()

    def looked(self) -> None:
        """A request's head, and then its body, has some time to come in."""
        stage = self.conn.their_state
        if stage not in (h11.IDLE, h11.SEND_BODY):
            self._stage, self._body = None, 0
            self.finished()
            return
        new, self._stage = stage is not self._stage, stage
        if new and stage is h11.IDLE:
            self._body = 0
        self.unfinished(self._body, new)

    def too_slow(self) -> None:
        """408, if there is someone to tell."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self._body:
            self._answer(TooSlow("the request did not come to its end in time"))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as every other error is answered."""
        self.config.refusals["malformed"] += 1
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(Malformed("this is no request that HTTP/1.1 allows"))
        self.transport.close()

    def _answer(self, error: ShallowsError) -> None:
        body = json.dumps(error.problem()).encode()
        headers = [
            ("content-type", PROBLEM_JSON),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        reason = HTTPStatus(error.status).phrase
        events: Iterable[h11.Event] = (
            h11.Response(status_code=error.status, headers=headers, reason=reason.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(filter(None, map(self.conn.send, events))))


class Frames(ServerProtocol):
    """The frames of one stream, counted as they are read: a flood is not read to its end."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(**options)
        self._clock = clock
        self._controls = Bucket(CONTROLS_PER_SECOND, CONTROLS_BURST, clock())
        self._fragments = 0
        self._flooded = False
        self.messages = 0

    def recv_frame(self, frame: Frame) -> None:
        """Count a frame, and take it."""
        if frame.opcode in CTRL_OPCODES:
            if self._controls.wait(self._clock()):
                self._flood("too many control frames")
            self._controls.take()
        else:
            self._fragments = self._fragments + 1 if frame.opcode is Opcode.CONT else 0
            if self._fragments > MOST_FRAGMENTS:
                self._flood("a message in too many fragments")
            self.messages += frame.fin
        super().recv_frame(frame)

    def _flood(self, what: str) -> None:
        self._flooded = True
        raise ProtocolError(what)

    def fail(self, code: int, reason: str = "") -> None:
        """Close; a flood is no error of the protocol."""
        super().fail(POLICY_VIOLATION if self._flooded else code, reason)


class StreamProtocol(Bounded, WebSocketsSansIOProtocol):  # type: ignore[misc]
    """The WebSockets."""

    conn: Frames

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._living: asyncio.TimerHandle | None = None
        """Says next that the server lives."""
        self.conn = Frames(
            self.loop.time, max_size=self.config.ws_max_size, logger=self.conn.logger
        )

    def data_received(self, data: bytes) -> None:
        """The handshake, from the request's protocol; what follows comes by the tap."""
        WebSocketsSansIOProtocol.data_received(self, data)
        if not self.handshake_initiated:
            # uvicorn would leave it open, and say nothing.
            self.handshake_complete = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def feed(self, data: bytes) -> bool:
        """A slice of frames."""
        before = self.conn.messages
        WebSocketsSansIOProtocol.data_received(self, data)
        return self.conn.messages > before or not self.conn.reader.buffer

    def looked(self) -> None:
        """A frame or message that has begun has some time to end."""
        size = len(self.conn.reader.buffer) + (self.conn.current_size or 0)
        if not size and self.conn.current_size is None:
            self.finished()
            return
        new, self._seen = self.conn.messages != self._seen, self.conn.messages
        self.unfinished(size, new)

    _seen = 0

    def too_slow(self) -> None:
        """1008, unless it is closed already."""
        if self.handshake_complete and not self.close_sent:
            self.conn.fail(POLICY_VIOLATION, "a message did not come to its end in time")
            self.handle_parser_exception()
        else:
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Close on a text that is not UTF-8, as uvicorn does, but do not log it as an error."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.config.refusals["malformed"] += 1
                self.conn.send_close(INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def start_keepalive(self) -> None:
        """Say that the server lives, too, if that is wanted."""
        super().start_keepalive()
        self._live()

    def stop_keepalive(self) -> None:
        """The stream is over."""
        super().stop_keepalive()
        if self._living is not None:
            self._living.cancel()

    def _live(self) -> None:
        if self.config.alive_seconds is None or self.close_sent or self.transport.is_closing():
            return
        if not self.transport.get_write_buffer_size():
            self.conn.send_pong(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))
        self._living = self.loop.call_later(self.config.alive_seconds, self._live)

    def handle_ping(self) -> None:
        """Answer, unless the answers before are not taken."""
        if self.transport.get_write_buffer_size() > MOST_UNANSWERED:
            self.conn.data_to_send()  # the latest may be answered alone, says RFC 6455
        else:
            super().handle_ping()

    async def send(self, message: Any) -> None:
        """As uvicorn does; but it would take a handshake that was refused for a forgotten one."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True
