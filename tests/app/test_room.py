"""A room by hand: each rule of a class, without a socket and without a database."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.classroom import bounds
from app.classroom.codes import Mint
from app.classroom.commands import Collect, Come, End, Gone, Join, Measured, OpenPage, Redeem, Said
from app.classroom.errors import (
    CheckedHere,
    Claimed,
    Closed,
    GivenParameters,
    Locked,
    NameTaken,
    NobodyOfThatName,
    NoRoom,
    NotLetIn,
    NotYours,
    Over,
    Removed,
    RoomFull,
    Shown,
    Stranger,
    UnknownMember,
    UnknownThing,
    WrongKey,
)
from app.classroom.events import (
    Ended,
    Entered,
    Freed,
    FreshMember,
    Holding,
    Joined,
    KeyMade,
    Opened,
    Waiting,
    Watched,
    Write,
)
from app.classroom.holding import refusal, sent
from app.classroom.messages import (
    OF_MEMBERS,
    OF_TEACHERS,
    OpenRoom,
)
from app.classroom.results import COLUMNS, results_csv
from app.classroom.room import MEMBERS, TEACHERS, Room
from app.classroom.rooms import Rooms
from app.classroom.rows import Unreadable
from app.classroom.state import Now
from app.classroom.tasks import counts_on
from app.classroom.teaching import plan_for
from app.errors import Held, InvalidField, ShallowsError, UnknownType
from app.schemas import MESSAGES, Configure, Edit, Plan, parse_message
from app.training.facts import facts_of
from app.training.messages import LOOKING
from app.training.session import Session
from tests.app.classroom import (
    CIRCLE,
    LESSONS_THERE,
    START,
    WALL,
    Class,
    SeededRandom,
    facts,
    members_message,
    teachers_message,
)

HOUR = 3600.0
XOR = {"data": {"dataset": "xor"}, "runs": [{}]}
ACCURATE = [{"quantity": "test_accuracy", "at_least": 0.95}]
WHICH: dict[str, Any] = {"text": "Which is better?", "choices": ["tanh", "ReLU", "neither"]}


@pytest.fixture
def room() -> Class:
    return Class()


def only(events: list[Any], kind: type[Any]) -> Any:
    (event,) = (event for event in events if isinstance(event, kind))
    return event


def wrong(room: Class, error: type[ShallowsError], act: Any) -> ShallowsError:
    """An error, after which the room is as it was."""
    before = dict(room.room.rows), json.dumps(room.teacher), json.dumps(room.screen)
    with pytest.raises(error) as raised:
        act()
    assert (dict(room.room.rows), json.dumps(room.teacher), json.dumps(room.screen)) == before
    return raised.value


# -- who is in ------------------------------------------------------------------------------


def test_somebody_joins_with_a_given_name(room: Class) -> None:
    joined = room.joins()
    assert (joined.member, joined.title) == (1, "Year 12")
    assert len(joined.name.split()) == 2
    assert len(joined.secret) >= 32
    entered = only(room.do(Come("a", joined.secret)), Entered)
    assert (entered.member, entered.session, entered.lab) == (1, joined.session, False)
    assert room.heard["a"][-1] == {
        "type": "room",
        "room": "room",
        "title": "Year 12",
        "member": 1,
        "name": joined.name,
        "hand": False,
        "held": False,
        "reduction": {"hide": [], "lock": []},
        "experiment": None,
        "task": None,
        "question": None,
        "lesson": None,
    }
    told = [message for message in room.heard["teacher"] if message["type"] == "member"]
    assert [(message["name"], message["here"]) for message in told] == [
        (joined.name, False),
        (joined.name, True),
    ]


def test_names_numbers_secrets_and_sessions_are_each_ones_own(room: Class) -> None:
    joined = [room.joins() for _ in range(bounds.MOST_MEMBERS)]
    for field in ("member", "name", "secret", "session"):
        assert len({getattr(one, field) for one in joined}) == bounds.MOST_MEMBERS


def test_a_full_room(room: Class) -> None:
    joined = [room.joins() for _ in range(bounds.MOST_MEMBERS)]
    assert str(wrong(room, RoomFull, room.joins)) == "The room is full."
    room.do(Come("a", joined[7].secret))
    room.do(Come("b", joined[3].secret))
    room.say("a", "leave")
    room.clock += 1
    room.say("b", "leave")
    assert room.joins().member == bounds.MOST_MEMBERS + 1
    # Who left first has given way; who left later is still known.
    with pytest.raises(Stranger):
        room.do(Come("a", joined[7].secret))
    assert room.joins(secret=joined[3].secret).member == 4


def test_in_a_full_room_who_never_came_gives_way_to_who_does(room: Class) -> None:
    joined = [room.joins() for _ in range(bounds.MOST_MEMBERS)]
    room.do(Come("a", joined[0].secret))
    room.clock += bounds.COMING_SECONDS - 1
    wrong(room, RoomFull, room.joins)
    room.clock += 1
    assert room.joins().member == bounds.MOST_MEMBERS + 1
    with pytest.raises(Stranger):
        room.do(Come("b", joined[1].secret))
    assert room.joins(secret=joined[0].secret).member == 1
    # Who has come stays, however long they are away.
    room.do(Gone("a"))
    room.clock += 2 * bounds.COMING_SECONDS
    room.joins()
    assert room.joins(secret=joined[0].secret).member == 1


def test_who_joins_and_does_not_come_is_not_in_for_long(room: Class) -> None:
    room.teach("task", title="Get there", until=ACCURATE)
    joined = [room.joins() for _ in range(3)]
    room.do(Come("a", joined[0].secret))
    room.goes("a")
    room.waits(bounds.WAITED_SECONDS / 2)
    room.crashes()  # Those who were to come have their time anew.
    room.waits(bounds.WAITED_SECONDS - 1)
    room.joins()
    assert room.screen["in"] == 4
    room.waits(1)
    # Who has come stays, however long they are away.
    assert [member["member"] for member in room.teacher["members"]] == [1, 4]
    # Their secret leads back, to the page and to the join; and once they have come they stay.
    room.do(Come("b", joined[1].secret))
    assert room.joins(secret=joined[2].secret) == joined[2]
    assert room.screen["in"] == 4
    room.waits(bounds.WAITED_SECONDS)
    assert [member["member"] for member in room.teacher["members"]] == [1, 2]
    rows = results_csv(room.room.state).splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2"]


def test_back_after_a_refresh(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.goes("a")
    assert room.of(1)["here"] is False
    assert room.of(1)["away_since"] == room.now.wall
    again = room.joins(secret=joined.secret)
    assert again == joined
    room.do(Come("b", joined.secret))
    assert room.of(1)["here"] is True
    assert len(room.teacher["members"]) == 1


def test_a_secret_that_is_not_known_makes_somebody_new(room: Class) -> None:
    room.joins()
    assert room.joins(secret="of another room").member == 2


def test_a_second_tab_takes_over(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.do(Come("b", joined.secret))
    assert room.closed == {"a": (4001, None)}
    room.goes("a")
    assert room.of(1)["here"] is True
    room.goes("b")
    assert room.of(1)["here"] is False
    room.do(Come("c", joined.secret))
    room.do(Come("c", joined.secret))
    assert "c" not in room.closed


def test_the_labs_second_session_is_the_members_and_takes_over_from_no_page(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    entered = only(room.do(Come("lab", joined.secret, lab=True)), Entered)
    assert entered.lab
    assert not room.closed
    member = room.room.member_of("lab")
    assert member is not None
    assert member.number == 1
    room.goes("lab")
    assert room.of(1)["here"] is True


def test_a_connection_is_one_members(room: Class) -> None:
    room.comes("a")
    other = room.joins()
    room.do(Come("a", other.secret))
    assert (room.of(1)["here"], room.of(2)["here"]) == (False, True)
    assert not room.closed


@pytest.mark.parametrize("secret", ["", "nothing", "x" * 100])
def test_a_stranger(room: Class, secret: str) -> None:
    room.joins()
    error = wrong(room, Stranger, lambda: room.do(Come("a", secret)))
    assert error.detail == "This room does not know you any more. Join again with its code."


def test_somebody_leaves_and_what_they_did_stays(room: Class) -> None:
    one = room.comes("a")
    room.comes("b")
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=1)
    room.say("a", "hand", up=True)
    freed = only(room.say("a", "leave"), Freed)
    assert freed.session == room.room.state.members[one].session
    assert room.closed["a"] == (1000, None)
    assert [member["member"] for member in room.teacher["members"]] == [2]
    assert room.screen["in"] == 1
    assert room.of(one) == {"type": "member", "member": one, "gone": True}
    room.teach("reveal", question=1)
    assert room.screen["question"]["counts"] == [0, 1, 0]
    assert (room.screen["question"]["answered"], room.screen["question"]["of"]) == (1, 2)
    # Whoever comes next on the device is somebody else; with the secret they are the same again.
    assert room.joins().member == 3
    assert room.joins(secret=room.secrets[one]).member == one
    assert room.of(one)["hand"] is None


def test_the_door_is_locked_for_whoever_is_new(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.teach("lock", locked=True)
    assert room.teacher["locked"] is room.screen["locked"] is True
    error = wrong(room, Locked, room.joins)
    assert error.detail == "The door is locked. Ask your teacher."
    assert room.joins(secret=joined.secret).member == 1
    room.teach("lock", locked=False)
    room.joins()


def test_a_new_code_keeps_everybody(room: Class) -> None:
    room.comes("a")
    code = room.teacher["code"]
    room.teach("new_code")
    assert room.teacher["code"] == room.screen["code"] != code
    assert room.of(1)["here"]
    assert not room.closed


# -- claims ---------------------------------------------------------------------------------


def test_a_lost_device_comes_back_by_its_name(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=2)
    room.goes("a")
    claim = only(room.do(Join(name=f" {joined.name.upper()}")), Waiting).claim
    (waiting,) = room.teacher["claims"]
    assert (waiting["member"], waiting["name"]) == (1, joined.name)
    assert claim not in json.dumps([room.teacher, room.screen, room.student(1), room.disk])
    assert only(room.do(Collect(claim)), Waiting).claim == claim
    room.teach("admit", claim=claim)
    assert room.teacher["claims"] == []
    with pytest.raises(Stranger):
        room.do(Come("a", joined.secret))
    again = only(room.do(Collect(claim)), Joined)
    assert (again.member, again.session) == (1, joined.session)
    assert again.secret != joined.secret
    # The answer was lost on its way: it can be asked for again.
    last = only(room.do(Collect(claim)), Joined)
    with pytest.raises(Stranger):
        room.do(Come("b", again.secret))
    room.do(Come("b", last.secret))
    assert room.student(1)["question"]["choice"] == 2
    wrong(room, NotLetIn, lambda: room.do(Collect(claim)))


def test_who_is_let_in_by_a_name_leaves_the_place_given_meanwhile(room: Class) -> None:
    joined, spare, other = room.joins(), room.joins(), room.joins()
    room.do(Come("c", other.secret))
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    assert only(room.do(Collect(claim, spare.secret)), Waiting).claim == claim
    assert [member["member"] for member in room.teacher["members"]] == [1, 2, 3]
    room.teach("admit", claim=claim)
    again = only(room.do(Collect(claim, spare.secret)), Joined)
    assert again.member == 1
    assert [member["member"] for member in room.teacher["members"]] == [1, 3]
    # A secret of nobody, and the place's own, change nothing.
    for secret in ("of nobody", again.secret):
        last = only(room.do(Collect(claim, secret)), Joined)
        assert last.member == 1
    assert [member["member"] for member in room.teacher["members"]] == [1, 3]


def test_who_comes_back_meanwhile_is_let_go_when_another_is_let_in(room: Class) -> None:
    joined = room.joins()
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    room.crashes()
    room.do(OpenPage("teacher", room.key))
    room.teach("admit", claim=claim)
    assert only(room.do(Collect(claim)), Joined).member == 1

    other = room.joins()
    claim = only(room.do(Join(name=other.name)), Waiting).claim
    room.room.state.presence(other.member).connection = "old"
    room.teach("admit", claim=claim)
    assert room.closed["old"] == (4001, "stranger")


def test_who_comes_back_with_the_secret_ends_the_claim(room: Class) -> None:
    joined = room.joins()
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    room.do(Come("a", joined.secret))
    assert room.teacher["claims"] == []
    wrong(room, UnknownThing, lambda: room.teach("admit", claim=claim))
    error = wrong(room, NotLetIn, lambda: room.do(Collect(claim)))
    assert "has not let you in" in error.detail


def test_only_who_is_away_can_be_claimed_and_nobody_learns_who_is_in(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    there = wrong(room, NobodyOfThatName, lambda: room.do(Join(name=joined.name)))
    nobody = wrong(room, NobodyOfThatName, lambda: room.do(Join(name="nobody at all")))
    assert there.detail == nobody.detail
    room.goes("a")
    room.do(Join(name=joined.name))
    error = wrong(room, Claimed, lambda: room.do(Join(name=joined.name)))
    assert error.detail == "Somebody has asked for this name already. Tell your teacher."


def test_a_claim_is_refused_or_over_in_time(room: Class) -> None:
    joined = room.joins()
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    room.teach("refuse", claim=claim)
    wrong(room, NotLetIn, lambda: room.do(Collect(claim)))
    assert room.joins(secret=joined.secret).member == 1
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    room.waits(bounds.CLAIM_SECONDS - 1)
    assert room.teacher["claims"]
    room.waits(1)
    assert not room.teacher["claims"]
    wrong(room, NotLetIn, lambda: room.do(Collect(claim)))
    wrong(room, UnknownThing, lambda: room.teach("refuse", claim=claim))


def test_a_locked_door_keeps_nobody_out_whom_the_teacher_lets_in(room: Class) -> None:
    joined = room.joins()
    room.teach("lock", locked=True)
    claim = only(room.do(Join(name=joined.name)), Waiting).claim
    room.teach("admit", claim=claim)
    assert only(room.do(Collect(claim)), Joined).member == 1


def test_of_many_claims_the_oldest_gives_way(room: Class) -> None:
    names = [room.joins().name for _ in range(bounds.MOST_CLAIMS + 1)]
    claims = []
    for name in names:
        claims.append(only(room.do(Join(name=name)), Waiting).claim)
        room.clock += 1
    assert len(room.teacher["claims"]) == len(claims) - 1
    wrong(room, NotLetIn, lambda: room.do(Collect(claims[0])))
    assert only(room.do(Collect(claims[1])), Waiting).claim == claims[1]


# -- rename, remove -------------------------------------------------------------------------


def test_rename(room: Class) -> None:
    room.comes("a")
    other = room.joins()
    room.teach("rename", member=1, name="  Ada  Lovelace ")
    assert room.student(1)["name"] == room.of(1)["name"] == "Ada Lovelace"
    assert room.heard["a"][-1]["name"] == "Ada Lovelace"
    for taken in (other.name, other.name.upper(), other.name.replace(" ", "")):
        error = wrong(room, NameTaken, lambda: room.teach("rename", member=1, name=taken))  # noqa: B023
        assert error.code == "name_taken"
    for bad in ("", "x" * 25, "a\u202eb", "x" * 3000):
        wrong(room, InvalidField, lambda: room.teach("rename", member=1, name=bad))  # noqa: B023
    room.teach("rename", member=1, name="ADA LOVELACE")
    wrong(room, UnknownMember, lambda: room.teach("rename", member=9, name="Bob"))


def test_a_kick_is_no_ban(room: Class) -> None:
    room.comes("a")
    two = room.comes("b")
    name, secret = room.student(two)["name"], room.secrets[two]
    room.teach("ask", **WHICH)
    room.say("b", "answer", question=1, choice=0)
    room.teach("spotlight", members=[1, two])
    freed = only(room.teach("remove", member=two), Freed)
    assert freed.session
    assert room.closed["b"] == (1008, "removed")
    assert room.heard["teacher"][-1]["type"] == "room"
    assert [member["member"] for member in room.teacher["members"]] == [1]
    assert room.teacher["spotlight"] == [1]
    assert room.teacher["questions"][0]["answered"] == 0
    # Nothing of them is left, but that they can be told.
    assert name not in json.dumps(room.disk)
    error = wrong(room, Removed, lambda: room.do(Come("b", secret)))
    assert error.detail == "Your teacher has taken you out of this room. You can join again."
    wrong(room, NotYours, lambda: room.say("b", "hand", up=True))
    wrong(room, UnknownMember, lambda: room.teach("remove", member=two))
    wrong(room, NobodyOfThatName, lambda: room.do(Join(name=name)))
    again = room.joins(secret=secret)
    assert again.member == 3
    assert again.secret != secret
    room.teach("lock", locked=True)
    wrong(room, Locked, lambda: room.joins(secret=secret))


# -- teachers -------------------------------------------------------------------------------


def test_keys_say_who_one_is(room: Class) -> None:
    opened = only(room.do(OpenPage("screen", room.screen_key)), Opened)
    assert opened.role == "screen"
    assert room.room.role_of(room.key) == "teacher"
    assert room.room.role_of(room.screen_key) == "screen"
    joined = room.joins()
    for key in ("", "x", joined.secret, room.room.state.door.keys[0], room.teacher["code"]):
        assert room.room.role_of(key) is None
        wrong(room, WrongKey, lambda: room.do(OpenPage("x", key)))  # noqa: B023


def test_a_new_key_ends_the_others(room: Class) -> None:
    room.do(OpenPage("other", room.key))
    room.do(OpenPage("screen", room.screen_key))
    room.teach("new_key")
    (told,) = [message for message in room.heard["teacher"] if message["type"] == "key"]
    assert room.closed == {"other": (1008, "wrong_key")}
    assert room.room.role_of(room.key) is None
    assert room.room.role_of(told["key"]) == "teacher"
    assert room.room.role_of(room.screen_key) == "screen"
    wrong(room, NotYours, lambda: room.teach("lock", connection="other", locked=True))
    room.teach("lock", locked=True)
    assert told["key"] not in json.dumps(room.disk)


def test_the_page_on_another_device(room: Class) -> None:
    room.teach("pair")
    pairing = room.heard["teacher"][-1]
    assert (pairing["type"], len(pairing["code"]), pairing["seconds"]) == ("pairing", 8, 300)
    wrong(room, WrongKey, lambda: room.do(Redeem("22222222")))
    key = only(room.do(Redeem(pairing["code"].lower())), KeyMade).key
    assert room.room.role_of(key) == room.room.role_of(room.key) == "teacher"
    wrong(room, WrongKey, lambda: room.do(Redeem(pairing["code"])))
    room.teach("pair")
    room.clock += bounds.PAIRING_SECONDS
    late = room.heard["teacher"][-1]["code"]
    wrong(room, WrongKey, lambda: room.do(Redeem(late)))
    for _ in range(bounds.MOST_KEYS - 2):
        room.teach("pair")
        room.do(Redeem(room.heard["teacher"][-1]["code"]))
    wrong(room, RoomFull, lambda: room.teach("pair"))


def test_of_many_pages_the_first_is_closed(room: Class) -> None:
    for number in range(bounds.MOST_PAGES):
        room.do(OpenPage(f"t{number}", room.key))
        room.do(OpenPage(f"s{number}", room.screen_key))
    assert room.closed == {"teacher": (1013, None)}
    room.do(OpenPage("t0", room.key))
    assert room.closed == {"teacher": (1013, None)}


def test_two_teachers_see_the_same(room: Class) -> None:
    room.do(OpenPage("other", room.key))
    room.comes("a")
    room.teach("hold", held=True)
    assert room.heard["teacher"] == room.heard["other"]


# -- a member can do nothing that is the teacher's ------------------------------------------

SAID: dict[str, dict[str, Any]] = {
    "push": {"page": "#", "plan": {"runs": [{}]}},
    "hold": {"held": True},
    "admit": {"claim": "x"},
    "refuse": {"claim": "x"},
    "reduce": {"hide": [], "lock": []},
    "ask": WHICH,
    "reveal": {"question": 1},
    "close": {"question": 1},
    "task": {"title": "Reach it", "until": ACCURATE},
    "lesson": {"name": "one-unit"},
    "spotlight": {"members": [1]},
    "watch": {"members": [1]},
    "lock": {"locked": True},
    "rename": {"member": 1, "name": "Ada"},
    "remove": {"member": 1},
    "new_code": {},
    "new_key": {},
    "pair": {},
    "names": {"shown": True},
}


def test_every_message_has_somebody_who_carries_it_out() -> None:
    assert set(SAID) == set(OF_TEACHERS)
    assert set(TEACHERS) == set(OF_TEACHERS.values())
    assert set(MEMBERS) == set(OF_MEMBERS.values()) - {OF_MEMBERS["enter"]}
    assert not OF_TEACHERS.keys() & OF_MEMBERS.keys()
    assert not (OF_TEACHERS.keys() | OF_MEMBERS.keys()) & MESSAGES.keys()


@pytest.mark.parametrize("type", SAID)
def test_a_members_and_a_projectors_page_can_say_nothing_of_a_teachers(
    room: Class, type: str
) -> None:
    room.comes("a")
    room.do(OpenPage("screen", room.screen_key))
    for connection in ("a", "screen", "nobody"):
        wrong(room, NotYours, lambda: room.teach(type, connection=connection, **SAID[type]))  # noqa: B023
    with pytest.raises(UnknownType):
        members_message(json.dumps({"type": type, **SAID[type]}))


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("answer", {"question": 1, "choice": 0}),
        ("hand", {"up": True}),
        ("leave", {}),
        ("report", {"task": 1, "done": True}),
        ("enter", {"room": "room", "secret": "x"}),
    ],
)
def test_nobody_but_a_member_says_what_is_a_members(
    room: Class, type: str, fields: dict[str, Any]
) -> None:
    room.comes("a")
    for connection in ("teacher", "nobody"):
        wrong(room, NotYours, lambda: room.say(connection, type, **fields))  # noqa: B023
    with pytest.raises(UnknownType):
        teachers_message(json.dumps({"type": type, **fields}))


# -- eyes here ------------------------------------------------------------------------------


def test_eyes_here_and_let_go(room: Class) -> None:
    room.comes("a")
    room.do(OpenPage("screen", room.screen_key))
    assert only(room.teach("hold", held=True), Holding).held
    assert room.heard["a"][-1]["held"] is room.heard["screen"][-1]["held"] is True
    assert room.teacher["held_at"] == room.now.wall
    assert room.teach("hold", held=True) == []
    # Who comes late finds it held; hand, answer and leave go on.
    room.comes("b")
    assert room.heard["b"][-1]["held"] is True
    room.say("b", "hand", up=True)
    room.say("b", "leave")
    assert not only(room.teach("hold", held=False), Holding).held
    assert room.heard["a"][-1]["held"] is False


def test_without_a_teacher_it_lets_go_after_two_minutes(room: Class) -> None:
    room.do(OpenPage("other", room.key))
    room.teach("hold", held=True)
    room.waits(HOUR)
    room.goes("other")
    room.waits(HOUR)
    assert room.teacher["held"]
    room.goes("teacher")
    room.waits(100)
    room.do(OpenPage("teacher", room.key))
    room.waits(100)
    room.goes("teacher")
    assert room.waits(119) == []
    assert room.teacher["held"]
    assert not only(room.waits(1), Holding).held
    assert not room.teacher["held"]
    assert room.disk == room.room.rows


def test_a_held_room_is_held_after_a_crash_until_two_minutes_are_over(room: Class) -> None:
    room.teach("hold", held=True)
    room.crashes()
    assert room.teacher["held"]
    room.waits(119)
    assert room.teacher["held"]
    room.waits(1)
    assert not room.teacher["held"]


MESSAGE: dict[str, dict[str, Any]] = {
    "step": {"iterations": 3},
    "set": {"learning_rate": 1},
    "edit": {"layer": 1, "unit": 0, "input": None, "value": 1},
    "seek": {"iteration": 3},
    "ack": {"frame": 1},
    "configure": {"runs": [{}]},
    "check": {
        "layers": [{"weights": [[1]], "biases": [0]}],
        "points": [[1]],
        "labels": [1],
        "claimed": {"cost": 1},
    },
}


@pytest.mark.parametrize("type", MESSAGES)
def test_what_trains_or_changes_waits_while_it_is_held(room: Class, type: str) -> None:
    text = json.dumps({"type": type, **MESSAGE.get(type, {})})
    message = parse_message(text, MESSAGES)
    assert refusal(room.room.state, message) is None
    room.teach("hold", held=True)
    looks = type in ("view", "ack", "inspect", "describe", "recall", "check", "cancel", "sweep")
    assert isinstance(message, LOOKING) == looks
    error = refusal(room.room.state, message)
    assert (error is None) == looks
    assert error is None or (error.code, error.detail) == (
        "held",
        "Eyes here. Your network is paused and kept. It goes on when your teacher lets go.",
    )


def test_only_what_was_sent_is_set_up_while_it_is_held(room: Class) -> None:
    state = room.room.state
    play = parse_message('{"type": "play"}', MESSAGES)

    def configure(number: int | None) -> Configure:
        words: dict[str, Any] = {"type": "configure", "runs": [{}], "experiment": number}
        return Configure.model_validate(words)

    room.teach("hold", held=True)
    assert isinstance(refusal(state, configure(1)), Held)
    room.teach("push", page="#", plan=XOR)
    assert refusal(state, configure(1)) is None
    assert isinstance(refusal(state, configure(None)), Held)
    assert isinstance(refusal(state, play), Held)
    assert (sent(state, configure(1)), sent(state, configure(None)), sent(state, play)) == (
        (1, None, None)
    )
    room.teach("push", page="#", plan=XOR)
    assert isinstance(refusal(state, configure(1)), Held)
    assert refusal(state, configure(2)) is None


# -- an experiment for everybody ------------------------------------------------------------


def test_an_experiment_with_the_same_seed(room: Class) -> None:
    room.comes("a")
    room.teach("push", page="#dataset=xor", plan=XOR, playing=True)
    sent = {"number": 1, "page": "#dataset=xor", "seed": None, "playing": True}
    assert room.heard["a"][-1]["experiment"] == sent
    # Late joiners get it at once; a later one takes its place.
    room.comes("b")
    assert room.heard["b"][-1]["experiment"] == sent
    room.teach("push", page="#dataset=circle", plan={"runs": [{}]}, seeds="same")
    assert room.heard["b"][-1]["experiment"]["number"] == 2
    assert room.teacher["experiment"]["at"] == room.now.wall


def test_a_seed_of_ones_own_is_ones_number_and_seeds_the_weights_alone(room: Class) -> None:
    runs = [{"training": {"seed": 5, "batch_size": 8}}, {"network": {"layers": []}}]
    data = {"dataset": "moons", "seed": 7}
    room.comes("a")
    room.teach("push", page="#", plan={"data": data, "runs": runs}, seeds="own")
    room.comes("b")
    assert [room.student(member)["experiment"]["seed"] for member in (1, 2)] == [1, 2]
    experiment = room.room.state.experiment
    assert experiment is not None
    one, two = (plan_for(experiment, room.room.state.members[number]) for number in (1, 2))
    for plan, number in ((one, 1), (two, 2)):
        assert [run.network.initialization.seed for run in plan.runs] == [number, number]
        assert [run.training.seed for run in plan.runs] == [5, 0]
    assert one.data == two.data
    assert one.points_key == two.points_key == experiment.plan.points_key


def test_own_seeds_need_weights_to_draw(room: Class) -> None:
    given = [{"weights": [[1], [1]], "biases": [0]}]
    run = {"network": {"layers": [], "parameters": given}}
    plan = {"runs": [{}, run]}
    error = wrong(
        room, GivenParameters, lambda: room.teach("push", page="#", plan=plan, seeds="own")
    )
    assert "Send it with the same seed." in error.detail
    room.teach("push", page="#", plan=plan, seeds="same")


@pytest.mark.parametrize(
    "fields",
    [
        {"plan": {"runs": []}},
        {"plan": {"runs": [{}] * 9}},
        {"plan": {"data": {"noise": 2}}},
        {"page": "<script>"},
        {"page": "#" + "x" * 20_000},
        {"seeds": "mine"},
        {"playing": 1},
        {"more": 1},
        {"plan": {"runs": [{"network": {"layers": [{"units": 256}] * 8}}]}},
    ],
)
def test_an_experiment_that_can_not_be_sent(room: Class, fields: dict[str, Any]) -> None:
    words = {"page": "#", "plan": XOR, **fields}
    wrong(room, InvalidField, lambda: room.teach("push", **words))


def test_hide_and_lock(room: Class) -> None:
    room.comes("a")
    room.teach("reduce", hide=["data", "data"], lock=["rate"])
    assert room.heard["a"][-1]["reduction"] == {"hide": ["data"], "lock": ["rate"]}
    assert room.teach("reduce", hide=["data"], lock=["rate"]) == []
    error = wrong(room, InvalidField, lambda: room.teach("reduce", hide=[], lock=["play", "nix"]))
    assert error.field == "lock.1"
    room.teach("reduce", hide=[], lock=[])
    assert room.student(1)["reduction"] == {"hide": [], "lock": []}


def test_names_on_the_projector(room: Class) -> None:
    joined = room.joins()
    room.do(OpenPage("screen", room.screen_key))
    room.do(Come("a", joined.secret))
    room.teach("spotlight", members=[1])
    assert joined.name not in json.dumps([room.screen, room.heard["screen"]])
    room.teach("names", shown=True)
    assert room.screen["members"][0]["name"] == room.screen["spotlight"][0]["name"] == joined.name
    room.teach("names", shown=False)
    room.heard["screen"].clear()
    room.say("a", "hand", up=True)
    assert joined.name not in json.dumps([room.screen, room.heard["screen"]])


def test_spotlight_and_watch(room: Class) -> None:
    for name in "abcde":
        room.comes(name)
    room.teach("spotlight", members=[3, 1])
    assert [each["member"] for each in room.screen["spotlight"]] == [3, 1]
    wrong(room, UnknownMember, lambda: room.teach("spotlight", members=[9]))
    wrong(room, InvalidField, lambda: room.teach("spotlight", members=[1, 2, 3, 4, 5]))
    wrong(room, InvalidField, lambda: room.teach("spotlight", members=[1, 1]))
    room.teach("spotlight", members=[])
    assert room.screen["spotlight"] == []
    watched = only(room.teach("watch", members=[2, 4]), Watched)
    assert watched == Watched("teacher", (2, 4))
    wrong(room, UnknownMember, lambda: room.teach("watch", members=[9]))
    wrong(room, InvalidField, lambda: room.teach("watch", members=[1, 2, 3, 4, 5]))


def test_a_hand(room: Class) -> None:
    room.comes("a")
    room.say("a", "hand", up=True)
    assert room.heard["a"][-1]["hand"] is True
    assert room.of(1)["hand"] == room.now.wall
    assert room.say("a", "hand", up=True) == []
    room.crashes()
    assert room.of(1)["hand"] is not None
    room.do(Come("a", room.secrets[1]))
    room.say("a", "hand", up=False)
    assert room.of(1)["hand"] is None


# -- questions ------------------------------------------------------------------------------


def seen(room: Class) -> str:
    """All that anybody has seen, or could see."""
    members = [room.student(number) for number in room.room.state.members]
    return json.dumps(
        [room.teacher, room.screen, members, dict(room.heard), room.disk["question/1"]]
    )


def test_predict_commit_then_see(room: Class) -> None:
    for name in "abc":
        room.comes(name)
    room.do(OpenPage("screen", room.screen_key))
    room.teach("ask", **WHICH, right=1)
    assert room.heard["a"][-1]["question"] == {
        "id": 1,
        "text": "Which is better?",
        "choices": ["tanh", "ReLU", "neither"],
        "answered": False,
        "choice": None,
    }
    room.say("a", "answer", question=1, choice=0)
    room.say("b", "answer", question=1, choice=1)
    room.say("a", "answer", question=1, choice=1)
    assert room.student(1)["question"]["choice"] == 1
    assert room.of(1)["answered"] is True
    assert room.of(3)["answered"] is False
    question = room.teacher["questions"][0]
    assert (question["answered"], question["of"]) == (2, 3)
    assert '"counts": [' not in seen(room)
    assert "right" not in room.screen["question"]
    assert "right" not in room.student(1)["question"]
    room.teach("reveal", question=1)
    for view in (room.student(3)["question"], room.screen["question"]):
        assert (view["counts"], view["right"]) == ([0, 2, 0], 1)
    assert room.teacher["questions"][0]["counts"] == [0, 2, 0]
    for name in "ac":
        error = wrong(room, Shown, lambda: room.say(name, "answer", question=1, choice=0))  # noqa: B023
        assert error.code == "revealed"
    room.teach("close", question=1)
    assert (
        room.student(1)["question"] is room.screen["question"] is room.teacher["question"] is None
    )
    assert room.teacher["questions"][0]["counts"] == [0, 2, 0]
    assert room.teach("close", question=1) == []
    assert room.teach("reveal", question=1) == []


def test_an_answer_is_on_the_disk_before_it_is_acknowledged(room: Class) -> None:
    room.comes("a")
    room.teach("ask", **WHICH)
    first, *_ = room.say("a", "answer", question=1, choice=2)
    assert isinstance(first, Write)
    assert list(first.put) == ["member/1"]
    room.crashes()
    assert room.student(1)["question"]["choice"] == 2


def test_a_question_that_is_closed_unseen_stays_unseen_and_can_be_shown_later(room: Class) -> None:
    room.comes("a")
    room.comes("b")
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=0)
    room.teach("close", question=1)
    error = wrong(room, Closed, lambda: room.say("a", "answer", question=1, choice=1))
    assert error.code == "closed"
    assert "counts" not in room.teacher["questions"][0]
    assert "tanh" not in results_csv(room.room.state)
    room.comes("c")
    room.teach("reveal", question=1)
    question = room.teacher["questions"][0]
    assert (question["counts"], question["answered"], question["of"]) == ([1, 0, 0], 1, 2)
    assert room.student(1)["question"] is None


def test_another_question_takes_the_place_of_the_one_that_was_on(room: Class) -> None:
    room.comes("a")
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=0)
    room.teach("ask", text="And now?", choices=["a", "b"])
    assert room.student(1)["question"]["id"] == 2
    assert room.of(1)["answered"] is False
    wrong(room, Closed, lambda: room.say("a", "answer", question=1, choice=1))
    assert [question["open"] for question in room.teacher["questions"]] == [False, True]


def test_asked_again_it_is_a_new_round_and_the_first_rounds_counts_stay_beside_it(
    room: Class,
) -> None:
    room.comes("a")
    room.comes("b")
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=0)
    room.say("b", "answer", question=1, choice=1)
    room.teach("ask", **WHICH, right=1)
    question = room.screen["question"]
    assert (question["id"], question["round"], question["answered"]) == (2, 2, 0)
    assert room.student(1)["question"]["answered"] is False
    assert '"counts": [' not in seen(room)
    room.say("a", "answer", question=2, choice=1)
    room.say("b", "answer", question=2, choice=1)
    room.teach("reveal", question=2)
    assert room.screen["question"]["counts"] == [0, 2, 0]
    assert room.screen["question"]["before"] == [[1, 1, 0]]
    room.teach("ask", **WHICH)
    room.teach("reveal", question=3)
    assert room.screen["question"]["before"] == [[1, 1, 0], [0, 2, 0]]


def test_what_was_shown_stays_when_somebody_goes(room: Class) -> None:
    room.comes("a")
    room.comes("b")
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=0)
    room.teach("reveal", question=1)
    room.teach("remove", member=1)
    room.teach("close", question=1)
    question = room.teacher["questions"][0]
    assert (question["counts"], question["answered"], question["of"]) == ([1, 0, 0], 1, 2)


def test_who_goes_between_close_and_reveal_is_not_counted(room: Class) -> None:
    room.comes("a")
    room.comes("b")
    room.teach("ask", **WHICH)
    for name, choice in (("a", 0), ("b", 1)):
        room.say(name, "answer", question=1, choice=choice)
    room.teach("close", question=1)
    room.teach("remove", member=1)
    room.teach("reveal", question=1)
    question = room.teacher["questions"][0]
    assert (question["counts"], question["answered"], question["of"]) == ([0, 1, 0], 1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": ["one"]},
        {"choices": [str(number) for number in range(7)]},
        {"choices": ["same", "SAME "]},
        {"choices": ["", "b"]},
        {"choices": ["a\x00", "b"]},
        {"choices": ["a" * 121, "b"]},
        {"text": ""},
        {"text": "x" * 501},
        {"text": "x" * 100_000},
        {"text": "abc\u202e"},
        {"right": 3},
        {"right": -1},
    ],
)
def test_a_question_that_can_not_be_asked(room: Class, fields: dict[str, Any]) -> None:
    wrong(room, InvalidField, lambda: room.teach("ask", **{**WHICH, **fields}))


def test_answers_that_are_none(room: Class) -> None:
    room.comes("a")
    wrong(room, UnknownThing, lambda: room.say("a", "answer", question=1, choice=0))
    room.teach("ask", **WHICH)
    wrong(room, InvalidField, lambda: room.say("a", "answer", question=1, choice=3))
    wrong(room, InvalidField, lambda: room.say("a", "answer", question=1, choice=-1))
    wrong(room, UnknownThing, lambda: room.say("a", "answer", question=2, choice=0))
    wrong(room, UnknownThing, lambda: room.teach("reveal", question=2))
    wrong(room, UnknownThing, lambda: room.teach("close", question=2))


def test_a_room_keeps_fifty_questions(room: Class) -> None:
    for _ in range(bounds.MOST_QUESTIONS):
        room.teach("ask", **WHICH)
    error = wrong(room, RoomFull, lambda: room.teach("ask", **WHICH))
    assert (error.code, error.status) == ("full", 409)
    assert room.teacher["questions"][-1]["round"] == bounds.MOST_QUESTIONS


# -- tasks ----------------------------------------------------------------------------------


def test_a_task_is_solved_by_what_the_server_sees_and_stays_solved(room: Class) -> None:
    room.comes("a")
    room.comes("b")
    room.do(OpenPage("screen", room.screen_key))
    room.teach("task", title="Test accuracy of 95%", until=ACCURATE)
    task = room.heard["a"][-1]["task"]
    assert task == {
        "id": 1,
        "number": 1,
        "title": "Test accuracy of 95%",
        "until": ACCURATE,
        "page": None,
        "edited": False,
        "solved": False,
        "reported": False,
    }
    room.run_is(1, test_accuracy=0.94)
    assert room.of(1)["solved"] == []
    first, *_ = room.run_is(1, test_accuracy=0.95, iteration=340)
    assert isinstance(first, Write)
    assert room.heard["a"][-1]["task"]["solved"] is True
    assert {"type": "member", "member": 1, "here": True, "solved": [1]} in room.heard["screen"]
    assert (room.teacher["tasks"][0]["solved"], room.screen["task"]["solved"]) == (1, 1)
    assert room.run_is(1, test_accuracy=1, iteration=900) == []
    room.run_is(1, test_accuracy=0.1)
    room.crashes()
    assert room.of(1)["solved"] == [1]
    assert room.student(1)["task"]["solved"] is True
    mark = room.room.state.members[1].marks[1]
    assert (mark.iteration, mark.test_accuracy, mark.reported) == (340, 0.95, False)


def test_no_page_can_claim_what_the_server_checks(room: Class) -> None:
    room.comes("a")
    room.teach("task", title="Reach it", until=ACCURATE)
    wrong(room, CheckedHere, lambda: room.say("a", "report", task=1, done=True))
    wrong(room, UnknownThing, lambda: room.say("a", "report", task=2, done=True))
    wrong(room, InvalidField, lambda: room.say("a", "report", done=True))
    wrong(room, InvalidField, lambda: room.say("a", "report", task=1, lesson="x", step=1))
    wrong(room, InvalidField, lambda: room.say("a", "report", lesson="x"))
    assert room.of(1)["solved"] == []


def test_what_only_the_page_knows_is_marked_as_reported(room: Class) -> None:
    room.comes("a")
    inspected = {"quantity": "inspected", "equals": "batch"}
    room.teach("task", title="Look", until=[inspected])
    room.say("a", "report", task=1, done=True)
    assert room.of(1)["solved"] == room.of(1)["reported"] == [1]
    assert room.student(1)["task"]["reported"] is True
    # In part: both have to be so at once.
    room.teach("task", title="Look late", until=[inspected, *ACCURATE])
    room.say("a", "report", task=2, done=True)
    assert room.of(1)["solved"] == [1]
    room.say("a", "report", task=2, done=False)
    room.run_is(1, test_accuracy=1)
    assert room.of(1)["solved"] == [1]
    room.say("a", "report", task=2, done=True)
    assert room.of(1)["solved"] == room.of(1)["reported"] == [1, 2]


def test_a_task_counts_on_the_experiment_it_was_set_with(room: Class) -> None:
    room.comes("a")
    room.teach("push", page="#dataset=xor", plan=XOR)
    room.teach("task", title="Reach it", until=ACCURATE)
    good = {"test_accuracy": 1.0}
    xor = room.room.state.experiment.plan.points_key  # type: ignore[union-attr]
    assert xor != CIRCLE
    room.run_is(1, **good)
    for given in ({"given": True}, {"edited": True}):
        room.run_is(1, **good, points=xor, **given)
    assert room.of(1)["solved"] == []
    room.teach("push", page="#", plan={"runs": [{}]})
    room.run_is(1, **good)
    assert room.of(1)["solved"] == []
    room.run_is(1, **good, points=xor)
    assert room.of(1)["solved"] == [1]


@pytest.mark.parametrize(
    ("data", "same"),
    [
        ({}, True),
        ({"examples": 200, "features": ["x2", "x1"]}, True),
        ({"seed": 1}, False),
        ({"noise": 0.2}, False),
        ({"train_fraction": 0.5}, False),
        ({"features": ["x1", "x2", "x1_x2"]}, False),
        ({"dataset": "xor"}, False),
    ],
)
def test_points_are_the_same(data: dict[str, Any], same: bool) -> None:
    assert (Plan.model_validate({"data": data}).points_key == CIRCLE) is same


def test_own_points_are_the_same_whatever_they_mean() -> None:
    own: dict[str, Any] = {"points": [[0, 1], [1, 0]], "labels": [0, 1]}
    axes = [{"name": "height"}, {"name": "weight"}]
    key = Plan.model_validate({"data": own}).points_key
    for more in ({"origin": {"axes": axes}}, {"features": ["x1", "x2"]}):
        assert Plan.model_validate({"data": own | more}).points_key == key
    for other in ({"labels": [1, 1]}, {"points": [[0, 1], [1, 2]]}, {"task": "regression"}):
        assert Plan.model_validate({"data": own | other}).points_key != key


def test_what_a_session_was_edited_is_known_until_it_begins_again() -> None:
    session = Session(Plan.model_validate({"data": {"examples": 10}}))
    session.advance(3)
    assert (facts_of(session).edited, facts_of(session).given) == (False, False)
    session.edit(Edit(type="edit", layer=1, unit=0, input=None, frozen=True))
    assert facts_of(session).edited
    session.rewind(0)
    assert not facts_of(session).edited
    session.advance(3)
    assert facts_of(session).edited
    session.reset()
    assert not facts_of(session).edited
    given = [{"weights": [[1], [1]], "biases": [0]}]
    network = {"layers": [], "parameters": given}
    assert facts_of(Session(Plan.model_validate({"runs": [{"network": network}]}))).given


def test_a_task_may_allow_other_points_and_edits(room: Class) -> None:
    room.comes("a")
    room.teach("push", page="#", plan=XOR)
    room.teach("task", title="Any points", until=ACCURATE, any_data=True)
    room.teach("task", title="By hand", until=ACCURATE, edited=True, plan={"runs": [{}]})
    room.teach("task", title="As sent", until=ACCURATE)
    room.run_is(1, test_accuracy=1, edited=True, given=True)
    assert room.of(1)["solved"] == [2]
    room.run_is(1, test_accuracy=1)
    assert room.of(1)["solved"] == [1, 2]
    task = room.room.state.tasks[3]
    assert counts_on(task, replace(facts(), points=task.points or ""))
    assert not counts_on(task, facts())


def test_a_task_that_is_reached_already_is_solved_as_it_is_set(room: Class) -> None:
    room.comes("a")
    room.run_is(1, train_cost=0.1)
    room.teach("task", title="Low", until=[{"quantity": "train_cost", "below": 0.3}])
    assert room.of(1)["solved"] == [1]
    assert room.heard["a"][-1]["task"]["solved"] is True


def test_tasks_that_were_set_count_on_and_can_be_on_again(room: Class) -> None:
    room.comes("a")
    room.teach("task", title="One", until=[{"quantity": "train_cost", "below": 0.2}])
    room.teach("task", title="Two", until=ACCURATE)
    assert room.student(1)["task"]["title"] == "Two"
    assert room.room.watched(1) == [
        room.room.state.tasks[1].until,
        room.room.state.tasks[2].until,
    ]
    room.run_is(1, train_cost=0.1)
    assert room.of(1)["solved"] == [1]
    assert room.room.watched(1) == [room.room.state.tasks[2].until]
    room.teach("task", task=1)
    assert (room.student(1)["task"]["number"], room.screen["task"]["of"]) == (1, 2)
    assert room.student(1)["task"]["solved"] is True
    room.teach("task", task=None)
    assert room.student(1)["task"] is room.screen["task"] is None
    wrong(room, UnknownThing, lambda: room.teach("task", task=3))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "x"},
        {"title": "x", "until": []},
        {"title": "", "until": ACCURATE},
        {"title": "x" * 81, "until": ACCURATE},
        {"until": ACCURATE},
        {"title": "x", "until": ACCURATE, "task": 1},
        {"title": "x", "until": ACCURATE * 7},
        {"title": "x", "until": [{"quantity": "nothing", "below": 1}]},
        {"title": "x", "until": [{"quantity": "units"}]},
        {"title": "x", "until": [{"quantity": "units", "below": 1, "above": 3}]},
        {"title": "x", "until": [{"quantity": "dead", "below": 1}]},
        {"title": "x", "until": [{"quantity": "train_cost", "layer": 1, "below": 1}]},
        {"title": "x", "until": [{"quantity": "activation", "below": 1}]},
        {"title": "x", "until": [{"quantity": "units", "equals": True}]},
        {"title": "x", "until": ACCURATE, "page": "javascript:"},
        {"title": "x", "until": ACCURATE, "plan": {"data": {"noise": 2}}},
    ],
)
def test_a_task_that_can_not_be_set(room: Class, fields: dict[str, Any]) -> None:
    wrong(room, InvalidField, lambda: room.teach("task", **fields))


def test_a_room_keeps_fifty_tasks(room: Class) -> None:
    for number in range(bounds.MOST_TASKS):
        room.teach("task", title=f"Task {number}", until=ACCURATE)
    wrong(room, RoomFull, lambda: room.teach("task", title="One more", until=ACCURATE))


def test_a_run_of_somebody_who_is_gone_is_passed_over(room: Class) -> None:
    room.comes("a")
    room.teach("task", title="Reach it", until=ACCURATE)
    room.say("a", "leave")
    assert room.run_is(1, test_accuracy=1) == room.run_is(9, test_accuracy=1) == []
    assert room.room.watched(1) == room.room.watched(9) == []


def test_who_is_stuck_is_who_has_not_gone_forward_for_longest(room: Class) -> None:
    room.comes("a")
    room.teach("push", page="#", plan={"runs": [{}]})
    started = room.of(1)["progress_at"]
    room.run_is(1, train_cost=0.69)
    room.waits(60)
    room.run_is(1, train_cost=0.689)
    assert room.of(1)["progress_at"] == started
    events = room.run_is(1, train_cost=0.5)
    assert room.of(1)["progress_at"] == room.now.wall
    assert FreshMember(1) in events
    room.waits(1)
    assert FreshMember(1) not in room.run_is(1, train_cost=0.4)


# -- lessons --------------------------------------------------------------------------------

ONE = LESSONS_THERE["one-unit"]
KINDS = [step.words.kind for step in ONE.steps]


def test_a_lesson_and_its_dots(room: Class) -> None:
    room.comes("a")
    room.do(OpenPage("screen", room.screen_key))
    room.teach("lesson", name="one-unit")
    assert room.heard["a"][-1]["lesson"] == {
        "name": "one-unit",
        "title": ONE.front.title,
        "done": [],
    }
    assert room.teacher["lesson"]["steps"] == KINDS
    predict, run = KINDS.index("predict") + 1, KINDS.index("run") + 1
    explain = KINDS.index("explain") + 1
    say = {"lesson": "one-unit"}
    room.say("a", "report", **say, step=predict)
    assert (room.of(1)["step"], room.of(1)["steps"]) == (predict, [])
    # A prediction is one only with a choice.
    room.say("a", "report", **say, step=predict, done=True)
    assert room.of(1)["steps"] == []
    room.say("a", "report", **say, step=predict, done=True, choice=1)
    room.say("a", "report", **say, step=explain, done=True)
    assert room.of(1)["steps"] == sorted([predict, explain])
    assert room.room.state.members[1].predictions == {predict: 1}
    # What is asked of the run the server checks, whatever the page says.
    room.say("a", "report", **say, step=run, done=True)
    assert run not in room.of(1)["steps"]
    until = ONE.steps[run - 1].words.until
    assert room.room.watched(1) == [list(until)]
    room.run_is(1, train_cost=0.0001, train_accuracy=1, iteration=10_000)
    assert run in room.of(1)["steps"]
    assert room.student(1)["lesson"]["done"] == sorted({predict, run, explain})
    assert room.room.state.members[1].steps[run].reported is False
    room.crashes()
    assert room.of(1)["steps"] == sorted({predict, run, explain})


def test_another_lesson_begins_with_no_dots(room: Class) -> None:
    room.comes("a")
    room.teach("lesson", name="one-unit")
    explain = KINDS.index("explain") + 1
    room.say("a", "report", lesson="one-unit", step=explain, done=True)
    room.teach("lesson", name="one-unit")
    assert room.of(1)["steps"] == room.student(1)["lesson"]["done"] == []
    room.teach("lesson", name=None)
    assert room.student(1)["lesson"] is room.teacher["lesson"] is None
    assert "lesson" not in room.disk
    wrong(room, UnknownThing, lambda: room.say("a", "report", lesson="one-unit", step=1))
    wrong(room, UnknownThing, lambda: room.teach("lesson", name="nothing"))
    assert room.teach("lesson", name=None) == []


def test_reports_that_are_none(room: Class) -> None:
    room.comes("a")
    room.teach("lesson", name="one-unit")
    say = {"lesson": "one-unit", "done": True}
    wrong(room, InvalidField, lambda: room.say("a", "report", **say, step=len(KINDS) + 1))
    wrong(room, InvalidField, lambda: room.say("a", "report", **say, step=1, choice=50))
    wrong(room, UnknownThing, lambda: room.say("a", "report", step=1, lesson="slopes"))


# -- ends -----------------------------------------------------------------------------------


def test_the_end(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.do(Come("lab", joined.secret, lab=True))
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=1)
    ended = only(room.do(End()), Ended)
    assert ended.reason == "ended"
    assert room.disk == {}
    rest = json.dumps(room.room.rows)
    for secret in (joined.name, joined.secret, joined.session, "Year 12", "ReLU"):
        assert secret not in rest
    for command in (
        Join(),
        Come("a", joined.secret),
        OpenPage("x", room.key),
        Said("teacher", teachers_message('{"type": "new_code"}')),  # type: ignore[arg-type]
        Redeem("x"),
        Collect("x"),
        End(),
    ):
        with pytest.raises(Over, match=r"^This room is over. Its names and answers are deleted.$"):
            room.do(command)
    assert room.do(Gone("a")) == room.do(Measured(1, facts())) == []
    assert room.room.role_of(room.key) is room.room.role_of("") is None


def test_a_room_ends_after_twelve_hours_without_its_teacher() -> None:
    room = Class(teacher=False)
    room.waits(11 * HOUR)
    room.do(OpenPage("teacher", room.key))
    room.waits(HOUR)
    room.goes("teacher")
    assert room.waits(12 * HOUR - 1) == []
    assert only(room.waits(1), Ended).reason in ("alone", "too_long")


def test_who_is_alone_longest_is_over_first() -> None:
    room = Class(teacher=False)
    assert room.waits(12 * HOUR - 1) == []
    assert only(room.waits(1), Ended).reason == "alone"


def test_a_room_ends_after_a_day_in_any_case(room: Class) -> None:
    room.comes("a")
    room.waits(24 * HOUR - 1)
    assert not room.over
    assert only(room.waits(1), Ended).reason == "too_long"
    assert room.disk == {}


def test_a_clock_that_is_turned_back_ends_nothing_and_keeps_nothing_longer(room: Class) -> None:
    room.goes("teacher")
    room.waits(6 * HOUR)
    room.clock = START - 100 * HOUR
    room.comes("a")
    assert not room.over
    room.clock = START
    assert only(room.waits(12 * HOUR), Ended).reason == "alone"


def test_the_teachers_absence_counts_from_the_crash_if_they_were_there(room: Class) -> None:
    room.waits(10 * HOUR)
    room.crashes()
    assert room.waits(12 * HOUR - 1) == []
    assert only(room.waits(1), Ended).reason == "alone"


# -- the disk -------------------------------------------------------------------------------


def test_after_a_crash_everybody_is_away_and_nothing_is_lost(room: Class) -> None:
    joined = room.joins()
    room.do(Come("a", joined.secret))
    room.teach("rename", member=1, name="Ada")
    room.teach("push", page="#", plan=XOR, seeds="own")
    room.teach("reduce", hide=["data"], lock=[])
    room.teach("names", shown=True)
    room.teach("lock", locked=True)
    room.teach("ask", **WHICH)
    room.say("a", "answer", question=1, choice=1)
    room.teach("task", title="Reach it", until=ACCURATE)
    room.teach("lesson", name="one-unit")
    room.teach("spotlight", members=[1])
    before, student = room.teacher, room.student(1)
    room.crashes()
    assert room.kept == room.disk
    assert room.student(1) == student
    changed = {"here": False, "away_since": room.now.wall}
    members = [{**member, **changed} for member in before["members"]]
    assert room.teacher == {**before, "members": members}
    room.do(Come("b", joined.secret))
    room.do(OpenPage("teacher", room.key))
    room.say("b", "answer", question=1, choice=2)
    room.teach("lock", locked=False)
    assert room.joins().member == 2


def test_secrets_are_nowhere_on_the_disk(room: Class) -> None:
    joined = room.joins()
    room.teach("pair")
    code = room.heard["teacher"][-1]["code"]
    written = json.dumps(room.disk)
    for secret in (joined.secret, room.key, room.screen_key, code):
        assert secret not in written


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"room": "{}"},
        {"room": "no JSON"},
        {"member/1": "{}"},
        {"something/1": "{}"},
    ],
)
def test_rows_of_another_version_are_not_taken_up(room: Class, rows: dict[str, str]) -> None:
    broken = rows and {**room.disk, **rows}
    with pytest.raises(Unreadable) as error:
        Room.restored(broken, room.around, room.now)
    # Whoever logs it logs no name.
    assert error.value.__cause__ is None


def test_another_version(room: Class) -> None:
    door = json.loads(room.disk["room"])
    with pytest.raises(Unreadable):
        Room.restored({"room": json.dumps(door | {"version": 2})}, room.around, room.now)


# -- all rooms ------------------------------------------------------------------------------


def rooms(most: int = 2) -> Rooms:
    ids = iter("abcdefgh")
    return Rooms(Mint(b"key", SeededRandom(5)), LESSONS_THERE, most, lambda: next(ids))


def at(clock: float) -> Now:
    return Now(clock, WALL + clock)


def test_rooms_are_found_by_code_and_id() -> None:
    all_rooms = rooms()
    one, two = all_rooms.open("One", at(1)), all_rooms.open("Two", at(2))
    code = one.room.state.door.code
    assert all_rooms.of_code(f" {code[:3].lower()} {code[3:]}") is one.room
    assert all_rooms.of_id("b") is two.room
    assert one.rows == one.room.rows
    assert one.room.role_of(one.key) == "teacher"
    assert one.room.role_of(two.key) is None
    for typed in ("", "222222", "x" * 1000):
        with pytest.raises(NoRoom, match=r"^No room has this code. Look at the screen again.$"):
            all_rooms.of_code(typed)
    with pytest.raises(NoRoom):
        all_rooms.of_id("z")


def test_an_empty_room_without_its_teacher_gives_way() -> None:
    all_rooms = rooms(3)
    first = [all_rooms.open(name, at(clock)) for clock, name in enumerate("ABC")]
    for new, connection in ((first[0], "t"), (first[2], "u")):
        all_rooms.handle(new.room.state.door.id, OpenPage(connection, new.key), at(5))
    all_rooms.handle("c", Gone("u"), at(6))
    fourth = all_rooms.open("D", at(7))
    assert fourth.gone is not None
    assert fourth.gone[0] == "b"
    assert only(fourth.gone[1], Ended).reason == "gave_way"
    all_rooms.handle("c", Join(), at(8))
    all_rooms.handle("d", Join(), at(8))
    with pytest.raises(RoomFull):
        all_rooms.open("E", at(9))
    assert len(all_rooms) == 3


def test_rooms_end_by_the_clock_and_are_forgotten() -> None:
    all_rooms = rooms()
    all_rooms.open("One", at(0))
    all_rooms.open("Two", at(HOUR))
    assert all_rooms.due() == 12 * HOUR
    assert all_rooms.tick(at(12 * HOUR - 1)) == {}
    assert list(all_rooms.tick(at(12 * HOUR))) == ["a"]
    assert len(all_rooms) == 1
    all_rooms.handle("b", End(), at(13 * HOUR))
    assert all_rooms.due() is None
    assert list(all_rooms) == []


def test_rooms_come_back_from_their_rows() -> None:
    before, after = rooms(), rooms()
    new = before.open("One", at(0))
    restored = after.restore("a", new.rows, at(5))
    assert restored is not None
    assert restored.role_of(new.key) == "teacher"
    assert after.of_code(new.room.state.door.code) is restored
    assert after.restore("b", {"room": "{}"}, at(5)) is None
    assert len(after) == 1


@pytest.mark.parametrize(("title", "shown"), [("", "A class"), (" Year  12 ", "Year 12")])
def test_a_title(title: str, shown: str) -> None:
    assert OpenRoom(title=title).line() == shown


@pytest.mark.parametrize("title", ["x" * 81, "a\u202eb", "\u200d"])
def test_a_title_that_can_not_be_shown(title: str) -> None:
    with pytest.raises(InvalidField):
        OpenRoom(title=title).line()


# -- results --------------------------------------------------------------------------------


def test_results_as_a_table(room: Class) -> None:
    for name in "abc":
        room.comes(name)
    room.teach("rename", member=1, name="=SUM(A1)")
    room.teach("rename", member=2, name='Ada "x", y')
    room.teach("task", title="Reach it", until=ACCURATE)
    room.run_is(1, test_accuracy=0.96, iteration=340, train_cost=0.0625)
    room.teach("ask", **WHICH, right=1)
    room.say("a", "answer", question=1, choice=1)
    room.say("b", "answer", question=1, choice=0)
    assert "ReLU" not in results_csv(room.room.state)
    room.teach("reveal", question=1)
    room.teach("remove", member=3)
    text = results_csv(room.room.state, lambda member: f"/r/{member.number}")
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "1,'=SUM(A1),task,Reach it,,yes,2027-01-15T08:16:40+00:00,340,0.0625,0.9,0.96,/r/1",
        "1,'=SUM(A1),question,Which is better?,ReLU,yes,,,,,,/r/1",
        '2,"Ada ""x"", y",task,Reach it,,no,,,,,,/r/2',
        '2,"Ada ""x"", y",question,Which is better?,tanh,no,,,,,,/r/2',
    ]
