"""What a web server and its bridge say to each other, over a socket that only they have.

What if it is full: the server has one call under way for each host, and the bridge sends no news
while the last are not taken, so that no more than a round of each host waits on the socket.
"""

import asyncio
import pickle
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 1_000_000_000
"""Of one message; more is a mistake."""


@dataclass(frozen=True, slots=True)
class HostNews:
    """A host of the cluster, as the bridge sees it.

    Attributes:
        name: That of its actor.
        node: The id of the node that it is on.
        answers: Whether it has answered a moment ago.
        draining: Whether its node is to go.
        others: How many sessions of other servers it has.
        why: Why it does not answer, if that is known.
        ended: How often this bridge has ended it because it hung.
    """

    name: str
    node: str
    answers: bool
    draining: bool
    others: int
    why: str = ""
    ended: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """All that a bridge knows; sent a few times a second.

    Attributes:
        head: Whether the cluster's head answers. Without it hosts may still do.
        why: Why the last look at the cluster failed, if it did.
    """

    hosts: tuple[HostNews, ...]
    head: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The bridge ends; why."""

    why: str


@dataclass(frozen=True, slots=True)
class Call:
    """A method of a host is to be called; the `Result` has the same number."""

    number: int
    host: str
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave.

    Attributes:
        broken: Why nothing will come of it; empty if it has.
    """

    number: int
    value: Any = None
    broken: str = ""


def packed(message: object) -> bytes:
    """A message as it is sent."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(4, "big") + data


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Send a message; it waits nowhere."""
    writer.write(packed(message))


async def receive(reader: asyncio.StreamReader) -> object:
    """The next message.

    Raises:
        IncompleteReadError: there is none any more.
    """
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > MOST_BYTES:
        raise ValueError(f"a message of {size} bytes")
    return pickle.loads(await reader.readexactly(size))
