"""A process beside the web server that speaks to Ray for it.

A process of its own, because what Ray does to a program that has lost its cluster is to end it: a
minute without the head, and the process exits. Nor can a call into Ray that hangs, or its threads
and signal handlers, do anything to a server that does not have them.

Each host is asked twice a second whether it is there. If that is not answered within
`SILENCE_SECONDS`, all that is under way with it is given up; a round itself may take longer.

What is silent is found by counting looks, not by the clock: while this process stands still none is
counted, so as it goes on it takes nobody for lost that was only not heard.

Any part of a bridge that fails ends it, and it says why: the server starts another.

A host that stays silent for the longest that a round may take hangs, and is ended; Ray begins it
anew where it was. It may be this machine that does not reach it: so a mark in the memory of the
cluster's head says first that it is to end, and a server that hears it takes the mark away.

What if it is full: it keeps nothing but the call under way with each host, and the questions that a
silent host has not answered: Ray keeps those, so they become rarer, to one in `RAREST_SECONDS`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.training.workers.cluster.actor import Hosting, parts_of
from app.training.workers.cluster.talk import (
    Call,
    Failed,
    HostNews,
    News,
    Result,
    packed,
    receive,
    send,
)
from app.training.workers.processes import STARTUP_TIMEOUT
from app.training.workers.worker import ENDING, ignore_ending

NAMESPACE = "shallows"
ASK_SECONDS = 0.4
"""Between two questions to a host, and between two news for the server."""
SILENCE_SECONDS = 1.5
"""For a host to say that it is there."""
RAREST_SECONDS = 100.0
"""Between two questions to a host that is silent."""
NODES_SECONDS = 1.0
"""Between two looks at the nodes of the cluster."""
OBJECTION_LOOKS = 5
"""Looks that other servers have, to say that they hear a host which is to be ended."""
AGAIN_SECONDS = 20.0
"""Between two attempts to make a host: on a node without Shallows each dies at its start."""
HEAD_SECONDS = 3.0
"""Without an answer of the head, until it counts as lost; counted in news."""
WAITS = 4
"""In which a wait for an answer is cut: no more than one passes while this process stands still."""
MOST_SAID = 500
"""Characters of what Ray says."""
DRAINING = b"shallows/draining/"
"""Keys of the head's memory: nodes that are to go."""
SILENT = b"shallows/silent/"
"""Keys of the head's memory: hosts that are to be ended, each with the server that says so."""
HEARD = "it is silent, but another server hears it: look at the network between"
METHODS = [
    name
    for name, member in vars(Hosting).items()
    if asyncio.iscoroutinefunction(member) and not name.startswith("_")
]
"""What a host can be asked."""


class CanNotJoin(Exception):
    """The cluster does not let this process in; the message is one line that says why."""


def join(address: str, token_file: str | None) -> None:
    """Become a program of the cluster. Ray reads most of this from the environment, as it starts.

    Raises:
        CanNotJoin: Ray has something against it.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    # A token that is wrong is refused each time, a second apart; whoever wants tries it all again.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "5")
    os.environ["RAY_AUTH_MODE"] = "token" if token_file else "disabled"
    if token_file:
        os.environ.pop("RAY_AUTH_TOKEN", None)
        os.environ["RAY_AUTH_TOKEN_PATH"] = token_file
    if address.startswith(("127.", "localhost:", "[::1]:")):
        # Else Ray takes the machine's own address instead, where nobody may be listening.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        with hushed():
            import ray

            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
            )
    except Exception as error:
        raise CanNotJoin(
            f"the cluster at {address} does not let this process in; is the token right, and is "
            f"this machine a node of it? ({in_a_line(error)})"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Nothing is printed: while Ray tries it says again and again what it says as it gives up."""
    if sys.stderr is None:  # it is closed
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def in_a_line(error: BaseException) -> str:
    """What an error says, or the one that is behind it: no more than a line.

    That is the first one, or the last of a traceback.
    """
    while (behind := _behind(error)) is not None:
        error = behind
    said = str(error).strip() or repr(error)
    return said.splitlines()[-1 if '  File "' in said else 0].strip()[:MOST_SAID]


def _behind(error: BaseException) -> BaseException | None:
    return error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__


def nodes() -> list[dict[str, Any]]:
    """The nodes of the cluster that are there, as Ray describes them."""
    import ray

    described: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in described if node["Alive"]]


