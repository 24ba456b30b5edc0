"""Hosts on a Ray cluster: they die, fall silent, come and go, and whoever plays goes on."""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import pickle
import socket
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from app import __version__
from app.main import create_app
from app.schemas import MESSAGES, parse_message
from app.sessions.outbox import DONE
from app.settings import Settings, SettingsError
from app.training.messages import Open, Tell
from app.training.workers.cluster import actor, backend, bridge, connection
from app.training.workers.cluster.actor import OLDER, PART_BYTES, Hosting, parts_of
from app.training.workers.cluster.backend import (
    DRAINED,
    EMPTY,
    HEADLESS,
    NO_WAY,
    ON_ITS_OWN,
    UNUSABLE,
    RayBackend,
    ray_backend,
)
from app.training.workers.cluster.bridge import Bridge
from app.training.workers.cluster.connection import LOST_TICKS, MOST_BRIDGES, Connection, RayLine
from app.training.workers.cluster.draining import COMMANDS, explained
from app.training.workers.cluster.talk import Call, Failed, HostNews, News, Result, packed, receive
from app.training.workers.driver import LineBroken
from tests.app.clusters import ROOT, Nodes, actors
from tests.app.conftest import RAY, metric, services_of, settings_for, wait_ready
from tests.app.processes import started
from tests.app.stream import Stream


@contextlib.contextmanager
def at_rest(client: TestClient) -> Iterator[TestClient]:
    """A server on two hosts, on which nothing trains that an earlier test has left."""
    interactive = services_of(client).sessions
    assert client.portal is not None
    for name in list(interactive._sessions):
        client.portal.call(interactive.drop, name)
    until(lambda: len(hosts_of(client)) == 2)
    until(lambda: metric(client, "shallows_alone") == 0)
    yield client


@contextlib.contextmanager
def another_server(cluster: Nodes) -> Iterator[TestClient]:
    with TestClient(create_app(settings_for("ray", **cluster.settings))) as client:
        until(lambda: len(hosts_of(client)) == 2)
        yield client


def until(what: Callable[[], object]) -> None:
    """A server that never gets there fails the test's own timeout. A look costs milliseconds."""
    while not what():
        time.sleep(0.1)


async def seen(what: Callable[[], object]) -> None:
    """Wait for it on the loop on which it happens."""
    while not what():  # noqa: ASYNC110
        await asyncio.sleep(0)


def backend_of(client: TestClient) -> RayBackend:
    of_client = services_of(client).backend
    assert isinstance(of_client, RayBackend)
    return of_client


def hosts_of(client: TestClient) -> set[str]:
    """The hosts of the cluster that new sessions are given to."""
    return {n for n, driver in list(backend_of(client)._cluster.items()) if driver.connected}


def where(client: TestClient, streams: list[Stream]) -> list[str]:
    drivers = backend_of(client)._where
    return [drivers[stream.texts[0]["session"]].background.name for stream in streams]


def on_hosts(client: TestClient, streams: list[Stream]) -> bool:
    """Whether all of them train in the cluster."""
    return all(name.startswith("host ") for name in where(client, streams))


@contextlib.contextmanager
def playing(client: TestClient, number: int) -> Iterator[list[Stream]]:
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream.connect(client)) for _ in range(number)]
        for stream in streams:
            stream.configure(playing=True, runs=[{"training": {"iterations": 100_000}}])
        all_go_on(streams)
        yield streams
        for stream in streams:
            stream.socket.close(DONE)


def all_go_on(streams: list[Stream], iterations: int = 30) -> None:
    """Each trains on, with every cost and every frame, as a twin that nothing happened to."""
    for stream in streams:
        stream.until_iteration(stream.frames[-1]["iteration"] + iterations)
        last = stream.frames[-1]["iteration"]
        assert len(stream.costs()) == 4 * last
        assert [frame["frame"] for frame in stream.frames] == list(range(len(stream.frames)))


