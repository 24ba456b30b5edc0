"""A ticket is good for one request, at one server, for seconds, and once; a token for its page."""

import dataclasses
from typing import cast

import pytest
from starlette.types import Scope

from app.errors import Busy, Elsewhere
from app.sessions.servers import Servers
from app.web import relay
from app.web.relay import TICKET_SECONDS, Tickets


@dataclasses.dataclass
class At:
    """A server, as far as tickets know one."""

    id: str
    database_now: float = 1000.0


def of(server: At, key: bytes = b"key") -> Tickets:
    return Tickets(key, cast(Servers, server))


def read(tickets: Tickets, ticket: bytes, scope: Scope) -> tuple[str, str] | None:
    """For whom it asks, if it is good there."""
    try:
        return tickets.read(ticket, scope)
    except Elsewhere:
        return None


def scope_of(**others: object) -> Scope:
    asked = {"scheme": "https", "method": "GET", "path": "/train/a", "query_string": b"run=1"}
    return {"type": "http", "client": ("10.0.0.7", 1), **asked, **others}


def test_a_ticket_says_for_whom_and_is_good_once() -> None:
    two = of(At("two"))
    ticket = of(At("one")).make(scope_of(), "two")
    assert read(two, ticket, scope_of()) == ("10.0.0.7", "https")
    assert read(two, ticket, scope_of()) is None


@pytest.mark.parametrize(
    "other",
    [
        {"method": "DELETE"},
        {"path": "/train/b"},
        {"path": "/train/a", "raw_path": b"/train/%61"},
        {"query_string": b"run=2"},
        {"query_string": b""},
    ],
)
def test_a_ticket_is_for_one_request(other: dict[str, object]) -> None:
    ticket = of(At("one")).make(scope_of(), "two")
    assert read(of(At("two")), ticket, scope_of(**other)) is None


def test_a_ticket_is_for_one_server_of_one_database_and_for_seconds() -> None:
    ticket = of(At("one")).make(scope_of(), "two")
    assert read(of(At("three")), ticket, scope_of()) is None
    assert read(of(At("two"), b"another key"), ticket, scope_of()) is None
    for later in (TICKET_SECONDS + 1, -TICKET_SECONDS - 1):
        assert read(of(At("two", 1000.0 + later)), ticket, scope_of()) is None
    assert read(of(At("two", 1000.0 + TICKET_SECONDS - 1)), ticket, scope_of()) is not None


@pytest.mark.parametrize("forged", [b"", b".", b"W10=.00", b"\xff.\xff", b"====.", b"a.b.c"])
def test_what_is_no_ticket_is_none(forged: bytes) -> None:
    assert read(of(At("two")), forged, scope_of()) is None


def test_a_ticket_that_was_changed_is_none() -> None:
    words, _, proof = of(At("one")).make(scope_of(), "two").partition(b".")
    mine, _, other_proof = (
        of(At("one")).make(scope_of(client=("10.9.9.9", 1)), "two").partition(b".")
    )
    assert read(of(At("two")), words + b"." + other_proof, scope_of()) is None
    assert read(of(At("two")), mine + b"." + proof, scope_of()) is None


def test_so_many_that_none_is_known_to_be_new_are_refused_until_they_are_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "MOST_TICKETS", 2)
    one, there = At("one"), At("two")
    two = of(there)
    for _ in range(2):
        assert read(two, of(one).make(scope_of(), "two"), scope_of()) is not None
    with pytest.raises(Busy):
        read(two, of(one).make(scope_of(), "two"), scope_of())
    one.database_now = there.database_now = 1000.0 + 2 * TICKET_SECONDS + 1
    assert read(two, of(one).make(scope_of(), "two"), scope_of()) is not None


def test_a_token_says_at_which_server_its_page_is() -> None:
    token = of(At("one")).token()
    assert of(At("two")).server_of(token) == "one"
    assert of(At("two"), b"another key").server_of(token) is None
    for forged in ("", "~", "two" + token[3:], token[:-1], token + "0", "Größe~é~ü"):
        assert of(At("two")).server_of(forged) is None
