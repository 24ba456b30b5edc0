"""`python -m app drain NODE`: a node of the cluster is to go; its sessions go first.

It leaves a mark in the memory of the cluster's head. Every web server reads it, gives the node no
session any more, and moves those that it has there. The mark is gone when the head is; a node that
joins again is another one.
"""

import time
from collections.abc import Callable
from typing import Any

from app.settings import Settings
from app.training.workers.cluster.bridge import DRAINING, NAMESPACE, join, nodes

DRAIN_SECONDS = 60.0
LOOK_SECONDS = 0.5
LOAD_SECONDS = 2.0
"""For a host to say what it has; one that does not has nothing that plays."""


def drain(settings: Settings, node: str, say: Callable[[str], None]) -> str | None:
    """Have the sessions of a node go elsewhere, and wait until they have; why not, if not.

    Args:
        node: Its address, its name, or the beginning of its id.
        say: Is told what goes on.
    """
    if settings.backend != "ray" or settings.ray_address is None:
        return "there is no cluster: set SHALLOWS_BACKEND=ray and SHALLOWS_RAY_ADDRESS"
    join(settings.ray_address, str(settings.ray_token_file) if settings.ray_token_file else None)
    from ray.experimental.internal_kv import _internal_kv_put

    found = [each for each in nodes() if _is(each, node)]
    if len(found) != 1:
        names = ", ".join(
            f"{each['NodeID'][:12]} ({each['NodeManagerAddress']})"
            for each in nodes()
            if each["Resources"].get("CPU")
        )
        return f"{len(found)} nodes are called {node!r}; there are {names or 'none'}"
    (one,) = found
    _internal_kv_put(DRAINING + one["NodeID"].encode(), b"1")
    until = time.monotonic() + DRAIN_SECONDS
    before = -1
    while (left := _sessions(one)) and time.monotonic() < until:
        if left != before:
            say(f"{left} sessions are yet to leave {node}")
            before = left
        time.sleep(LOOK_SECONDS)
    if left:
        return f"{left} sessions have not left {node} in {DRAIN_SECONDS:g} s; try again"
    say(f"no session is on {node} any more: it may go, by `ray stop` there")
    return None


def _is(node: Any, named: str) -> bool:
    names = (node["NodeManagerAddress"], node["NodeManagerHostname"], node.get("NodeName"))
    return named in names or (len(named) >= 6 and node["NodeID"].startswith(named))


def _sessions(node: Any) -> int:
    """How many all servers have there."""
    import ray

    sessions = 0
    for number in range(int(node["Resources"].get("CPU", 0))):
        try:
            actor = ray.get_actor(f"{node['NodeID']}-{number}", NAMESPACE)
            load: Any = ray.get(actor.load.remote(), timeout=LOAD_SECONDS)
            sessions += load
        except (ValueError, ray.exceptions.RayError):
            continue
    return sessions
