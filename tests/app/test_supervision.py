"""What ends by mistake is noticed, logged and begun again; a failure ends the smallest thing."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

import httpx2 as httpx
import psutil
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.schemas import MESSAGES, TrainRequest, parse_message
from app.supervision import Background
from app.training.checkpoints import Latest
from app.training.host.host import Host
from app.training.messages import Attach, Command, Event, Open, Progress, Tell, Text, Worked
from app.training.workers.backend import Backend
from app.training.workers.driver import Line, LineBroken
from app.training.workers.inline import InlineLine
from app.training.workers.processes import WorkerLine
from tests.app.conftest import a_moment, metric, services_of, settings_for, wait_ready
from tests.app.stream import Stream
from tests.app.test_server import Server

STUDENTS = 30


class TestBackground:
    @pytest.mark.parametrize("how", ["it raises", "it ends", "it is cancelled"])
    def test_whatever_way_it_ends_it_is_logged_and_begins_again(
        self, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def watch() -> None:
            begun = asyncio.Semaphore(0)
            times = 0

            async def work() -> None:
                nonlocal times
                times += 1
                begun.release()
                if times > 1 or how == "it is cancelled":
                    await asyncio.Event().wait()
                if how == "it raises":
                    raise ValueError("why")

            background = Background("the test's", work)
            background.start()
            await begun.acquire()
            if how == "it is cancelled":
                (task,) = [t for t in asyncio.all_tasks() if t.get_name() == "the test's"]
                task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not background.running
            await begun.acquire()
            assert background.running
            assert background.restarts == 1
            await background.stop()
            assert not background.running

        with caplog.at_level(logging.ERROR):
            asyncio.run(watch())
        (record,) = caplog.records
        assert "the test's" in record.getMessage()
        assert (record.exc_info is not None) == (how == "it raises")

    def test_one_that_was_stopped_does_not_begin_again(self) -> None:
        async def watch() -> int:
            times = 0

            async def work() -> None:
                nonlocal times
                times += 1

            background = Background("short", work)
            background.start()
            await asyncio.sleep(0.01)
            await background.stop()
            await asyncio.sleep(0.3)
            return times

        assert asyncio.run(watch()) == 1


# -- a class of thirty --------------------------------------------------------------------------


@pytest.fixture
def lesson() -> Iterator[tuple[TestClient, list[Stream]]]:
    """A server whose students all play."""
    settings = settings_for("pool", store_seconds=0.2, checkpoint_seconds=0.2)
    with TestClient(create_app(settings)) as client, contextlib.ExitStack() as stack:
        wait_ready(client)
        streams = [stack.enter_context(Stream.connect(client)) for _ in range(STUDENTS)]
        for stream in streams:
            stream.configure(playing=True)
        yield client, streams


def all_go_on(streams: list[Stream]) -> None:
    """Each trains on, and every cost has come."""
    for stream in streams:
        here = stream.frames[-1]["iteration"]
        frame = stream.until_iteration(here + 30)
        assert len(stream.costs()) == 4 * frame["iteration"]


def test_whichever_background_task_ends_the_class_goes_on(
    lesson: tuple[TestClient, list[Stream]], caplog: pytest.LogCaptureFixture
) -> None:
    client, streams = lesson
    services = services_of(client)
    names = {background.name for background in services.backgrounds}
    assert names >= {"driver 0", "driver 1", "keeping of sessions", "rooms"}
    assert client.portal is not None

    def end(name: str) -> None:
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == name]
        task.cancel()

    for background in services.backgrounds:
        caplog.clear()
        client.portal.call(end, background.name)
        wait_ready(client)
        all_go_on(streams)
        assert background.running
        assert any(background.name in record.getMessage() for record in caplog.records)
        assert metric(client, "shallows_task_restarts_total", task=background.name) == 1


def test_whichever_background_task_raises_the_class_goes_on(
    lesson: tuple[TestClient, list[Stream]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, streams = lesson
    services = services_of(client)
    keeping = services.sessions.keeping

    async def once(*_: object) -> None:
        monkeypatch.undo()
        raise RuntimeError("for a test")

    monkeypatch.setattr(services.sessions, "_keep_all", once)
    while not keeping.restarts:
        a_moment()
    for driver in services.backend._drivers:
        line = driver._line
        monkeypatch.setattr(line, "exchange", once)
        while not driver.background.restarts:
            a_moment()
        wait_ready(client)
    all_go_on(streams)


# -- one session alone --------------------------------------------------------------------------


class Desk:
    """Sessions on a backend in this process, and what is heard of them."""

    def __init__(self, connect: Callable[[], Awaitable[Line]]) -> None:
        self.backend = Backend([connect])
        self.heard: dict[str, list[Event]] = {}
        self.news = asyncio.Event()

    def hear(self, name: str, event: Event) -> None:
        self.heard[name].append(event)
        self.news.set()

    def open(self, name: str, listener: Callable[[Event], None] | None = None) -> None:
        self.heard[name] = []
        self.backend.open(name, "interactive", listener or partial(self.hear, name))
        self.backend.put(Attach(name, name))

    async def say(self, name: str, text: str) -> None:
        await self.backend.send(Tell(name, name, parse_message(text, MESSAGES)))

    async def until(self, name: str, what: Callable[[Event], bool]) -> None:
        while not any(map(what, self.heard[name])):
            self.news.clear()
            await self.news.wait()


def inline() -> InlineLine:
    """A host that trains on its own clock, so that nothing waits."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.001
        return now

    return InlineLine(Host(clock, clock, checkpoint_seconds=1.0))


