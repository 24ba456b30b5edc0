"""Calls from one of several servers to another: which are taken, and whose fault it is if not.

Only a call that is not taken shows that a server is away, and none of others' meanwhile: what this
server or its client does wrong, or has not enough of, is theirs. However many calls somebody makes
at once, what an owner has is not taken from it for that.

What if it is full: a time is kept for each server that lives.
"""

import errno
import math
from collections.abc import Callable, Collection, Iterator

from app.errors import Busy

DIALS, DIAL_SECONDS = 2, 0.4
"""So often a server is called that does not answer, until what it has is taken from it."""
LATE_SECONDS = 0.1
"""A call that was given up so much later than it was to be: this server has too much to do."""
OUR_OWN = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
    *(errno.EADDRNOTAVAIL, errno.EADDRINUSE),
}
"""Why a call is not even made: there are no more files, ports or bytes to be had here."""


class Unreachable(Exception):
    """A server does not answer when it is called."""


class Calls:
    """To other servers: which of them take some, and whether one that fails is their fault.

    Args:
        ticks: Seconds that never go back.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.ticks = ticks
        self._taken: dict[str, float] = {}

    def taken(self, server: str) -> None:
        """A server has answered a call."""
        self._taken[server] = self.ticks()

    def forget(self, alive: Collection[str]) -> None:
        """Know nothing of servers that do not live any more."""
        self._taken = {server: at for server, at in self._taken.items() if server in alive}

    def failed(self, server: str, since: float, why: BaseException) -> Unreachable:
        """A call that began then was not taken, by a server that is not there then.

        Raises:
            Busy: this server could not make it, or the other one takes others.
        """
        if any(getattr(error, "errno", None) in OUR_OWN for error in _causes(why)):
            raise Busy("this server can't call others just now; try again in a moment") from None
        if self._taken.get(server, -math.inf) >= since:
            raise Busy("another server has too much to do; try again in a moment") from None
        return Unreachable()

    def check(self, since: float) -> None:
        """Of a call that began then and was given up: it was in time.

        Raises:
            Busy: it was not, since this server has too much to do.
        """
        if self.ticks() > since + DIAL_SECONDS + LATE_SECONDS:
            raise Busy("this server has too much to do; try again in a moment") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__
