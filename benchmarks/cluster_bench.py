"""Several machines in one: web servers, PostgreSQL and nginx, loaded, and broken one by one.

python -m benchmarks.cluster_bench [--backend pool|ray] [--only WHAT ...] [--students 60]
    [--times 10] [--turns 3] [--json FILE]

Machines are network namespaces whose processors are capped (`machines.py`); nginx has
`deploy/nginx-cluster.conf`. First (`compare`) one node and two nodes in turns, under the same load:
what they train in all, and how much of the real machine was idle meanwhile, so that nothing else
was the limit. Then what may happen to a cluster (`EVENTS`), each so many times, while students
play: how long each was without a frame, how many have lost a cost or had one twice, and whether a
server said that it had sessions which the database gives to another. At the end each student's
costs are compared with those of a run that nobody disturbed, to the bit.

It needs root and Linux, PostgreSQL and nginx. All of the load stays between these namespaces, and
nothing is left of them, unless this is ended by SIGKILL: then the next one takes them away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import multiprocessing
import os
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from operator import methodcaller
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.machines import ENDING, SUBNET, Busy, Machine, Network, network, why_not
from benchmarks.students import Lesson, attend
from tests.app.postgresql import LOCALE, programs
from tests.app.several import Student, playing

ROOT = Path(__file__).parents[1]
CORES = 0.35
"""Of each node where two are compared with one: that leaves enough for all else on two cores."""
CORES_AGAIN = 0.7
"""Of each where something is lost: one has to take up all that the other had, at once."""
COMPARED = {"pool": 24, "ray": 60}
"""Students for whom one such node is just enough. With many more it has nothing left for frames,
and two are more than twice as good."""
LEAST_RATIO, LEAST_IDLE, MOST_SECONDS, MOST_CALM_SECONDS = 1.8, 0.15, 5.0, 1.0
START_SECONDS = 90.0
SETTLE_SECONDS, LESSON_SECONDS = 6.0, 15.0
CLIENT_PROCESSES = 2
AFTER_SECONDS = 3.0
"""Whoever has heard something that long after an event plays again."""
REST_SECONDS = 1.0
"""After that, so that what comes late is seen."""
AGAIN_SECONDS = 30.0
CUT_SECONDS = 4.0
"""Until it is looked whether all play again; the link is up only then."""
HEADLESS_SECONDS = 10
"""Ray's nodes end so long after their head: here, for by itself Ray waits for a minute."""
LOOK_SECONDS = 0.3
TWO_SECONDS = 3.0
"""After which a server has heard with a beat what is another's, or is fenced."""
MOST_NODES = 3
OVER = threading.Event()
"""Whether all is to end: who waits in another thread waits no longer."""
OWNED = 'shallows_owned{kind="session"}'
ROWS = """
SELECT address, (SELECT count(*) FROM owned WHERE server = id AND kind = 'session')
FROM servers ORDER BY seen
"""


