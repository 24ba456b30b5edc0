"""Hosts that come, go and break: sessions move, and whoever looks at them misses nothing."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from app import wire
from app.errors import Full
from app.schemas import MESSAGES, Plan, Sweep, parse_message
from app.training.host.host import Host
from app.training.messages import (
    Attach,
    Close,
    Command,
    Detach,
    Event,
    Flush,
    Frame,
    Open,
    Progress,
    Release,
    Released,
    Tell,
    Text,
    Worked,
)
from app.training.run import Model
from app.training.session import Session
from app.training.workers.backend import SMALLEST_GAP, Backend, to_move
from app.training.workers.driver import MOST_WAITING, Driver, Line, LineBroken
from app.training.workers.inline import InlineLine
from tests.app.test_host import Clock, Desk, slow_down

PLAN: dict[str, Any] = {"data": {"examples": 20}, "runs": [{"network": {"layers": [{"units": 2}]}}]}


class Seat(InlineLine):
    """A host on a clock of its own that can break, and can have a guest from elsewhere."""

    def __init__(self, others: int = 0) -> None:
        self.clock = Clock(look=0.001)
        self.host = Host(self.clock, self.clock, checkpoint_seconds=0.3)
        super().__init__(self.host)
        self.others = others
        self.heard: list[Command] = []
        self.rounds: list[tuple[Sequence[Command], list[Event | Worked]]] = []
        self.broken: LineBroken | None = None
        self.closed = False

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        self.heard += commands
        answer = await super().exchange(commands)
        self.rounds.append((commands, answer[0]))
        if self.broken is not None:
            raise self.broken
        return answer

    async def close(self) -> None:
        self.closed = True


class Hall:
    """A backend on such hosts, and what the readers of its sessions have seen."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.seats: dict[str, list[Seat]] = {}
        self.costs: dict[str, bytes] = {}
        self.iterations: dict[str, int] = {}
        self.numbers: dict[str, list[int]] = {}
        self.texts: dict[str, list[dict[str, Any]]] = {}
        self.acknowledges = True
        self.others: set[str] = set()
        """Readers that nobody listens to."""

    def add(self, name: str, others: int = 0, *, lasting: bool = False) -> Driver:
        self.seats[name] = []

        async def connect() -> Line:
            self.seats[name].append(Seat(others))
            return self.seats[name][-1]

        return self.backend.add(name, connect, lasting=lasting)

    async def begin(self, **others: int) -> list[Driver]:
        """Hosts of these names, which are up; sessions that other servers have there."""
        drivers = [self.add(name, number) for name, number in others.items()]
        for driver in drivers:
            driver.start()
        await self.until(lambda: all(driver.connected for driver in drivers))
        return drivers

    def open(self, name: str, **fields: Any) -> None:
        self.costs[name], self.iterations[name] = b"", 0
        self.numbers[name], self.texts[name] = [], []
        self.backend.open(name, "interactive", lambda event: self.hear(name, event))
        self.backend.put(Attach(name, name))
        self.put(name, "configure", **{**PLAN, "playing": True, **fields})

    def put(self, name: str, kind: str, **fields: Any) -> None:
        self.backend.put(tell(name, kind, **fields))

    def hear(self, name: str, event: Event) -> None:
        match event:
            case Frame() if event.reader in self.others:
                pass
            case Frame():
                (run,) = wire.unpack(event.data)["runs"]
                assert 4 * run["first_iteration"] == len(self.costs[name])
                self.costs[name] += run["costs"]
                self.iterations[name] = event.iteration
                self.numbers[name].append(event.number)
                if self.acknowledges:
                    self.put(name, "ack", frame=event.number)
            case Text():
                self.texts[name].append(json.loads(event.json))

    def where(self, name: str) -> str:
        return self.backend._where[name].background.name

    async def until(self, what: Callable[[], object]) -> None:
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def goes_on(self, name: str, iterations: int = 60) -> None:
        """Until it has trained so much more, with every cost, and every frame."""
        there = self.iterations[name] + iterations
        await self.until(lambda: self.iterations[name] >= there)
        assert len(self.costs[name]) == 4 * self.iterations[name]
        assert self.numbers[name] == list(range(len(self.numbers[name])))


def tell(name: str, kind: str, **fields: Any) -> Tell:
    return Tell(name, name, parse_message(json.dumps({"type": kind, **fields}), MESSAGES))


