"""SQLite or PostgreSQL: how to reach it, and its tables brought up to date."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10
CONNECTIONS = 5
"""One that writes, four that read."""


def url_of(text: str | None, folder: Path) -> URL:
    """The URL of a setting; by default (None or empty) a file of SQLite's in a folder.

    Raises:
        ValueError: It is not one of SQLite's or PostgreSQL's. Says nothing of what it holds.
    """
    if not text:
        return URL.create("sqlite", database=str(folder / "shallows.sqlite3"))
    try:
        url = make_url(text)
    except Exception:
        raise ValueError("it is not a URL") from None
    kind = url.drivername.partition("+")[0]
    if kind in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    raise ValueError("it must begin with sqlite:/// and name a file, or with postgresql://")


def engine_of(url: URL) -> Engine:
    """An engine whose transactions hold what they say. Connects when it is first used.

    An error of it, which may be logged, says nothing of the values: the names of sessions are
    among them, and whoever knows one may take that session up.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            pool_size=CONNECTIONS,
            connect_args={"timeout": BUSY_SECONDS},
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # A connection that a restart of the database has cut is noticed, and replaced.
    return create_engine(
        url,
        pool_size=CONNECTIONS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": BUSY_SECONDS},
        hide_parameters=True,
    )


def _prepare_sqlite(connection: Any, record: object) -> None:
    # Python's own transactions begin late and let DDL slip out; `_begin_sqlite` begins ours.
    connection.isolation_level = None
    _write_ahead(connection)
    # Each commit is on the disk before it is acknowledged, not only with the next checkpoint.
    connection.execute("PRAGMA synchronous = FULL")


def _write_ahead(connection: Any) -> None:
    """Switch to WAL. Of servers that begin a new file together, SQLite lets none wait for it."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # Whoever will write waits for its turn at once, where waiting works, and not in the middle.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(engine: Engine) -> None:
    """Bring the tables up to date; what is there stays. Servers that start together take turns."""
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(72457)")
        command.upgrade(config_for(connection), "head")


def config_for(connection: Connection) -> Config:
    """Alembic's configuration, on a connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