class Cluster(ABC):
    """A database, a proxy, web servers, and nodes that train."""

    servers: list[Machine]
    nodes: list[Machine]
    environment: Mapping[str, str] = {}

    def __init__(self, network: Network, cores: float) -> None:
        self.network, self.cores = network, cores
        self._database, self._proxy = network.add("database"), network.add("proxy")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: subprocess.Popen[bytes] | None = None
        self._cut_off: Machine | None = None
        self._bin, self._data = programs(), network.folder / "data"
        self.build()
        self._make_database()
        self.start_database()
        self._start_proxy()
        self.url = f"http://{self._proxy.address}:8080/"
        self.stream = f"ws://{self._proxy.address}:8080/ws"

    @abstractmethod
    def build(self) -> None:
        """Add the machines."""

    @abstractmethod
    def have(self, nodes: int) -> None:
        """So many nodes, and all servers that there should be; wait until they train."""

    @abstractmethod
    def drain(self) -> None:
        """End a node in order."""

    @abstractmethod
    def kill_host(self) -> None:
        """Kill what trains on a node."""

    def kill_server(self) -> None:
        """Kill a web server; what it started finds that it is alone."""
        os.kill(self._running[self.busiest().name].pid, signal.SIGKILL)

    @abstractmethod
    def victim(self) -> Machine:
        """A node to which something is to happen."""

    def runs(self, machine: Machine) -> bool:
        """Whether the program that was started there does."""
        process = self._running.get(machine.name)
        return process is not None and process.poll() is None

    @property
    def up(self) -> list[Machine]:
        """The nodes that there are."""
        return [node for node in self.nodes if self.runs(node)]

    def kill_node(self) -> None:
        """Kill all that is on a node, at once."""
        victim = self.victim()
        victim.cap.kill()
        self._running.pop(victim.name).wait(START_SECONDS)

    def cut(self) -> None:
        """A node's link is down for a while."""
        self._cut_off = self.victim()
        self._cut_off.cut()
        OVER.wait(CUT_SECONDS)

    def mend(self) -> None:
        """It was for a while, and is up again."""
        assert self._cut_off is not None
        self._cut_off.mend()
        self.have(2)

    # -- PostgreSQL -------------------------------------------------------------------------

    def _make_database(self) -> None:
        self._data.mkdir()
        give_to_postgres(self._data)
        options = ("-D", self._data, "-U", "shallows", "-A", "trust", "--no-sync", *LOCALE)
        done = self._database.start(self._bin / "initdb", *options, user="postgres", cwd=self._data)
        if done.wait(START_SECONDS):
            raise RuntimeError(self._database.log.read_text())
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {SUBNET}.0/24 trust\n")

    def start_database(self) -> None:
        """Start it, and wait until it answers."""
        self._postgres = self._database.start(
            self._bin / "postgres",
            *("-D", self._data, "-k", self._data),
            *("-c", f"listen_addresses={self._database.address}", "-c", "max_connections=100"),
            user="postgres",
            cwd=self._data,
        )
        ready: list[str | Path] = [self._bin / "pg_isready", "-q", "-h", self._database.address]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL")
        make: list[str | Path] = [self._bin / "createdb", "-h", self._database.address]
        make += ["-U", "shallows", "shallows"]
        subprocess.run(make, check=False, stderr=subprocess.DEVNULL)

    def restart_database(self) -> None:
        """As an operator does: nobody is waited for."""
        assert self._postgres is not None
        self._postgres.send_signal(signal.SIGINT)
        self._postgres.wait(START_SECONDS)
        self.start_database()

    # -- nginx ------------------------------------------------------------------------------

    def _start_proxy(self) -> None:
        folder = self.network.folder / "nginx"
        folder.mkdir()
        text = (ROOT / "deploy" / "nginx-cluster.conf").read_text()

        def each(line: re.Match[str]) -> str:
            return "".join(line[0].replace("web1", server.address) for server in self.servers)

        text = re.sub(r" *server web2:8000.*\n", "", text)
        text = re.sub(r" *server web1:8000.*\n", each, text)
        (folder / "nginx.conf").write_text(text.replace("/tmp/", f"{folder}/"))
        options = ("-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off; user root;")
        self._proxy.start("nginx", *options)

    # -- servers ----------------------------------------------------------------------------

    def run(self, server: Machine) -> None:
        """Start a web server, if it does not run."""
        if self.runs(server):
            return
        environment = {
            "HOST": server.address,
            "PORT": "8000",
            "SHALLOWS_DATA_FOLDER": str(self.network.folder),
            "SHALLOWS_DATABASE_URL": f"postgresql://shallows@{self._database.address}/shallows",
            "SHALLOWS_SERVER_ADDRESS": f"http://{server.address}:8000",
            "SHALLOWS_TRUSTED_PROXIES": f"{SUBNET}.0/24",
            "SHALLOWS_WORKERS": "1",
            "SHALLOWS_LOG_FORMAT": "json",
            **self.environment,
        }
        program = (sys.executable, "-m", "app")
        self._running[server.name] = server.start(*program, env=environment, cwd=ROOT)

    def end(self, server: Machine) -> None:
        """End a web server in order, if it runs."""
        process = self._running.pop(server.name, None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(START_SECONDS)

    def wait_until(self, name: str, value: int) -> None:
        """Until all servers that run can train, and say that of one of their figures.

        Raises:
            TimeoutError: they do not.
        """

        def good() -> bool:
            running = [each for each in self.servers if self.runs(each)]
            return bool(running) and all(self.metric(each, name) == value for each in running)

        try:
            wait_for(good, f"all servers say that {name} is {value}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.said()}") from None

    # -- what they say ----------------------------------------------------------------------

    def metric(self, server: Machine, name: str) -> float | None:
        """One of a server's figures; None if it does not answer, can't train, or is fenced."""
        with contextlib.suppress(OSError):
            for path in ("readyz", "metrics"):
                with urllib.request.urlopen(
                    f"http://{server.address}:8000/{path}", timeout=1
                ) as told:
                    text = told.read().decode()
            found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
            return float(found[1]) if found else None
        return None

    def owned(self) -> dict[str, float]:
        """Sessions that those who may speak say are theirs, by their addresses."""
        told = {each.address: self.metric(each, OWNED) for each in self.servers}
        return {address: owned for address, owned in told.items() if owned is not None}

    def allowed(self) -> dict[str, float]:
        """Sessions that the database says are theirs; nothing if it does not answer."""
        url = f"host={self._database.address} user=shallows dbname=shallows connect_timeout=1"
        with contextlib.suppress(psycopg.Error), psycopg.connect(url) as connection:
            # A server that was started again has two rows; the later one is this one.
            return {re.sub(r"http://|:8000", "", at): owns for at, owns in connection.execute(ROWS)}
        return {}

    def busiest(self) -> Machine:
        """The server that has most of the sessions."""
        return max(self.servers, key=lambda each: self.metric(each, OWNED) or 0.0)

    def said(self) -> str:
        """The end of what all programs said."""
        logs = {each.name: each.log for each in self.network.machines.values()}
        texts = {name: log.read_text()[-1500:] for name, log in logs.items() if log.exists()}
        return "\n".join(f"-- {name}\n{text}" for name, text in texts.items())


class Pools(Cluster):
    """Each node is a web server with a worker process."""

    def build(self) -> None:
        """One node more than play, for the one that is added."""
        self.nodes = [self.network.add(f"node{n}", self.cores) for n in range(1, MOST_NODES + 1)]
        self.servers = self.nodes

    def have(self, nodes: int) -> None:
        """So many."""
        for node in self.up[nodes:]:
            self.end(node)
        for node in [each for each in self.nodes if not self.runs(each)][: nodes - len(self.up)]:
            node.cap.kill()
            self.run(node)
        self.wait_until("shallows_servers", nodes)

    def victim(self) -> Machine:
        """The one that has most to lose."""
        return self.busiest()

    def drain(self) -> None:
        """SIGTERM."""
        self.end(self.victim())

    def kill_host(self) -> None:
        """Its worker process."""
        process = psutil.Process(self._running[self.victim().name].pid)
        children = process.children(recursive=True)
        next(p for p in children if any("spawn_main" in word for word in p.cmdline())).kill()


class WithRay(Cluster):
    """Two web servers, a head, and nodes with a host each."""

    def build(self) -> None:
        """A node of the cluster beside each web server, on which nothing trains."""
        add = self.network.add
        self.servers = [add("web1"), add("web2")]
        self._head = add("head")
        self.nodes = [add(f"node{n}") for n in range(1, MOST_NODES + 1)]
        self._legs = [self.network.beside(server, "ray") for server in self.servers]
        token = self.network.folder / "token"
        token.write_text(secrets.token_hex(32))
        self._ray = {
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            "RAY_gcs_rpc_server_reconnect_timeout_s": str(HEADLESS_SECONDS),
        }
        self.environment = {
            "SHALLOWS_BACKEND": "ray",
            "SHALLOWS_RAY_ADDRESS": f"{self._head.address}:6379",
            "SHALLOWS_RAY_TOKEN_FILE": str(token),
        }
        self._run_head()

    def _start_ray(self, machine: Machine, processors: int, *more: str) -> None:
        options = (f"--num-cpus={processors}", "--object-store-memory=80000000", "--block")
        program = (sys.executable, "-m", "ray.scripts.scripts", "start", *options)
        folder = self.network.folder / f"r{machine.name}"  # its own: they would share sockets
        shutil.rmtree(folder, ignore_errors=True)
        where = (f"--node-ip-address={machine.address}", f"--temp-dir={folder}")
        machine.cap.set(None)  # all that Ray starts would take a minute
        self._running[machine.name] = machine.start(
            *program, *where, *more, env=self._ray, cwd=ROOT
        )

    def _run_head(self) -> None:
        self._start_ray(self._head, 0, "--head", "--port=6379", "--include-dashboard=false")

    def _join(self, machine: Machine, processors: int) -> None:
        if not self.runs(machine):
            machine.cap.kill()
            self._start_ray(machine, processors, f"--address={self._head.address}:6379")

    def have(self, nodes: int) -> None:
        """So many."""
        if not self.runs(self._head):
            # Nobody joins another head than the one it knew.
            for machine in (*self._legs, *self.nodes, self._head):
                machine.cap.kill()
                self._running.pop(machine.name, None)
            self._run_head()
        while len(self.up) > nodes:
            self.drain()
        for server in self.servers:
            self.run(server)
        down = [each for each in self.nodes if not self.runs(each)]
        wanted = [*self.up, *down[: nodes - len(self.up)]]

        def joined() -> bool:
            """Ray gives up joining on a busy machine, and is told again."""
            for machine, processors in (
                *((leg, 0) for leg in self._legs),
                *((n, 1) for n in wanted),
            ):
                self._join(machine, processors)
            return all(self.metric(each, "shallows_hosts") == nodes for each in self.servers)

        wait_for(joined, f"{nodes} nodes")
        self.wait_until("shallows_servers", 2)
        self.wait_until("shallows_alone", 0)
        self.wait_until("shallows_hosts", nodes)
        for node in self.nodes:
            node.cap.set(self.cores)

    def victim(self) -> Machine:
        """The one that was there first: it has as much as the others."""
        return min(
            self.up, key=lambda node: psutil.Process(self._running[node.name].pid).create_time()
        )

    def drain(self) -> None:
        """`app drain`, then its end."""
        node, said = self.victim(), self._legs[0]
        program = (sys.executable, "-m", "app", "drain", node.address)
        drained = said.start(*program, env={**self._ray, **self.environment}, cwd=ROOT)
        if drained.wait(START_SECONDS):
            raise RuntimeError(said.log.read_text()[-3000:])
        node.cap.kill()
        self._running.pop(node.name).wait(START_SECONDS)

    def kill_host(self) -> None:
        """The actor."""
        for pid in self.victim().cap.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if psutil.Process(pid).name().startswith("ray::Hosting"):
                    os.kill(pid, signal.SIGKILL)

    def kill_head(self) -> None:
        """All of it."""
        self._head.cap.kill()

    def until_alone(self) -> None:
        """Until Ray has ended the nodes that have no head, and each server trains by itself."""
        self.wait_until("shallows_alone", 1)


def give_to_postgres(folder: Path) -> None:
    """PostgreSQL refuses root, and has a user of its own."""
    shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o700)


