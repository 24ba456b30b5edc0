"""Whether the server lives, can train, and how much it does."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.errors import NotReady
from app.services import AllServices, Services

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> dict[str, str]:
    """Always answers while the server runs."""
    return {"status": "alive"}


@router.get("/readyz", summary="Can it train now")
async def readyz(services: Services) -> dict[str, str]:
    """Answers 503 while no worker is up."""
    if not services.backend.ready:
        raise NotReady("the workers are starting")
    return {"status": "ready"}


class _Metrics(Collector):
    def __init__(self, services: AllServices) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        learners, jobs = self._services.learners, self._services.jobs
        gauges = {
            "shallows_sessions": ("Interactive sessions, connected or kept", len(learners)),
            "shallows_connections": ("Interactive sessions with a connection", learners.connected),
            "shallows_runs_queued": ("REST runs waiting to train", jobs.queued),
            "shallows_runs_running": ("REST runs training", jobs.running),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value)
        restarts = self._services.backend.worker_restarts
        yield CounterMetricFamily("shallows_worker_restarts", "Workers replaced", restarts)
        refused = CounterMetricFamily(
            "shallows_refused", "Requests and messages refused, by why", labels=["code"]
        )
        for code, count in self._services.refusals.items():
            refused.add_metric([code], count)
        yield refused


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(services: Services) -> Response:
    """Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Metrics(services))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
