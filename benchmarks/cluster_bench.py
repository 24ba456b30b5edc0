"""Several machines in one: web servers, PostgreSQL and nginx, loaded, and broken one by one.

python -m benchmarks.cluster_bench [--backend pool|ray] [--only WHAT ...] [--students 60]
    [--times 10] [--turns 3] [--json FILE]

Machines are network namespaces whose processors are capped (`machines.py`); nginx has
`deploy/nginx-cluster.conf`. First one node and two nodes in turns, under the same load: what they
train in all, and how much of the real machine was idle meanwhile, so that nothing else was the
limit. Then what may happen to a cluster, each so many times, while students play: how long each was
without a frame, and whether in the end each has the costs of a run that nobody disturbed, to the
bit. Meanwhile all servers are asked how much they own: never more than there are sessions.

It needs root and Linux, PostgreSQL and nginx. All of the load stays between these namespaces.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machines import SUBNET, Busy, Machine, Network, network, why_not
from benchmarks.students import Lesson, attend
from tests.app.postgresql import LOCALE, programs
from tests.app.several import Student, playing

ROOT = Path(__file__).parents[1]
CORES = 0.35
"""Of each node where two are compared with one: that leaves enough for all else on two cores."""
CORES_AGAIN = 0.7
"""Of each where something is lost: one has to take up all that the other had, at once."""
LEAST_RATIO, LEAST_IDLE, MOST_SECONDS, MOST_CALM_SECONDS = 1.8, 0.15, 5.0, 1.0
START_SECONDS = 90.0
SETTLE_SECONDS, LESSON_SECONDS = 6.0, 15.0
CLIENT_PROCESSES = 2
REST_SECONDS = 4.0
"""Between two losses: all is written by then."""
AFTER_SECONDS = 3.0
"""Whoever has heard something that long after an event plays again."""
AGAIN_SECONDS = 30.0
CUT_SECONDS = 6.0
POLL_SECONDS = 0.3
MOST_NODES = 3
OWNED = 'shallows_owned{kind="session"}'


class Cluster:
    """A database, a proxy, web servers, and nodes that train."""

    servers: list[Machine]
    nodes: list[Machine]
    environment: Mapping[str, str] = {}

    def __init__(self, network: Network, cores: float) -> None:
        self.network, self.cores = network, cores
        self._database, self._proxy = network.add("database"), network.add("proxy")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: subprocess.Popen[bytes] | None = None
        self._bin, self._data = programs(), network.folder / "data"
        self.build()
        self._make_database()
        self.start_database()
        self._start_proxy()
        self.url = f"http://{self._proxy.address}:8080/"

    def build(self) -> None:
        """Add the machines."""
        raise NotImplementedError

    def have(self, nodes: int) -> None:
        """So many nodes, the first ones, and all servers that there should be."""
        raise NotImplementedError

    def start_node(self, number: int) -> None:
        """Start a node, and wait until it trains."""
        raise NotImplementedError

    def drain(self, number: int) -> None:
        """End a node in order."""
        raise NotImplementedError

    def kill_host(self, number: int) -> None:
        """Kill what trains on a node."""
        raise NotImplementedError

    def kill_head(self, number: int) -> None:
        """Kill what places hosts, if there is such a thing."""
        raise NotImplementedError

    def kill_node(self, number: int) -> None:
        """Kill all that is on a node, at once."""
        self.nodes[number].cap.kill()

    def kill_server(self, number: int) -> None:
        """Kill a web server; what it started finds that it is alone."""
        os.kill(self._running[self.servers[number].name].pid, signal.SIGKILL)

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
        before = self._running.get(server.name)
        if before is not None and before.poll() is None:
            return
        environment = {
            "HOST": server.address,
            "PORT": "8000",
            "SHALLOWS_DATA_FOLDER": str(self.network.folder),
            "SHALLOWS_DATABASE_URL": f"postgresql://shallows@{self._database.address}/shallows",
            "SHALLOWS_SERVER_ADDRESS": f"http://{server.address}:8000",
            "SHALLOWS_TRUSTED_PROXIES": f"{SUBNET}.0/24",
            "SHALLOWS_WORKERS": "1",
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

    def wait_until(self, servers: int, name: str, value: int) -> None:
        """Until so many servers can train, and all say that of one of their figures."""
        for number, server in enumerate(self.servers[:servers]):

            def good(number: int = number) -> bool:
                if self._running[self.servers[number].name].poll() is not None:
                    raise RuntimeError(self.servers[number].log.read_text()[-3000:])
                return self.ready(number) and self.metric(number, name) == value

            try:
                wait_for(good, f"{server.name} says that {name} is {value}")
            except TimeoutError as error:
                raise TimeoutError(f"{error}\n{self.said()}") from None

    # -- what they say ----------------------------------------------------------------------

    def _ask(self, number: int, path: str) -> str:
        url = f"http://{self.servers[number].address}:8000{path}"
        with urllib.request.urlopen(url, timeout=1) as answer:
            return str(answer.read().decode())

    def ready(self, number: int) -> bool:
        """Whether a server can train, and is not fenced."""
        with contextlib.suppress(OSError):
            self._ask(number, "/readyz")
            return True
        return False

    def metric(self, number: int, name: str) -> float | None:
        """One of a server's figures; None if it does not answer."""
        with contextlib.suppress(OSError):
            text = self._ask(number, "/metrics")
            found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
            return float(found[1]) if found else None
        return None

    def said(self) -> str:
        """The end of what all programs said."""
        logs = {each.name: each.log for each in self.network.machines.values()}
        texts = {name: log.read_text()[-1500:] for name, log in logs.items() if log.exists()}
        return "\n".join(f"-- {name}\n{text}" for name, text in texts.items())

    def busiest(self) -> int:
        """The server that has most of the sessions."""
        owns = [self.metric(n, OWNED) or 0.0 for n in range(len(self.servers))]
        return owns.index(max(owns))

    def owned(self) -> float:
        """Sessions that those who may speak say are theirs."""
        speaking = [n for n in range(len(self.servers)) if self.ready(n)]
        return sum(self.metric(n, OWNED) or 0.0 for n in speaking)