def wait_for(what: Callable[[], bool], name: str) -> None:
    """Until something is so.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + START_SECONDS
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"not in {START_SECONDS:.0f} s: {name}")
        if OVER.wait(0.1):
            raise TimeoutError(f"ended meanwhile: {name}")


# -- one node and two ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What so many nodes did."""

    nodes: int
    iterations: float
    frames: float
    idle: float
    used: Mapping[str, float]
    """Cores of the nodes, by what for."""
    errors: int


def used(cluster: Cluster) -> Counter[str]:
    """Seconds that the nodes' processes have had: workers, hosts that are actors, all else."""
    total: Counter[str] = Counter()
    for node in cluster.nodes:
        for pid in node.cap.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                actor = process.name().startswith("ray::Hosting")
                worker = any("spawn_main" in word for word in process.cmdline())
                kind = "actors" if actor else "workers" if worker else "else"
                total[kind] += sum(process.cpu_times()[:2])
    return total


def measure(cluster: Cluster, nodes: int, students: int, pool: Any) -> Arm:
    """The load tool against so many nodes."""
    cluster.have(nodes)
    begin = time.time() + SETTLE_SECONDS
    lesson = Lesson(cluster.url, begin, LESSON_SECONDS)
    parts = [
        pool.apply_async(attend, (lesson, list(range(students))[k::CLIENT_PROCESSES]))
        for k in range(CLIENT_PROCESSES)
    ]
    time.sleep(begin - time.time())
    busy, spent = Busy.now(), used(cluster)
    time.sleep(LESSON_SECONDS)
    idle, after = Busy.now().idle_since(busy), used(cluster)
    seen = [one for part in parts for one in part.get(timeout=120)]
    errors = [error for one in seen for error in one.errors]
    for error in errors[:3]:
        print(f"- {error}")
    return Arm(
        nodes,
        sum(one.iterations for one in seen) / LESSON_SECONDS,
        sum(len(one.frames) for one in seen) / LESSON_SECONDS,
        idle,
        {kind: (after[kind] - spent[kind]) / LESSON_SECONDS for kind in after},
        len(errors),
    )


