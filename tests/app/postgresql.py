"""A PostgreSQL server of the tests' own, on a socket in a temporary folder."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg


def programs() -> Path:
    """The folder of `initdb` and `postgres`: as set, in PATH, or where Debian has its newest."""
    if named := os.environ.get("SHALLOWS_POSTGRESQL"):
        return Path(named)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    assert debian, "no PostgreSQL: scripts/install_test_tools.sh postgresql"
    return debian[-1]


LOCALE = ("--encoding=UTF8", "--locale=C")


class PostgreSQL:
    """A running server."""

    def __init__(self, folder: Path, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self._folder, self._start = folder, start
        self._process = start()
        self._numbers = itertools.count()

    def wait_ready(self) -> None:
        """Until it answers."""
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, "postgres ended"
            else:
                return

    def end(self) -> None:
        """At once: nothing is put in order, and what was not committed is lost."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def restart(self) -> None:
        """End at once and start again."""
        self.end()
        self._process = self._start()
        self.wait_ready()

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://shallows@/{name}?host={self._folder}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"shallows{next(self._numbers)}"
        self.run("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """All of it stands still: connections are taken by the system, and nobody answers."""
        first = psutil.Process(self._process.pid)
        first.suspend()  # so that it starts no more
        all_of_it = [first, *first.children(recursive=True)]
        try:
            for process in all_of_it[1:]:
                # Who served a connection that was closed just now may be about to end.
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in all_of_it:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def run(self, name: str, statement: str) -> None:
        """Run a statement in a database, with all rights."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """A server for as long as the block runs. It refuses root, who lends it another user."""
    # The path of a socket may have 100 letters or so.
    folder = Path(tempfile.mkdtemp(prefix="shallows-postgresql-", dir="/tmp"))
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    as_user: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    )
    data, bin = folder / "data", programs()
    try:
        subprocess.run(
            [bin / "initdb", "-D", data, "-U", "shallows", "-A", "trust", "--no-sync", *LOCALE],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            **as_user,
        )
        # What survives when the machine itself goes down is PostgreSQL's to test.
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"]

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [bin / "postgres", "-D", data, "-k", folder, *options],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **as_user,
            )

        server = PostgreSQL(folder, start)
        try:
            server.wait_ready()
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder)