@dataclass(eq=False)
class Actor:
    """A host, as the bridge knows it."""

    name: str
    node: str
    handle: Any
    answers: bool = False
    died: bool = False
    """Whether it will not come back by itself."""
    came_up: bool = False
    """Whether it has answered since it began, as far as is known."""
    why: str = ""
    """Why it does not answer, if that is known; one that is silent may be about to begin."""
    silent: int = 0
    """Looks at the cluster since it answered, or Ray first said that it does not."""
    accused: bool = False
    """Whether it is marked as one that is to be ended."""
    ended: int = 0
    """How often it was ended because it hung."""
    others: int = 0
    under_way: set[asyncio.Future[Any]] = field(default_factory=set)

    def answered(self) -> None:
        """It has answered."""
        self.answers = self.came_up = True
        self.why, self.silent, self.accused = "", 0, False

    def failed(self, why: str) -> None:
        """Ray says why it does not answer: it may begin anew, and has time for that.

        Or it hangs, and takes no new connection: that is said each time, and counts as silence.
        """
        if self.came_up:
            self.came_up, self.silent, self.accused = False, 0, False
        self.answers = False
        self.why = self.why if self.why == HEARD else why

    def give_up(self) -> None:
        """Whoever waits for it waits no longer."""
        for future in list(self.under_way):
            future.cancel()


def run(
    ours: socket.socket, server: str, address: str, token_file: str | None, longest: float
) -> None:
    """The life of a bridge: until the server closes the socket.

    Args:
        longest: Seconds that a round may take.
    """
    ignore_ending()
    try:
        join(address, token_file)
        asyncio.run(Bridge(server, longest).serve(ours.dup()))
    except Exception as error:
        if not isinstance(error, CanNotJoin):
            traceback.print_exception(error)
        with contextlib.suppress(OSError):
            ours.sendall(packed(Failed(in_a_line(error))))
    finally:
        # Ray's own end may take long, or wait for a head that is lost.
        os._exit(0)