def compare(cluster: Cluster, students: int, turns: int) -> dict[str, Any]:
    """One node and two, in turns."""
    print(f"\n## One node and two, {students} students, {CORES} of a core each\n")
    print(
        "| nodes | iterations a second | frames a second | nodes' cores: workers | actors | ",
        end="",
    )
    print("else | idle | errors |")
    print("|---|---|---|---|---|---|---|---|")
    arms = []
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        for _ in range(turns):
            for nodes in (1, 2):
                arm = measure(cluster, nodes, students, pool)
                arms.append(arm)
                spent = " | ".join(
                    f"{arm.used.get(k, 0):.2f}" for k in ("workers", "actors", "else")
                )
                print(
                    f"| {arm.nodes} | {arm.iterations:.0f} | {arm.frames:.0f} | {spent} | "
                    f"{arm.idle:.0%} | {arm.errors} |",
                    flush=True,
                )
    one, two = ([arm for arm in arms if arm.nodes == nodes] for nodes in (1, 2))
    ratios = {
        what: statistics.mean(
            getattr(b, what) / getattr(a, what) for a, b in zip(one, two, strict=True)
        )
        for what in ("iterations", "frames")
    }
    idle = min(arm.idle for arm in arms)
    print(f"\nTwice as many nodes: {ratios['iterations']:.2f} × the iterations, ", end="")
    print(f"{ratios['frames']:.2f} × the frames (≥ {LEAST_RATIO}); least idle {idle:.0%}")
    well = min(ratios.values()) >= LEAST_RATIO and idle >= LEAST_IDLE
    return {"arms": [vars(arm) for arm in arms], "ratios": ratios, "idle": idle, "well": well}


