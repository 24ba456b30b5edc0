"""Who owns what: at every moment one server at most may write something, or say something of it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import Connection

from app.errors import Elsewhere, GoingAway, NotStored, TooManySessions
from app.sessions import spending
from app.sessions.outbox import TRY_AGAIN_LATER, Outbox
from app.sessions.owning import Beyond
from app.sessions.servers import BEAT_SECONDS, NOTED_AT_A_TIME, Lease, Memory, Servers
from app.sessions.spending import Spending
from app.store import Store
from app.store.database import LINE, TURN_SECONDS, engine_of, migrate, take_turn, url_of
from app.store.owned import (
    ALIVE_SECONDS,
    CALM_SECONDS,
    FORGET_SECONDS,
    Held,
    Kind,
    New,
    Other,
    Owner,
    Ownership,
    Taken,
    Thing,
    spend,
)
from app.store.sessions import StoredSessions
from app.store.tables import Base
from tests.app.conftest import a_moment, services_of
from tests.app.postgresql import PostgreSQL
from tests.app.storing import database, opened, part, run, service, settings
from tests.app.stream import Stream

NAMES = st.sampled_from(["one", "two"])
SERVERS = st.integers(0, 2)


class Time:
    """That of the database, and of servers; they differ by whatever, and run alike."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def database(self, connection: Connection) -> float:
        return self.now

    def ticks(self) -> float:
        return self.now - 77.0


class Fake:
    """A server: what it believes, and what it asks of the database."""

    def __init__(self, number: int, time: Time) -> None:
        self.sql = Ownership(f"server{number}", f"http://{number}", time.database)
        self.ticks = time.ticks
        self.lease, self.memory = Lease(time.ticks), Memory()
        self.quiet_until: dict[Thing, float] = {}

    def beat(self, connection: Connection) -> None:
        before, sent = dict(self.memory.epochs), self.ticks()
        self.memory.compare(self.sql.beat(connection), before)
        self.lease.renew(sent)

    def take(self, connection: Connection, name: str, forced: list[str] | None) -> None:
        taken = self.sql.take(connection, "session", name, "c", forced)
        if isinstance(taken, Taken):
            self.memory.epochs["session", name] = taken.epoch
            self.quiet_until["session", name] = self.ticks() + taken.wait

    def may_write(self, connection: Connection, name: str) -> bool:
        epoch = self.memory.epochs.get(("session", name))
        if epoch is None:
            return False
        return not Held(self.sql.server, "session", {name: epoch}).lost(connection)

    def speaks(self, name: str) -> bool:
        thing: Thing = "session", name
        had = thing in self.memory.epochs and self.quiet_until.get(thing, 0.0) <= self.ticks()
        return had and self.lease.holds