def as_undisturbed(inline: TestClient, streams: list[Stream]) -> None:
    """Their costs, to the bit, are those of a run that stayed in one process."""
    last = max(stream.frames[-1]["iteration"] for stream in streams)
    body = {"training": {"iterations": last}}
    name = inline.post("/train", params={"wait": 30}, json=body).json()["id"]
    with Stream.connect(inline, f"/train/{name}/stream") as twin:
        twin.until_iteration(last)
        costs = twin.costs()
    for stream in streams:
        mine = stream.costs()
        assert mine == costs[: len(mine)]


@pytest.mark.parametrize("client", [RAY], indirect=True, scope="session")
class TestCluster:
    def test_an_actor_that_is_killed_or_silent_is_left_at_once(
        self, client: TestClient, inline: TestClient
    ) -> None:
        with at_rest(client), playing(client, 4) as streams:
            assert len(set(where(client, streams))) == 2
            dead, silent = actors()
            dead.kill()
            all_go_on(streams)
            until(lambda: len(hosts_of(client)) == 2)  # it is started again where it was
            silent.suspend()
            try:
                until(lambda: len(set(where(client, streams))) == 1)
                all_go_on(streams)
                wait_ready(client)
            finally:
                silent.resume()
            until(lambda: len(hosts_of(client)) == 2)
            all_go_on(streams)
            as_undisturbed(inline, streams)
            assert metric(client, "shallows_alone") == 0

    def test_a_worker_that_dies_or_a_bridge_that_does_takes_nobody_with_it(
        self, client: TestClient, inline: TestClient
    ) -> None:
        with at_rest(client), playing(client, 4) as streams:
            for process in actors():
                for child in process.children():
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()
            all_go_on(streams)
            until(lambda: len(hosts_of(client)) == 2)
            before = connection = backend_of(client)._connection
            assert connection is not None
            connection._process.kill()
            all_go_on(streams)
            until(lambda: backend_of(client)._connection is not before)
            until(lambda: len(hosts_of(client)) == 2)
            until(lambda: metric(client, "shallows_alone") == 0)
            until(lambda: on_hosts(client, streams))
            all_go_on(streams)
            as_undisturbed(inline, streams)

    def test_several_servers_share_the_hosts(self, client: TestClient, cluster: Nodes) -> None:
        with at_rest(client), another_server(cluster) as other, playing(client, 3) as first:
            heavy = max(where(client, first), key=where(client, first).count)
            hosts = backend_of(other)._cluster.values()
            until(lambda: sum(driver.load for driver in hosts) == 3)
            with playing(other, 1) as second:
                assert where(other, second) != [heavy]
                all_go_on([*first, *second])
            assert len(actors()) == 2

    def test_a_node_is_drained_and_another_comes(
        self, client: TestClient, inline: TestClient, cluster: Nodes, tmp_path: Path
    ) -> None:
        with at_rest(client), playing(client, 6) as streams:
            leaving = next(iter(hosts_of(client)))
            assert f"host {leaving}" in where(client, streams)
            answer = command(cluster, "drain", leaving[:12])
            assert answer.returncode == 0, answer.stderr
            assert "it may go" in answer.stdout.splitlines()[-1]
            assert f"host {leaving}" not in where(client, streams)
            all_go_on(streams)
            node = cluster.add()
            until(lambda: len(hosts_of(client)) == 2)
            until(lambda: len(set(where(client, streams))) == 2)
            all_go_on(streams)
            cluster.kill(node)
            until(lambda: len(set(where(client, streams))) == 1)
            all_go_on(streams)
            drained, nobody, head, back, again = said(
                cluster,
                ("drain", leaving[:12]),
                ("drain", "nobody"),
                ("drain", cluster.head),
                ("undrain", leaving[:12]),
                ("undrain", leaving[:12]),
            )
            assert "already" in drained
            assert "no node is called 'nobody'" in nobody
            assert leaving[:12] in nobody
            assert "nothing trains" in head
            assert "takes sessions again" in back
            assert "was not drained" in again
            wrong = tmp_path / "wrong"
            wrong.write_text("d" * 64)
            more = {"SHALLOWS_RAY_TOKEN_FILE": str(wrong), "RAY_NUM_REDIS_GET_RETRIES": "1"}
            answer = python(cluster, "-m", "app", "drain", leaving[:12], **more)
            assert (answer.returncode, answer.stdout) == (1, "")
            (line,) = answer.stderr.splitlines()
            assert "is the token right" in line
            until(lambda: leaving in hosts_of(client))
            until(lambda: len(set(where(client, streams))) == 2)
            all_go_on(streams)
            as_undisturbed(inline, streams)

    @pytest.mark.ends_the_cluster
    def test_without_its_cluster_a_server_trains_on_its_own(
        self, client: TestClient, inline: TestClient, cluster: Nodes
    ) -> None:
        # One of two hosts has nothing to do, and does not notice by itself that it is gone.
        with playing(client, 1) as streams:
            assert "note" not in client.get("/readyz").json()
            cluster.kill_head()
            with playing(client, 1) as more:  # hosts that answer are used
                note = f"{HEADLESS}{ON_ITS_OWN}, too"
                until(lambda: client.get("/readyz").json().get("note") == note)
                until(lambda: any(driver.connected for driver in backend_of(client)._own))
                assert metric(client, "shallows_alone") == 0
                all_go_on([*streams, *more])
            cluster.end()
            all_go_on(streams)
            notes = {HEADLESS + ON_ITS_OWN, NO_WAY + ON_ITS_OWN}
            until(lambda: client.get("/readyz").json().get("note") in notes)
            assert metric(client, "shallows_alone") == 1
            with playing(client, 1):
                pass
            as_undisturbed(inline, streams)


