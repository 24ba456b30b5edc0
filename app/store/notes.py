"""What a store knows about itself: its own time, and how it calls the addresses of its rows.

Its time is what its servers have seen pass, by a clock that nobody sets. A wall clock that was
wrong, or is set, ages nothing; nor does a month in which no server ran: what is kept may live
longer than it was to, never shorter (docs/decisions/0017). Servers that share a database take the
time of the one that is ahead.
"""

import hashlib
from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from app.store.tables import NoteRow

CLIENT_BITS = 20
"""Of the name of an address. Of all IPv4 addresses thousands have the same."""
NOTE_SECONDS = 60.0
"""Between two notes of the time: a crash may lose so much of it."""


class Notes:
    """The time and the key of a store.

    Args:
        ticks: Seconds since whenever; they never go back.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._time, self._then = 0.0, ticks()
        self._key = b""

    def now(self) -> float:
        """Seconds of the store's time."""
        return self._time + self._ticks() - self._then

    def read(self, connection: Connection) -> None:
        """Learn what there is to know, as the server starts."""
        notes = {row.name: row.value for row in connection.execute(select(NoteRow.__table__))}
        self._key = bytes.fromhex(notes["key"])
        self._time, self._then = float(notes["time"]), self._ticks()

    def meet(self, connection: Connection, patience: float = NOTE_SECONDS) -> float:
        """The time, in agreement with the other servers; it is noted every now and then."""
        # Whoever has it locked notes it too.
        mine = select(NoteRow.value).where(NoteRow.name == "time").with_for_update(skip_locked=True)
        noted = connection.scalar(mine)
        now = self.now()
        if noted is None:
            return now
        if now < float(noted):
            self._time, self._then = float(noted), self._ticks()
            return float(noted)
        if now - float(noted) >= patience:
            write = update(NoteRow).where(NoteRow.name == "time").values(value=repr(now))
            connection.execute(write)
        return now

    def key_for(self, purpose: str) -> bytes:
        """A key that lasts as long as the store, and is that of nothing else."""
        return hashlib.blake2b(purpose.encode(), key=self._key, digest_size=32).digest()

    def client(self, address: str) -> str:
        """The name of an address: the same in each row, and the address can't be found from it."""
        name = address.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(name, key=self._key, digest_size=4).digest()
        return f"{int.from_bytes(digest) % 2**CLIENT_BITS:05x}"
