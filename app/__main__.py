"""`python -m app`: serve Shallows, and say where."""

import contextlib
import socket
import sys

from app.settings import Settings


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    # Ctrl-C may come at any moment, the imports included, and is no error.
    with contextlib.suppress(KeyboardInterrupt):
        serve()


def serve() -> None:
    """Listen, say where, and serve."""
    import uvicorn

    from app.main import create_app

    settings = Settings()
    listening = listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=10.0,
        ws_ping_timeout=10.0,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    with listening:
        print("Shallows is at", flush=True)
        for address in addresses(settings.host):
            print(f"  http://{address}:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on; says what is wrong, and ends, if there is none to be had."""
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
    return listening


def addresses(host: str) -> list[str]:
    """The addresses at which a server bound to `host` can be reached, nearest first."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    lan = _lan_address()
    return ["localhost", *([lan] if lan else [])]


def _lan_address() -> str | None:
    """This machine's address in its network. No packet is sent: a UDP socket only picks a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if address.startswith("127.") else address


if __name__ == "__main__":
    main()
