"""A network that is opened on a page of a class: its frames as its student has them, to look at.

What if it is full: a page takes one frame at a time, and the host sends no third before the first
is acknowledged, so it is what the page can take, and ten a second at most. Messages that wait for a
page are few: the last of each kind counts, and a new beginning ends all before it.
"""

import itertools
import json
import zlib
from collections import deque
from dataclasses import dataclass, field

import msgpack

from app.schemas import View
from app.sessions.interactive import InteractiveSessions
from app.sessions.outbox import Outbox
from app.training.messages import Event, Frame, Text

VIEW = View(resolution=100, encoding="differences", lines=True)
TOLD = ("state", "diverged", "ended")

_numbers = itertools.count()


@dataclass(eq=False)
class Opened:
    """One of them, on one page: a reader of the session, beside its student."""

    member: int
    session: str
    reader: str = field(default_factory=lambda: f"wall-{next(_numbers)}")
    waiting: deque[Text | Frame] = field(default_factory=deque)
    had: int | None = None
    """The frame that the page was sent last; None once the host knows."""

    def look(self, sessions: InteractiveSessions) -> None:
        """Begin to look at the session, as soon as it is here."""
        if not sessions.watched(self.session, self.reader):
            self.waiting.clear()
            self.had = None
            sessions.watch(self.session, self.reader, VIEW, self.hear)

    def hear(self, event: Event) -> None:
        """What the session says, until the page can take it."""
        match event:
            case Text(type="configured"):
                self.waiting.clear()
            case Text() if event.type in TOLD:
                kept = (e for e in self.waiting if isinstance(e, Frame) or e.type != event.type)
                self.waiting = deque(kept)
            case Frame():
                pass
            case _:
                return
        self.waiting.append(event)

    def pass_on(self, sessions: InteractiveSessions, outbox: Outbox) -> int:
        """Send what waits, up to a frame; the one before it was taken. How many bytes these are."""
        if self.had is not None:
            sessions.acknowledge(self.session, self.reader, self.had)
            self.had = None
        size = 0
        while self.waiting and self.had is None:
            event = self.waiting.popleft()
            if isinstance(event, Frame):
                self.had = event.number
            message = self._written(event)
            outbox.put(message)
            size += len(message)
        return size

    def _written(self, event: Text | Frame) -> str | bytes:
        """As the page is sent it: the student's own message, with whose it is."""
        if isinstance(event, Text):
            head = json.dumps({"type": "watched", "member": self.member})
            return f'{head[:-1]}, "message": {event.json}}}'
        packed = msgpack.packb({"watched": self.member, "frame": event.data})
        return zlib.compress(packed, 0)  # the frame is deflated already