@pytest.mark.ray
def test_a_host_that_stays_silent_is_asked_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[concurrent.futures.Future[int]] = []
    patiences: list[float] = []

    class Hangs:
        """A handle of an actor that does."""

        ping = property(lambda self: self)

        def remote(self, server: str) -> "Hangs":
            return self

        def future(self) -> concurrent.futures.Future[int]:
            asked.append(concurrent.futures.Future())
            return asked[-1]

    async def first(questions: set[asyncio.Future[int]], patience: float) -> int:
        patiences.append(patience)
        return await waited(questions, patience if len(asked) > 9 else 0)

    waited = bridge._first
    monkeypatch.setattr(bridge, "_first", first)
    monkeypatch.setattr(bridge, "ASK_SECONDS", 0)

    async def watch() -> None:
        silent = bridge.Actor("a-0", "a", Hangs())
        watching = asyncio.create_task(Bridge("s", 30)._watch(silent))
        await seen(lambda: len(asked) > 9)
        assert not silent.answers
        assert patiences[:9] == [1.5, 3, 6, 12, 24, 48, 96, 100, 100]
        asked[0].set_result(7)  # a late answer counts
        await seen(lambda: silent.answers)
        assert silent.others == 7
        watching.cancel()

    asyncio.run(watch())


class Head:
    """The memory of a cluster's head, and what it ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory: set[bytes] = set()
        self.ended: list[str] = []
        kv = "ray.experimental.internal_kv._internal_kv_"
        monkeypatch.setattr(kv + "list", lambda prefix: [*self._of(prefix)])
        monkeypatch.setattr(kv + "put", lambda key, value: self.memory.add(key))
        monkeypatch.setattr(kv + "del", lambda key, del_by_prefix: self._forget(key))
        monkeypatch.setattr("ray.kill", lambda handle, no_restart: self.ended.append(handle))

    def _of(self, prefix: bytes) -> set[bytes]:
        return {key for key in self.memory if key.startswith(prefix)}

    def _forget(self, prefix: bytes) -> None:
        self.memory -= self._of(prefix)

    def look(self, *bridges: Bridge) -> None:
        """Each bridge looks once at the cluster, as its thread does."""
        for each in bridges:
            handles = {actor.name: ("n", actor.handle) for actor in each._actors.values()}
            each._there(handles, frozenset())
            each._judge()


def watching(longest: float, **hosts: bool) -> Bridge:
    """A bridge that knows hosts which answer it, or do not."""
    there = Bridge(f"server {longest}", longest)
    there._actors = {
        name: bridge.Actor(name, "n", name, answers=answers, came_up=True)
        for name, answers in hosts.items()
    }
    return there


@pytest.mark.ray
def test_a_host_that_hangs_is_ended_once_and_has_time_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = Head(monkeypatch)
    one, other = watching(30, good=True, bad=False), watching(40, good=True, bad=False)
    hung = one._actors["bad"]
    for _ in range(30 + bridge.OBJECTION_LOOKS - 1):
        head.look(one, other)
    assert head.ended == []
    head.look(one)
    assert (head.ended, hung.ended, head.memory) == (["bad"], 1, set())
    # Whoever waited for it hears from Ray that it has ended.
    other._actors["bad"].failed("it died")
    for _ in range(59 + bridge.OBJECTION_LOOKS):
        head.look(one, other)
    assert head.ended == ["bad"]
    head.look(one)
    assert head.ended == ["bad"] * 2
    for each in (one, other):
        each._actors["bad"].answered()
    for _ in range(200):
        head.look(one, other)
    assert (head.ended, head.memory) == (["bad"] * 2, set())


@pytest.mark.ray
def test_a_host_that_another_server_hears_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    head = Head(monkeypatch)
    cut_off, other = watching(3, host=False), watching(4, host=True)
    for _ in range(100):
        head.look(cut_off, other)
    assert (head.ended, cut_off._actors["host"].why) == ([], bridge.HEARD)
    cut_off._actors["host"].answered()
    assert cut_off._actors["host"].why == ""


@pytest.mark.ray
def test_a_host_that_ray_does_not_reach_has_time_to_begin_and_is_ended_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that hangs takes no new connection: the next bridge hears that, again and again."""
    head = Head(monkeypatch)
    there = watching(3, host=True, dead=False)
    there._actors["dead"].died = True  # it is made anew
    for _ in range(60 + bridge.OBJECTION_LOOKS):
        assert head.ended == []
        there._actors["host"].failed("connection attempt timed out")
        head.look(there)
    assert head.ended == ["host"]


