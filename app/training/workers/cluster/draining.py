"""`shallows drain NODE`: a node of the cluster is to go; its sessions go first.

It leaves a mark in the memory of the cluster's head. Every web server reads it, gives the node no
session any more, and moves those that it has there. `shallows undrain NODE` takes the mark away,
and so does the end of the head; a node that is started again is another one, without a mark.
"""

import socket
import time
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any

from app.settings import Settings
from app.training.workers.cluster.bridge import (
    DRAINING,
    NAMESPACE,
    CanNotJoin,
    in_a_line,
    join,
    nodes,
)

DRAIN_SECONDS = 60.0
NOTICE_SECONDS = 2.5
"""For every server to read the mark: until then it may give the node a session."""
LOOK_SECONDS = 0.5
LOAD_SECONDS = 2.0
"""For a host to say what it has; one that does not has nothing that plays."""
PROBE_SECONDS = 5.0

Say = Callable[[str], None]
Work = Callable[[Settings, str, Say], str | None]


class NoSuchNode(Exception):
    """There is no such node to drain, or no cluster; the message says which."""


def explained(work: Work) -> Work:
    """The same work, which says what went wrong instead of raising it."""

    @wraps(work)
    def explain(settings: Settings, name: str, say: Say) -> str | None:
        try:
            return work(settings, name, say)
        except NoSuchNode as why:
            return str(why)
        except Exception as error:  # what Ray says as it loses its head
            return f"the cluster does not answer any more ({in_a_line(error)})"

    return explain


@explained
def drain(settings: Settings, name: str, say: Say) -> str | None:
    """Have the sessions of a node go elsewhere, and wait until they have; why not, if not.

    Args:
        name: The node's address, its name, or the beginning of its id.
        say: Is told what goes on.
    """
    node = _find(settings, name)
    from ray.experimental.internal_kv import (
        _internal_kv_del,
        _internal_kv_list,
        _internal_kv_put,
    )

    if _internal_kv_put(_mark(node), b"1"):
        say(f"{name} is being drained already")
    there = {_mark(each) for each in _training(nodes())}
    marks = set(_internal_kv_list(DRAINING))
    for of_one_that_has_gone in marks - there:
        _internal_kv_del(of_one_that_has_gone)
    if there <= marks:
        say("no other node is left: servers train on their own processes until one comes")
    began = time.monotonic()
    before = 0
    while True:
        _reach(settings)
        left, now = _sessions(node), time.monotonic() - began
        if not left and now > NOTICE_SECONDS:
            say(f"no session is on {name} any more: it may go, by `ray stop` there")
            return None
        if now > DRAIN_SECONDS:
            return f"{left} sessions have not left {name} in {DRAIN_SECONDS:g} s; try again"
        if left and left != before:
            say(f"{left} sessions are yet to leave {name}")
            before = left
        time.sleep(LOOK_SECONDS)


@explained
def undrain(settings: Settings, name: str, say: Say) -> str | None:
    """Take a node back that was drained; why not, if not. Arguments are those of `drain`."""
    node = _find(settings, name)
    from ray.experimental.internal_kv import _internal_kv_del

    there = _internal_kv_del(_mark(node))
    say(f"{name} takes sessions again" if there else f"{name} was not drained")
    return None


COMMANDS: dict[str, Work] = {
    "drain": drain,
    "undrain": undrain,
}


def _find(settings: Settings, name: str) -> dict[str, Any]:
    """The node that is called so, in the cluster of which this process is now a program.

    Raises:
        NoSuchNode: there is none, or more than one, or nothing trains there; or no cluster.
    """
    _enter(settings)
    named = [node for node in nodes() if _is(node, name)]
    found = _training(named)
    if len(found) == 1:
        return found[0]
    if named and not found:
        raise NoSuchNode(f"nothing trains on {name}: it has no processors for that")
    known = ", ".join(
        f"{each['NodeID'][:12]} ({each['NodeManagerAddress']})" for each in _training(nodes())
    )
    called = f"{len(found)} nodes are called" if found else "no node is called"
    raise NoSuchNode(f"{called} {name!r}; those that train are: {known or 'none'}")


def _enter(settings: Settings) -> None:
    address = settings.ray_address
    if settings.backend != "ray" or address is None:
        raise NoSuchNode("there is no cluster: set SHALLOWS_BACKEND=ray and SHALLOWS_RAY_ADDRESS")
    if find_spec("ray") is None:
        raise NoSuchNode("Ray is not installed here: pip install shallows[cluster]")
    _reach(settings)
    token = str(settings.ray_token_file) if settings.ray_token_file else None
    try:
        join(address, token)
    except CanNotJoin as why:
        raise NoSuchNode(str(why)) from None


def _reach(settings: Settings) -> None:
    """Look whether anybody is where the head should be: Ray takes a minute to notice."""
    address = settings.ray_address or ""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS).close()
    except OSError as error:
        raise NoSuchNode(f"the head of the cluster is not at {address}: {error}") from None


def _training(those: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for node in those if node["Resources"].get("CPU")]


def _is(node: dict[str, Any], named: str) -> bool:
    names = (node["NodeManagerAddress"], node["NodeManagerHostname"], node.get("NodeName"))
    return named in names or (len(named) >= 6 and node["NodeID"].startswith(named))


def _mark(node: dict[str, Any]) -> bytes:
    key: str = node["NodeID"]
    return DRAINING + key.encode()


def _sessions(node: dict[str, Any]) -> int:
    """How many all servers have there."""
    import ray

    sessions = 0
    for number in range(int(node["Resources"]["CPU"])):
        try:
            actor = ray.get_actor(f"{node['NodeID']}-{number}", NAMESPACE)
            load: Any = ray.get(actor.load.remote(), timeout=LOAD_SECONDS)
            sessions += load
        except (ValueError, ray.exceptions.RayError):
            continue
    return sessions
