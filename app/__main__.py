"""`python -m app`: serve Shallows, and say where."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn

    from app.settings import Settings


log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
DRAIN = "drain"
"""The command that has a node of the cluster let its sessions go."""
ENDING_SECONDS = 4.5
"""The process ends after that, whatever still hangs."""


def main(listening: socket.socket | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM, which may come at any moment, even during the imports.

    Args:
        listening: To serve on, if whoever started this has made it.
    """
    if sys.argv[1:2] == [DRAIN]:
        drain(*sys.argv[2:])
    ending = Shutdown()
    # A shell's `&` starts what ignores SIGINT. Uvicorn hears it all the same, and so does this.
    signal.signal(signal.SIGINT, ending.ask)
    signal.signal(signal.SIGTERM, ending.ask)
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none; under nohup it stays ignored
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, ending.ask)
    serve(ending, listening)


def drain(*nodes: str) -> None:
    """Have a node of the cluster let its sessions go, and end."""
    from app.settings import Settings
    from app.training.workers.cluster import draining

    if len(nodes) != 1:
        sys.exit("say which node: python -m app drain NODE (its address, or its id)")
    sys.exit(draining.drain(Settings(), *nodes, say=lambda line: print(line, flush=True)))


def begin(sockets: list[socket.socket] | None) -> None:
    """Serve on the socket that whoever watches has made."""
    assert sockets
    main(sockets[0])


class Shutdown:
    """Remembers that the server was asked to end, also before uvicorn listens for that itself."""

    def __init__(self) -> None:
        self._asked = False
        self._server: uvicorn.Server | None = None

    def ask(self, number: int, frame: object) -> None:
        """Handle a signal."""
        if self._server is not None:
            self._server.should_exit = True
        self.limit()

    def limit(self) -> None:
        """From now on there are `ENDING_SECONDS` left."""
        if not self._asked:
            self._asked = True
            last = threading.Timer(ENDING_SECONDS, _end_now)
            last.daemon = True
            try:
                last.start()
            except RuntimeError as error:
                # There is no thread left: the server has to end all the same.
                log.warning("nothing ends what may hang: %s", error)

    def tell(self, server: "uvicorn.Server") -> None:
        """Let a server know, now or when it is asked."""
        self._server = server
        if self._asked:
            server.should_exit = True


def _end_now() -> None:
    log.error("the server did not come to its end in %g s, and is ended", ENDING_SECONDS)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(1)


def serve(ending: Shutdown, listening: socket.socket | None) -> None:
    """Listen and say where, unless that is done, and serve."""
    import uvicorn

    from app import logs
    from app.content.lessons import LessonError
    from app.memory import give_back
    from app.settings import SettingsError, read_settings
    from app.store import StoreUnusable
    from app.web.connections import Config

    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"Shallows can't start: {error}")
    logs.configure(settings)
    if settings.reload and listening is None:
        # Children find a function by its module's name, and one that is run is named otherwise.
        from app import __main__ as named
        from app import reloading

        reloading.run(announced(settings), named.begin, settings.lessons_folder)
        return
    give_back()
    # The event loop waits no longer than that for a thread that computes, such as the store's.
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        from app.main import create_app  # it reads the presets

        app = create_app(settings)
    except (LessonError, SettingsError, StoreUnusable) as error:
        sys.exit(f"Shallows can't start: {error}")
    listening = listening or announced(settings)
    config = Config(
        app,
        settings,
        app.state.services.refusals,
        log_config=None,
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.heartbeat_seconds,
        ws_ping_timeout=settings.heartbeat_seconds,
        timeout_graceful_shutdown=1,
        server_header=False,
        access_log=False,
        forwarded_allow_ips=settings.trusted_proxies,
    )

    class Draining(uvicorn.Server):
        """Keeps what there is while it still answers, and only then ends."""

        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            super().handle_exit(sig, frame)
            ending.limit()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await app.state.services.drain()
            await super().shutdown(sockets)

    server = Draining(config)
    ending.tell(server)
    with listening:
        server.run(sockets=[listening])


def announced(settings: "Settings") -> socket.socket:
    """The socket to serve on, when its addresses have been said."""
    from app.links import addresses, lan_address

    listening = listen(settings.host, settings.port, settings.slow_reader_seconds)
    port = listening.getsockname()[1]
    place = f"{port}{settings.root_path}/" if settings.root_path else f"{port}"
    print("Shallows is at", flush=True)
    for address in addresses(settings.host):
        print(f"  http://{address}:{place}", flush=True)
    lan = lan_address(settings.host)
    if lan is not None and sys.stdout.isatty():
        from app.exports import qr

        print(f"A class opens http://{lan}:{place}, or points a camera at\n", flush=True)
        qr.in_terminal(f"http://{lan}:{place}")
    return listening


def listen(host: str, port: int, patience: float) -> socket.socket:
    """The socket to serve on; says what is wrong, and ends, if it can't be opened."""
    try:
        listening = socket.create_server((host, port), backlog=2048)
    except OSError as error:
        sys.exit(
            f"Shallows can't listen on {host}:{port}: {error.strerror}. "
            "Choose another port: PORT=9000 make run"
        )
    # Accepted sockets inherit this. Without it a frame that follows a frame waits 40 ms for the
    # reader's delayed acknowledgement; asyncio sets it only on sockets it has opened itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The kernel gives up what nobody takes; otherwise it would hold its buffers for minutes.
    if (user_timeout := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        listening.setsockopt(socket.IPPROTO_TCP, user_timeout, int(1000 * patience))
    return listening


if __name__ == "__main__":
    main()
