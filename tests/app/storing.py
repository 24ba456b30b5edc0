"""A store for tests, and what to put into it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from app.main import create_app
from app.schemas import Plan
from app.settings import Settings
from app.store import Store, StoredRun
from app.store.database import engine_of, url_of
from app.store.rows import StoredAs
from app.store.sessions import SessionUpdate
from app.store.tables import RunRow
from app.training.messages import Progress
from app.training.session import Session
from tests.app.conftest import settings_for


def settings(url: str, **changes: object) -> Settings:
    return settings_for("inline", database_url=url, **changes)


@contextmanager
def service(url: str, **changes: object) -> Iterator[TestClient]:
    """The service on a store; leaving the block is a restart."""
    with TestClient(create_app(settings(url, **changes))) as client:
        yield client


@contextmanager
def opened(
    url: str, clock: Callable[[], float] = time.monotonic, **changes: object
) -> Iterator[Store]:
    store = Store.open(settings(url, **changes), clock)
    try:
        yield store
    finally:
        asyncio.run(store.close())


@contextmanager
def database(url: str) -> Iterator[Engine]:
    engine = engine_of(url_of(url, Path()))
    try:
        yield engine
    finally:
        engine.dispose()


def run(url: str, statement: str) -> None:
    """Do something to the database behind the store's back."""
    with database(url) as engine, engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(statement)


def session_of(plan: dict[str, Any], iterations: int) -> Session:
    session = Session(Plan.model_validate(plan))
    session.advance(iterations)
    return session


def part(name: str, iterations: int, **changes: Any) -> SessionUpdate:
    """What a session of that name is written as first."""
    checkpoint = session_of({}, iterations).checkpoint()
    costs = [run.tobytes() for run in checkpoint.costs]
    given = {"after": None, "costs": costs, "costs_size": len(costs[0]), "settled": False}
    return SessionUpdate(name, "me", checkpoint, **{**given, **changes})


def stored(session: Session, kind: StoredAs = "save", page: str | None = None) -> StoredRun:
    progress = Progress("session", "saved", session.iteration, cost=0.25)
    return StoredRun(kind, progress, 5000, session.checkpoint(), page)


def rows(url: str) -> list[str]:
    with database(url) as engine, engine.connect() as connection:
        return list(connection.scalars(select(RunRow.id)))


async def names_there(store: Store, names: list[str]) -> list[bool]:
    return [await store.get(name) is not None for name in names]
