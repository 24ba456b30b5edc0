"""Where sessions train if there is a cluster: its hosts, or a pool of the server's own without it.

Hosts come and go with their nodes. A session goes to another host as soon as its own is silent,
and before its node is drained (`app/training/workers/backend.py`). If no host of the cluster
answers for `PATIENCE`, the server starts worker processes of its own. It does so, too, when the
head is lost: Ray ends hosts without a head after a minute, all at once, and then there is somebody
to take their sessions up, and those who come meanwhile. Its own end when the cluster has been whole
for a while. While there is neither, sessions wait.

What if it is full: a host that has too many sessions serves each of them less often, as a worker
does. There is one bridge at a time, and one more is started only when the last has ended.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

from app.settings import Settings, SettingsError
from app.supervision import Background
from app.training.workers.backend import Backend
from app.training.workers.cluster.connection import LOST_TICKS, Connection, RayLine
from app.training.workers.cluster.talk import News
from app.training.workers.driver import Driver, Line
from app.training.workers.processes import WorkerLine

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks at what the bridge has said."""
PATIENCE = 2.0
"""Seconds without a host of the cluster, until the server trains on its own; counted in ticks, so
that none is counted while the server itself stands still."""
JOINING_SECONDS = 15.0
"""The same as the server starts, for a cluster that is being joined."""
STEADY_SECONDS = 3.0
"""Seconds for which the cluster has to be back, until the server's own processes end."""
LONGEST_JOINING = 40.0
"""Seconds for a bridge to join the cluster."""
PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a bridge is started, by how many ended before it; the last one goes on."""
PROBE_SECONDS = 1.0
NO_WAY = "this server has no connection to the cluster"
HEADLESS = "the head of the cluster does not answer: hosts that do are used, and no new ones come"
EMPTY = "no node of the cluster has processors to train on"
DRAINED = "all nodes of the cluster are drained"
UNUSABLE = "no host of the cluster can be used"
ON_ITS_OWN = "; this server trains on its own processes"


class RayBackend(Backend):
    """A backend on the hosts of a cluster."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._server = secrets.token_hex(8)
        """The name that the hosts know this server by; nobody else has it."""
        self._incarnations = itertools.count(1)
        self._connection: Connection | None = None
        self._cluster: dict[str, Driver] = {}
        self._own: list[Driver] = []
        self._lobby = self.add("lobby", self._never)
        """Where sessions wait while there is no other driver at all."""
        self._lobby.closing = True
        self._joining = Background("bridge to the cluster", self._join)
        self._following = Background("hosts of the cluster", self._follow)
        self._there_since: float | None = None
        self._gone = 0
        """Ticks since a host of the cluster was there last, as far as the bridge has said."""
        self._was_there = False
        """Whether a host of the cluster ever was."""
        self._failure = ""
        """Why there was no bridge last."""
        self._mute: set[str] = set()
        """Hosts of which it is logged already that they do not answer."""
        self._unseen = False
        """Whether it is logged already that a look at the cluster failed."""
        self._ended: dict[str, int] = {}
        """How often the bridge has ended each host, as it said last."""

    async def _never(self) -> Line:
        await asyncio.Event().wait()
        raise AssertionError

    async def start(self) -> None:
        """Begin; the cluster may be there later."""
        await super().start()
        self._joining.start()
        self._following.start()

    async def stop(self) -> None:
        """End, with everything that was started; actors stay."""
        await self._following.stop()
        await super().stop()
        await self._joining.stop()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @property
    def backgrounds(self) -> list[Background]:
        """The tasks that drive, and those that look after the cluster."""
        return [*super().backgrounds, self._joining, self._following]

    @property
    def alone(self) -> bool:
        """Whether the server trains on its own processes."""
        return self._helped and not self._somewhere

    @property
    def _helped(self) -> bool:
        """Whether processes of the server's own take sessions."""
        return any(not driver.closing for driver in self._own)

    @property
    def _somewhere(self) -> bool:
        """Whether a host of the cluster takes sessions."""
        return any(driver.open_to_all for driver in self._cluster.values())

    @property
    def note(self) -> str | None:
        """What an operator is told although all can train."""
        if (trouble := self._trouble) is None:
            return None
        too = ", too" if self._somewhere else ""
        return f"{trouble}{ON_ITS_OWN}{too}" if self._helped else trouble

    @property
    def _trouble(self) -> str | None:
        """Why the cluster is not all that it should be, if it is not."""
        news = self._news
        if news is None:
            return NO_WAY
        if not news.head:
            return HEADLESS
        if self._somewhere:
            return None
        if not news.hosts:
            return EMPTY
        return DRAINED if all(host.draining for host in news.hosts) else UNUSABLE

    @property
    def _news(self) -> News | None:
        """What is known of the cluster now."""
        connection = self._connection
        return None if connection is None or connection.lost else connection.news

    # -- the bridge -------------------------------------------------------------------------

    async def _join(self) -> None:
        """Have a bridge, again and again."""
        failures = 0
        while True:
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1
            if self._connection is not None:  # this task was interrupted
                await self._leave_bridge()
            if not await self._somebody_there():
                self._explain(f"nobody answers at {self._settings.ray_address}")
                continue
            try:
                self._connection = Connection.start(self._settings, self._server)
            except OSError as error:
                self._explain(f"it could not be started: {error}")
                continue
            if await self._listen(self._connection):
                failures, self._failure = 0, ""
            self._explain(self._connection.why or "its process has ended")
            await self._leave_bridge()

    def _explain(self, why: str) -> None:
        """Say why there is no bridge; the same is said once."""
        level = logging.DEBUG if why == self._failure else logging.WARNING
        log.log(level, "there is no bridge to the cluster (%s); it is tried again", why)
        self._failure = why

    async def _leave_bridge(self) -> None:
        assert self._connection is not None
        await self._connection.close()
        self._connection = None

    async def _somebody_there(self) -> bool:
        """Whether anything listens where the cluster's head should be: a bridge costs more."""
        host, _, port = (self._settings.ray_address or "").rpartition(":")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            return True
        return False

    async def _listen(self, connection: Connection) -> bool:
        """Until a bridge has ended, or says nothing any more; whether it had joined."""
        while not connection.closed:
            await asyncio.sleep(TICK)
            connection.silent += 1
            if connection.silent > (LOST_TICKS if connection.heard else LONGEST_JOINING / TICK):
                connection.why = "it says nothing"
                self._gone = max(self._gone, connection.silent)
                break
        return connection.heard > 0

    # -- its hosts --------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Have a driver for each host that there is, and one of the server's own if none is."""
        while True:
            await asyncio.sleep(TICK)
            if (news := self._news) is not None:
                self._heed(news)
            self._fall_back()

    def _heed(self, news: News) -> None:
        wanted = {host.name: host for host in news.hosts if not host.draining}
        for name, driver in list(self._cluster.items()):
            if name not in wanted:
                driver.closing = True
                del self._cluster[name]
        if news.why and not self._unseen:
            log.warning("the bridge's look at the cluster failed (%s); it looks again", news.why)
        self._unseen = bool(news.why)
        for host in news.hosts:
            if host.why and host.name not in self._mute:
                log.warning("host %s of the cluster does not answer (%s)", host.name, host.why)
            if host.ended > self._ended.get(host.name, 0):
                log.warning("host %s of the cluster hung: it is ended, to begin anew", host.name)
                self.hung += 1
        self._ended = {host.name: host.ended for host in news.hosts}
        self._mute = {
            host.name
            for host in news.hosts
            if host.why or (host.name in self._mute and not host.answers)
        }
        for name, host in wanted.items():
            if name not in self._cluster and host.answers:
                driver = self._cluster[name] = self.add(f"host {name}", self._way_to(name))
                driver.start()

    def _way_to(self, host: str) -> Callable[[], Awaitable[Line]]:
        def bridge() -> Connection | None:
            return self._connection

        async def connect() -> Line:
            incarnation = next(self._incarnations)
            return await RayLine.connect(bridge, host, incarnation, self._settings)

        return connect

    def _fall_back(self) -> None:
        """Train on processes of the server's own, or no longer."""
        now = asyncio.get_running_loop().time()
        headless = (news := self._news) is not None and not news.head
        for driver in self._cluster.values():
            driver.doubtful = headless
        if self._somewhere:
            self._gone, self._was_there = 0, True
        if self._somewhere and not headless:
            self._there_since = self._there_since or now
            if now - self._there_since >= STEADY_SECONDS and self._helped:
                log.warning("the cluster is back: this server's own processes end")
                for driver in self._own:
                    driver.closing = True
            return
        self._there_since = None
        if not self._somewhere:
            self._gone += 1
            joining = self._connection is not None and not self._was_there
            if self._gone * TICK < (JOINING_SECONDS if joining else PATIENCE):
                return
        if not self._helped:
            self._help()
            log.warning("%s", self.note)

    def _help(self) -> None:
        """Have as many processes of its own as a server without a cluster."""
        self._own = [driver for driver in self._own if driver in self._drivers]
        for driver in self._own:
            driver.closing = False
        for number in range(len(self._own), self._settings.worker_count):
            driver = self.add(f"driver {number}", self._own_worker)
            self._own.append(driver)
            driver.start()

    async def _own_worker(self) -> Line:
        return await WorkerLine.connect(self._settings)

    def _end(self, driver: Driver) -> None:
        if driver is not self._lobby:
            super()._end(driver)


def ray_backend(settings: Settings) -> Backend:
    """A backend on the cluster of `SHALLOWS_RAY_ADDRESS`.

    Raises:
        SettingsError: Ray is not there.
    """
    if find_spec("ray") is None:
        raise SettingsError("the backend ray needs Ray: pip install shallows[cluster]")
    return RayBackend(settings)