def command(cluster: Nodes, *words: str) -> subprocess.CompletedProcess[str]:
    return python(cluster, "-m", "app", *words)


def said(cluster: Nodes, *commands: tuple[str, str]) -> list[str]:
    """What each of some commands says, one after the other in one process: Ray's import is slow."""
    code = (
        "import ray\n"
        "from app.settings import Settings\n"
        "from app.training.workers.cluster import draining\n"
        "draining.NOTICE_SECONDS = 0\n"
        f"for name, node in {commands!r}:\n"
        "    said = []\n"
        "    why = draining.COMMANDS[name](Settings(), node, said.append)\n"
        "    print(why or '; '.join(said))\n"
        "    ray.shutdown()\n"
    )
    answer = python(cluster, "-c", code)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def python(cluster: Nodes, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it with the settings of a server of the cluster."""
    settings = cluster.settings
    environment = {
        **os.environ,
        "SHALLOWS_BACKEND": "ray",
        "SHALLOWS_RAY_ADDRESS": str(settings["ray_address"]),
        "SHALLOWS_RAY_TOKEN_FILE": str(settings["ray_token_file"]),
        **more,
    }
    words = (sys.executable, *words)
    return subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", ["drain", "undrain"])
def test_a_node_of_no_cluster_is_not_drained(name: str) -> None:
    work = COMMANDS[name]
    assert "there is no cluster" in str(work(settings_for("pool"), "n", print))
    nobody = settings_for("ray", ray_address="127.0.0.1:9")
    assert "not at 127.0.0.1:9" in str(work(nobody, "n", print))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ray", None)
        assert "shallows[cluster]" in str(work(nobody, "n", print))


def test_what_ray_says_as_it_loses_its_head_is_no_traceback() -> None:
    @explained
    def lost(*_: object) -> str | None:
        raise RuntimeError("the head is gone\nand much more")

    assert lost(settings_for("pool"), "n", print) == (
        "the cluster does not answer any more (the head is gone)"
    )


# -- a bridge, without a cluster ------------------------------------------------------------------


def a_host(*, answers: bool = True, draining: bool = False) -> HostNews:
    return HostNews("n-0", "n", answers, draining, 0)


@pytest.mark.parametrize(
    ("news", "note"),
    [
        (None, NO_WAY),
        (News((a_host(),), head=False), HEADLESS),
        (News((), head=True), EMPTY),
        (News((a_host(draining=True),), head=True), DRAINED),
        (News((a_host(answers=False), a_host(draining=True)), head=True), UNUSABLE),
    ],
)
def test_what_is_wrong_with_a_cluster_is_what_is_said(news: News | None, note: str) -> None:
    server = RayBackend(settings_for("ray", ray_address="127.0.0.1:9"))
    server._connection = types.SimpleNamespace(news=news, lost=False)  # type: ignore[assignment]
    assert server.note == note


def a_bridge() -> tuple[Connection, socket.socket]:
    """The server's end of one, and the other."""
    ours, theirs = socket.socketpair()
    process: Any = types.SimpleNamespace(kill=theirs.close, is_alive=bool, close=bool)
    return Connection(process, ours), theirs


def test_a_line_on_which_no_round_is_under_way_goes_on_over_the_next_bridge() -> None:
    async def watch() -> None:
        bridges: list[Connection] = []
        line = RayLine(lambda: bridges[-1] if bridges else None, "n-0", 1, 30)
        assert line.lost
        for _ in range(2):
            bridge, theirs = a_bridge()
            bridges.append(bridge)
            theirs.sendall(packed(News((a_host(),), head=True)))
            await seen(lambda: not line.lost)
            await bridge.close()
            assert line.lost

    asyncio.run(watch())


async def asked(theirs: socket.socket, round_: "asyncio.Task[Any]") -> Call:
    """What is asked over a bridge by a round that is under way."""
    reader, writer = await asyncio.open_connection(sock=theirs.dup())
    coming = asyncio.create_task(receive(reader))
    await asyncio.wait([coming, round_], return_when=asyncio.FIRST_COMPLETED)
    assert not round_.done()
    call = await coming
    writer.close()
    assert isinstance(call, Call)
    return call


def test_a_round_that_begins_between_two_bridges_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "ANOTHER_SECONDS", 60)

    async def watch() -> None:
        bridges: list[Connection] = []
        line = RayLine(lambda: bridges[-1] if bridges else None, "n-0", 1, 30)
        round_ = asyncio.create_task(line.exchange([]))
        await asyncio.sleep(0)
        bridge, theirs = a_bridge()
        theirs.sendall(packed(News((a_host(),), head=True)))
        bridges.append(bridge)
        call = await asked(theirs, round_)
        answer = "", "", pickle.dumps(([], 0.5))
        theirs.setblocking(True)
        theirs.sendall(packed(Result(call.number, answer)))
        assert await round_ == ([], 0.5)
        await bridge.close()

    asyncio.run(watch())


