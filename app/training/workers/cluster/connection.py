"""The web server's end of its bridge, and the line to a host over it."""

import asyncio
import contextlib
import itertools
import multiprocessing
import pickle
import socket
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from app import __version__
from app.settings import Settings
from app.training.messages import Close, Command, Event, Open, Released, Worked
from app.training.workers.cluster import bridge
from app.training.workers.cluster.actor import SETTINGS
from app.training.workers.cluster.talk import Call, Failed, HostNews, News, Result, receive, send
from app.training.workers.driver import LineBroken
from app.training.workers.processes import STARTUP_TIMEOUT, start_apart

LONGEST_ROUND_MORE = 5.0
"""Seconds beyond the longest that a round may take at its host, which sees to that itself."""
PARTING_SECONDS = 0.5
ANOTHER_SECONDS = 2.0
"""For another bridge to find the host again, before its sessions go elsewhere."""
MOST_BRIDGES = 3
"""Over which a round is asked for; it may be what ends them."""
LOOK_SECONDS = 0.05
NO_BRIDGE = "there is no bridge to the cluster"
LOST_TICKS = 20
"""In which a bridge says nothing, until nothing that it said counts any more."""


class Connection:
    """A bridge, from its start to its end.

    Attributes:
        news: What it said last; None until it has joined the cluster.
        heard: How many news have come.
        silent: Ticks since the last; whoever looks at it counts them, so that none is counted while
            the server itself stands still.
        closed: Whether it has ended.
        why: Why it ends, if that is known.
    """

    def __init__(self, process: BaseProcess, ours: socket.socket) -> None:
        self.news: News | None = None
        self.heard = self.silent = 0
        self.closed = False
        self.why = ""
        self._hosts: dict[str, HostNews] = {}
        self._process, self._socket = process, ours
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count()
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._hearing = asyncio.create_task(self._hear(), name="bridge")

    @classmethod
    def start(cls, settings: Settings, server: str) -> "Connection":
        """Start a bridge; it joins the cluster, or ends.

        Raises:
            OSError: there is no process or socket to be had.
        """
        assert settings.ray_address is not None
        ours, theirs = socket.socketpair()
        token = str(settings.ray_token_file) if settings.ray_token_file else None
        with theirs:
            process = multiprocessing.get_context("spawn").Process(
                target=bridge.run,
                args=(
                    theirs,
                    server,
                    settings.ray_address,
                    token,
                    settings.round_timeout_seconds,
                ),
                name="shallows-bridge",
                daemon=True,
            )
            try:
                start_apart(process)
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    async def _hear(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(sock=self._socket)
            while True:
                match await receive(reader):
                    case News() as news:
                        self.news, self.heard, self.silent = news, self.heard + 1, 0
                        self._hosts = {host.name: host for host in news.hosts}
                    case Failed() as failed:
                        self.why = failed.why
                    case Result() as result:
                        call = self._calls.get(result.number)
                        if call is not None and not call.done():  # else nobody waits any more
                            call.set_result(result)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        self.closed, self.news, self._hosts = True, None, {}
        for number, call in self._calls.items():
            if not call.done():
                call.set_result(Result(number, broken="the bridge to the cluster has ended"))

    @property
    def lost(self) -> bool:
        """Whether the bridge is silent, or has ended."""
        return self.closed or self.silent > LOST_TICKS

    def host(self, name: str) -> HostNews | None:
        """What is known of a host; None if there is none of that name, or nothing is known now."""
        return None if self.lost else self._hosts.get(name)

    async def call(self, host: str, method: str, *arguments: Any, patience: float) -> Any:
        """What a method of a host gives.

        Raises:
            LineBroken: nothing, or not within `patience` seconds.
        """
        if self.closed or self._writer is None:
            raise LineBroken(NO_BRIDGE)
        number = next(self._numbers)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            send(self._writer, Call(number, host, method, arguments))
            async with asyncio.timeout(patience):
                result = await answer
        except TimeoutError:
            raise LineBroken(f"no answer for {patience:g} s") from None
        finally:
            del self._calls[number]
        if result.broken:
            raise LineBroken(result.broken)
        return result.value

    async def close(self) -> None:
        """End the bridge, and wait until it has."""
        self._process.kill()
        self._hearing.cancel()
        await asyncio.wait([self._hearing], timeout=PARTING_SECONDS)
        if self._writer is not None:
            self._writer.close()
        else:
            self._socket.close()
        self._end()
        while self._process.is_alive():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self._process.close()


class RayLine:
    """A host that is an actor of the cluster, over whichever bridge there is.

    A bridge may be replaced: what a round gives comes over the next one then.
    """

    def __init__(
        self, bridge: Callable[[], Connection | None], host: str, incarnation: int, longest: float
    ) -> None:
        self._bridge, self._host, self._incarnation = bridge, host, incarnation
        self._longest = longest
        self._rounds = itertools.count(1)
        self._sessions: set[str] = set()

    @classmethod
    async def connect(
        cls,
        bridge: Callable[[], Connection | None],
        host: str,
        incarnation: int,
        settings: Settings,
    ) -> "RayLine":
        """Begin to use a host; what an older incarnation had there is gone.

        Raises:
            LineBroken: it is not to be had.
        """
        line = cls(bridge, host, incarnation, settings.round_timeout_seconds + LONGEST_ROUND_MORE)
        known = settings.model_dump(include=SETTINGS)
        if refused := await line._call("begin", __version__, known, patience=STARTUP_TIMEOUT):
            raise LineBroken(f"host {host}: {refused}")
        return line

    async def _call(self, method: str, *arguments: Any, patience: float) -> Any:
        if (bridge := self._bridge()) is None:
            raise LineBroken(NO_BRIDGE)
        arguments = (self._incarnation, *arguments)
        return await bridge.call(self._host, method, *arguments, patience=patience)

    @property
    def _known(self) -> HostNews | None:
        """What is known of the host."""
        bridge = self._bridge()
        return bridge.host(self._host) if bridge is not None else None

    @property
    def others(self) -> int:
        """How many sessions of other servers the same processor has."""
        return host.others if (host := self._known) is not None else 0

    @property
    def lost(self) -> bool:
        """Whether the host does not answer, or there is no bridge to it."""
        return (host := self._known) is None or not host.answers

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        """One round at the host.

        Raises:
            LineBroken: it is gone, silent, or has nothing of this line any more.
        """
        for command in commands:
            match command:
                case Open():
                    self._sessions.add(command.session)
                case Close():
                    self._sessions.discard(command.session)
        broken, serving, answer = await self._serve(
            next(self._rounds),
            len(self._sessions),
            pickle.dumps(commands, pickle.HIGHEST_PROTOCOL),
        )
        if broken:
            raise LineBroken(broken, serving)
        events, wake = pickle.loads(answer)
        self._sessions -= {e.session for e in events if isinstance(e, Released) and e.left}
        return events, wake

    async def _serve(self, *what: int | bytes) -> tuple[str, str, bytes]:
        """A round, over one bridge or the next."""
        for more in reversed(range(MOST_BRIDGES)):
            bridge = self._bridge()
            if bridge is None or bridge.closed or bridge.news is None:
                if not await self._found_again():
                    break
                bridge = self._bridge()
            try:
                answer: tuple[str, str, bytes] = await self._call(
                    "serve", *what, patience=self._longest
                )
                return answer
            except LineBroken:
                if bridge is None or not bridge.closed or bridge.silent > LOST_TICKS or not more:
                    raise  # it is the host, or has taken too long already
        raise LineBroken(NO_BRIDGE)

    async def _found_again(self) -> bool:
        """Wait for another bridge to find the host, for a while; whether it did."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANOTHER_SECONDS):
                while self.lost:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)
                return True
        return False

    async def close(self) -> None:
        """Tell the host, if it hears it, that it is needed no longer."""
        with contextlib.suppress(LineBroken):
            await self._call("end", patience=PARTING_SECONDS)
