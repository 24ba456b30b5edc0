"""A relay between whatever stands at its ends: peers that hang or refuse, hostile clients."""

import asyncio
import contextlib
import errno
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from app.errors import BrokenOff, Busy, Elsewhere
from app.sessions.servers import Servers
from app.sessions.spending import Spending
from app.store import Store
from app.store.owned import New, Other, Ownership
from app.web.calls import DIAL_SECONDS, LATE_SECONDS, Calls, Unreachable
from app.web.relay import Early, Outermost, Relay
from app.web.tries import SLOW_SECONDS, Pace
from app.web.upstream import MOST_OF_ONE, Ahead
from tests.app.postgresql import PostgreSQL
from tests.app.storing import opened

REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
    b"Connection: close\r\n\r\nnever"
)
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
SESSION = "a-session"


@dataclass
class Peer:
    """Something at the address of another server: it hears requests, and says what it is told to.

    Attributes:
        heard: Of each connection, the request as it came.
        dies: Whether it is gone once it has said that.
        left: Is set when a connection has been closed by the other side.
    """

    says: bytes = b""
    heard: list[bytes] = field(default_factory=list)
    dies: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            self.came.set()
            writer.write(self.says)
            if not self.dies:
                await reader.read()
        self.left.set()
        writer.close()


def scope_of(kind: str) -> Scope:
    """Something that is asked of the session."""
    path = f"/sessions/{SESSION}/costs.csv" if kind == "http" else "/ws"
    query = b"" if kind == "http" else f"session={SESSION}".encode()
    return {
        "type": kind,
        "path": path,
        "query_string": query,
        "headers": [],
        "client": ("10.0.0.1", 1),
        "scheme": "http",
        **({"method": "GET"} if kind == "http" else {}),
    }


@dataclass
class Beside:
    """A relay in this process, and a peer that has the session `SESSION`."""

    relay: Relay
    servers: Servers
    store: Store
    peer: Peer

    async def ask(
        self,
        kind: str = "http",
        gone: asyncio.Event | None = None,
        said: list[Message] | None = None,
        **scope: Any,
    ) -> list[Message]:
        """What is said to a client, who has gone when that is set; also if it comes to no end."""
        said = [] if said is None else said
        waiting: list[Message] = [{"type": f"{kind}.{'request' if kind == 'http' else 'connect'}"}]

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            await (gone or asyncio.Event()).wait()
            return {"type": f"{kind}.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)

        async with asyncio.timeout(10):
            await self.relay.serve({**scope_of(kind), **scope}, receive, send)
        return said

    @property
    def blames(self) -> bool:
        """Whether what the peer has may be taken from it."""
        return bool(self.servers._cut_off())


Work = Callable[[Beside], Awaitable[None]]


def beside(postgresql: PostgreSQL, says: bytes, work: Work) -> None:
    """Do something with a relay and a peer."""

    @asynccontextmanager
    async def both(store: Store) -> AsyncIterator[Beside]:
        peer = Peer(says)
        listening = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        servers = Servers(store, "http://127.0.0.1:9")
        await servers.start()
        there = Ownership("peer", address)
        await store.write(there.beat)
        await store.write(lambda c: there.note(c, {("session", SESSION): New("c")}))
        relay = Relay(servers, store.notes.key_for("relay"))

        async def here(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "here"})

        relay.inner = here
        try:
            yield Beside(relay, servers, store, peer)
        finally:
            listening.close()
            await servers.leave()
            servers.close()

    async def main(store: Store) -> None:
        async with both(store) as there:
            await work(there)

    url = postgresql.database()
    with opened(url) as store:
        asyncio.run(main(store))


