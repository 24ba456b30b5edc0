"""A host in this process: for tests, and wherever there can't be processes."""

import asyncio
import time
from collections.abc import Sequence

from app.settings import Settings
from app.training.host.host import Host
from app.training.messages import Command, Event, Worked
from app.training.workers.backend import Backend
from app.training.workers.driver import Line


class InlineLine:
    """A host that is called directly; training holds up the event loop for a round at a time."""

    others = 0
    lost = False

    def __init__(self, host: Host) -> None:
        self._host = host

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        """One round, after whatever else the event loop has to do."""
        await asyncio.sleep(0)
        return self._host.serve(commands)

    async def close(self) -> None:
        """Nothing to end."""


def inline_backend(settings: Settings) -> Backend:
    """A backend of one host in this process."""

    async def connect() -> Line:
        return InlineLine(
            Host(
                time.perf_counter,
                time.thread_time,
                checkpoint_seconds=settings.checkpoint_seconds,
            )
        )

    return Backend([connect])