PLAYING = '{"type": "configure", "playing": true}'


def progressed(event: Event) -> bool:
    return isinstance(event, Text) and event.type == "configured"


def is_lost(event: Event) -> bool:
    return isinstance(event, Text) and event.type == "error" and '"lost"' in event.json


def test_an_event_that_cant_be_delivered_ends_its_session_alone() -> None:
    async def watch() -> None:
        async def connect() -> Line:
            return inline()

        desk = Desk(connect)
        await desk.backend.start()

        def refuse(event: Event) -> None:
            if not (is_lost(event) or isinstance(event, Progress)):
                raise ValueError("no")
            desk.hear("bad", event)

        desk.open("bad", refuse)
        desk.open("good")
        await desk.say("bad", PLAYING)
        await desk.say("good", PLAYING)
        await desk.until("bad", is_lost)
        await desk.until("good", progressed)
        desk.heard["good"].clear()
        await desk.say("good", '{"type": "reset"}')
        await desk.until("good", lambda event: isinstance(event, Text) and event.type == "state")
        assert desk.backend.ready
        await desk.backend.stop()

    asyncio.run(watch())


def test_a_run_whose_host_breaks_before_its_first_checkpoint_begins_again() -> None:
    class Breaks(InlineLine):
        async def exchange(
            self, commands: Sequence[Command]
        ) -> tuple[list[Event | Worked], float | None]:
            if any(isinstance(command, Open) for command in commands) and next(times) == 0:
                raise LineBroken("the worker died")
            return await super().exchange(commands)

    times = itertools.count()

    async def watch() -> None:
        async def connect() -> Line:
            return Breaks(inline()._host)

        desk = Desk(connect)
        await desk.backend.start()
        desk.heard["run"] = []
        plan = TrainRequest.model_validate({"training": {"iterations": 300}}).plan()
        desk.backend.open("run", "job", partial(desk.hear, "run"), plan=plan)
        await desk.until("run", lambda event: getattr(event, "status", "") == "finished")
        latest = desk.backend.latest("run")
        assert latest is not None
        assert latest.checkpoint.plan == plan
        assert (latest.checkpoint.iteration, len(latest.whole.costs[0])) == (300, 300)
        await desk.backend.stop()

    asyncio.run(watch())


class Fragile(InlineLine):
    """Breaks whenever it is told to serve a session."""

    def __init__(self, host: Host, poison: str) -> None:
        super().__init__(host)
        self.poison = poison

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        for command in commands:
            if isinstance(command, Tell) and command.session == self.poison:
                raise LineBroken("the worker died", self.poison)
        return await super().exchange(commands)


def test_a_session_that_breaks_its_host_twice_is_set_aside_and_the_others_go_on() -> None:
    async def watch() -> None:
        async def connect() -> Line:
            return Fragile(inline()._host, "poison")

        desk = Desk(connect)
        await desk.backend.start()
        for name in ("poison", "neighbour"):
            desk.open(name)
        await desk.say("neighbour", PLAYING)
        await desk.until("neighbour", progressed)
        await desk.say("poison", PLAYING)
        await desk.until("poison", is_lost)
        assert desk.backend.worker_restarts == 2
        desk.heard["neighbour"].clear()
        await desk.say("neighbour", '{"type": "pause"}')
        await desk.until("neighbour", lambda event: isinstance(event, Text))
        assert not any(map(is_lost, desk.heard["neighbour"]))
        latest = desk.backend.latest("neighbour")
        assert isinstance(latest, Latest)
        await desk.backend.stop()

    asyncio.run(watch())