# -- what may happen ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Something that happens to a cluster while students play.

    Attributes:
        what: For the reader.
        do: It.
        most: Seconds for which nobody may be without a frame.
        newcomer: Whether somebody begins just then, and plays as soon.
    """

    what: str
    do: Callable[[Any], None]
    most: float = MOST_SECONDS
    newcomer: bool = False


EVENTS = {
    "nothing": (Step("nothing", lambda cluster: None, MOST_CALM_SECONDS),),
    "kill-server": (
        Step("a web server is killed", methodcaller("kill_server")),
        Step("… and starts again", methodcaller("have", 2)),
    ),
    "kill-host": (
        Step("a host is killed", methodcaller("kill_host")),
        Step("… and is back", methodcaller("have", 2)),
    ),
    "kill-node": (
        Step("a node is killed, all at once", methodcaller("kill_node")),
        Step("… and another comes", methodcaller("have", 2)),
    ),
    "cut-node": (
        Step("a node's link is down", methodcaller("cut")),
        Step("… and up again", methodcaller("mend")),
    ),
    "database": (Step("PostgreSQL is restarted", methodcaller("restart_database")),),
    "add-and-drain": (
        Step("a node is added", methodcaller("have", 3), MOST_CALM_SECONDS),
        Step("a node is drained", methodcaller("drain"), MOST_CALM_SECONDS),
    ),
    "kill-head": (
        Step("the head is killed", methodcaller("kill_head"), newcomer=True),
        Step("… its nodes end, too", methodcaller("until_alone"), newcomer=True),
        Step("… and a new cluster comes", methodcaller("have", 2), newcomer=True),
    ),
}
"""What may happen to two nodes; two are there afterwards."""
BACKENDS: dict[str, type[Cluster]] = {"pool": Pools, "ray": WithRay}


class Witness:
    """Looks again and again whether a server says that it has what the database gives to another.

    One that has lost something hears of it with its next beat, or is fenced; and whoever took it
    says nothing before that.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.twice = 0
        """Times that a server believed so for longer than that."""
        self.looks = 0

    async def look(self) -> None:
        """Forever."""
        since: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before = await asyncio.to_thread(self._cluster.allowed)
            owned = await asyncio.to_thread(self._cluster.owned)
            after = await asyncio.to_thread(self._cluster.allowed)
            now = time.monotonic()
            self.looks += bool(before and owned and after)
            for at in {*since, *owned}:
                most = max(before.get(at, math.inf), after.get(at, math.inf))
                if owned.get(at, 0.0) <= most:
                    since.pop(at, None)
                elif now - since.setdefault(at, now) > TWO_SECONDS:
                    self.twice += 1
                    del since[at]


