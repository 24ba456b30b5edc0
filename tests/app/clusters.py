"""A Ray cluster of processes on this machine, for tests: a head without a processor, and nodes."""

import contextlib
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
HERE = "127.0.0.1"
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),  # nodes have the code of this folder
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # stay on 127.0.0.1
    "RAY_worker_niceness": "0",  # else hosts wait for all other tests
}
STORE_BYTES = 80_000_000


class Nodes:
    """The cluster, and what can happen to it."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self._nodes: list[Any] = []
        self.token_file = folder / "token"
        self._cluster: Any = Cluster()
        self._add(
            num_cpus=0,
            include_dashboard=False,
            include_log_monitor=False,
            no_monitor=True,
            temp_dir=str(folder / "ray"),
        )
        self.address = str(self._cluster.address)

    @property
    def settings(self) -> dict[str, object]:
        """Of a server that trains there."""
        return {"ray_address": self.address, "ray_token_file": self.token_file}

    @property
    def head(self) -> str:
        """The id of its node."""
        return str(self._cluster.head_node.node_id)

    def _add(self, **more: Any) -> Any:
        common = {"node_ip_address": HERE, "object_store_memory": STORE_BYTES}
        return self._cluster.add_node(**common, **more)

    def add(self, processors: int = 1) -> Any:
        """A node more."""
        node = self._add(num_cpus=processors)
        self._nodes.append(node)
        return node

    def add_all(self, number: int) -> None:
        """So many nodes more, which come up side by side."""
        self._nodes += [self._add(num_cpus=1, wait=False) for _ in range(number)]
        self._cluster.wait_for_nodes()

    def oldest(self) -> Any:
        """The node that came first of those that train and are there."""
        return self._nodes[0]

    def kill(self, node: Any) -> None:
        """Kill all of a node at once."""
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """Kill what the nodes know each other by, as when its machine is lost.

        Its node stays: it is that which servers of this machine are in.
        """
        self._cluster.head_node.kill_gcs_server(check_alive=False)

    def end(self) -> None:
        """End all of it."""
        for node in self._cluster.list_all_nodes():
            node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


def actors() -> list[psutil.Process]:
    """The processes of hosts, of every cluster that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name().startswith("ray::Hosting"):
                found.append(process)
    return found


@contextlib.contextmanager
def running_cluster(nodes: int = 2) -> Iterator[Nodes]:
    """A cluster with so many nodes of one processor each; nothing of it is left after that."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # paths of sockets are short
    (folder / "token").write_text("c" * 64)
    token = str(folder / "token")
    environment = {**ENVIRONMENT, "RAY_TMPDIR": str(folder), "RAY_AUTH_TOKEN_PATH": token}
    before = {name: os.environ.get(name) for name in environment}
    os.environ |= environment
    mine = set(psutil.Process().children(recursive=True))
    cluster: Nodes | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cluster = Nodes(folder)
        cluster.add_all(nodes)
        yield cluster
    finally:
        if cluster is not None:
            cluster.end()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        left = set(psutil.Process().children(recursive=True)) - mine
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        while any(process.is_running() and process.status() != "zombie" for process in left):
            time.sleep(0.03)
        shutil.rmtree(folder, ignore_errors=True)