class Bridge:
    """Passes calls on to hosts, and says which there are.

    Args:
        server: The name that the hosts know the server by.
        longest: Seconds that a host may be silent, until it is ended.
    """

    def __init__(self, server: str, longest: float) -> None:
        self._server, self._longest = server, longest
        self._actors: dict[str, Actor] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._parts = asyncio.TaskGroup()
        """All that it does: what fails of that ends it."""
        self._draining: frozenset[str] = frozenset()
        self._headless = 0
        """News since the head has answered."""
        self._why = ""
        """Why the last look at the cluster failed, if it did."""
        self._handles: dict[str, tuple[str, Any]] = {}
        """The node of each host, and the actor, as the thread that looks has found them."""
        self._made: dict[str, float] = {}
        """When each host was made, or found."""
        self._looked = asyncio.Event()
        """Set when it is known which hosts there are: before that there is no news."""

    async def serve(self, ours: socket.socket) -> None:
        """Serve the server at the other end of a socket, until it closes that.

        Raises:
            ExceptionGroup: a part of it has failed.
        """
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            async with self._parts as parts:
                parts.create_task(self._tell(writer))
                parts.create_task(self._looking())
                while True:
                    call = await receive(reader)
                    assert isinstance(call, Call)
                    parts.create_task(self._answer(writer, call))
        except* (asyncio.IncompleteReadError, OSError):
            pass  # the server has closed it
        finally:
            writer.close()

    async def _looking(self) -> None:
        """A thread that looks at the cluster; it may hang in Ray, and is left behind then."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def look() -> None:
            try:
                self._look(loop)
            except BaseException as error:
                loop.call_soon_threadsafe(ended.set_exception, error)

        threading.Thread(target=look, daemon=True).start()
        await ended

    # -- calls ------------------------------------------------------------------------------

    async def _answer(self, writer: asyncio.StreamWriter, call: Call) -> None:
        try:
            actor = self._actors.get(call.host)
            if actor is None or not actor.answers:
                raise ConnectionError("the host does not answer")
            method = self._serve if call.method == "serve" else self._call
            result = Result(call.number, await method(actor, call.method, *call.arguments))
        except asyncio.CancelledError:
            result = Result(call.number, broken="the host does not answer any more")
        except Exception as error:
            result = Result(call.number, broken=f"{type(error).__name__}: {error}"[:500])
        send(writer, result)

    async def _call(self, actor: Actor, method: str, *arguments: Any) -> Any:
        """What a method of an actor gives; cancelled if the actor falls silent meanwhile."""
        remote = getattr(actor.handle, method).remote(self._server, *arguments)
        future = asyncio.ensure_future(asyncio.wrap_future(remote.future()))
        actor.under_way.add(future)
        try:
            return await future
        finally:
            actor.under_way.discard(future)

    async def _serve(
        self, actor: Actor, _: str, incarnation: int, round_: int, sessions: int, commands: bytes
    ) -> tuple[str, str, bytes]:
        """A round, in parts: why nothing came of it, who it is due to, and what came."""
        *parts, last = parts_of(commands)
        await _all(
            self._call(actor, "bring", incarnation, round_, place, part)
            for place, part in enumerate(parts)
        )
        broken, serving, more, first = await self._call(
            actor, "serve", incarnation, round_, sessions, last
        )
        rest = await _all(
            self._call(actor, "fetch", incarnation, round_, place) for place in range(more)
        )
        if None in rest:
            return "a part of its answer is lost", "", b""
        return broken, serving, b"".join([first, *rest])

    # -- who is there -----------------------------------------------------------------------

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        await self._looked.wait()
        while True:
            hosts = tuple(
                HostNews(
                    a.name, a.node, a.answers, a.node in self._draining, a.others, a.why, a.ended
                )
                for a in self._actors.values()
            )
            head = self._headless * ASK_SECONDS < HEAD_SECONDS
            send(writer, News(hosts, head, self._why))
            self._headless += 1
            await writer.drain()
            await asyncio.sleep(ASK_SECONDS)

    async def _watch(self, actor: Actor) -> None:
        """Ask a host again and again whether it is there; any answer says so, a late one too."""
        import ray

        asked: set[asyncio.Future[int]] = set()
        while True:
            try:
                ping = actor.handle.ping.remote(self._server)
                asked.add(answer := asyncio.wrap_future(ping.future()))
                answer.add_done_callback(_heeded)
                patience = min(RAREST_SECONDS, SILENCE_SECONDS * 2 ** min(len(asked) - 1, 10))
                actor.others = await _first(asked, patience)
                actor.answered()
                asked.clear()
            except TimeoutError:
                actor.answers = False
                actor.why = actor.why if actor.why == HEARD else ""
                actor.give_up()
            except Exception as error:
                actor.failed(in_a_line(error))
                actor.died |= isinstance(error, ray.exceptions.ActorDiedError)
                actor.give_up()
            await asyncio.sleep(ASK_SECONDS)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: which nodes there are, and their actors, made if they are not there."""
        from ray.exceptions import RayError

        while True:
            try:
                self._look_once(loop)
                self._why = ""
            except (RayError, OSError, RuntimeError, ValueError) as error:
                # What Ray raises, its own errors or plain ones: it could not do as it was told. The
                # head is lost for a while, or for good: the process then ends by itself.
                self._why = f"{type(error).__name__}: {in_a_line(error)}"
            time.sleep(NODES_SECONDS)

    def _look_once(self, loop: asyncio.AbstractEventLoop) -> None:
        from ray.experimental.internal_kv import _internal_kv_list

        names = {
            f"{node['NodeID']}-{number}": node["NodeID"]
            for node in nodes()
            for number in range(int(node["Resources"].get("CPU", 0)))
        }
        again = self._again()
        self._made = {name: at for name, at in self._made.items() if name in names}
        self._handles = {
            name: self._handles[name]
            if name in self._handles and name not in again
            else (node, self._make(name, node))
            for name, node in names.items()
        }
        draining = frozenset(key[len(DRAINING) :].decode() for key in _internal_kv_list(DRAINING))
        loop.call_soon_threadsafe(self._there, dict(self._handles), draining)
        self._judge()

    def _judge(self) -> None:
        """In the thread, too: end hosts that hang, and object where others would end one that
        does not.
        """
        import ray
        from ray.experimental.internal_kv import (
            _internal_kv_del,
            _internal_kv_list,
            _internal_kv_put,
        )

        marks = set(_internal_kv_list(SILENT))
        for actor in list(self._actors.values()):
            of_it = SILENT + f"{actor.name}/".encode()
            mine = of_it + self._server.encode()
            longest = self._longest if actor.came_up else max(self._longest, STARTUP_TIMEOUT)
            if actor.answers:
                if any(mark.startswith(of_it) for mark in marks):
                    _internal_kv_del(of_it, del_by_prefix=True)
            elif actor.died or actor.silent < longest / NODES_SECONDS:
                continue
            elif not actor.accused:
                _internal_kv_put(mine, b"1")
                actor.accused = True
            elif actor.silent >= longest / NODES_SECONDS + OBJECTION_LOOKS:
                actor.silent, actor.accused = 0, False
                if mine not in marks:
                    actor.why = HEARD
                    continue
                _internal_kv_del(of_it, del_by_prefix=True)
                ray.kill(actor.handle, no_restart=False)
                actor.came_up = False
                actor.ended += 1

    def _again(self) -> set[str]:
        """Hosts that have died for good, and are to be made anew now."""
        before = time.monotonic() - AGAIN_SECONDS
        died = [name for name, actor in list(self._actors.items()) if actor.died]
        return {name for name in died if self._made.get(name, before) <= before}

    def _make(self, name: str, node: str) -> Any:
        self._made[name] = time.monotonic()
        return make(name, node)

    def _there(self, handles: dict[str, tuple[str, Any]], draining: frozenset[str]) -> None:
        """The hosts that there are now."""
        self._headless, self._draining = 0, draining
        self._looked.set()
        for name, actor in list(self._actors.items()):
            if name not in handles or handles[name][1] is not actor.handle:
                self._watches.pop(name).cancel()
                del self._actors[name]
                actor.give_up()
        for name, (node, handle) in handles.items():
            if name in self._actors:
                self._actors[name].silent += not self._actors[name].answers
            else:
                actor = self._actors[name] = Actor(name, node, handle)
                self._watches[name] = self._parts.create_task(self._watch(actor))