def never(cluster: Cluster, students: Sequence[Student], since: float) -> str:
    """Who does not play again, what they were told last, and what the servers said."""
    silent = [each for each in students if each.heard_at <= since + AFTER_SECONDS]
    told = "\n".join(f"{each.session}: {each.told[-1:]}" for each in silent[:5])
    return f"{len(silent)} of {len(students)} do not play again\n{told}\n{cluster.said()}"


@dataclass
class Suffered:
    """What came of one step, all times together.

    Attributes:
        waits: Of each time and student, the seconds without a frame.
        begun: Of each newcomer, the seconds until it played.
        torn: Students who from then on miss a cost, or had one twice.
        took: Seconds until it was done.
    """

    waits: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    torn: int = 0
    took: list[float] = field(default_factory=list)

    def summary(self, most: float) -> dict[str, Any]:
        """In figures."""
        waits = sorted(self.waits)
        slowest = max(waits[-1], *self.begun, 0.0)
        return {
            "p50": statistics.median(waits),
            "p95": waits[int(0.95 * len(waits))],
            "most": waits[-1],
            "later": sum(wait > most for wait in waits),
            "newcomers": max(self.begun) if self.begun else None,
            "torn": self.torn,
            "took": statistics.median(self.took),
            "times": len(self.took),
            "well": slowest <= most and not self.torn,
        }


async def newcomer(cluster: Cluster) -> float:
    """Seconds until a new session plays."""
    student, began = Student(0, [cluster.stream]), time.monotonic()
    playing = asyncio.create_task(student.play())
    try:
        async with asyncio.timeout(AGAIN_SECONDS):
            await student.began.wait()
        return time.monotonic() - began
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