def test_what_cant_be_restored_is_said_and_its_neighbours_do_not_notice() -> None:
    with TestClient(create_app(settings_for("pool", workers=1))) as client:
        wait_ready(client)
        services = services_of(client)
        with Stream.connect(client) as good, Stream.connect(client) as bad:
            good.configure(playing=True)
            session = bad.configure()["session"]
            bad.say("step", iterations=5)
            bad.until("state", iteration=5)
            latest = services.backend.latest(session)
            assert latest is not None
            (trainer,) = latest.checkpoint.trainers
            trainer["parameters"] = trainer["parameters"][:-1]
            before = metric(client, "shallows_worker_restarts_total")
            heard: list[Event] = []
            assert client.portal is not None
            client.portal.call(services.backend.open, "again", "interactive", heard.append, latest)
            while not any(map(is_lost, heard)):
                a_moment()
            good.until_iteration(good.frames[-1]["iteration"] + 50)
            assert metric(client, "shallows_worker_restarts_total") == before


def test_who_looks_at_a_session_that_failed_sees_the_next_one_the_same_way() -> None:
    with (
        TestClient(create_app(settings_for("inline"))) as client,
        Stream.connect(client) as stream,
    ):
        stream.say("view", resolution=20, neurons=True)
        session = stream.configure()["session"]
        (joined,) = services_of(client).sessions._sessions.values()
        assert "neurons" in stream.frames[-1]["runs"][0]
        services = services_of(client)
        assert client.portal is not None
        failed = Progress(session, "failed", 0)
        client.portal.call(services.sessions._hear, joined, failed)
        assert (joined.runs, joined.size) == (0, 0)
        assert client.post(f"/sessions/{session}/save").json()["code"] == "not_configured"
        stream.configure()
        assert "neurons" in stream.frames[-1]["runs"][0]


def test_a_worker_that_stands_still_holds_up_its_own_sessions_alone() -> None:
    with TestClient(create_app(settings_for("pool", store_seconds=0.1))) as client:
        wait_ready(client)
        services = services_of(client)
        with Stream.connect(client) as first, Stream.connect(client) as second:
            sessions = [stream.configure(playing=True)["session"] for stream in (first, second)]
            drivers = services.backend._drivers
            where = {name: drivers.index(services.backend._where[name]) for name in sessions}
            assert sorted(where.values()) == [0, 1]
            line = drivers[where[sessions[0]]]._line
            assert isinstance(line, WorkerLine)
            stopped = line._process.pid
            assert stopped is not None
            os.kill(stopped, signal.SIGSTOP)
            try:
                while client.get("/readyz").status_code == 200:
                    a_moment()
                second.until_iteration(second.frames[-1]["iteration"] + 60)
                assert client.post(f"/sessions/{sessions[1]}/save").status_code == 201
                refused = client.post(f"/sessions/{sessions[0]}/save")
                assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
                with Stream.connect(client) as third:  # where there is a worker that answers
                    third.configure(playing=True)
                    third.until_iteration(20)
            finally:
                os.kill(stopped, signal.SIGCONT)
            wait_ready(client)
            last = first.until_iteration(first.frames[-1]["iteration"] + 60)["iteration"]
            assert len(first.costs()) == 4 * last


def test_a_worker_that_cant_be_started_is_waited_for_and_not_ready_meanwhile() -> None:
    server = Server(SHALLOWS_WORKERS="1", SHALLOWS_HEARTBEAT_SECONDS="1000")
    try:
        server.wait_ready()
        process = psutil.Process(server.process.pid)
        (worker,) = (c for c in process.children() if "spawn_main" in " ".join(c.cmdline()))
        before = process.rlimit(psutil.RLIMIT_NOFILE)
        with httpx.Client(base_url=server.url, timeout=300) as client:
            body = {"training": {"iterations": 200_000}}
            run = client.post("/train", json=body).headers["location"]
            while client.get(run).json()["iteration"] < 100:
                a_moment()
            # Nothing can be opened any more: a worker needs a pipe.
            process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds(), before[1]))
            os.kill(worker.pid, signal.SIGKILL)
            while client.get("/readyz").status_code == 200:
                a_moment()
            assert client.get("/healthz").status_code == 200
            process.rlimit(psutil.RLIMIT_NOFILE, before)
            while client.get("/readyz").status_code == 503:
                a_moment()
            there = client.get(run).json()["iteration"]
            while client.get(run).json()["iteration"] <= there:
                a_moment()
            costs = client.get(f"{run}/costs").json()["costs"]
            assert len(costs) >= there
    finally:
        _, errors = server.end(signal.SIGTERM)
    assert "did not come up" in errors
