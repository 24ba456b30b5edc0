"""`python -m app`, and the command `shallows`: serve Shallows, and say where."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn

    from app.settings import Settings


log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
ENDING_SECONDS = 4.5
"""The process ends after that, whatever still hangs."""


def main(listening: socket.socket | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM, which may come at any moment, even during the imports.

    Or do what else the command line says.

    Args:
        listening: To serve on, if whoever started this has made it.
    """
    ending = Shutdown()
    # A shell's `&` starts what ignores SIGINT. Uvicorn hears it all the same, and so does this.
    signal.signal(signal.SIGINT, ending.ask)
    signal.signal(signal.SIGTERM, ending.ask)
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none; under nohup it stays ignored
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, ending.ask)
    # Children of a server that reloads are given the socket, and find what was said in the
    # environment.
    serve(ending, listening, sys.argv[1:] if listening is None else ())


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


def serve(ending: Shutdown, listening: socket.socket | None, arguments: Sequence[str] = ()) -> None:
    """Listen and say where, unless that is done, and serve; or carry out a command.

    Args:
        ending: Hears when it shall end.
        listening: To serve on, if it is there already.
        arguments: Of the command line.
    """
    from app.memory import for_good, give_back

    with for_good():
        from app import logs, options
        from app.settings import SettingsError

    try:
        command, settings = options.read(arguments)
    except SettingsError as error:
        sys.exit(f"Shallows can't start: {error}")
    logs.configure(logs.manner_of(settings))
    if command:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # it keeps nothing
        sys.exit(carry_out(settings, *command))
    with for_good():  # after that: a command needs none of it
        import uvicorn

        from app.content.lessons import LessonError
        from app.links import addresses, in_url
        from app.listening import CanNotListen
        from app.store import StoreUnusable
        from app.web.connections import Config
    if settings.reload and listening is None:
        # Children find a function by its module's name, and one that is run is named otherwise.
        from app import __main__ as named
        from app import reloading

        reloading.run(announced(settings), named.begin, settings.lessons_folder)
        return
    give_back()
    # The event loop waits no longer than that for a thread that computes, such as the store's.
    sys.setswitchinterval(SWITCH_SECONDS)
    first = listening is None
    try:
        with for_good():
            from app.main import create_app  # it reads the presets

            app = create_app(settings)
        listening = listening or announced(settings)
    except (LessonError, SettingsError, StoreUnusable, CanNotListen) as error:
        sys.exit(f"Shallows can't start: {error}")
    port = listening.getsockname()[1]
    page = f"http://{in_url(addresses(settings.host)[-1])}:{port}{settings.root_path}/"
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

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if settings.open_page and first and self.started:
                threading.Thread(target=_open, args=(page,), daemon=True).start()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await app.state.services.drain()
            await super().shutdown(sockets)

    server = Draining(config)
    ending.tell(server)
    with listening:
        server.run(sockets=[listening])


def carry_out(settings: "Settings", name: str, *about: str) -> int | str | None:
    """Do what a command of `options.COMMANDS` says; what the process ends with."""
    if name == "check":
        from app import machine

        return machine.check(settings)
    from app.training.workers.cluster import draining

    (node,) = about
    return draining.COMMANDS[name](settings, node, lambda line: print(line, flush=True))


def announced(settings: "Settings") -> socket.socket:
    """The socket to serve on, when its addresses have been said.

    Raises:
        CanNotListen: there is none to be had.
    """
    from app.links import addresses, in_url, lan_address
    from app.listening import listen

    listening = listen(settings.host, settings.port, settings.slow_reader_seconds)
    port = listening.getsockname()[1]
    place = f"{port}{settings.root_path}/" if settings.root_path else f"{port}"
    print("Shallows is at", flush=True)
    for address in addresses(settings.host):
        print(f"  http://{in_url(address)}:{place}", flush=True)
    lan = lan_address(settings.host)
    if lan is not None and sys.stdout.isatty():
        from app.exports import qr

        link = f"http://{in_url(lan)}:{place}"
        print(f"A class opens {link}, or points a camera at\n", flush=True)
        qr.in_terminal(link)
    return listening


def _open(page: str) -> None:
    """Show the page; a browser may take as long as it likes to start."""
    import webbrowser

    if not webbrowser.open(page):
        print(f"No browser could be opened here: open {page} in one", flush=True)


if __name__ == "__main__":
    main()