def test_what_a_client_does_wrong_takes_nothing_from_its_owner(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        # HTTP/1.0 asks for no Host; the call to the owner has one.
        said = await there.ask()
        assert said[0]["status"] == 200, said
        assert b"\r\nhost: 127.0.0.1" in there.peer.heard[0].lower()
        # What no address of a stream has.
        for target in (f"session={SESSION}&x=#y", f"session={SESSION}&#"):
            said = await there.ask("websocket", query_string=target.encode())
            assert said[0]["status"] == 400, said
        # A request that could not be sent on as it came.
        said = await there.ask(headers=[(b"content-length", b"none")])
        assert said[0]["status"] == 400, said
        assert not there.blames

    beside(postgresql, DONE, main)


def test_only_a_call_that_is_not_taken_shows_that_a_server_is_away() -> None:
    """A server without another file or port, or with too much to do, has itself to blame."""
    now = [5.0]
    calls = Calls(lambda: now[0])
    for code in (errno.EMFILE, errno.EADDRNOTAVAIL):
        try:
            try:
                raise ExceptionGroup("all attempts", [OSError(code, "mine")])
            except ExceptionGroup as error:
                raise ConnectionError("wrapped") from error
        except ConnectionError as error:
            with pytest.raises(Busy):
                calls.failed("peer", 0.0, error)
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "")
    for why in (refused, TimeoutError()):
        assert isinstance(calls.failed("peer", 0.0, why), Unreachable)
    # One that takes the calls of others is there, however many it does not take.
    calls.taken("peer")
    with pytest.raises(Busy):
        calls.failed("peer", now[0], refused)
    for server, since in (("peer", now[0] + 0.1), ("another", now[0])):
        assert isinstance(calls.failed(server, since, refused), Unreachable)
    # A call that nobody here has had the time to look after shows nothing.
    now[0] += DIAL_SECONDS + 0.01
    calls.check(5.0)
    now[0] += LATE_SECONDS
    with pytest.raises(Busy):
        calls.check(5.0)


def test_a_refusal_of_the_owners_is_passed_on_and_asked_for_once(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        said = await there.ask("websocket")
        assert (said[0]["status"], said[1]["body"]) == (403, b"never")
        assert (b"content-type", b"text/plain") in said[0]["headers"]
        assert len(there.peer.heard) == 1
        assert not there.blames

    beside(postgresql, REFUSAL, main)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n6\r\n"]
)
def test_an_answer_whose_owner_dies_has_no_end(postgresql: PostgreSQL, head: bytes) -> None:
    """Neither for who asked, nor for this server where it would read it before it passes it on."""

    async def main(there: Beside) -> None:
        there.peer.dies = True
        said: list[Message] = []
        with pytest.raises(BrokenOff):
            await there.ask(said=said)
        assert [m.get("body") for m in said] in ([None, b"part"], [None, b"pa", b"rt"])
        assert all(message["more_body"] for message in said[1:])
        body: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def receive() -> Message:
            if not body:
                await asyncio.Event().wait()
            return body.pop()

        request = Request({**scope_of("http"), "method": "POST"}, receive)
        with pytest.raises(Elsewhere):
            await there.relay.answer("session", SESSION, request)
        assert there.relay.upstream.now == 0
        assert not there.blames

    beside(postgresql, b"HTTP/1.1 200 OK\r\n" + head + b"part", main)


def test_an_answer_of_a_server_that_has_to_be_silent_has_no_end(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        said: list[Message] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            there.servers._lease._until = -float("inf")
            await send({"type": "http.response.body", "body": b"rest"})

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)

        with pytest.raises(BrokenOff):
            await Outermost(app, there.relay)(scope_of("http"), receive, send)
        assert [m.get("body") for m in said] == [None, b"part"]

    beside(postgresql, b"", main)