async def suffer(
    cluster: Cluster, step: Step, students: Sequence[Student], found: Suffered
) -> None:
    """Let it happen, and see how long everybody is without a frame."""
    whole = sum(student.whole for student in students)
    for student in students:
        student.longest = 0.0
    began = time.monotonic()
    coming = asyncio.create_task(newcomer(cluster)) if step.newcomer else None
    try:
        await asyncio.to_thread(step.do, cluster)
        found.took.append(time.monotonic() - began)
        moment = max(began + AFTER_SECONDS, time.monotonic())
        async with asyncio.timeout(AGAIN_SECONDS):
            await asyncio.gather(*(student.heard_after(moment) for student in students))
            if coming is not None:
                found.begun.append(await coming)
        await asyncio.sleep(REST_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{never(cluster, students, began)}") from None
    finally:
        if coming is not None:
            coming.cancel()
    now = time.monotonic()
    found.waits += [max(student.longest, now - student.heard_at) for student in students]
    found.torn += whole - sum(student.whole for student in students)


@asynccontextmanager
async def watched(witness: Witness) -> AsyncIterator[None]:
    """While a witness looks."""
    looking = asyncio.create_task(witness.look())
    try:
        yield
        if looking.done():
            looking.result()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def row(step: Step, told: Mapping[str, Any], twice: int) -> str:
    """One line of the table."""
    waits = " | ".join(f"{told[name]:.2f}" for name in ("p50", "p95", "most"))
    begun = "" if told["newcomers"] is None else f"{told['newcomers']:.2f}"
    return (
        f"| {step.what} | {told['times']} | {waits} | {step.most:g} | {told['later']} | {begun} | "
        f"{told['torn']} | {twice} | {told['took']:.1f} |"
    )


async def go_through(
    cluster: Cluster, names: Sequence[str], students: Sequence[Student], times: int
) -> dict[str, Any]:
    """All that was asked for, with the same students."""
    found: dict[str, Any] = {}
    witness = Witness(cluster)
    async with playing(students), watched(witness):
        await asyncio.sleep(REST_SECONDS)
        for name in names:
            steps = {step: Suffered() for step in EVENTS[name]}
            twice = witness.twice
            for _ in range(times):
                for step, suffered in steps.items():
                    await suffer(cluster, step, students, suffered)
            twice = witness.twice - twice
            told = {step.what: suffered.summary(step.most) for step, suffered in steps.items()}
            well = not twice and all(each["well"] for each in told.values())
            found[name] = {"steps": told, "twice": twice, "well": well}
            for step in steps:
                print(row(step, told[step.what], twice), flush=True)
    return {"events": found, "twice": witness.twice, "looks": witness.looks}


def happen(cluster: Cluster, names: Sequence[str], number: int, times: int) -> dict[str, Any]:
    """What may happen, and what it did."""
    print(f"\n## While {number} students play on two nodes of {cluster.cores} of a core each\n")
    print(
        "Seconds without a frame. Later: how many of all waits. New: until a newcomer plays, most."
    )
    print("Torn: students who miss a cost or had one twice. Took: until it was done, median.\n")
    print("| what | times | p50 | p95 | most | at most | later | new | torn | two owners | took |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    students = [Student(seed, [cluster.stream]) for seed in range(number)]
    load, busy = os.getloadavg()[0], Busy.now()
    cluster.have(2)
    found = asyncio.run(go_through(cluster, names, students, times))
    found |= {"load": [load, os.getloadavg()[1]], "idle": Busy.now().idle_since(busy)}
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        costs = [(each.seed, each.costs, each.whole) for each in students]
        whole = sum(pool.starmap(is_its_twin, costs, chunksize=1))
    iterations = sum(student.iterations for student in students)
    print(f"\n{whole} of {number} have every cost of their twins, to the bit, ", end="")
    print(
        f"{iterations:,} in all; a server had what was another's {found['twice']} times, ", end=""
    )
    print(f"in {found['looks']:,} looks. Idle {found['idle']:.0%}, ", end="")
    print("load before {:.1f}, at the end {:.1f}.".format(*found["load"]), flush=True)
    well = whole == number and not found["twice"]
    well &= all(each["well"] for each in found["events"].values())
    return {**found, "whole": whole, "of": number, "iterations": iterations, "well": well}


def is_its_twin(seed: int, costs: bytes, whole: bool) -> bool:
    """Whether a student's costs are those of a run that nobody disturbed."""
    student = Student(seed, [""])
    student.costs, student.whole = costs, whole
    return student.as_its_twin()


@contextmanager
def running(backend: str, cores: float, logs: Path | None) -> Iterator[Cluster]:
    """A cluster for as long as the block runs."""
    with network() as machines:
        try:
            yield BACKENDS[backend](machines, cores)
        finally:
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                for log in machines.folder.glob("*.log"):
                    shutil.copy(log, logs)


def end(*_: object) -> None:
    """A signal says so: what was started ends, too."""
    OVER.set()
    sys.exit(1)


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description="A cluster of machines in namespaces.")
    parser.add_argument("--only", nargs="+", choices=["compare", *EVENTS])
    parser.add_argument("--backend", choices=BACKENDS, default="pool")
    parser.add_argument("--students", type=int, default=60, help="where something happens")
    parser.add_argument(
        "--compared", type=int, help="students where two nodes are compared with one"
    )
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--logs", type=Path, help="what all programs say is kept in this folder")
    parser.add_argument("--json", type=Path, help="adds what was measured to this file")
    chosen = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"cluster_bench: {reason}", file=sys.stderr)
        return 2
    for ending in ENDING:
        signal.signal(ending, end)
    events = [name for name in EVENTS if name != "kill-head" or chosen.backend == "ray"]
    only = chosen.only or ["compare", *events]
    results: dict[str, Any] = {}
    if "compare" in only:
        with running(chosen.backend, CORES, chosen.logs) as cluster:
            results["compare"] = compare(
                cluster, chosen.compared or COMPARED[chosen.backend], chosen.turns
            )
    if names := [name for name in events if name in only]:
        with running(chosen.backend, CORES_AGAIN, chosen.logs) as cluster:
            results["happened"] = happen(cluster, names, chosen.students, chosen.times)
    if chosen.json is not None:
        before = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
        before[chosen.backend] = {**before.get(chosen.backend, {}), **results}
        chosen.json.write_text(json.dumps(before, indent=1) + "\n")
    return 0 if all(part["well"] for part in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
