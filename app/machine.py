"""`shallows check`: what this machine can do, and whether a class can reach it.

What is said was tried: a worker is started, a file written, the port listened on, and each address
of this machine connected to. Nothing stays of it. Every wait has an end: a worker has
`STARTUP_TIMEOUT`, the database `OPEN_SECONDS`, a connection `REACH_SECONDS`, and no more than
`MOST_ADDRESSES` addresses are tried.
"""

import asyncio
import ipaddress
import json
import platform
import secrets
import shutil
import socket
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psutil

from app import __version__
from app.links import ANY, IN_A_CONTAINER, in_url, lan_address
from app.listening import CanNotListen, listen
from app.settings import Settings
from app.store import Store, StoreUnusable
from app.training.workers.driver import LineBroken
from app.training.workers.processes import WorkerLine

REACH_SECONDS = 2.0
MOST_ADDRESSES = 8
LEAST_MEMORY = 500_000_000
"""Bytes that should be free: two workers and a class of thirty take half of that."""
LEAST_DISK = 100_000_000
FIREWALL = (
    "A firewall of this machine, or a network that keeps its devices apart, may still be in the "
    "way, which no machine sees by itself: open the address on another device, and there "
    "Class → Check this network"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was tried, and what came of it."""

    mark: Literal["ok", "note", "FAIL"]
    text: str


def check(settings: Settings) -> int:
    """Print what there is to say; 0 if a server would work here as set, else 1."""
    print(f"Shallows {__version__} on {platform.platform()}", flush=True)
    failed = 0
    for look in LOOKS:
        for finding in look(settings):
            print(f"{finding.mark:5} {finding.text}", flush=True)
            failed += finding.mark == "FAIL"
    print(f"{failed} of it does not work" if failed else "All of it works", flush=True)
    return 1 if failed else 0


def _python(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"Python {platform.python_version()}")


def _memory(settings: Settings) -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    enough = memory.available >= LEAST_MEMORY
    yield Finding(
        "ok" if enough else "note",
        f"{_size(memory.total)} of memory, {_size(memory.available)} of it free"
        + ("" if enough else f"; {_size(LEAST_MEMORY)} are good to have"),
    )


def _training(settings: Settings) -> Iterator[Finding]:
    """The backend, as a server begins it."""
    cores = psutil.cpu_count() or 1
    said = f"{cores} {_many(cores, 'core')}"
    if settings.backend == "inline":
        yield Finding("ok", f"{said}; training runs in the server itself, for tests")
        return
    workers = f"{settings.worker_count} {_many(settings.worker_count, 'process')} would train"
    began = time.monotonic()
    try:
        asyncio.run(_start_a_worker(settings))
    except LineBroken as error:
        yield Finding("FAIL", f"{said}; {workers}, but one does not start: {error}")
    else:
        yield Finding("ok", f"{said}; {workers}, one started in {time.monotonic() - began:.1f} s")


async def _start_a_worker(settings: Settings) -> None:
    line = await WorkerLine.connect(settings)
    await line.close()


def _data(settings: Settings) -> Iterator[Finding]:
    """The folder, or the nearest above it that there is: what is missing is made at a start."""
    folder = settings.data_folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
        free = shutil.disk_usage(there).free
    except OSError as error:
        yield Finding(
            "FAIL",
            f"the data folder {folder} can't be written to: {error.strerror or error}. "
            "--data names another",
        )
        return
    made = "" if there == folder else ", which is made at the first start"
    text = f"the data folder is {folder}{made}; {_size(free)} are free there"
    yield Finding("ok" if free >= LEAST_DISK else "note", text)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding("ok", f"the database is {Store.look(settings)}")
    except StoreUnusable as error:
        yield Finding("FAIL", str(error))


def _port(settings: Settings) -> Iterator[Finding]:
    """Whether there is listening, and from where it is reached."""
    host, port = settings.host, settings.port
    try:
        listening = listen(host, port, REACH_SECONDS)
    except CanNotListen as error:
        here = "localhost" if host in ANY else host
        if not (error.in_use and _is_shallows(here, port)):
            yield Finding("FAIL", str(error))
            return
        yield Finding("note", f"Shallows runs already on port {port}; another needs another port")
        yield from _reach(settings, port, lambda address: _is_shallows(address, port))
        return
    with listening:
        port = listening.getsockname()[1]
        yield Finding("ok", f"port {port} of {host} is free")
        yield from _reach(settings, port, lambda address: _arrives(listening, address, port))


def _reach(settings: Settings, port: int, reached: Callable[[str], bool]) -> Iterator[Finding]:
    host, root = settings.host, settings.root_path
    contained = any(mark.exists() for mark in IN_A_CONTAINER)
    addresses = own_addresses(host)
    for address in addresses:
        link = f"http://{in_url(address)}:{port}{root and f'{root}/'}"
        if reached(address):
            who = "the container is" if contained else f"a class opens {link}: it is"
            yield Finding("ok", f"{who} reached at {address if not contained else link}")
        else:
            yield Finding("FAIL", f"{link} is not reached, not even from this machine")
    if not addresses and host not in ANY:
        yield Finding("note", f"at {host} nobody else can open it; --host 0.0.0.0 is for a class")
    elif contained:
        yield Finding("note", "a class opens the address of the machine that has the container")
    elif not addresses:
        yield Finding("note", "this machine is in no network: nobody else can open the page")
    if addresses:
        yield Finding("note", FIREWALL)


def own_addresses(host: str) -> list[str]:
    """This machine's, at which others may reach what is bound to `host`; the usual way out first.

    Those that hold within one cable alone (169.254.…, fe80::…) are left out.
    """
    usual = lan_address(host)
    if host not in ANY:
        return [usual] if usual else []
    kinds = {socket.AF_INET} if host == "0.0.0.0" else {socket.AF_INET, socket.AF_INET6}
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        entry.address.partition("%")[0]
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if name in up and entry.family in kinds
    ]
    known = sorted(map(ipaddress.ip_address, {*found}), key=lambda one: (one.version, int(one)))
    wide = [str(one) for one in known if not (one.is_loopback or one.is_link_local)]
    return sorted(wide, key=lambda one: one != usual)[:MOST_ADDRESSES]


def _arrives(listening: socket.socket, address: str, port: int) -> bool:
    """Whether what is sent to an address comes out of the socket."""
    sent = secrets.token_bytes(16)
    listening.settimeout(REACH_SECONDS)
    try:
        with socket.create_connection((address, port), REACH_SECONDS) as line:
            line.sendall(sent)
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(REACH_SECONDS)
                return accepted.recv(len(sent), socket.MSG_WAITALL) == sent
    except OSError:
        return False


def _is_shallows(address: str, port: int) -> bool:
    """Whether a server of ours answers there."""
    # No proxy: it would be asked to reach this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{in_url(address)}:{port}/healthz", timeout=REACH_SECONDS) as said:
            return bool(json.loads(said.read(1000)) == {"status": "alive"})
    except (OSError, ValueError):
        return False


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _many(count: int, one: str) -> str:
    return one if count == 1 else f"{one}es" if one.endswith("s") else f"{one}s"


LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _memory,
    _training,
    _data,
    _database,
    _port,
)