async def _first(asked: set[asyncio.Future[int]], patience: float) -> int:
    """The first answer to some questions; what has ended is taken out of them.

    Raises:
        Exception: there is none, and why.
    """
    for _ in range(WAITS):
        ended, _ = await asyncio.wait(
            asked, timeout=patience / WAITS, return_when=asyncio.FIRST_COMPLETED
        )
        if ended:
            break
    asked -= ended
    errors = [each.exception() for each in ended]
    for each, error in zip(ended, errors, strict=True):
        if error is None:
            return each.result()
    raise next(iter(errors), None) or TimeoutError("it is silent")


def _heeded(answer: asyncio.Future[Any]) -> None:
    """Nobody has to wait for it any more; else asyncio complains of an error that nobody saw."""
    if not answer.cancelled():
        answer.exception()


async def _all(calls: Iterable[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


def class_for_nodes() -> type:
    """The actor's class as a node gets it: it brings no module of ours, and finds them there.

    Where Shallows is installed, `app` lies in the package `shallows`, on nobody's path
    (docs/decisions/0023-a-wheel.md). A class within a function is sent as a whole by Ray.
    """

    def passed_on(name: str) -> Any:
        async def method(self: Any, *arguments: Any) -> Any:
            return await getattr(self.hosting, name)(*arguments)

        return method

    class Hosting:
        def __init__(self) -> None:
            import sys
            from importlib import import_module
            from importlib.util import find_spec

            there = find_spec("shallows")
            if there is not None and there.origin:  # an image has the code alone, and on its path
                sys.path.insert(0, str(import_module("shallows").ROOT))
            module = import_module("app.training.workers.cluster.actor")
            self.hosting = module.Hosting()

    for name in METHODS:
        setattr(Hosting, name, passed_on(name))
    return Hosting


@cache
def _remote() -> Any:
    """The same as Ray's: it is sent once, however many actors are made."""
    import ray

    return ray.remote(class_for_nodes())


def make(name: str, node: str) -> Any:
    """The actor of a processor of a node: that which is there, or a new one.

    It outlives whoever made it, and is started again where it was. Where a node is gone its actor
    is gone with it, whatever Ray would like: sessions know where to go.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    options = _remote().options(
        name=name,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=0,
        enable_task_events=False,  # nobody looks at them, and each round would be one
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    )
    return options.remote()
