"""A ticket is good for one request, at one server, for seconds, and once; a token for its page."""

import base64
import dataclasses
from typing import cast

import pytest
from starlette.types import Scope

from app.errors import Busy, Elsewhere
from app.sessions.servers import Servers
from app.web import tickets
from app.web.tickets import TICKET_SECONDS, Tickets


@dataclasses.dataclass
class At:
    """A server, as far as tickets know one."""

    id: str
    database_now: float = 1000.0


def of(server: At, key: bytes = b"key") -> Tickets:
    return Tickets(key, cast(Servers, server))


def scope_of(**others: object) -> Scope:
    asked = {"scheme": "https", "method": "GET", "path": "/train/a", "query_string": b"run=1"}
    return {"type": "http", "client": ("10.0.0.7", 1), **asked, **others}


def for_two() -> bytes:
    return of(At("one")).make(scope_of(), "two")


def test_a_ticket_says_for_whom_and_is_good_once() -> None:
    two, ticket = of(At("two")), for_two()
    assert two.read(ticket, scope_of()) == ("10.0.0.7", "https")
    with pytest.raises(Elsewhere):
        two.read(ticket, scope_of())


def test_a_ticket_is_for_one_server_and_for_seconds() -> None:
    for there in (
        At("three"),
        At("two", 1000.0 + TICKET_SECONDS + 1),
        At("two", 1000.0 - TICKET_SECONDS - 1),
    ):
        with pytest.raises(Elsewhere):
            of(there).read(for_two(), scope_of())
    assert of(At("two", 1000.0 + TICKET_SECONDS - 1)).read(for_two(), scope_of()) is not None


def test_a_ticket_of_another_version_is_for_another_server() -> None:
    two, said = of(At("two")), b'["another version\'s"]'
    signed = base64.urlsafe_b64encode(said) + b"." + two._proof(said, scope_of())
    with pytest.raises(Elsewhere):
        two.read(signed, scope_of())


# -- what nobody has signed is none -------------------------------------------------------------


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
    assert of(At("two")).read(for_two(), scope_of(**other)) is None


def test_a_ticket_is_of_one_database() -> None:
    assert of(At("two"), b"another key").read(for_two(), scope_of()) is None


@pytest.mark.parametrize(
    "forged", [b"", b".", b"W10=.00", b"\xff.\xff", b"====.", b"a.b.c", b"x" * 9_000]
)
def test_what_is_no_ticket_is_none(forged: bytes) -> None:
    assert of(At("two")).read(forged, scope_of()) is None


def test_a_ticket_that_was_changed_is_none() -> None:
    words, _, proof = for_two().partition(b".")
    others = of(At("one")).make(scope_of(client=("10.9.9.9", 1)), "two")
    other_words, _, other_proof = others.partition(b".")
    assert of(At("two")).read(words + b"." + other_proof, scope_of()) is None
    assert of(At("two")).read(other_words + b"." + proof, scope_of()) is None


# -- how many there may be ----------------------------------------------------------------------


def test_so_many_that_none_is_known_to_be_new_are_refused_until_they_are_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tickets, "MOST_TICKETS", 2)
    there = At("two")
    two = of(there)
    for _ in range(2):
        assert two.read(for_two(), scope_of()) is not None
    with pytest.raises(Busy):
        two.read(for_two(), scope_of())
    there.database_now += 2 * TICKET_SECONDS + 1
    assert two.read(two.make(scope_of(), "two"), scope_of()) is not None


def test_a_clock_that_is_set_back_fills_no_table() -> None:
    there = At("two")
    two = of(there)
    for _ in range(3):
        there.database_now -= 60.0
        assert two.read(two.make(scope_of(), "two"), scope_of()) is not None
    assert len(two._had) == 1


# -- pages --------------------------------------------------------------------------------------


def test_a_token_says_at_which_server_its_page_is() -> None:
    token = of(At("one")).token()
    assert of(At("two")).server_of(token) == "one"
    assert of(At("two"), b"another key").server_of(token) is None
    for forged in ("", "~", "two" + token[3:], token[:-1], token + "0", "Größe~é~ü"):
        assert of(At("two")).server_of(forged) is None
