"""Whether the server lives, can train, how much it does, and which version it is."""

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from pydantic import BaseModel

from app import __version__
from app.errors import GoingAway, NotReady
from app.services import AllServices, Services
from app.training.workers.tally import ROUND_SECONDS

if TYPE_CHECKING:
    from app.web.relay import Relay

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> dict[str, str]:
    """Always answers while the server runs."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can it train now")
async def readyz(services: Services) -> dict[str, str]:
    """Answers 503 while a worker or a background task is missing, and once the server is ending.

    A worker that is being replaced is back in a second, and does not count as missing. What is
    wrong although it can train is in a `note`: it does without its cluster for a while, or another
    server has its address.
    """
    if services.jobs.going:
        raise GoingAway
    if not services.backend.ready:
        raise NotReady("a worker has not come up yet, or does not answer")
    if services.owning.fenced:
        raise NotReady("the database does not answer, so this server does not know what it has")
    for background in services.backgrounds:
        if not background.running:
            raise NotReady(f"{background.name} ended, and is about to begin again")
    notes = filter(None, (services.backend.note, services.owning.note))
    note = "; ".join(notes)
    return {"status": "ready", **({"note": note} if note else {})}


class Version(BaseModel):
    """Which Shallows this is, and the digest of the page that it has."""

    version: str
    page: str


@router.post("/version", summary="Which version is it")
async def version(response: Response, services: Services) -> Version:
    """Which page this server has. A page asks when it cannot connect, or has been away.

    A POST, because only then a browser names the page's origin. So a page whose stream is refused
    is refused this too, with the reason.
    """
    if services.jobs.going:
        raise GoingAway
    response.headers["Cache-Control"] = "no-store"
    return Version(version=__version__, page=services.assets.digest)


class _Metrics(Collector):
    def __init__(self, services: AllServices) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        sessions, jobs = self._services.sessions, self._services.jobs
        backend, work = self._services.backend, self._services.backend.work
        heavy, rooms = self._services.heavy, self._services.rooms
        gauges = {
            "shallows_sessions": ("Interactive sessions, connected or kept", len(sessions)),
            "shallows_connections": ("Interactive sessions with a connection", sessions.connected),
            "shallows_rooms": ("Rooms of classes", len(rooms)),
            "shallows_room_connections": ("Pages connected to a room", rooms.connected),
            "shallows_runs_queued": ("REST runs waiting to train", jobs.queued),
            "shallows_runs_running": ("REST runs training", jobs.running),
            "shallows_hosts": ("Hosts that train", backend.hosts),
            "shallows_alone": ("Whether it trains without its cluster", int(backend.alone)),
            "shallows_commands_pending": ("Commands waiting for a round", backend.pending),
            "shallows_heavy_queued": ("Heavy calls waiting for their turn", heavy.queued),
            "shallows_heavy_running": ("Heavy calls being worked on", heavy.running),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value)
        counters = {
            "shallows_worker_restarts": ("Workers replaced", backend.worker_restarts),
            "shallows_hosts_hung": ("Hosts of the cluster that hung, and were ended", backend.hung),
            "shallows_moves": ("Sessions that went to another host", backend.moves),
            "shallows_frames": ("Frames made for readers", work.frames),
            "shallows_heavy_killed": ("Heavy calls whose process was ended", heavy.killed),
            "shallows_iterations": ("Iterations trained, of all runs", work.iterations),
        }
        for name, (text, count) in counters.items():
            yield CounterMetricFamily(name, text, count)
        restarts = CounterMetricFamily(
            "shallows_task_restarts", "Background tasks that ended and began again", labels=["task"]
        )
        for background in self._services.backgrounds:
            restarts.add_metric([background.name], background.restarts)
        yield restarts
        below = accumulate(work.rounds)
        bounds = [*map(str, ROUND_SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "shallows_round_seconds",
            "How long rounds took, to the worker and back",
            buckets=list(zip(bounds, below, strict=True)),
            sum_value=work.round_seconds,
        )
        if self._services.relay is not None:
            yield from _of_several(self._services.relay)
        refused = CounterMetricFamily(
            "shallows_refused", "Requests and messages refused, by why", labels=["code"]
        )
        for code, times in self._services.refusals.items():
            refused.add_metric([code], times)
        yield refused


def _of_several(relay: "Relay") -> Iterator[Metric]:
    """What one of several servers says of itself and the others."""
    servers = relay.servers
    owned = GaugeMetricFamily("shallows_owned", "What this server has", labels=["kind"])
    for kind in ("session", "job", "room"):
        owned.add_metric([kind], servers.owned[kind])
    yield owned
    gauges = {
        "shallows_servers": ("Servers that live, this one too", len(servers.others) + 1),
        "shallows_fenced": ("Whether this server is silent", int(servers.fenced)),
        "shallows_relayed": ("Streams and requests passed on just now", relay.upstream.now),
    }
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value)
    counters = {
        "shallows_relays": ("Streams and requests that were passed on", relay.upstream.passed),
        "shallows_takes": ("What this server took, from the store or a lost server", servers.takes),
        "shallows_fences": ("How often this server had to be silent", servers.fences),
        "shallows_late_beats": ("Beats that the database answered late", servers.late_beats),
    }
    for name, (text, count) in counters.items():
        yield CounterMetricFamily(name, text, count)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}},
)
async def metrics(services: Services) -> Response:
    """Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Metrics(services))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