def test_a_round_that_ends_each_bridge_breaks_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "ANOTHER_SECONDS", 60)

    async def watch() -> None:
        bridges = [a_bridge()]
        line = RayLine(lambda: bridges[-1][0], "n-0", 1, 5)
        round_ = asyncio.create_task(line.exchange([]))
        for _ in range(MOST_BRIDGES):
            bridge, theirs = bridges[-1]
            theirs.sendall(packed(News((a_host(),), head=True)))
            await asked(theirs, round_)
            bridges.append(a_bridge())
            await bridge.close()
        bridge, theirs = bridges[-1]
        theirs.sendall(packed(News((a_host(),), head=True)))
        with pytest.raises(LineBroken):
            await round_
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)  # nothing was asked over this one
        await bridge.close()

    asyncio.run(watch())


def test_what_a_bridge_said_does_not_count_while_it_is_silent_and_its_last_word_is_kept() -> None:
    async def watch() -> None:
        connection, theirs = a_bridge()
        theirs.sendall(packed(News((a_host(),), head=True)))
        await seen(lambda: connection.host("n-0"))
        connection.silent = LOST_TICKS + 1
        assert connection.host("n-0") is None
        theirs.sendall(packed(News((a_host(),), head=True)))
        await seen(lambda: connection.host("n-0"))
        theirs.sendall(packed(Failed("the token is wrong")))
        theirs.close()
        await seen(lambda: connection.closed)
        assert connection.why == "the token is wrong"
        await connection.close()

    asyncio.run(watch())


