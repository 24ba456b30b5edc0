"""What the page's tests stand on: ports, a cable, and when a server has said all that it will."""

import socket
import sys
from contextlib import closing
from typing import Any

import pytest

from tests.browser.cable import Cable
from tests.browser.harness import free_port
from tests.browser.playground import Talk


def test_a_free_port_is_given_to_nobody_else_while_nobody_listens_there_yet() -> None:
    port = free_port()
    for _ in range(2):  # a server is started again on its port
        if sys.platform == "linux":
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_cable_to_nobody_drops_what_comes_and_lets_it_through_later() -> None:
    port = free_port()
    cable = Cable(port)

    def hears() -> bytes:
        with socket.create_connection(("127.0.0.1", cable.port)) as connection:
            return connection.recv(5)

    assert hears() == b""
    with socket.create_server(("127.0.0.1", port)) as server:
        for plugged in (True, False, True):
            (cable.plug_in if plugged else cable.pull)()
            with socket.create_connection(("127.0.0.1", cable.port)) as connection:
                if plugged:
                    with closing(server.accept()[0]) as other:
                        other.sendall(b"there")
                        assert connection.recv(5) == b"there"
                else:
                    assert connection.recv(5) == b""
    cable.close()


RUNNING: dict[str, Any] = {"type": "state", "iteration": 3, "runs": [{"ended": None}]}
OVER: dict[str, Any] = {"type": "state", "iteration": 9, "runs": [{"ended": "iterations"}]}


@pytest.mark.parametrize(
    ("sent", "received", "answered"),
    [
        (["view", "configure"], [], True),
        (["pause"], [], False),
        (["pause"], [RUNNING], True),
        (["set", "step"], [RUNNING, RUNNING], False),  # the step has begun
        (["set", "step"], [RUNNING, RUNNING, RUNNING], True),
        (["step"], [OVER], True),
        (["play"], [{"type": "error"}], True),
    ],
)
def test_all_that_was_asked_has_its_answer_and_a_step_its_end(
    sent: list[str], received: list[dict[str, Any]], answered: bool
) -> None:
    talk = Talk()
    talk.sent = [{"type": kind} for kind in sent]
    talk.received = received
    assert talk.is_answered == answered
