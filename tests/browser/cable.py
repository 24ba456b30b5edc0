"""A network cable between browser and server that can be pulled and plugged in again."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """A port of 127.0.0.1 that leads to another one. Pulled, it drops and refuses connections.

    Like a proxy that is set up badly it writes something else for some of what the browser sends.
    """

    def __init__(self, to_port: int, rewritten: dict[str, str] | None = None) -> None:
        self._to = ("127.0.0.1", to_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._plugged = True
        self.rewritten = rewritten or {}
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def pull(self) -> None:
        """Drop every connection, and refuse new ones."""
        with self._lock:
            self._plugged = False
            sockets, self._sockets = self._sockets, set()
        for end in sockets:
            _hang_up(end)

    def plug_in(self) -> None:
        """Let new connections through."""
        with self._lock:
            self._plugged = True

    def close(self) -> None:
        """Take it away."""
        self.pull()
        _hang_up(self._listener)

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if (far := self._through(near)) is None:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                carried = (source, sink, source is near)
                threading.Thread(target=self._carry, args=carried, daemon=True).start()

    def _through(self, near: socket.socket) -> socket.socket | None:
        """The other end of a connection, if the cable is in and somebody is there.

        Under the lock: what is let through while the cable is pulled would never be dropped.
        """
        with self._lock, contextlib.suppress(OSError):
            if self._plugged:
                far = socket.create_connection(self._to)
                self._sockets |= {near, far}
                return far
        return None

    def _carry(self, source: socket.socket, sink: socket.socket, asked: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                for text, other in self.rewritten.items() if asked else ():
                    data = data.replace(text.encode(), other.encode())
                sink.sendall(data)
        for end in (source, sink):
            _hang_up(end)
        with self._lock:
            self._sockets -= {source, sink}


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