class Owning(RuleBasedStateMachine):
    """Three servers that beat, freeze, take, write and let go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://")
        Base.metadata.create_all(self.engine)
        self.time = Time()
        self.servers = [Fake(number, self.time) for number in range(3)]
        self.frozen: set[int] = set()
        self.next_beat = [0.0] * 3

    def teardown(self) -> None:
        self.engine.dispose()

    @rule(server=SERVERS)
    def freezes(self, server: int) -> None:
        self.frozen.add(server)

    @rule(server=SERVERS)
    def thaws(self, server: int) -> None:
        self.frozen.discard(server)

    @rule(seconds=st.floats(0.05, 4.0))
    def time_passes(self, seconds: float) -> None:
        """Those that are not frozen beat in time, or later than that once they thaw."""
        end = self.time.now + seconds
        while self.time.now < end:
            self.time.now = min(end, self.time.now + 0.1)
            for number, server in enumerate(self.servers):
                if number not in self.frozen and self.next_beat[number] <= self.time.now:
                    self.next_beat[number] = self.time.now + BEAT_SECONDS - 0.1
                    with self.engine.begin() as connection:
                        server.beat(connection)

    @rule(server=SERVERS, name=NAMES, how=st.sampled_from(["asks", "by force", "from any"]))
    def takes(self, server: int, name: str, how: str) -> None:
        fake = self.servers[server]
        if server in self.frozen or not fake.lease.holds:
            return
        forced = {"asks": [], "by force": [s.sql.server for s in self.servers], "from any": None}
        with self.engine.begin() as connection:
            fake.take(connection, name, forced[how])

    @rule(server=SERVERS, name=NAMES)
    def lets_go(self, server: int, name: str) -> None:
        fake = self.servers[server]
        if server in self.frozen or not fake.lease.holds:
            return
        if (epoch := fake.memory.epochs.pop(("session", name), None)) is not None:
            with self.engine.begin() as connection:
                fake.sql.release(connection, {("session", name): epoch})

    @rule(server=SERVERS)
    def ends_in_order(self, server: int) -> None:
        """And begins anew, knowing nothing."""
        fake = self.servers[server]
        if server in self.frozen or not fake.lease.holds:
            return
        with self.engine.begin() as connection:
            fake.sql.leave(connection)
        fake.memory, fake.lease = Memory(), Lease(self.time.ticks)
        self.next_beat[server] = self.time.now

    @invariant()
    def one_at_most_may_write(self) -> None:
        """Frozen ones, too: a thawed one may write before it has noticed anything."""
        for name in ("one", "two"):
            with self.engine.begin() as connection:
                assert sum(fake.may_write(connection, name) for fake in self.servers) <= 1

    @invariant()
    def one_at_most_says_something(self) -> None:
        for name in ("one", "two"):
            assert sum(fake.speaks(name) for fake in self.servers) <= 1


def test_never_two_who_write_or_speak() -> None:
    quick = hypothesis_settings(max_examples=15, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Owning, settings=quick)


# -- cases ----------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def time() -> Time:
    return Time()


def both(engine: Engine, time: Time) -> tuple[Ownership, Ownership]:
    """Two servers that live."""
    one, two = (Ownership(name, f"http://{name}", time.database) for name in ("one", "two"))
    with engine.begin() as connection:
        one.beat(connection)
        two.beat(connection)
    return one, two


def test_it_is_taken_from_a_dead_server_and_not_from_one_that_lives(
    engine: Engine, time: Time
) -> None:
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("job", "j"): New("client", 500)})
        assert two.take(connection, "job", "j", None) == Owner("one", "http://one", 1, True)
        time.now += ALIVE_SECONDS + 0.1
        assert two.take(connection, "job", "j", None) == Taken(2, "client", 0.0, 500)
        assert Held("one", "job", {"j": 1}).lost(connection) == {"j"}
        assert Held("two", "job", {"j": 2}).lost(connection) == frozenset()


def test_what_was_taken_from_a_dead_server_is_taken_twice_without_a_wait(
    engine: Engine, time: Time
) -> None:
    """A page whose connection was cut while it was taken up comes again at once."""
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c")})
        time.now += ALIVE_SECONDS + 0.1
        two.beat(connection)
        assert two.take(connection, "session", "s", "c", None) == Taken(2, "c")
        assert two.take(connection, "session", "s", "c", None) == Taken(3, "c")
        # The dead server is back, and learns of that although no row names it.
        assert one.beat(connection).mine == {}


@pytest.mark.parametrize("end", ["dies", "lets go", "ends in order"])
def test_who_was_robbed_is_waited_for_whatever_the_robber_does(
    engine: Engine, time: Time, end: str
) -> None:
    """The one who lives hears of it with its next beat, also if a third server has it by then."""
    one, two = both(engine, time)
    three = Ownership("three", "http://three", time.database)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c")})
        time.now += ALIVE_SECONDS - 0.1
        one.beat(connection)
        assert two.take(connection, "session", "s", "c", None) == Taken(2, "c", ALIVE_SECONDS)
        if end == "lets go":
            two.release(connection, {("session", "s"): 2})
        if end == "ends in order":
            two.leave(connection)
        time.now += 0.2
        three.beat(connection)
        three.forget(connection)
        taken = three.take(connection, "session", "s", "c")
        assert isinstance(taken, Taken)
        assert taken.wait == pytest.approx(ALIVE_SECONDS - 0.2)
        assert one.beat(connection).lost == {("session", "s"): 3}


def test_what_was_taken_is_in_the_next_beat_of_whoever_had_it(engine: Engine, time: Time) -> None:
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("room", "r"): New("c"), ("room", "s"): New("c")})
        assert two.take(connection, "room", "r", None) == Owner("one", "http://one", 1, True)
        assert two.take(connection, "room", "r", None, ["one"]) == Taken(2, "c", ALIVE_SECONDS)
        beat = one.beat(connection)
        assert (beat.lost, beat.mine) == ({("room", "r"): 2}, None)
        # Two that do not reach each other do not take it from each other all the time.
        again = one.take(connection, "room", "r", None, ["two"])
        assert again == Owner("two", "http://two", 2, True)
        for _ in range(20):
            time.now += CALM_SECONDS / 19
            two.beat(connection)
        again = one.take(connection, "room", "r", None, ["two"])
        assert again == Taken(3, "c", ALIVE_SECONDS)


def test_a_server_that_counted_as_dead_learns_all_that_it_has(engine: Engine, time: Time) -> None:
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c"), ("session", "t"): New("c")})
        time.now += ALIVE_SECONDS + 0.1
        two.beat(connection)
        taken = two.take(connection, "session", "s", None)
        assert isinstance(taken, Taken)
        two.release(connection, {("session", "s"): taken.epoch})  # so no row names it any more
        memory = Memory()
        memory.epochs = {("session", "s"): 1, ("session", "t"): 1}
        assert memory.compare(one.beat(connection), dict(memory.epochs)) == [("session", "s")]
        assert memory.epochs == {("session", "t"): 1}


def test_what_is_taken_while_a_beat_is_under_way_is_not_lost_by_it(
    engine: Engine, time: Time
) -> None:
    one, two = both(engine, time)
    memory = Memory()

    def pass_time(connection: Connection) -> None:
        for _ in range(2):
            time.now += ALIVE_SECONDS / 2
            one.beat(connection)
            two.beat(connection)

    with engine.begin() as connection:
        two.note(connection, {("session", "s"): New("c")})
        one.take(connection, "session", "s", "c", None)
        pass_time(connection)
        two.take(connection, "session", "s", "c", None)
        beat = one.beat(connection)
        pass_time(connection)
        taken = one.take(connection, "session", "s", "c", None)
        assert isinstance(taken, Taken)
        memory.epochs["session", "s"] = taken.epoch
    assert memory.compare(beat, {}) == []
    assert memory.compare(beat, dict(memory.epochs)) == []
    assert memory.epochs == {("session", "s"): 4}


def test_a_server_on_the_same_address_takes_the_place_of_the_one_before(
    engine: Engine, time: Time
) -> None:
    one, _ = both(engine, time)
    again = Ownership("again", one.address, time.database)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c")})
        again.beat(connection)
        assert isinstance(again.take(connection, "session", "s", "c"), Taken)


def test_a_room_is_found_by_its_code_and_what_is_left_of_the_dead_is_let_go(
    engine: Engine, time: Time
) -> None:
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c"), ("room", "r"): New("c")})
        connection.exec_driver_sql("UPDATE owned SET code = 'K7M4QX' WHERE kind = 'room'")
        assert two.room_of(connection, "K7M4QX") == "r"
        beat = two.beat(connection)
        assert beat.rooms == {"r": ("K7M4QX", "one")}
        assert two.orphans(connection, "room") == []
        time.now += ALIVE_SECONDS + 0.1
        assert two.orphans(connection, "room", 10.0) == []
        assert two.orphans(connection, "room") == ["r"]
        time.now += FORGET_SECONDS
        two.beat(connection)
        two.forget(connection)
        assert two.owner(connection, "session", "s") is None
        owner = two.owner(connection, "room", "r")
        assert owner is not None
        assert not owner.alive


def test_an_orderly_end_leaves_everything_to_the_others(engine: Engine, time: Time) -> None:
    one, two = both(engine, time)
    with engine.begin() as connection:
        one.note(connection, {("session", "s"): New("c"), ("room", "r"): New("c")})
        one.leave(connection)
        assert two.orphans(connection, "room") == ["r"]
        assert isinstance(two.take(connection, "session", "s", "c"), Taken)
        assert isinstance(two.take(connection, "room", "r", None), Taken)
        spend(connection, Held("two", "room", {"r": 2}), ["r"])
        assert two.owner(connection, "room", "r") is None


def test_who_ends_in_the_middle_of_a_beat_and_a_note_leaves_all_the_same(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.database()

    async def main(store: Store, other: psycopg.Connection[tuple[Any, ...]]) -> None:
        def number(query: str) -> int:
            row = other.execute(query).fetchone()
            assert row is not None
            return int(row[0])

        servers = Servers(store, "http://one")
        await servers.start()
        servers.begin("session", "s", "c")
        await servers.noted()
        other.execute("LOCK TABLE owned, servers IN EXCLUSIVE MODE")
        servers.begin("session", "t", "c")
        while number("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        leaving = asyncio.create_task(servers.leave())
        for _ in range(50):
            await asyncio.sleep(0)
        other.commit()
        await leaving
        servers.close()
        assert number("SELECT (SELECT count(*) FROM servers) + (SELECT count(*) FROM owned)") == 0

    with opened(url) as store, psycopg.connect(url) as other:
        asyncio.run(main(store, other))


def test_however_much_is_noted_at_once_each_transaction_is_short(postgresql: PostgreSQL) -> None:
    """After the database was away, say, on one that is far away: else none would ever succeed."""
    names = [f"s{number}" for number in range(3 * NOTED_AT_A_TIME)]
    statements: list[int] = []

    async def main(store: Store) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        event.listen(Engine, "begin", began)
        event.listen(Engine, "before_cursor_execute", counted)
        try:
            for step in ("begin", "count", "release"):
                for name in names:
                    if step == "begin":
                        servers.begin("session", name, "c")
                    elif step == "count":
                        servers.count("session", name, None)
                    else:
                        servers.release("session", name)
                await servers.noted()
                assert servers.owned["session"] == (0 if step == "release" else len(names))
            # All three of one thing, in one round.
            for _ in range(2):
                servers.begin("session", "again", "c")
                servers.count("session", "again", None)
                await servers.noted()
                servers.release("session", "again")
            servers.begin("session", "again", "c")
            await servers.noted()
            assert servers.holds("session", "again")
            assert not Held(servers.id, "session", {"again": 1}).lost(other)
        finally:
            event.remove(Engine, "begin", began)
            event.remove(Engine, "before_cursor_execute", counted)
        servers.close()

    def began(connection: Connection) -> None:
        statements.append(0)

    def counted(*what: Any) -> None:
        statements[-1] += 1

    url = postgresql.database()
    with opened(url) as store, database(url) as engine, engine.connect() as other:
        asyncio.run(main(store))
    assert len(statements) >= 9
    assert max(statements) < 10


def test_who_fails_at_what_a_beat_brings_neither_ends_it_nor_keeps_it_from_others(
    postgresql: PostgreSQL,
) -> None:
    told: list[object] = []

    def fails(*what: object) -> None:
        told.append(what)
        raise RuntimeError

    async def main(store: Store) -> None:
        servers = Servers(store, "http://one")
        servers.when_lost["session"] = servers.when_lost["job"] = fails
        servers.when_gone.append(fails)
        servers.when_gone.append(lambda alive: told.append("the next"))
        await servers._beat()
        servers.begin("session", "s", "c")
        servers.begin("job", "j", "c")
        await servers.noted()
        told.clear()
        await store.write(
            lambda c: Ownership("two", "http://two").take(c, "session", "s", "c", None)
        )
        await store.write(lambda c: Ownership("two", "http://two").take(c, "job", "j", "c", None))
        await servers._beat()
        assert not servers.fenced
        assert all(one in told for one in (("s",), ("j",), "the next"))
        servers.close()

    with opened(postgresql.database()) as store:
        asyncio.run(main(store))


def test_what_others_have_spent_is_taken_off_once() -> None:
    publisher, hearer = Spending(str), Spending(str)
    taken: list[tuple[str, int]] = []
    hearer.others["requests"] = lambda client, amount: taken.append((client, amount))
    for amount in (3, 4):
        publisher.note("requests", "c", amount)
        text = publisher.publish()
    for _ in range(2):
        hearer.hear({"one": Other("", text)})
    assert taken == [("c", 3), ("c", 4)]
    # A server that stands still for so long that it counts as dead says it again as it goes on.
    for others in ({}, {"another": Other("", "[]")}, {"one": Other("", text)}):
        hearer.hear(others)
    assert taken == [("c", 3), ("c", 4)]
    for _ in range(5):
        text = publisher.publish()
    assert text == "[]"


def test_what_was_heard_of_servers_that_have_gone_is_not_known_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spending, "MOST_HEARD", 3)
    hearer = Spending(str)
    for number in range(5):
        hearer.hear({f"s{number}": Other("", "[]"), "lasting": Other("", "[]")})
    assert list(hearer._heard) == ["s3", "s4", "lasting"]
    hearer.hear({f"t{number}": Other("", "[]") for number in range(5)})
    assert len(hearer._heard) == 5


def test_two_servers_of_one_address_say_so_until_that_is_over(
    postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    """And one that takes the place of another that has died is none of two."""
    address = "http://10.0.0.2:8000"

    def errors() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]

    async def main(store: Store) -> None:
        dead, one, two, other = (
            Servers(store, where) for where in (address, address, address, "http://10.0.0.3:8000")
        )
        for server in (other, dead, one):
            await server._beat()
        await dead._beat()  # what it said last comes to the database after its end
        for _ in range(2):
            for server in (one, other):
                await server._beat()
                assert (server.note, errors()) == (None, [])
        # Another that goes on is one.
        for _ in range(3):
            for server in (two, one, other):
                await server._beat()
        for server in (one, two):
            assert server.note is not None
            assert address in server.note
        assert other.note is None
        assert errors() == [one.note, two.note]
        await two.leave()
        await one._beat()
        assert one.note is None
        assert len(errors()) == 2
        for server in (dead, one, two, other):
            server.close()

    with opened(postgresql.database()) as store:
        asyncio.run(main(store))


def test_readiness_has_a_note_while_another_server_has_the_address(postgresql: PostgreSQL) -> None:
    url, address = postgresql.database(), "http://127.0.0.1:9"

    def note() -> str | None:
        answer = client.get("/readyz")
        assert answer.status_code == 200, answer.text
        return answer.json().get("note")  # type: ignore[no-any-return]

    with service(url, server_address=address) as client, database(url) as engine:
        assert note() is None
        another = Ownership("another", address)
        while (said := note()) is None:
            with engine.begin() as connection:
                another.beat(connection)
            a_moment()
        assert "SHALLOWS_SERVER_ADDRESS" in said
        while note() is not None:
            a_moment()


# -- what is opened -------------------------------------------------------------------------


def test_whoever_opens_waits_for_those_of_the_address_and_not_for_ever(
    postgresql: PostgreSQL,
) -> None:
    """A server that froze in the middle of it holds up nobody else, and this one for a moment."""
    url = postgresql.database()

    async def main(store: Store, frozen: Connection) -> None:
        one, two = Servers(store, "http://one"), Servers(store, "http://two")
        for server in (one, two):
            await server._beat()
            server._lease.renew(server._ticks() + 60)
        whose = store.notes.client("10.0.0.1")
        assert not two._sql.had(frozen, "room", whose)
        two._sql.note(frozen, {("room", "r"): New(whose)})
        waits = asyncio.create_task(one.open("room", "s", "10.0.0.1", lambda: 0))
        for kind, client in (("room", "10.0.0.2"), ("job", "10.0.0.1")):
            await one.open(kind, "t", client, lambda: 0)  # type: ignore[arg-type]
            assert one.holds(kind, "t")  # type: ignore[arg-type]
        # It goes on after all: then it was first.
        frozen.commit()
        with pytest.raises(Beyond) as beyond:
            await waits
        assert beyond.value.have == 1
        # It does not: the database ends what it was at.
        assert two._sql.had(frozen, "room", whose) == {"r"}
        two._sql.note(frozen, {("room", "q"): New(whose)})
        await one.open("room", "s", "10.0.0.1", lambda: 1)
        assert one.holds("room", "s")
        for server in (one, two):
            server.close()

    with opened(url) as store, database(url) as engine, engine.connect() as frozen:
        asyncio.run(main(store, frozen))
        frozen.invalidate()


def test_what_is_opened_while_the_database_hangs_is_refused_and_takes_no_place(
    postgresql: PostgreSQL,
) -> None:
    async def main(store: Store) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        servers._lease.renew(servers._ticks() + 60)
        with postgresql.stopped():
            tries = [servers.open("room", f"r{n}", "10.0.0.1", lambda: 0) for n in range(5)]
            for result in await asyncio.gather(*tries, return_exceptions=True):
                assert isinstance(result, NotStored)
        assert not servers.owned
        opened = False
        while not opened:
            with contextlib.suppress(NotStored):
                await servers.noted()
                await servers.open("room", "r", "10.0.0.1", lambda: 0)
                opened = True
        assert servers.owned["room"] == 1
        servers.close()

    with opened(postgresql.database()) as store:
        asyncio.run(main(store))


def test_a_class_that_comes_at_once_is_counted_together_and_who_leaves_cuts_nobody_off(
    postgresql: PostgreSQL,
) -> None:
    """What was noted for those who left is undone, also if that is said before it is noted."""
    most, client = 6, "10.0.0.1"
    url = postgresql.database()
    written, goes_on = threading.Event(), threading.Event()
    transactions = 0

    def commit(connection: Connection) -> None:
        nonlocal transactions
        transactions += 1
        written.set()
        assert goes_on.wait(60)

    async def main(store: Store) -> set[str]:
        servers = Servers(store, "http://one")
        await servers._beat()
        servers._lease.renew(servers._ticks() + 60)

        async def open(name: str) -> None:
            await servers.open("session", name, client, lambda: most - 1)

        async def reopen() -> None:
            await servers.reopen("session", "0", client, lambda: most - 1, lambda: None)

        await open("0")
        servers.count("session", "0", None)
        event.listen(store._engine, "commit", commit)
        tasks = {"1": asyncio.create_task(open("1"))}
        await asyncio.to_thread(written.wait)
        tasks |= {f"{n}": asyncio.create_task(open(f"{n}")) for n in range(2, 6)}
        tasks |= {"left": asyncio.create_task(open("left")), "0": asyncio.create_task(reopen())}
        await asyncio.sleep(0)
        # One is under way, the other waits.
        leave = [tasks.pop("1"), tasks.pop("left")]
        for task in leave:
            task.cancel()
        for end in await asyncio.gather(*leave, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError)
        again = asyncio.create_task(reopen())  # its page comes again before the first answer
        goes_on.set()
        await asyncio.gather(*tasks.values(), again)
        event.remove(store._engine, "commit", commit)
        await servers.noted()
        there = await store.read(lambda c: servers._sql.had(c, "session", whose))
        assert servers.owned["session"] == len(there)
        # There is room for one more; a page that is refused, or goes, leaves its session nobody's.
        await open("more")
        servers.count("session", "0", None)
        await servers.noted()
        await open("instead")
        with pytest.raises(Beyond):
            await reopen()
        await servers.noted()
        assert await store.read(lambda c: servers._sql.had(c, "session", whose)) == {
            *there - {"0"},
            "more",
            "instead",
        }
        servers.close()
        return there

    with opened(url) as store:
        whose = store.notes.client(client)
        assert asyncio.run(main(store)) == {"0", "2", "3", "4", "5"}
    assert transactions == 3  # the first one, all others, and what came twice


def test_who_had_room_waits_for_nobody_who_has_not(postgresql: PostgreSQL) -> None:
    """For whom room may be made by what has ended, which the database does not take just now."""
    url = postgresql.database()

    async def main(store: Store, another: Connection) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        servers._lease.renew(servers._ticks() + 60)

        def open(name: str) -> asyncio.Task[None]:
            return asyncio.create_task(servers.open("room", name, "c", lambda: 1))

        await open("ended")
        another.execute(text("SELECT 1 FROM owned FOR UPDATE"))
        servers.release("room", "ended")
        fits, waits = open("fits"), open("waits")
        await fits
        assert servers.holds("room", "fits")
        assert not waits.done()
        another.rollback()
        await waits
        await servers.noted()
        there = await store.read(lambda c: servers._sql.had(c, "room", store.notes.client("c")))
        assert there == {"fits", "waits"}
        servers.close()

    with opened(url) as store, database(url) as engine, engine.connect() as another:
        asyncio.run(main(store, another))


def test_who_leaves_before_being_refused_still_counts_for_nobody(postgresql: PostgreSQL) -> None:
    """A page that went, came again at once, and went for good: what its going said is not lost."""
    url = postgresql.database()

    async def main(store: Store) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        servers._lease.renew(servers._ticks() + 60)
        written, goes_on = threading.Event(), threading.Event()

        def commit(connection: Connection) -> None:
            written.set()
            assert goes_on.wait(60)

        for name in ("s", "t"):
            await servers.open("session", name, "c", lambda: 1)
        servers.count("session", "s", None)
        event.listen(store._engine, "commit", commit)
        reopen = servers.reopen("session", "s", "c", lambda: 0, lambda: None)
        task = asyncio.create_task(reopen)
        await asyncio.to_thread(written.wait)
        task.cancel()
        await asyncio.wait([task])
        goes_on.set()
        while servers._openings._tasks:  # noqa: ASYNC110
            await asyncio.sleep(0)
        event.remove(store._engine, "commit", commit)
        await servers.noted()
        there = await store.read(lambda c: servers._sql.had(c, "session", store.notes.client("c")))
        assert there == {"t"}
        servers.close()

    with opened(url) as store:
        asyncio.run(main(store))


def test_who_takes_several_and_who_writes_of_them_do_not_wait_for_each_other(
    postgresql: PostgreSQL,
) -> None:
    """Whatever order the database has for names, and its rows have in the table."""
    kind = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"  # "a" comes before "B"
    postgresql.run("postgres", f"CREATE DATABASE ordered TEMPLATE template0 {kind}")
    url = postgresql.url("ordered")

    async def main(store: Store, another: Connection) -> None:
        one, two = Servers(store, "http://one"), Servers(store, "http://two")

        async def waiting(number: int) -> None:
            locks = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            while await store.read(lambda c: c.scalar(locks)) != number:
                pass

        async def both(how: str) -> None:
            names = [f"a {how}", f"B {how}"]
            for name in names:
                await one.open("session", name, "c", lambda: 10)
            another.execute(text("SELECT 1 FROM owned WHERE name LIKE 'a%' FOR UPDATE"))
            writes: asyncio.Task[object]
            if how == "stored":
                writes = asyncio.create_task(store.write(one.held("session", names).lost))
            else:
                for name in names:
                    one.count("session", name, None)
                writes = asyncio.create_task(one.noted())
            await waiting(1)
            takes = [two.take("session", name, "c", most=lambda: 10) for name in names]
            taken = asyncio.gather(*takes)
            await waiting(2)
            another.rollback()
            await asyncio.gather(writes, taken)

        for server in (one, two):
            await server._beat()
            server._lease.renew(server._ticks() + 60)
        another.execute(text("UPDATE servers SET seen = 0 WHERE address = 'http://one'"))
        another.commit()
        for how in ("stored", "counted"):
            await both(how)
        assert two.owned["session"] == 4
        for server in (one, two):
            server.close()

    with opened(url) as store, database(url) as engine, engine.connect() as another:
        asyncio.run(main(store, another))


def test_a_class_that_is_taken_up_at_once_keeps_the_turn_for_a_moment(
    postgresql: PostgreSQL,
) -> None:
    """Two other servers wait for it no longer than they may, if a statement takes 2 ms."""
    statements: list[int] = []

    async def main(store: Store, engine: Engine) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        with engine.begin() as connection:
            dead = Ownership("dead", "http://dead")
            dead.note(connection, {("session", f"s{n}"): New("c") for n in range(60)})
        event.listen(store._engine, "begin", began)
        event.listen(store._engine, "before_cursor_execute", counted)
        opens = [servers.open("session", f"n{n}", "c", most=lambda: 120) for n in range(60)]
        await asyncio.gather(*opens)
        assert max(statements) <= 10, "what is new goes together"
        takes = [servers.take("session", f"s{n}", "c", most=lambda: 120) for n in range(60)]
        await asyncio.gather(*takes)
        assert servers.owned["session"] == 120
        servers.close()

    def began(connection: Connection) -> None:
        statements.append(0)

    def counted(*what: Any) -> None:
        statements[-1] += 1

    url = postgresql.database()
    with opened(url) as store, database(url) as engine:
        asyncio.run(main(store, engine))
    assert max(statements) * 0.002 < TURN_SECONDS / 2


def test_a_class_that_begins_while_another_server_keeps_the_turn_is_told_nothing_of_it(
    postgresql: PostgreSQL,
) -> None:
    """That server is busy, or frozen: who waits has longer than one turn may take."""
    tries: list[str] = []

    async def main(store: Store, engine: Engine) -> None:
        servers = Servers(store, "http://one")
        await servers._beat()
        servers._lease.renew(servers._ticks() + 60)
        whose = store.notes.client("c")
        event.listen(store._engine, "before_cursor_execute", tried)
        with engine.connect() as another:
            take_turn(another, f"session of {whose}")
            opens = [
                asyncio.create_task(servers.open("session", f"s{n}", "c", most=lambda: 30))
                for n in range(30)
            ]
            while len(tries) < 2:
                assert not any(task.done() for task in opens)
                await asyncio.sleep(0.01)
        await asyncio.gather(*opens)
        assert servers.owned["session"] == 30
        # Who has waited for longer than an opening may take is told so, and noted nowhere.
        with engine.connect() as another:
            another.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            take_turn(another, f"session of {whose}")
            with pytest.raises(NotStored):
                await servers.open("session", "late", "c", most=lambda: 31)
        await servers.noted()
        with engine.connect() as connection:
            assert servers._sql.owner(connection, "session", "late") is None
        servers.close()

    def tried(connection: Connection, cursor: object, statement: str, *rest: object) -> None:
        tries.extend([statement] * ("pg_advisory_xact_lock" in statement))

    url = postgresql.database()
    with opened(url) as store, database(url) as engine:
        asyncio.run(main(store, engine))


def test_whoever_takes_waits_for_what_is_being_written(postgresql: PostgreSQL) -> None:
    """And reads it then: no writing comes after a taking, and none is missed by it."""
    engine = engine_of(url_of(postgresql.database(), Path()))
    migrate(engine)
    one, two = (Ownership(name, f"http://{name}") for name in ("one", "two"))
    with engine.begin() as connection:
        one.beat(connection)
        one.note(connection, {("session", "s"): New("c")})
    order: list[str] = []

    def takes() -> None:
        with engine.begin() as connection:
            assert isinstance(two.take(connection, "session", "s", "c", None), Taken)
            order.append("taken")

    thread = threading.Thread(target=takes)
    with engine.begin() as connection:
        assert not Held("one", "session", {"s": 1}).lost(connection)
        thread.start()
        with engine.connect() as watching:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not watching.exec_driver_sql(waits).scalar():
                watching.rollback()
        order.append("written")
    thread.join()
    assert order == ["written", "taken"]
    with engine.begin() as connection:
        assert Held("one", "session", {"s": 1}).lost(connection) == {"s"}
    engine.dispose()


# -- what a server lets go ------------------------------------------------------------------


def test_places_of_an_address_are_those_on_all_servers_whoever_waits_for_a_page_has_none(
    postgresql: PostgreSQL,
) -> None:
    most, url = 4, postgresql.database()
    here = {"server_address": "http://127.0.0.1:9", "max_sessions_per_client": most}
    there = Ownership("another", "http://127.0.0.1:10")

    def begins(number: int) -> None:
        with database(url) as engine, engine.begin() as connection:
            there.note(connection, {("session", f"s{number}"): New(whose)})

    def ends(number: int) -> None:
        with database(url) as engine, engine.begin() as connection:
            there.release(connection, {("session", f"s{number}"): 1})

    with service(url, **here) as client, contextlib.ExitStack() as stack:
        services = services_of(client)
        whose = services.store.notes.client("testclient")
        with database(url) as engine, engine.begin() as connection:
            there.beat(connection)
            connection.exec_driver_sql("UPDATE servers SET seen = 1e12 WHERE id = 'another'")

        def refused(path: str = "/ws") -> str:
            with Stream.connect(client, path) as stream:
                code: str = stream.until("error")["code"]
                with pytest.raises(ConnectionError) as closed:
                    stream.hear()
                assert closed.value.args == (TRY_AGAIN_LATER,)
            return code

        def configured(path: str = "/ws") -> Stream:
            stream = stack.enter_context(Stream.connect(client, path))
            if path == "/ws":
                stream.configure()
            else:
                stream.until("configured")
            return stream

        begins(1)
        begins(2)
        with Stream.connect(client) as waits:
            waits.configure()
            name = waits.texts[-1]["session"]
            configured()
            assert refused() == "too_many_sessions"
        while services.sessions.connected > 1:
            a_moment()
        # Its page has gone: another has its place, and it has none as it comes back.
        begins(3)
        assert refused(f"/ws?session={name}") == "too_many_sessions"
        ends(3)
        again = configured(f"/ws?session={name}")
        again.say("step", iterations=1)
        again.until_iteration(1)
        assert refused() == "too_many_sessions"
        ends(2)
        configured()
        assert refused() == "too_many_sessions"


@pytest.mark.parametrize(("path", "kind"), [("/train", "job"), ("/rooms", "room")])
def test_what_another_server_has_begun_in_this_moment_counts(
    postgresql: PostgreSQL, path: str, kind: Kind
) -> None:
    url = postgresql.database()
    bounds = {"max_rooms_per_client": 2, "max_queued_runs": 2}
    there = Ownership("another", "http://127.0.0.1:10")
    with service(url, server_address="http://127.0.0.1:9", **bounds) as client:
        whose = services_of(client).store.notes.client("testclient")
        with database(url) as engine, engine.begin() as connection:
            there.beat(connection)
            connection.exec_driver_sql("UPDATE servers SET seen = 1e12 WHERE id = 'another'")
        for begun, fits in ((1, True), (2, False)):
            with database(url) as engine, engine.begin() as connection:
                there.note(connection, {(kind, f"number {begun}"): New(whose)})
            answer = client.post(path, json={})
            assert answer.is_success is fits, answer.text
            if fits:
                headers = {"Shallows-Room-Key": answer.json().get("key", "")}
                ended = client.delete(f"{path}/{answer.json()['id']}", headers=headers)
                assert ended.status_code == 204


@contextlib.contextmanager
def lost_commit(store: Store) -> Iterator[None]:
    """The database commits what is written within, and its connection dies before it says so."""

    def commit(connection: Connection) -> None:
        at_driver: Any = connection.connection
        at_driver.dbapi_connection.commit()
        at_driver.info[LINE].shutdown(socket.SHUT_RDWR)
        connection.exec_driver_sql("SELECT 1")

    event.listen(store._engine, "commit", commit)
    with pytest.raises(NotStored):
        yield
    event.remove(store._engine, "commit", commit)


def test_what_is_done_again_since_its_answer_was_lost_undoes_nothing(
    postgresql: PostgreSQL,
) -> None:
    async def main(store: Store) -> None:
        servers = Servers(store, "http://127.0.0.1:9")
        await servers._beat()

        async def owner(name: str) -> Owner | None:
            return await store.read(lambda c: servers._sql.owner(c, "session", name))

        # Let go, and back before that is said again.
        await servers.take("session", "back", "c")
        servers.release("session", "back")
        with lost_commit(store):
            await servers.noted()
        assert await owner("back") is None
        await servers.take("session", "back", "c")
        await servers.noted()
        held = await owner("back")
        assert held is not None
        assert servers._memory.epochs == {("session", "back"): held.epoch}
        # It was here all the time, and is now to count for its address again.
        servers.count("session", "back", None)
        with lost_commit(store):
            await servers.noted()
        await servers.reopen("session", "back", "c", lambda: 0, lambda: None)
        await servers.noted()
        assert await store.read(lambda c: servers._sql.had(c, "session", whose)) == {"back"}
        # Whoever is told that it could not be taken does not have it.
        for most in (None, lambda: 1):
            with lost_commit(store):
                await servers.take("session", "lost", "c", most=most)
            assert await owner("lost")
            await servers.noted()
            assert await owner("lost") is None
        with lost_commit(store):
            await servers.take("session", "lost", "c")
        await servers.take("session", "lost", "c")
        await servers.noted()
        assert await owner("lost")
        servers.release("session", "lost")
        await servers.noted()
        assert await owner("lost") is None
        servers.close()

    with opened(postgresql.database()) as store:
        whose = store.notes.client("c")
        asyncio.run(main(store))


def test_a_room_that_could_not_be_opened_is_nobodys_until_it_is(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that is soon, though nobody asks for it: it has an end, and a code that is typed."""
    monkeypatch.setattr("app.sessions.servers.SWEEP_SECONDS", 0.05)
    url = postgresql.database()
    more = {"server_address": "http://127.0.0.1:9"}

    def owned() -> tuple[Any, ...]:
        with database(url) as engine, engine.connect() as connection:
            rows = "SELECT code, client, server FROM owned WHERE kind = 'room'"
            return tuple(connection.exec_driver_sql(rows).one())

    with service(url, **more) as client:
        room = client.post("/rooms", json={}).json()["id"]
        *before, server = owned()
        assert all((*before, server))
    run(url, "ALTER TABLE rooms RENAME TO away")
    with service(url, **more) as client:
        services = services_of(client)

        async def take_up() -> None:
            with pytest.raises(NotStored):
                await services.rooms.take_up(room)

        assert client.portal is not None
        client.portal.call(take_up)
        assert not services.rooms.has(room)
        run(url, "ALTER TABLE away RENAME TO rooms")
        while not services.rooms.has(room):
            a_moment()
        assert isinstance(services.owning, Servers)
        assert owned() == (*before, services.owning.id)


