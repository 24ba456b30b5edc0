"""A server in this process for the tests of the service, on each of its backends."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.main import create_app
from app.services import AllServices
from app.settings import Settings
from tests.app.clusters import Nodes, running_cluster
from tests.app.postgresql import PostgreSQL, running_postgresql
from tests.app.rooms import Class
from tests.app.stream import Stream

BACKENDS = ("inline", "pool")
RAY = pytest.param("ray", marks=pytest.mark.ray)
"""One more; `tests/conftest.py` has its tests first, so that one process has all of them."""

# What a test leaves playing takes the time of the tests after it no longer than that.
SHARED = {"session_grace_seconds": 5}


def settings_for(backend: str, **changes: object) -> Settings:
    """Settings that nothing in the environment changes, with a store of their own."""
    folder = tempfile.mkdtemp(dir=os.environ["SHALLOWS_DATA_FOLDER"])
    usual = {"backend": backend, "workers": 2, "data_folder": Path(folder), "heavy_seconds": 120}
    return Settings.model_validate({**usual, **changes})


@pytest.fixture(scope="session")
def cluster() -> Iterator[Nodes]:
    """A cluster for all tests that need one; the last of them ends it."""
    with running_cluster() as nodes:
        yield nodes


@pytest.fixture(scope="session", params=BACKENDS)
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The service on one backend; every test that takes it runs on both, some on `ray` too."""
    with contextlib.ExitStack() as stack:
        more = {}
        if request.param == "ray":
            more = request.getfixturevalue("cluster").settings
        app = create_app(settings_for(request.param, **{**SHARED, **more}))
        client = stack.enter_context(TestClient(app))
        wait_ready(client)
        yield client


@pytest.fixture(scope="session")
def inline() -> Iterator[TestClient]:
    """The service on the backend in this process, for what has nothing to do with backends."""
    with TestClient(
        create_app(settings_for("inline", **SHARED)), raise_server_exceptions=False
    ) as client:
        wait_ready(client)
        yield client


@pytest.fixture(scope="module")
def doors() -> Iterator[TestClient]:
    """The service with more rooms than the tests of a file open."""
    settings = settings_for("inline", max_rooms=1000, max_rooms_per_client=1000)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def room(doors: TestClient) -> Class:
    """A room of its own, which nobody has joined."""
    return Class(doors)


@pytest.fixture
def stream(client: TestClient) -> Iterator[Stream]:
    """A connection to /ws."""
    with Stream.connect(client) as stream:
        yield stream


def a_moment() -> None:
    """Rest between two looks at something: a look takes milliseconds, and would hold it up."""
    time.sleep(0.03)


def wait_ready(client: TestClient) -> None:
    """Ask until a worker is up; a server that never gets there fails the test's own timeout."""
    while client.get("/readyz").status_code != 200:
        a_moment()


def services_of(client: TestClient) -> AllServices:
    """What the server behind a client in this process works with."""
    assert isinstance(client.app, FastAPI)
    services: AllServices = client.app.state.services
    return services


def drain(client: TestClient) -> None:
    """Have the server keep what there is, as it does before its end."""
    assert client.portal is not None
    client.portal.call(services_of(client).drain)


def metric(client: TestClient, name: str, **labels: str) -> float:
    """A metric as it is now; 0 if it was never counted."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0.0


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; every test that takes it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.database()
