"""Which server has a session, a REST run or a room: this one has all there are.

So it is on one machine. `servers.py` is the same for several servers on one database.
"""

from collections.abc import Awaitable, Callable, Collection

from app.store.owned import Kind
from app.supervision import Background

MOVED = 1012
"""Closes a connection whose session goes on at another server: it may come again at once."""


class Beyond(Exception):
    """An address has as much of a kind as it may.

    Attributes:
        have: How much it has on all servers; of runs: on the others.
    """

    def __init__(self, have: int) -> None:
        super().__init__()
        self.have = have


class Alone:
    """One server. Nothing is asked of the database, and nothing is noted there.

    Attributes:
        several: Whether there may be other servers.
        when_lost: By kind, what is told that something was taken from this server.
        when_fenced: What is told that this server has to be silent: it does not know what it has.
        inherit: By kind, what takes up something that a server had which is lost.
        is_here: By kind, whether something is here, if more belongs to that than to have it.
        backgrounds: Tasks that run as long as the server does.
    """

    several = False

    def __init__(self) -> None:
        self.when_lost: dict[Kind, Callable[[str], None]] = {}
        self.when_fenced: list[Callable[[], None]] = []
        self.inherit: dict[Kind, Callable[[str], Awaitable[None]]] = {}
        self.is_here: dict[Kind, Callable[[str], bool]] = {}
        self.backgrounds: list[Background] = []

    @property
    def note(self) -> str | None:
        """What an operator is told although all can train."""
        return None

    @property
    def fenced(self) -> bool:
        """Whether this server has to be silent: it does not know what it has."""
        return False

    async def start(self) -> None:
        """Be there."""

    def depart(self) -> None:
        """The server is about to end: who comes now is to go to another one."""

    async def leave(self) -> None:
        """The server ends in order: others may take what is in the store at once."""

    def close(self) -> None:
        """Let go of everything."""

    def holds(self, kind: Kind, name: str) -> bool:
        """Whether something is this server's, and that is noted in the database."""
        return True

    def begin(self, kind: Kind, name: str, client: str, iterations: int = 0) -> None:
        """Something begins here; it is noted within a moment.

        Raises:
            Elsewhere: this server may not begin anything now.
        """

    async def open(
        self, kind: Kind, name: str, client: str, most: Callable[[], int], iterations: int = 0
    ) -> None:
        """Something begins here, if its address has room for it; it is noted when this returns.

        Whoever calls this has it in memory before anything else is waited for, or releases it.

        Args:
            most: How many of the kind the address may have already on all servers; of runs: on the
                others. Asked when it is this one's turn: of an address one is opened at a time.

        Raises:
            Beyond: it has more.
            Elsewhere: this server may not begin anything now.
            NotStored: the database does not answer now.
        """
        if most() < 0:
            raise Beyond(0)

    async def reopen(
        self,
        kind: Kind,
        name: str,
        client: str,
        most: Callable[[], int],
        otherwise: Callable[[], str | None],
    ) -> None:
        """What is here, and has counted for nobody, is to count for an address again.

        Args:
            otherwise: For whom it counts if that fails; see `count`.

        Raises:
            Beyond, Elsewhere, NotStored: as `open`.
        """

    async def noted(self) -> None:
        """Note now what has begun, and what is over.

        Raises:
            NotStored: the database does not answer now.
        """

    async def take(
        self,
        kind: Kind,
        name: str,
        client: str | None,
        *,
        from_any: bool = False,
        most: Callable[[], int] | None = None,
    ) -> None:
        """Make something this server's that no server has, or one that is lost.

        Args:
            from_any: Also from one that lives.
            most: How many of the kind the address may have already, as `open` counts them; None: it
                counts for none.

        Raises:
            Beyond: it has more.
            Elsewhere: another server has it.
            NotStored: the database does not answer now.
        """

    def release(self, kind: Kind, name: str) -> None:
        """It is nobody's from now on: all there is of it is in the store, or it is over."""

    def count(self, kind: Kind, name: str, client: str | None) -> None:
        """For whom something counts elsewhere; for nobody while it would give way to others."""

    def room_elsewhere(self, id: str) -> bool:
        """Whether another server has a room of that id."""
        return False

    def codes_elsewhere(self) -> Collection[str]:
        """The codes of rooms that other servers have."""
        return ()
