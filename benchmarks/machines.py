"""Machines of one's own: network namespaces on a bridge, processors that cgroups cap.

For Linux, and root. Each machine has an address that only these namespaces know, and a cgroup that
all its processes are in. Whatever was started ends with the block, and nothing of it is left:
processes, namespaces, cgroups, the folder. What a process has left that could not do that, since it
was killed, the next one takes away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

SUBNET = "10.91.0"
PERIOD = 20_000
"""Microseconds in which a machine may have its share: short, or it runs in jerks."""
CGROUPS = Path("/sys/fs/cgroup")
CLONE_NEWNET = 0x40000000
GONE_SECONDS = 10.0
NAMESPACES = Path("/run/netns")
FOLDERS = Path("/tmp")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OURS = re.compile(r"shallows(\d+)(?:-.+)?")
"""How all of it is called: by the process that it is for."""


def why_not() -> str | None:
    """Why there can be no such machines here; None if there can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "it needs root, for network namespaces and cgroups"
    missing = [name for name in ("ip", "nsenter", "setpriv") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not found: they are in iproute2 and util-linux"
    return None


def ip(*words: str) -> None:
    """Run `ip`.

    Raises:
        RuntimeError: what it says.
    """
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Cap:
    """A cgroup, of either version, for the processes of one machine."""

    def __init__(self, name: str, cores: float | None) -> None:
        self._old = (CGROUPS / "cpu").is_dir()
        self._folder = self.home() / name
        if not self._old:
            with contextlib.suppress(OSError):  # it is there already
                (CGROUPS / "cgroup.subtree_control").write_text("+cpu")
        self._folder.mkdir(exist_ok=True)
        self.set(cores)

    @staticmethod
    def home() -> Path:
        """Where they all are."""
        return CGROUPS / "cpu" if (CGROUPS / "cpu").is_dir() else CGROUPS

    def set(self, cores: float | None) -> None:
        """So many cores at most, from now on; None: as many as there are."""
        quota = None if cores is None else int(cores * PERIOD)
        if self._old:
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota or -1))
        else:
            (self._folder / "cpu.max").write_text(f"{quota or 'max'} {PERIOD}")

    @property
    def members(self) -> str:
        """The file that takes processes in."""
        return str(self._folder / "cgroup.procs")

    @property
    def processes(self) -> list[int]:
        """All that are in it."""
        return [int(line) for line in (self._folder / "cgroup.procs").read_text().split()]

    def kill(self) -> None:
        """End all of them at once, and those that they begin meanwhile.

        Raises:
            TimeoutError: some do not end.
        """
        end = time.monotonic() + GONE_SECONDS
        while processes := self.processes:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            if time.monotonic() > end:
                raise TimeoutError(f"{processes} do not end")
            time.sleep(0.02)

    def remove(self) -> None:
        """End all, and let it go."""
        self.kill()
        self._folder.rmdir()


@dataclass
class Machine:
    """One of them."""

    name: str
    address: str
    namespace: str
    cap: Cap
    folder: Path
    _hub: str
    _port: str

    def start(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program on it; what it says is in `log`."""
        inside = ["nsenter", f"--net=/run/netns/{self.namespace}"]
        if user is not None:
            inside += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        enter = f'echo $$ >"{self.cap.members}"; exec "$@"'
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["sh", "-c", enter, "sh", *inside, *map(str, command)],
                env={**os.environ, **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """What its programs say."""
        return self.folder / f"{self.name}.log"

    def cut(self) -> None:
        """Nothing comes or goes any more."""
        ip("-n", self._hub, "link", "set", self._port, "down")

    def mend(self) -> None:
        """The cable is in again."""
        ip("-n", self._hub, "link", "set", self._port, "up")


class Network:
    """A bridge in a namespace of its own, and machines on it."""

    def __init__(self) -> None:
        self._id = f"shallows{os.getpid()}"
        self.folder = FOLDERS / self._id
        self.folder.mkdir(mode=0o755)
        self.hub = f"{self._id}-hub"
        self.machines: dict[str, Machine] = {}
        ip("netns", "add", self.hub)
        ip("-n", self.hub, "link", "set", "lo", "up")
        ip("-n", self.hub, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        ip("-n", self.hub, "addr", "add", f"{SUBNET}.254/24", "dev", "bridge")
        ip("-n", self.hub, "link", "set", "bridge", "up")

    def add(self, name: str, cores: float | None = None) -> Machine:
        """A machine more, with so many cores at most."""
        number = len({each.namespace for each in self.machines.values()}) + 1
        namespace, port = f"{self._id}-{name}", f"port{number}"
        ip("netns", "add", namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        ends = ("name", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self.hub, "link", "add", *ends)
        ip("-n", self.hub, "link", "set", port, "master", "bridge", "up")
        address = f"{SUBNET}.{number}"
        ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        cap = Cap(namespace, cores)
        machine = Machine(name, address, namespace, cap, self.folder, self.hub, port)
        self.machines[name] = machine
        return machine

    def beside(self, machine: Machine, name: str) -> Machine:
        """Programs on a machine that end apart from its others."""
        cap = Cap(f"{machine.namespace}-{name}", None)
        found = replace(machine, name=f"{machine.name}-{name}", cap=cap)
        self.machines[found.name] = found
        return found

    def enter(self) -> None:
        """This thread, and what it starts from now on, is at the bridge."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{self.hub}").open() as namespace:
            _enter(libc, namespace)


def ours(place: Path) -> dict[str, int]:
    """What is there of such machines, and the process that each is for."""
    found = {path.name: OURS.fullmatch(path.name) for path in place.glob("shallows*")}
    return {name: int(match[1]) for name, match in found.items() if match}


def take_away(gone: Callable[[int], bool]) -> None:
    """End all that there is of the machines of some processes."""
    for cap in (name for name, whose in ours(Cap.home()).items() if gone(whose)):
        Cap(cap, None).remove()
    for namespace in (name for name, whose in ours(NAMESPACES).items() if gone(whose)):
        ip("netns", "del", namespace)
    for folder in (name for name, whose in ours(FOLDERS).items() if gone(whose)):
        shutil.rmtree(FOLDERS / folder, ignore_errors=True)


def _enter(libc: ctypes.CDLL, namespace: IO[str]) -> None:
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Machines for as long as the block runs; this thread is among them."""
    take_away(lambda whose: not Path(f"/proc/{whose}").exists())
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as home:
        try:
            there = Network()
            there.enter()
            yield there
        finally:
            # Whoever is impatient would leave half of it.
            before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING}
            _enter(libc, home)
            take_away(lambda whose: whose == os.getpid())
            for each, handler in before.items():
                signal.signal(each, handler)


@dataclass(frozen=True)
class Busy:
    """What the whole machine has done so far, in hundredths of a second."""

    idle: int
    all: int

    @classmethod
    def now(cls) -> Busy:
        """Read it."""
        words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
        ticks: Sequence[int] = [int(word) for word in words]
        return cls(ticks[3] + ticks[4], sum(ticks))

    def idle_since(self, before: Busy) -> float:
        """The share of the time for which its processors had nothing to do."""
        return (self.idle - before.idle) / max(1, self.all - before.all)