def test_who_goes_before_the_owner_answers_is_not_waited_for(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        gone = asyncio.Event()
        asked = asyncio.create_task(there.ask(gone=gone))
        await there.peer.came.wait()
        gone.set()
        assert await asked == []
        async with asyncio.timeout(10):
            await there.peer.left.wait()
        assert there.relay.upstream.now == 0

    beside(postgresql, b"", main)


def test_who_waits_for_the_end_of_a_request_takes_nothing_of_it() -> None:
    async def main() -> None:
        messages: list[Message] = [{"type": "http.request", "body": b"x"}]

        async def receive() -> Message:
            if not messages:
                await asyncio.Event().wait()
            return messages.pop()

        ahead = Ahead(receive)
        waiting = asyncio.create_task(ahead.gone())
        while messages:  # noqa: ASYNC110
            await asyncio.sleep(0)
        waiting.cancel()
        assert (await ahead())["body"] == b"x"

    asyncio.run(main())


def test_a_stream_that_was_accepted_before_its_time_is_closed_as_one_that_is_open() -> None:
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        said.append(message)

    async def main() -> None:
        early = Early(receive, send)
        await early.accept()
        # So FastAPI refuses what it can't read; uvicorn takes no list on an open stream.
        await early.send({"type": "websocket.close", "code": 1008, "reason": [{"msg": "no"}]})

    asyncio.run(main())
    assert said[1] == {"type": "websocket.close", "code": 1008}


def test_one_address_leaves_others_what_may_be_passed_on(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        relay = there.relay
        with contextlib.ExitStack() as links:
            for _ in range(MOST_OF_ONE):
                links.enter_context(relay.upstream._link("peer", "10.0.0.1"))
            assert (await there.ask())[0]["status"] == 503
            assert (await there.ask(client=("10.0.0.2", 1)))[0]["status"] == 200
        assert (await there.ask())[0]["status"] == 200
        assert not there.blames

    beside(postgresql, DONE, main)


def test_what_comes_up_for_a_page_that_has_gone_counts_as_any_request(
    postgresql: PostgreSQL,
) -> None:
    async def main(there: Beside) -> None:
        await there.servers._beat()
        theirs, mine = there.relay.tickets, there.servers.id
        there.servers.id = "peer"
        token = theirs.token()
        there.servers.id = mine
        headers = [(b"shallows-stream", token.encode()), (b"content-length", b"0")]
        for status, counts in ((b"204", False), (b"404", True)):
            there.peer.says = b"HTTP/1.1 " + status + b" x\r\nContent-Length: 0\r\n\r\n"
            assert there.relay.knows_page(token)
            said = await there.ask(method="POST", path="/ws/up", headers=headers)
            assert said[0]["status"] == int(status)
            assert there.relay.knows_page(token) is not counts
        assert not there.relay.knows_page(token[:-1] + "_")

    beside(postgresql, DONE, main)


def test_names_that_can_not_be_are_not_looked_up(postgresql: PostgreSQL) -> None:
    async def main(there: Beside) -> None:
        for name in ("\0", "a\0", "", "é", "x" * 65):
            assert await there.servers.owner("job", name) is None
            assert await there.servers.room_of(name) is None
        said = await there.ask("websocket", query_string=b"session=%00")
        assert said == [{"type": "here"}]

    beside(postgresql, DONE, main)


def test_what_another_version_publishes_ends_no_beat() -> None:
    hearer = Spending(str)
    taken: list[tuple[str, int]] = []
    hearer.others["requests"] = lambda client, amount: taken.append((client, amount))
    said = ["{}", "", "[[1]]", '[[1, {"requests": {"c": -5}}]]', '{"requests": 1}', "null"]
    others = {str(number): Other("", text) for number, text in enumerate(said)}
    others["ours"] = Other("", json.dumps([[1, {"requests": {"c": 2}, "new": {"c": 1}}]]))
    hearer.hear(others)
    assert taken == [("c", 2)]


def test_turns_of_who_guesses_at_two_servers_count_at_both() -> None:
    one, two = Pace(), Pace()
    now, turns, ends = 0.0, 0, [0.0, 0.0]
    while now < 100.0:
        number = ends.index(min(ends))
        now = ends[number]
        here, there = ((one, two), (two, one))[number]
        ends[number] = now + here.turn("c", now)
        there.elsewhere("c", 1, now)
        turns += 1
    assert turns * SLOW_SECONDS <= 102.0
    # What was long ago puts off nobody, nor do others, nor a hundred turns for longer than a while.
    assert one.turn("c", 1_000.0) == SLOW_SECONDS
    one.elsewhere("c", 1, 1_000.0)
    assert one.turn("d", 1_000.0) == SLOW_SECONDS
