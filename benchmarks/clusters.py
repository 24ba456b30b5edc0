"""Clusters on machines of one's own: a database, a proxy, web servers, and nodes that train.

Each part is on a machine of `machines.py`; nginx has `deploy/nginx-cluster.conf`. `Pools` has no
Ray, `WithRay` does.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import psycopg

from benchmarks.machines import SUBNET, Machine, Network
from tests.app.postgresql import LOCALE, programs

ROOT = Path(__file__).parents[1]
START_SECONDS = 90.0
CUT_SECONDS = 4.0
"""Until it is looked whether all play again; the link is up only then."""
HEADLESS_SECONDS = 10
"""Ray's nodes end so long after their head: here, for by itself Ray waits for a minute."""
FROZEN_SECONDS = 4.0
"""For which something stands still, and goes on before it is ended."""
OPERATORS_CORES = 0.25
"""For commands: whoever types them has a computer of their own."""
MOST_NODES = 3
POLL_SECONDS = 0.5
"""Between two looks at what servers say: each takes some milliseconds of them."""
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
        self._looking: psycopg.Connection | None = None
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
            wait_for(good, f"all servers say that {name} is {value}", POLL_SECONDS)
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
        try:
            if self._looking is None:
                self._looking = psycopg.connect(url, autocommit=True)
            # A server that was started again has two rows; the later one is this one.
            rows = self._looking.execute(ROWS)
            return {re.sub(r"http://|:8000", "", at): owns for at, owns in rows}
        except psycopg.Error:
            if self._looking is not None:
                self._looking.close()
            self._looking = None
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
        self._operator = self.network.beside(self.servers[0], "operator")
        self._operator.cap.set(OPERATORS_CORES)
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
        program = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block")
        options = (
            f"--num-cpus={processors}",
            "--include-log-monitor=false",
            "--object-store-memory=80000000",
        )
        folder = self.network.folder / f"r{machine.name}"  # its own: they would share sockets
        shutil.rmtree(folder, ignore_errors=True)
        where = (f"--node-ip-address={machine.address}", f"--temp-dir={folder}")
        # Ray starts sooner with all of the processor. Beside nodes that train it would be theirs.
        machine.cap.set(self.cores if processors and self.up else None)
        self._running[machine.name] = machine.start(
            *program, *options, *where, *more, env=self._ray, cwd=ROOT
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

        wait_for(joined, f"{nodes} nodes", POLL_SECONDS)
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
        node, said = self.victim(), self._operator
        program = (sys.executable, "-m", "app", "drain", node.address)
        drained = said.start(*program, env={**self._ray, **self.environment}, cwd=ROOT)
        if drained.wait(START_SECONDS):
            raise RuntimeError(said.log.read_text()[-3000:])
        node.cap.kill()
        self._running.pop(node.name).wait(START_SECONDS)

    def kill_host(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The actor."""
        send(how, self.victim(), lambda process: process.name().startswith("ray::Hosting"))

    def freeze_host(self) -> None:
        """The actor stands still, until it is ended."""
        self.kill_host(signal.SIGSTOP)

    def thaw_host(self) -> None:
        """It stood still for a moment, and goes on."""
        self.freeze_host()
        OVER.wait(FROZEN_SECONDS)
        self.kill_host(signal.SIGCONT)

    def kill_bridge(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The process of a server that speaks to Ray."""
        send(how, self.busiest(), is_bridge)

    def freeze_bridge(self) -> None:
        """It stands still, until it is ended."""
        self.kill_bridge(signal.SIGSTOP)

    def thaw_bridge(self) -> None:
        """It stood still for a moment, and goes on."""
        server = self.busiest()
        send(signal.SIGSTOP, server, is_bridge)
        OVER.wait(FROZEN_SECONDS)
        send(signal.SIGCONT, server, is_bridge)

    def thaw_head(self) -> None:
        """All of it stood still for a while, and goes on."""
        send(signal.SIGSTOP, self._head)
        OVER.wait(HEADLESS_SECONDS)
        send(signal.SIGCONT, self._head)

    def thaw_node(self) -> None:
        """What Ray has on a node, but not the host, stood still for a while, and goes on."""
        node = self.victim()
        send(signal.SIGSTOP, node, is_raylet)
        OVER.wait(FROZEN_SECONDS)
        send(signal.SIGCONT, node, is_raylet)

    def kill_leg(self) -> None:
        """What Ray has beside a web server."""
        leg = self._legs[self.servers.index(self.busiest())]
        leg.cap.kill()
        self._running.pop(leg.name).wait(START_SECONDS)

    def kill_head(self) -> None:
        """All of it."""
        self._head.cap.kill()

    def until_alone(self) -> None:
        """Until Ray has ended the nodes that have no head, and each server trains by itself."""
        self.wait_until("shallows_alone", 1)


def is_bridge(process: psutil.Process) -> bool:
    """Whether it is the one of a web server that has Ray."""
    spawned = any("spawn_main" in word for word in process.cmdline())
    return spawned and any("_raylet" in each.path for each in process.memory_maps())


def is_raylet(process: psutil.Process) -> bool:
    """Whether it is what Ray has on each node."""
    return str(process.name()) == "raylet"


def send(
    how: signal.Signals,
    machine: Machine,
    which: Callable[[psutil.Process], bool] = lambda process: True,
) -> None:
    """Send a signal to processes of a machine."""
    for pid in machine.cap.processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if which(psutil.Process(pid)):
                os.kill(pid, how)


def give_to_postgres(folder: Path) -> None:
    """PostgreSQL refuses root, and has a user of its own."""
    shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o700)


def wait_for(what: Callable[[], bool], name: str, every: float = 0.1) -> None:
    """Until something is so, looked at every so many seconds.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + START_SECONDS
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"not in {START_SECONDS:.0f} s: {name}")
        if OVER.wait(every):
            raise TimeoutError(f"ended meanwhile: {name}")


BACKENDS: dict[str, type[Cluster]] = {"pool": Pools, "ray": WithRay}