def test_a_bridge_that_says_nothing_is_ended_as_soon_as_nothing_that_it_said_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has waited for its hosts since then, and waits no longer."""
    monkeypatch.setattr(backend, "TICK", 0)

    async def watch() -> None:
        server = RayBackend(settings_for("ray", ray_address="127.0.0.1:9"))
        connection, theirs = a_bridge()
        theirs.sendall(packed(News((a_host(),), head=True)))
        await seen(lambda: connection.host("n-0"))
        assert await server._listen(connection)
        assert connection.silent == LOST_TICKS + 1
        monkeypatch.undo()
        assert server._gone * backend.TICK >= backend.PATIENCE
        await connection.close()

    asyncio.run(watch())


@contextlib.asynccontextmanager
async def news_of(there: Bridge) -> AsyncIterator[Callable[[], Awaitable[News]]]:
    """What a bridge says, one after the other."""
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    reader, other = await asyncio.open_connection(sock=theirs)
    telling = asyncio.create_task(there._tell(writer))

    async def news() -> News:
        assert not telling.done()
        said = await receive(reader)
        assert isinstance(said, News)
        return said

    yield news
    telling.cancel()
    for each in (writer, other):
        each.transport.abort()


def test_a_bridge_that_stood_still_takes_nobody_for_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(bridge, "HEAD_SECONDS", 0.1)

    async def watch(there: Bridge, news: Callable[[], Awaitable[News]]) -> None:
        assert (await news()).head
        answer = asyncio.get_running_loop().create_future()
        asked = asyncio.create_task(bridge._first({answer}, 0.4))
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)  # it stands still
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.01, answer.set_result, 7)
        assert await asked == 7
        assert (await news()).head
        while (await news()).head:  # nor does it wait for ever
            pass
        there._there({}, frozenset())
        while not (await news()).head:
            pass
        with pytest.raises(TimeoutError):
            await bridge._first({asyncio.get_running_loop().create_future()}, 0.01)

    async def main() -> None:
        there = Bridge("s", 30)
        there._there({}, frozenset())
        async with news_of(there) as news:
            await watch(there, news)

    asyncio.run(main())


@pytest.mark.ray
def test_a_look_at_the_cluster_that_fails_is_told_and_a_fault_of_the_program_ends_the_bridge(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ray.exceptions import RpcError

    no_head: Any = RpcError
    looks = [no_head("no head"), no_head("no head"), None, KeyError("x")]

    def nodes() -> list[dict[str, Any]]:
        while len(looks) == 2 and not caplog.records:
            time.sleep(0.01)
        if (failure := looks.pop(0)) is not None:
            raise failure
        return []

    Head(monkeypatch)
    monkeypatch.setattr(bridge, "nodes", nodes)
    monkeypatch.setattr(bridge, "NODES_SECONDS", 0)
    monkeypatch.setattr(bridge, "ASK_SECONDS", 0.01)

    async def watch() -> None:
        there = Bridge("s", 30)
        there._looked.set()
        ours, theirs = socket.socketpair()
        reader, other = await asyncio.open_connection(sock=theirs)
        serving = asyncio.create_task(there.serve(ours))
        server = RayBackend(settings_for("ray", ray_address="127.0.0.1:9"))

        async def hear() -> None:
            while True:
                said = await receive(reader)
                assert isinstance(said, News)
                server._heed(said)

        hearing = asyncio.create_task(hear())
        with pytest.raises(ExceptionGroup) as ended:
            await serving
        assert bridge.in_a_line(ended.value) == "'x'"
        hearing.cancel()
        other.transport.abort()

    asyncio.run(watch())
    (line,) = [record.getMessage() for record in caplog.records]
    assert "no head" in line


def test_a_host_that_dies_at_its_start_is_not_made_all_the_time() -> None:
    there = Bridge("s", 30)
    there._actors = {name: bridge.Actor(name, "n", None, died=True) for name in ("n-0", "n-1")}
    there._made = {"n-0": time.monotonic(), "n-1": time.monotonic() - bridge.AGAIN_SECONDS}
    assert there._again() == {"n-1"}


def test_why_a_host_can_not_be_is_logged_once_and_again_when_it_was_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = RayBackend(settings_for("ray", ray_address="127.0.0.1:9"))
    dead = 'died of\n  File "actor.py", line 1\nImportError: there is no Shallows here'
    why = bridge.in_a_line(RuntimeError(dead))
    assert why == "ImportError: there is no Shallows here"
    silent, broken = (HostNews("n-0", "n", False, True, 0, each) for each in ("", why))
    for host in (silent, broken, silent, broken):
        server._heed(News((host,), head=True))
    assert [record.getMessage() for record in caplog.records] == [
        f"host n-0 of the cluster does not answer ({why})"
    ]
    for host in (a_host(draining=True), broken):
        server._heed(News((host,), head=True))
    assert len(caplog.records) == 2


def test_a_host_that_was_ended_is_logged_and_counted_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = RayBackend(settings_for("ray", ray_address="127.0.0.1:9"))
    for ended in (0, 1, 1, 2, 0, 1):  # the fifth is of another bridge
        server._heed(News((HostNews("n-0", "n", False, True, 0, ended=ended),), head=True))
    said = "host n-0 of the cluster hung: it is ended, to begin anew"
    assert [record.getMessage() for record in caplog.records] == [said] * 3
    assert server.hung == 3


def test_news_that_nobody_takes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "ASK_SECONDS", 0)

    async def watch() -> None:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        there = Bridge("s", 30)
        there._actors = {f"n-{i}": bridge.Actor(f"n-{i}", "n", None) for i in range(1000)}
        telling = asyncio.create_task(there._tell(writer))
        there._looked.set()
        for _ in range(200):
            await asyncio.sleep(0)
        assert writer.transport.get_write_buffer_size() < 500_000
        telling.cancel()
        writer.transport.abort()
        theirs.close()

    asyncio.run(watch())


# -- an actor, without a cluster ----------------------------------------------------------------


@pytest.fixture
def hosting(monkeypatch: pytest.MonkeyPatch) -> Hosting:
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    return Hosting()


KNOWN = {"checkpoint_seconds": 1.0, "round_timeout_seconds": 30.0}


def say(session: str, kind: str, **fields: Any) -> Tell:
    return Tell(session, "", parse_message(json.dumps({"type": kind, **fields}), MESSAGES))


def opening(session: str) -> bytes:
    return pickle.dumps([Open(session, "interactive"), say(session, "configure")])


def test_nothing_of_an_older_incarnation_reaches_anybody(hosting: Hosting) -> None:
    async def watch() -> None:
        assert await hosting.begin("s", 1, __version__, KNOWN) == ""
        old = hosting._served["s"].line
        broken, _, _, answer = await hosting.serve("s", 1, 1, 1, opening("a"))
        assert (broken, bool(answer)) == ("", True)
        under_way = asyncio.create_task(hosting.serve("s", 1, 2, 1, opening("b")))
        await asyncio.sleep(0)
        assert await hosting.begin("s", 2, __version__, KNOWN) == ""
        assert await hosting.begin("s", 1, __version__, KNOWN) == OLDER
        broken, _, _, answer = await under_way
        assert (bool(broken), answer) == (True, b"")
        assert await hosting.serve("s", 1, 3, 1, opening("c")) == (OLDER, "", 0, b"")
        assert await hosting.fetch("s", 1, 2, 0) is None
        await hosting.bring("s", 1, 1, 0, b"of the past")
        assert (await hosting.serve("s", 2, 1, 1, opening("d")))[0] == ""
        assert old is not None
        assert not old._process.is_alive()
        await hosting.end("s", 1)
        assert await hosting.load() == 1
        await hosting.end("s", 2)
        assert await hosting.load() == 0

    asyncio.run(watch())


def test_servers_that_are_silent_are_forgotten_and_more_than_fit_are_refused(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch() -> None:
        monkeypatch.setattr(actor, "MOST_SERVERS", 1)
        assert "the server 0" in await hosting.begin("s", 1, "0", KNOWN)
        assert await hosting.begin("s", 1, __version__, KNOWN) == ""
        await hosting.serve("s", 1, 1, 5, opening("a"))
        assert await hosting.ping("t") == 5
        assert "already" in await hosting.begin("t", 1, __version__, KNOWN)
        hosting._served["s"].heard_at -= actor.FORGET_SECONDS + 1
        assert await hosting.ping("t") == 0
        assert await hosting.begin("t", 1, __version__, KNOWN) == ""
        assert (await hosting.serve("s", 1, 2, 5, b""))[0] == "the host has begun anew"
        await hosting.end("t", 1)

    asyncio.run(watch())


def test_what_is_too_large_for_one_message_goes_in_parts(hosting: Hosting) -> None:
    async def watch() -> None:
        await hosting.begin("s", 1, __version__, KNOWN)
        points = [[index / 7, index / 5, index, -index] for index in range(10_000)]
        own = {"points": points, "labels": [index % 2 for index in range(10_000)]}
        commands = [Open("a", "interactive"), say("a", "configure", data=own)]
        *parts, last = parts_of(pickle.dumps(commands))
        assert parts
        assert all(len(part) <= PART_BYTES for part in [*parts, last])
        for number, part in reversed(list(enumerate(parts))):
            await hosting.bring("s", 1, 1, number, part)
        broken, _, more, first = await hosting.serve("s", 1, 1, 1, last)
        assert (broken, more > 0) == ("", True)
        rest = [await hosting.fetch("s", 1, 1, number) for number in range(more)]
        events, _ = pickle.loads(b"".join([first, *filter(None, rest)]))
        assert events
        assert await hosting.fetch("s", 1, 1, 0) is None
        # Asked again, as when the bridge that it was to come over has died: nothing is done twice.
        twice = [hosting.serve("s", 1, 1, 1, b""), hosting.serve("s", 1, 1, 1, b"")]
        assert await asyncio.gather(*twice) == [(broken, "", more, first)] * 2
        assert [await hosting.fetch("s", 1, 1, number) for number in range(more)] == rest
        # What comes late, of a round that is over, does nothing, and takes nothing away.
        whole = pickle.dumps([])
        await hosting.bring("s", 1, 2, 0, whole[:2])
        await hosting.bring("s", 1, 1, 0, b"of the past")
        assert (await hosting.serve("s", 1, 1, 1, last))[3] == first
        assert (await hosting.serve("s", 1, 2, 1, whole[2:]))[0] == ""
        assert await hosting.serve("s", 1, 1, 1, last) == (OLDER, "", 0, b"")
        assert await hosting.fetch("s", 1, 1, 0) is None
        await hosting.end("s", 1)

    asyncio.run(watch())


# -- what it takes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "token", "works"),
    [
        ("127.0.0.1:6379", False, True),
        ("[::1]:6379", False, True),
        ("localhost:6379", False, True),
        ("10.1.2.3:6379", False, True),
        ("8.8.8.8:6379", False, False),
        ("head.example:6379", False, False),
        ("head.example:6379", True, True),
        ("8.8.8.8:6379", True, True),
        ("127.0.0.1", True, False),
        ("127.0.0.1:0", True, False),
        ("127.0.0.1:65536", True, False),
        ("ray://127.0.0.1:10001", True, False),
        (None, True, False),
    ],
)
def test_a_cluster_that_anybody_may_reach_needs_a_token(
    address: str | None, token: bool, works: bool, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    values = {"backend": "ray", "ray_address": address, "ray_token_file": file if token else None}
    if works:
        assert Settings.model_validate(values).ray_address == address
        return
    with pytest.raises(ValidationError, match="RAY"):
        Settings.model_validate(values)


def test_a_server_that_finds_no_cluster_trains_on_its_own_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "PATIENCE", 0.2)
    settings = settings_for("ray", ray_address="127.0.0.1:9", workers=1)
    with TestClient(create_app(settings)) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/readyz").json() == {"status": "ready", "note": NO_WAY + ON_ITS_OWN}
        with Stream.connect(client) as stream:
            stream.configure(playing=True)
            stream.until_iteration(30)
    assert started("bridge", recursive=False) == []


def test_where_ray_is_not_installed_it_says_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    settings = settings_for("ray", ray_address="127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"shallows\[cluster\]"):
        ray_backend(settings)
