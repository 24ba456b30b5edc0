"""SQLite or PostgreSQL: how to reach it, how long to wait for it, and its tables up to date.

A database gets a time limit for everything. If it does not keep to that, `threads` leaves the call
behind and cuts its connection, which is thrown away then.
"""

import functools
import hashlib
import logging
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, DisconnectionError

from app.errors import Occupied
from app.store import threads

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECTIONS = 5
"""One that writes, four that read."""
WAIT_SECONDS = 2.0
"""For a lock, or a statement, or a connection: less than anybody waits for the store."""
STARTING_SECONDS = 4.0
"""The same when the server starts, maybe together with others."""
LINE = "shallows line"
LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL calls it (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
TURN_SECONDS = 0.8
"""For a turn at what one transaction does at a time: milliseconds, unless a server froze in it.
Less than what makes a database one that does not answer (`threads.LONG`)."""


class Newer(Exception):
    """The database was made by a newer version."""


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


def engine_of(url: URL, seconds: float = WAIT_SECONDS) -> Engine:
    """An engine whose transactions hold what they say. Connects when it is first used.

    An error of it, which may be logged, says nothing of the values: the names of sessions are
    among them, and whoever knows one may take that session up.

    Args:
        seconds: How long the database may wait for a lock, a statement or a connection.
    """
    kept = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": seconds}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": seconds}, hide_parameters=True, **kept)
        event.listen(engine, "connect", functools.partial(_prepare_sqlite, seconds))
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkout", _lend_sqlite)
    else:
        waits = {
            "connect_timeout": int(seconds),
            # So it is noticed when a machine disappears.
            "tcp_user_timeout": int(1000 * seconds),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # Else a database without an encoding, as initdb makes it without a locale, gives bytes.
            "client_encoding": "utf8",
        }
        engine = create_engine(url, connect_args=waits, hide_parameters=True, **kept)
        event.listen(engine, "connect", functools.partial(_prepare_postgresql, seconds))
        event.listen(engine, "checkout", _lend_postgresql(engine))
        event.listen(engine, "close", _forget_line)
    event.listen(engine, "checkin", lambda *_: threads.cut_with(None))
    return engine


# -- SQLite ---------------------------------------------------------------------------------


def _prepare_sqlite(seconds: float, connection: Any, record: object) -> None:
    # Python's own transactions begin late and let DDL slip out; `_begin_sqlite` begins ours.
    connection.isolation_level = None
    _write_ahead(connection, seconds)
    # Each commit is on the disk before it is acknowledged, not only with the next checkpoint.
    connection.execute("PRAGMA synchronous = FULL")


def _write_ahead(connection: Any, seconds: float) -> None:
    """Switch to WAL. Of servers that begin a new file together, SQLite lets none wait for it."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if time.monotonic() > until or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # Whoever will write waits for its turn at once, where waiting works, and not in the middle.
    options = connection.get_execution_options()
    if not options.get("bare", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")


def _lend_sqlite(connection: Any, record: object, proxy: object) -> None:
    threads.cut_with(connection.interrupt)


# -- PostgreSQL -----------------------------------------------------------------------------


def _prepare_postgresql(seconds: float, connection: Any, record: Any) -> None:
    # Of our own, so that it is never one that somebody else has got meanwhile.
    record.info[LINE] = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    # A server that stopped in the middle of a transaction lets others have its locks.
    settings = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    try:
        connection.execute("; ".join(f"SET {name} = {int(1000 * seconds)}" for name in settings))
        connection.commit()
    except BaseException:  # the pool would leave it open
        _forget_line(connection, record)
        connection.close()
        raise


def _forget_line(connection: object, record: Any) -> None:
    if (line := record.info.pop(LINE, None)) is not None:
        line.close()


def _lend_postgresql(engine: Engine) -> Callable[[Any, Any, object], None]:
    def lend(connection: Any, record: Any, proxy: object) -> None:
        """Look whether the connection still works; one that a restart has cut is replaced."""
        line = record.info[LINE]
        threads.cut_with(lambda: line.shutdown(socket.SHUT_RDWR))
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            threads.check()
            raise DisconnectionError from error

    return lend


def take_turn(connection: Connection, what: str) -> None:
    """Be the only transaction that does something, until this one ends, on all servers together.

    What is counted after that has all that was written by those before. Of SQLite a transaction
    that writes is alone anyway. The locks of two things may be one by chance: then they wait for
    each other, and that is all. A transaction takes one turn, so that no two wait for each other.

    Raises:
        Occupied: the turn did not come in time. So the database has answered.
    """
    if connection.dialect.name != "postgresql":
        return
    key = int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest(), signed=True)
    try:
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {int(1000 * TURN_SECONDS)}; "
            f"SELECT pg_advisory_xact_lock({key}); "
            f"SET LOCAL lock_timeout = {int(1000 * WAIT_SECONDS)}"
        )
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        log.warning("a turn at the database did not come within %g s", TURN_SECONDS)
        raise Occupied(
            "another server is busy with something of the same kind; try again in a moment"
        ) from None


# -- the tables -----------------------------------------------------------------------------


def migrate(engine: Engine, begins: Callable[[], None] = lambda: None) -> None:
    """Bring the tables up to date; what is there stays. Servers that start together take turns.

    Args:
        begins: Called before steps are taken: from then on it may take a while.

    Raises:
        Newer: A newer version has brought them further.
    """
    if is_current(engine):
        return
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(72457)")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        if _steps(connection):
            begins()
            command.upgrade(config_for(connection), "head")


def is_current(engine: Engine) -> bool:
    """Whether the tables are up to date.

    Raises:
        Newer: A newer version has brought them further.
    """
    with engine.connect() as connection:
        return not _steps(connection)


def _steps(connection: Connection) -> bool:
    """Whether there are steps to take.

    Raises:
        Newer: There are some that are not known here.
    """
    known = ScriptDirectory.from_config(config_for(connection))
    there = MigrationContext.configure(connection).get_current_heads()
    steps = {step.revision for step in known.walk_revisions()}
    if unknown := sorted(set(there) - steps):
        raise Newer(
            f"a newer version made it: step {unknown[0]:.32} of its tables is not known here; run "
            "that version, or go back to a backup"
        )
    return set(there) != set(known.get_heads())


def config_for(connection: Connection) -> Config:
    """Alembic's configuration, on a connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