def test_who_waits_for_a_place_as_the_server_ends_is_told_to_come_again(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.database()
    with service(url, server_address="http://127.0.0.1:9") as client, database(url) as engine:
        services = services_of(client)
        whose, read = services.store.notes.client("c"), services.store.read

        async def ends(kind: str, waits: Coroutine[Any, Any, Any], drain: Any) -> None:
            with engine.connect() as another:
                take_turn(another, f"{kind} of {whose}")
                task = asyncio.create_task(waits)
                locks = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                while not await read(lambda connection: connection.scalar(locks)):
                    assert not task.done()
                await drain()
            with pytest.raises((GoingAway, NotStored)):  # that, if the turn was too late
                await asyncio.wait_for(task, 10)

        with Stream.connect(client) as stream:
            stream.configure()
            name = stream.texts[-1]["session"]
        while services.sessions.connected:
            a_moment()
        call = client.portal.call  # type: ignore[union-attr]
        call(ends, "room", services.rooms.open("", "c"), services.rooms.drain)
        resume = services.sessions.resume("c", name, Outbox(), 0)
        call(ends, "session", resume, services.sessions.drain)


def test_a_room_that_is_lost_before_it_is_written_holds_up_no_other(
    postgresql: PostgreSQL,
) -> None:
    """So it is if a server freezes in between, for longer than another waits for it."""
    url = postgresql.database()
    with service(url, server_address="http://127.0.0.1:9") as client:
        rooms, call = services_of(client).rooms, client.portal.call  # type: ignore[union-attr]

        async def opens() -> str:
            new = await asyncio.wait_for(rooms.open("", "c"), 10)
            return new.room.state.door.id

        there = call(opens)
        body = "BEGIN DELETE FROM owned WHERE name = NEW.name; RETURN NULL; END"
        run(url, f"CREATE FUNCTION lose() RETURNS trigger AS '{body}' LANGUAGE plpgsql")
        run(url, "CREATE TRIGGER lose AFTER INSERT ON owned FOR EACH ROW EXECUTE FUNCTION lose()")
        with pytest.raises(Elsewhere):
            call(opens)
        assert call(asyncio.wait_for, rooms.look(there, lambda room: True), 10)
        run(url, "DROP TRIGGER lose ON owned")
        assert len({there, call(opens)} & rooms._disk.keys()) == len(rooms) == 2


def test_a_session_that_was_let_go_lets_none_go_that_has_come_back() -> None:
    with service("", session_grace_seconds=60.0, store_seconds=0.1) as client:
        sessions = client.app.state.services.sessions  # type: ignore[attr-defined]
        with Stream.connect(client) as stream:
            stream.configure()
            name = stream.texts[-1]["session"]
            while asyncio.run(sessions._keeper._sessions.get(name)) is None:
                a_moment()
            old = sessions._sessions[name]
            client.portal.call(sessions.drop, name)  # type: ignore[union-attr]
            with pytest.raises(ConnectionError):
                stream.until("never")
        with Stream.connect(client, f"/ws?session={name}") as stream:
            stream.until("configured")
            while old.outbox is not None:
                a_moment()
            assert old.expiry is None
            assert sessions._sessions[name] is not old


def test_a_session_that_could_not_be_fetched_is_nobodys(postgresql: PostgreSQL) -> None:
    """Its address has one place more again, and no server waits for what this one never had."""
    url = postgresql.database()
    with opened(url) as store:
        asyncio.run(StoredSessions(store, settings(url)).keep([part("a", 3)], ()))
    with service(url, server_address="http://127.0.0.1:9") as client, database(url) as engine:
        services = services_of(client)

        async def fetch() -> None:
            with pytest.raises(NotStored):
                await services.sessions.resume("c", "a", Outbox(), 0)
            await services.owning.noted()

        run(url, "ALTER TABLE session_costs RENAME TO away")
        assert client.portal is not None
        client.portal.call(fetch)
        with engine.connect() as connection:
            assert Ownership("two", "").owner(connection, "session", "a") is None
        run(url, "ALTER TABLE away RENAME TO session_costs")
        with Stream.connect(client, "/ws?session=a") as stream:
            assert stream.until("configured")["iteration"] == 3


def test_who_has_no_place_takes_a_session_from_nobody_who_is_about_to_have_it(
    postgresql: PostgreSQL,
) -> None:
    """Two addresses come for one session at once; that of the second is full."""
    url = postgresql.database()
    with opened(url) as store:
        asyncio.run(StoredSessions(store, settings(url)).keep([part("a", 3)], ()))
    here = {"server_address": "http://127.0.0.1:9", "max_sessions_per_client": 1}
    with service(url, **here) as client, database(url) as engine:
        sessions = services_of(client).sessions
        owning = services_of(client).owning

        async def come() -> None:
            await sessions.join("full", Outbox())
            with engine.connect() as another:
                another.execute(text("LOCK TABLE session_costs IN ACCESS EXCLUSIVE MODE"))
                first = asyncio.create_task(sessions.resume("c", "a", Outbox(), 0))
                while not owning.holds("session", "a"):  # noqa: ASYNC110
                    await asyncio.sleep(0)
                second = asyncio.create_task(sessions.resume("full", "a", Outbox(), 0))
                await asyncio.wait([second], timeout=0.3)  # it may be refused now, or in the end
            await first
            with pytest.raises(TooManySessions):
                await second
            await owning.noted()
            assert owning.holds("session", "a")

        client.portal.call(come)  # type: ignore[union-attr]