class Pools(Cluster):
    """Each node is a web server with a worker process."""

    def build(self) -> None:
        """One node more than play, for the one that is added."""
        self.nodes = [self.network.add(f"node{n}", self.cores) for n in range(1, MOST_NODES + 1)]
        self.servers = self.nodes

    def have(self, nodes: int) -> None:
        """So many."""
        for number, node in enumerate(self.nodes):
            if number >= nodes:
                self.end(node)
            elif (old := self._running.get(node.name)) is None or old.poll() is not None:
                node.cap.kill()
                self.run(node)
        self.wait_until(nodes, "shallows_servers", nodes)

    def start_node(self, number: int) -> None:
        """A server more."""
        self.run(self.nodes[number])
        self.wait_until(number + 1, "shallows_servers", number + 1)

    def drain(self, number: int) -> None:
        """SIGTERM."""
        self.end(self.nodes[number])

    def kill_host(self, number: int) -> None:
        """Its worker process."""
        process = psutil.Process(self._running[self.nodes[number].name].pid)
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
        self._folder = self.network.folder / "r"
        self._ray = {
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
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
        where = f"--node-ip-address={machine.address}"
        machine.cap.set(None)  # all that Ray starts would take a minute
        self._running[machine.name] = machine.start(*program, where, *more, env=self._ray, cwd=ROOT)

    def _run_head(self) -> None:
        more = ("--head", "--port=6379", "--include-dashboard=false")
        self._start_ray(self._head, 0, *more, f"--temp-dir={self._folder}")

    def _join(self, machine: Machine, processors: int) -> None:
        running = self._running.get(machine.name)
        if running is None or running.poll() is not None:
            machine.cap.kill()
            self._start_ray(machine, processors, f"--address={self._head.address}:6379")

    def have(self, nodes: int) -> None:
        """So many."""
        head = self._running[self._head.name]
        if head.poll() is not None:
            # Nobody joins another head than the one it knew.
            for machine in (*self._legs, *self.nodes, self._head):
                machine.cap.kill()
            self._run_head()
        for leg, server in zip(self._legs, self.servers, strict=True):
            self._join(leg, 0)
            self.run(server)
        for number, node in enumerate(self.nodes):
            if number < nodes:
                self._join(node, 1)
            else:
                node.cap.kill()
        self.wait_until(2, "shallows_servers", 2)
        self.wait_until(2, "shallows_alone", 0)
        self._wait_for_hosts(nodes)

    def _wait_for_hosts(self, nodes: int) -> None:
        self.wait_until(2, "shallows_hosts", nodes)
        for node in self.nodes:
            node.cap.set(self.cores)

    def start_node(self, number: int) -> None:
        """`ray start`."""
        self._join(self.nodes[number], 1)
        self._wait_for_hosts(number + 1)

    def drain(self, number: int) -> None:
        """`app drain`, then its end."""
        node, said = self.nodes[number], self._legs[0]
        program = (sys.executable, "-m", "app", "drain", node.address)
        drained = said.start(*program, env={**self._ray, **self.environment}, cwd=ROOT)
        if drained.wait(START_SECONDS):
            raise RuntimeError(said.log.read_text()[-3000:])
        node.cap.kill()

    def kill_host(self, number: int) -> None:
        """The actor."""
        for pid in self.nodes[number].cap.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if psutil.Process(pid).name().startswith("ray::Hosting"):
                    os.kill(pid, signal.SIGKILL)

    def kill_head(self, number: int) -> None:
        """All of it."""
        self._head.cap.kill()


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
        time.sleep(0.1)


# -- one node and two ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What so many nodes did."""

    nodes: int
    iterations: float
    frames: float
    idle: float
    used: float
    """Cores of the nodes."""
    errors: int


def used(cluster: Cluster) -> float:
    """Seconds that the nodes' processes have had."""
    total = 0.0
    for node in cluster.nodes:
        for pid in node.cap.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(psutil.Process(pid).cpu_times()[:2])
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
    idle, spent = Busy.now().idle_since(busy), used(cluster) - spent
    seen = [one for part in parts for one in part.get(timeout=120)]
    errors = [error for one in seen for error in one.errors]
    for error in errors[:3]:
        print(f"- {error}")
    return Arm(
        nodes,
        sum(one.iterations for one in seen) / LESSON_SECONDS,
        sum(len(one.frames) for one in seen) / LESSON_SECONDS,
        idle,
        spent / LESSON_SECONDS,
        len(errors),
    )


def compare(cluster: Cluster, students: int, turns: int) -> dict[str, Any]:
    """One node and two, in turns."""
    print(f"\n## One node and two, {students} students, {CORES} of a core each\n")
    print("| nodes | iterations a second | frames a second | nodes' cores | idle | errors |")
    print("|---|---|---|---|---|---|")
    arms = []
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        for _ in range(turns):
            for nodes in (1, 2):
                arm = measure(cluster, nodes, students, pool)
                arms.append(arm)
                print(
                    f"| {arm.nodes} | {arm.iterations:.0f} | {arm.frames:.0f} | {arm.used:.2f} | "
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
class Event:
    """Something that happens to a cluster of two nodes while students play.

    Attributes:
        do: Is given a server or node: the one that has most of the sessions, where that is known.
        mend: So is this; two nodes are there afterwards in any case.
    """

    what: str
    do: Callable[[Cluster, int], None]
    mend: Callable[[Cluster, int], None] = lambda cluster, number: None
    most: float = MOST_SECONDS


def mend_link(cluster: Cluster, number: int) -> None:
    """It was down for a while, and is up again."""
    time.sleep(max(0.0, CUT_SECONDS - AFTER_SECONDS))
    cluster.nodes[number].mend()


EVENTS = {
    "kill-server": Event("a web server is killed", lambda c, n: c.kill_server(n)),
    "kill-host": Event("a host is killed", lambda c, n: c.kill_host(n)),
    "kill-node": Event("a node is killed, all at once", lambda c, n: c.kill_node(n)),
    "cut-node": Event("a node's link is down, and up", lambda c, n: c.nodes[n].cut(), mend_link),
    "database": Event("PostgreSQL is restarted", lambda c, n: c.restart_database()),
    "add-node": Event("a node is added", lambda c, n: c.start_node(2), most=MOST_CALM_SECONDS),
    "drain-node": Event("a node is drained", lambda c, n: c.drain(n), most=MOST_CALM_SECONDS),
    "kill-head": Event("the head is killed", lambda c, n: c.kill_head(n)),
}
BACKENDS: dict[str, type[Cluster]] = {"pool": Pools, "ray": WithRay}


class Witness:
    """Asks again and again how many sessions are owned, and remembers if they were too many."""

    def __init__(self, cluster: Cluster, sessions: int) -> None:
        self._cluster, self._sessions = cluster, sessions
        self.twice = 0
        """Times that so many too many were said twice in a row: servers are asked one by one."""

    async def look(self) -> None:
        """Forever."""
        before = 0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            more = int(await asyncio.to_thread(self._cluster.owned)) - self._sessions
            self.twice += before > 0 and more > 0
            before = max(0, more)


def never(cluster: Cluster, students: Sequence[Student], since: float) -> str:
    """Who does not play again, what they were told last, and what the servers said."""
    silent = [each for each in students if each.heard_at <= since + AFTER_SECONDS]
    told = "\n".join(f"{each.session}: {each.told[-1:]}" for each in silent[:5])
    return f"{len(silent)} of {len(students)} do not play again\n{told}\n{cluster.said()}"


async def suffer(
    cluster: Cluster, event: Event, students: Sequence[Student], times: int
) -> list[float]:
    """Let it happen so many times; for each time and student, the seconds without a frame."""
    waits: list[float] = []
    for _ in range(times):
        await asyncio.sleep(REST_SECONDS)
        number = await asyncio.to_thread(cluster.busiest)
        for student in students:
            student.longest = 0.0
        began = time.monotonic()
        await asyncio.to_thread(event.do, cluster, number)
        try:
            async with asyncio.timeout(AGAIN_SECONDS):
                for student in students:
                    await student.heard_after(max(began + AFTER_SECONDS, time.monotonic()))
        except TimeoutError:
            raise TimeoutError(never(cluster, students, began)) from None
        waits += [student.longest for student in students]
        await asyncio.to_thread(event.mend, cluster, number)
        await asyncio.to_thread(cluster.have, 2)
    return waits


@asynccontextmanager
async def watched(witness: Witness) -> AsyncIterator[None]:
    """While a witness looks."""
    looking = asyncio.create_task(witness.look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def happen(cluster: Cluster, names: Sequence[str], number: int, times: int) -> dict[str, Any]:
    """All that was asked for, with the same students."""
    print(
        f"\n## While {number} students play on two nodes of {cluster.cores} of a core each, ",
        end="",
    )
    print(f"{times} times each\n")
    print("| what | without a frame: p50 | p95 | most | at most |")
    print("|---|---|---|---|---|", flush=True)
    url = cluster.url.replace("http", "ws") + "ws"
    students = [Student(seed, [url]) for seed in range(number)]
    witness = Witness(cluster, number)
    found: dict[str, Any] = {}

    async def all_of_it() -> None:
        cluster.have(2)
        async with playing(students), watched(witness):
            for name in names:
                event = EVENTS[name]
                waits = sorted(await suffer(cluster, event, students, times))
                p50, p95, most = statistics.median(waits), waits[int(0.95 * len(waits))], waits[-1]
                found[name] = {"p50": p50, "p95": p95, "most": most, "well": most <= event.most}
                figures = f"{p50:.2f} s | {p95:.2f} s | {most:.2f} s | {event.most:g} s"
                print(f"| {event.what} | {figures} |", flush=True)

    asyncio.run(all_of_it())
    whole = sum(student.as_its_twin() for student in students)
    iterations = sum(student.iterations for student in students)
    print(f"\n{whole} of {number} have every cost of their twins, to the bit, ", end="")
    print(f"{iterations:,} in all; sessions said to be two servers': {witness.twice}")
    well = whole == number and not witness.twice and all(each["well"] for each in found.values())
    return {"events": found, "whole": whole, "of": number, "twice": witness.twice, "well": well}


@contextmanager
def running(backend: str, cores: float) -> Iterator[Cluster]:
    """A cluster for as long as the block runs."""
    with network() as machines:
        yield BACKENDS[backend](machines, cores)


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description="A cluster of machines in namespaces.")
    parser.add_argument("--only", nargs="+", choices=["compare", *EVENTS])
    parser.add_argument("--backend", choices=BACKENDS, default="pool")
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="adds what was measured to this file")
    chosen = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"cluster_bench: {reason}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends, too
    events = [name for name in EVENTS if name != "kill-head" or chosen.backend == "ray"]
    only = chosen.only or ["compare", *events]
    results: dict[str, Any] = {}
    if "compare" in only:
        with running(chosen.backend, CORES) as cluster:
            results["compare"] = compare(cluster, chosen.students, chosen.turns)
    if names := [name for name in events if name in only]:
        with running(chosen.backend, CORES_AGAIN) as cluster:
            results["happened"] = happen(cluster, names, chosen.students, chosen.times)
    if chosen.json is not None:
        before = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
        before[chosen.backend] = {**before.get(chosen.backend, {}), **results}
        chosen.json.write_text(json.dumps(before, indent=1) + "\n")
    return 0 if all(part["well"] for part in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