def in_a_hall(test: Callable[[Hall], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        hall = Hall()
        try:
            await test(hall)
        finally:
            await hall.backend.stop()

    asyncio.run(asyncio.wait_for(run(), 60))


def undisturbed(iterations: int) -> bytes:
    """The costs of a session that stays where it is."""
    desk = Desk()
    desk.open("a", PLAN, playing=False)
    desk.say("a", "step", iterations=iterations)
    desk.pass_time(60)
    costs = b"".join(frame["runs"][0]["costs"] for frame in desk.frames["a"])
    assert len(costs) == 4 * iterations
    return costs


def test_sessions_of_a_host_that_breaks_go_on_elsewhere_at_once_and_come_back() -> None:
    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        names = [f"s{number}" for number in range(6)]
        for name in names:
            hall.open(name)
        for name in names:
            await hall.goes_on(name)
        mine = [name for name in names if hall.where(name) == "left"]
        assert len(mine) == 3
        hall.seats["left"][0].broken = LineBroken("gone")
        await hall.until(lambda: {hall.where(name) for name in names} == {"right"})
        assert hall.backend.worker_restarts == 1
        for name in names:
            await hall.goes_on(name)
        assert hall.seats["left"][0].closed
        # The next host there is empty: some come to it, one by one, from a checkpoint of now.
        await hall.until(lambda: hall.seats["left"][1:])
        while [hall.where(name) for name in names].count("left") < 2:
            hall.backend._balance()
            await asyncio.sleep(0)
        for name in names:
            await hall.goes_on(name)
        same = undisturbed(max(hall.iterations.values()))
        for name in names:
            assert hall.costs[name] == same[: len(hall.costs[name])]

    in_a_hall(watch)


def test_one_that_may_have_broken_its_host_takes_no_second_one_down() -> None:
    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        for name in ("culprit", "there", "neighbour"):
            hall.open(name)
        await hall.goes_on("neighbour")
        assert [hall.where(name) for name in hall.costs] == ["left", "right", "left"]
        for _ in range(2):
            hall.seats["left"][-1].broken = LineBroken("it died", "culprit")
            await hall.until(lambda: hall.seats["left"][-1].broken is None)
            assert hall.where("culprit") == "left"
            assert hall.where("neighbour") == "right"
        await hall.until(lambda: any(t.get("code") == "lost" for t in hall.texts["culprit"]))
        assert len(hall.seats["right"]) == 1
        for name in ("there", "neighbour"):
            await hall.goes_on(name)
        assert hall.backend.latest("culprit") is not None

    in_a_hall(watch)


def test_a_host_that_breaks_as_a_session_comes_to_it_costs_no_frame() -> None:
    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        hall.open("a")
        await hall.goes_on("a")
        hall.put("a", "sweep", seeds=3, iterations=2000)
        for seats in hall.seats.values():
            seats[0].broken = LineBroken("gone")
        await hall.until(lambda: all(len(seats) == 2 for seats in hall.seats.values()))
        await hall.goes_on("a")
        await hall.until(lambda: any(text["type"] == "swept" for text in hall.texts["a"]))
        await hall.goes_on("a")
        heard = [each for seats in hall.seats.values() for each in seats[1].heard]
        assert sum(isinstance(each, Attach) for each in heard) == 1
        assert (
            sum(isinstance(each, Tell) and isinstance(each.message, Sweep) for each in heard) == 1
        )

    in_a_hall(watch)


def test_what_is_sought_and_what_waits_for_that_is_not_lost_with_the_host() -> None:
    """Its page sends nothing more until it hears that it is there."""

    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        plan = {**PLAN, "runs": [{**PLAN["runs"][0], "training": {"iterations": 400_000}}]}
        hall.open("a", **plan)
        await hall.goes_on("a")
        seat = hall.seats["left"][0]
        slow_down(seat, "a", seconds_per_iteration=1e-4)
        hall.put("a", "seek", iteration=20_000)
        hall.put("a", "set", iterations_per_frame=7)
        hall.put("a", "step", iterations=5)
        await hall.until(lambda: len(seat.host._sessions["a"].waiting) == 2)
        assert seat.host._sessions["a"].replaying
        seat.broken = LineBroken("gone")
        await hall.until(lambda: hall.iterations["a"] == 20_005)
        assert hall.where("a") == "right"
        twin = Session(Plan.model_validate(plan))
        twin.advance(20_005)
        assert hall.costs["a"] == wire.float32(twin.runs[0].costs.since(0))
        said = [text for text in hall.texts["a"] if text["type"] == "state"]
        assert [text["iteration"] for text in said][-4:] == [20_000] * 3 + [20_005]
        assert said[-1]["iterations_per_frame"] == 7

    in_a_hall(watch)


def test_a_session_that_went_back_is_there_although_its_reader_has_not_seen_it() -> None:
    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        hall.open("a")
        await hall.goes_on("a", 200)
        hall.acknowledges = False
        here = hall.seats["left"][0].host._sessions["a"]
        await hall.until(lambda: not here.readers["a"].may_be_sent)
        hall.put("a", "seek", iteration=100)
        await hall.until(lambda: hall.texts["a"][-1]["iteration"] == 100)
        assert hall.iterations["a"] > 200
        hall.seats["left"][0].broken = LineBroken("gone")
        hall.put("a", "pause")
        hall.costs["a"] = hall.costs["a"][:400]
        await hall.until(lambda: hall.iterations["a"] == 100)
        assert hall.where("a") == "right"
        assert not hall.seats["right"][0].host._sessions["a"].replaying
        hall.acknowledges = True
        hall.put("a", "ack", frame=hall.numbers["a"][-1])
        hall.put("a", "step", iterations=100)
        await hall.until(lambda: hall.iterations["a"] == 200)
        assert hall.costs["a"] == undisturbed(200)

    in_a_hall(watch)


def test_what_waits_for_a_session_moves_with_it() -> None:
    async def watch(hall: Hall) -> None:
        (left,) = await hall.begin(left=0)
        hall.open("a", playing=False)
        await hall.until(lambda: hall.backend.latest("a"))
        (right,) = await hall.begin(right=5)
        left.closing = True
        left.release("a")
        hall.put("a", "step", iterations=100)
        for _ in range(MOST_WAITING):
            hall.put("a", "check", **SMALL_CHECK)
        late = asyncio.create_task(hall.backend.send(tell("a", "step", iterations=11)))
        asked = asyncio.create_task(ask(hall.backend))
        await hall.until(lambda: hall.where("a") == "right")
        await late
        await hall.until(lambda: hall.iterations["a"] == 111)
        assert hall.costs["a"] == undisturbed(111)
        assert isinstance(await asked, Model)
        checks = [text for text in hall.texts["a"] if text["type"] == "checked"]
        assert len(checks) == MOST_WAITING
        assert isinstance(hall.seats["left"][0].heard[-1], Release)
        hall.backend._balance()
        assert hall.backend._drivers == [right]
        await hall.until(lambda: hall.seats["left"][0].closed)

    async def ask(backend: Backend) -> Model | None:
        while True:
            try:
                return await backend.model("a")
            except Full:
                await asyncio.sleep(0)

    in_a_hall(watch)


SMALL_CHECK = {
    "layers": [{"weights": [[1], [1]], "biases": [0]}],
    "points": [[1, 2]],
    "labels": [1],
    "claimed": {"cost": 1},
}


def test_a_new_session_goes_where_there_is_least_to_do_also_for_other_servers() -> None:
    async def watch(hall: Hall) -> None:
        _, right = await hall.begin(left=2, right=0)
        for name in "abcd":
            hall.open(name)
        assert [hall.where(name) for name in "abcd"] == ["right", "right", "left", "right"]
        right.closing = True
        hall.open("e")
        assert hall.where("e") == "left"

    in_a_hall(watch)


def test_nobody_comes_to_a_host_that_may_end_soon_while_there_is_another() -> None:
    async def watch(hall: Hall) -> None:
        left, right, _ = await hall.begin(left=0, right=0, own=9)
        for name in "ab":
            hall.open(name)
            await hall.goes_on(name)
        assert [hall.where(name) for name in "ab"] == ["left", "right"]
        left.doubtful = right.doubtful = True
        hall.open("new")
        hall.seats["left"][-1].broken = LineBroken("its node has ended")
        await hall.until(lambda: hall.where("a") != "left")
        for _ in range(50):
            hall.backend._balance()
        assert [hall.where(name) for name in ("a", "b", "new")] == ["own", "right", "own"]
        for name in hall.costs:
            await hall.goes_on(name)

    in_a_hall(watch)


@pytest.mark.parametrize("servers", [1, 4, 30])
def test_servers_that_share_two_hosts_do_not_move_their_sessions_forever(servers: int) -> None:
    """Each sees what the others have three looks later."""
    random = Random(1)
    here = [[8, 2] for _ in range(servers)]
    seen = deque([[tuple(each) for each in here]], maxlen=4)
    moves = 0
    for _ in range(100):
        for number, mine in enumerate(here):
            others = [each for n, each in enumerate(seen[0]) if n != number]
            load = [mine[host] + sum(each[host] for each in others) for host in (0, 1)]
            most = load.index(max(load))
            gap = 2 * max(load) - sum(load)
            if gap >= max(SMALLEST_GAP, max(load) / 4):
                share = mine[most] / max(load)
                number_of_them = min(mine[most], to_move(gap, share, random.random()))
                mine[most] -= number_of_them
                mine[1 - most] += number_of_them
                moves += number_of_them
        seen.append([tuple(each) for each in here])
    left, right = (sum(each[host] for each in here) for host in (0, 1))
    assert abs(left - right) < max(SMALLEST_GAP, max(left, right) / 4)
    assert moves <= 6 * servers  # three each are enough


def test_sessions_wait_where_they_are_until_some_host_is_up() -> None:
    async def watch(hall: Hall) -> None:
        async def never() -> Line:
            raise LineBroken("no")

        nowhere = hall.backend.add("nowhere", never)
        nowhere.start()
        hall.open("a")
        assert not hall.backend.ready
        nowhere.closing = True
        for _ in range(3):
            hall.backend._balance()
        assert hall.where("a") == "nowhere"
        hall.add("somewhere").start()
        await hall.until(lambda: hall.seats["somewhere"])
        await asyncio.sleep(0)
        hall.backend._balance()
        assert hall.where("a") == "somewhere"
        await hall.goes_on("a")
        assert hall.backend.ready
        hall.backend._balance()
        assert nowhere not in hall.backend._drivers

    in_a_hall(watch)


def test_at_the_end_nobody_waits_for_a_host_that_has_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.training.workers.driver.FLUSH_SECONDS", 1_000)

    async def watch(hall: Hall) -> None:
        async def never() -> Line:
            raise LineBroken("no")

        hall.backend.add("nowhere", never).start()
        await hall.begin(somewhere=0)
        hall.open("a")
        await hall.goes_on("a")
        assert await hall.backend.flush() == {"a"}

    in_a_hall(watch)


def test_a_backend_is_ready_without_a_host_that_comes_or_goes_but_not_without_a_lasting_one() -> (
    None
):
    async def watch(hall: Hall) -> None:
        lasting = hall.add("lasting", lasting=True)
        lasting.start()
        assert not hall.backend.ready
        await hall.until(lambda: hall.backend.ready)
        coming = hall.add("coming")
        assert hall.backend.ready
        coming.start()
        await hall.until(lambda: coming.connected)
        await lasting.background.stop()
        assert not hall.backend.ready

    in_a_hall(watch)


@pytest.mark.parametrize("at_any_rate", [False, True])
def test_a_host_keeps_a_session_that_no_checkpoint_would_hold_unless_it_must_go(
    at_any_rate: bool,
) -> None:
    desk = Desk()
    desk.open("a", PLAN, playing=False)
    desk.say("a", "step", iterations=50)
    desk.pass_time(1)
    desk.say("a", "sweep", seeds=5, iterations=1000)
    kept = desk.kept["a"].checkpoint.iteration
    events = desk.host.handle(Release("a", at_any_rate))
    sweep = tell("a", "sweep", seeds=5, iterations=1000)
    assert events == [Released("a", left=at_any_rate, unkept=(sweep,) if at_any_rate else ())]
    assert kept == 50
    gone = desk.host.handle(Flush(1))
    assert (getattr(gone[-1], "value", None) == frozenset()) == at_any_rate


def test_who_moves_is_seen_in_the_first_round_elsewhere() -> None:
    async def watch(hall: Hall) -> None:
        await hall.begin(left=0, right=0)
        hall.open("a")
        await hall.goes_on("a")
        hall.others = {"b", "c"}
        for reader in "bc":
            hall.backend.put(Attach("a", reader))
        await hall.goes_on("a")
        there = hall.where("a")
        hall.backend._where["a"].closing = True
        hall.backend._balance()
        await hall.until(lambda: hall.where("a") != there)
        await hall.goes_on("a")
        (seat,) = hall.seats[hall.where("a")]
        commands, events = next(r for r in seat.rounds if any(isinstance(c, Open) for c in r[0]))
        assert [c.reader for c in commands if isinstance(c, Attach)] == ["a", "b", "c"]
        assert [e.reader for e in events if isinstance(e, Frame)] == ["a", "b", "c"]

    in_a_hall(watch)


def test_what_leaves_a_host_comes_with_its_last_iteration() -> None:
    desk = Desk(checkpoint_seconds=1000)
    desk.open("a", PLAN)
    desk.pass_time(2)
    assert desk.kept["a"].checkpoint.iteration < desk.iteration("a")
    assert desk.host.handle(Release("a")) == []
    desk.clock.now += 1
    *_, released = desk.hear(desk.host.round())
    assert released == Released("a", left=True)
    there = desk.frames["a"][-1]["iteration"]
    assert desk.kept["a"].checkpoint.iteration == there
    clock = Clock()
    other = Host(clock, clock, checkpoint_seconds=1)
    assert other.handle(Open("a", "interactive", desk.kept["a"])) == []
    assert other._sessions["a"].configured.iteration == there
    assert other._sessions["a"].playing


def busy_desk(names: str) -> Desk:
    desk = Desk()
    desk.clock = Clock(look=0.001)  # so a round is over after a few sessions
    desk.host = Host(desk.clock, desk.clock, checkpoint_seconds=1000)
    for name in names:
        desk.open(name, PLAN)
    for _ in range(20):
        round_of(desk)
    return desk


def round_of(desk: Desk) -> list[Event]:
    events = desk.hear(desk.host.round())
    desk.ack_all()
    return events


def of_kind(kind: type[Frame | Released], events: list[Event]) -> list[str]:
    return [event.session for event in events if isinstance(event, kind)]


def test_who_plays_leaves_a_busy_host_right_after_a_frame() -> None:
    desk = busy_desk("abcdefghij")
    leaving = set(desk.frames)
    for name in desk.frames:
        assert desk.host.handle(Release(name)) == []
    while leaving:
        events = round_of(desk)
        gone = of_kind(Released, events)
        assert 0 < len(gone) < 10
        assert sorted(gone) == sorted(of_kind(Frame, events))
        for name in gone:
            there = desk.frames[name][-1]["iteration"]
            assert desk.kept[name].checkpoint.iteration == there
        leaving -= set(gone)


@pytest.mark.parametrize("what", ["pause", "nobody looks", "it has gone"])
def test_a_session_of_which_nobody_expects_more_leaves_without_a_slice(what: str) -> None:
    for late in (False, True):
        desk = busy_desk("abcdefghij")
        released = desk.host.handle(Release("a")) if late else []
        assert released == []
        if what == "pause":
            desk.say("a", "pause")
        else:
            desk.host.handle(Detach("a", "a") if what == "nobody looks" else Close("a"))
        events = desk.host.round() if late else desk.host.handle(Release("a"))
        assert (Released("a", left=True) in events) != (late and what == "it has gone")
        assert "a" not in desk.host._sessions


def test_a_run_that_moves_ends_as_if_it_had_stayed() -> None:
    async def watch(hall: Hall) -> None:
        drivers = await hall.begin(left=0, right=0)
        heard: list[Event] = []
        hall.backend.open("run", "job", heard.append)
        hall.put("run", "configure", **PLAN, playing=True)
        for _ in range(3):
            heard.clear()
            await hall.until(lambda: heard)
            hall.backend._where["run"].closing = True
            hall.backend._balance()
            await hall.until(lambda: not hall.backend._where["run"].closing)
            for driver in drivers:
                driver.closing = False
        await hall.until(
            lambda: any(isinstance(e, Progress) and e.status != "running" for e in heard)
        )
        latest = hall.backend.latest("run")
        assert latest is not None
        (costs,) = latest.whole.costs
        assert costs.astype("<f4").tobytes() == undisturbed(5000)

    in_a_hall(watch)
