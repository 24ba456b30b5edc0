"""The socket that a server listens on."""

import errno
import socket


class CanNotListen(Exception):
    """There is no listening at that address; the message says why, and what to do."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(
            f"can't listen on {host}, port {port}: {error.strerror or error}. "
            "Choose another port, such as --port 9000, or PORT=9000 in the environment"
        )
        self.in_use = error.errno == errno.EADDRINUSE


def listen(host: str, port: int, patience: float) -> socket.socket:
    """The socket to serve on.

    Args:
        host: An address of this machine, or `links.ANY`; `::` takes IPv4 as well, where it can.
        port: 0 takes one that is free.
        patience: Seconds that what is sent may wait to be taken.

    Raises:
        CanNotListen: it can't be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listening = socket.create_server(
            (host, port), family=family, backlog=2048, dualstack_ipv6=both
        )
    except OSError as error:
        raise CanNotListen(host, port, error) from error
    # Accepted sockets inherit this. Without it a frame that follows a frame waits 40 ms for the
    # reader's delayed acknowledgement; asyncio sets it only on sockets it has opened itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The kernel gives up what nobody takes; otherwise it would hold its buffers for minutes.
    if (user_timeout := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        listening.setsockopt(socket.IPPROTO_TCP, user_timeout, int(1000 * patience))
    return listening
