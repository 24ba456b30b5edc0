"""A room as rows of text, and back.

A row has a key and JSON. `room` is there once; `experiment` and `lesson` if there is one;
`member/7`, `question/3`, `task/2` and `claim/…` for each. What a member has answered and solved is
in the member's own row: an answer writes one row, and a room of 400 has some 500.

What if a row can't be read: it was written by another version, and the room is not taken up.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.classroom.state import (
    Claim,
    Door,
    Experiment,
    Lesson,
    Member,
    Now,
    Presence,
    Question,
    State,
    Task,
)

ROOM, EXPERIMENT, LESSON = "room", "experiment", "lesson"


class Unreadable(Exception):
    """The rows were written by another version, or by something else."""


_DOOR = TypeAdapter(Door)
_KINDS: Mapping[str, TypeAdapter[Any]] = {
    ROOM: _DOOR,
    EXPERIMENT: TypeAdapter(Experiment),
    LESSON: TypeAdapter(Lesson),
    "member": TypeAdapter(Member),
    "question": TypeAdapter(Question),
    "task": TypeAdapter(Task),
    "claim": TypeAdapter(Claim),
}


def key_of(record: object) -> str:
    """The key of a record's row."""
    match record:
        case Door():
            return ROOM
        case Experiment():
            return EXPERIMENT
        case Lesson():
            return LESSON
        case Member():
            return f"member/{record.number}"
        case Question():
            return f"question/{record.id}"
        case Task():
            return f"task/{record.id}"
        case Claim():
            return f"claim/{record.id}"
    raise TypeError(type(record))


def row_of(record: object) -> str:
    """A record as JSON."""
    return _KINDS[key_of(record).partition("/")[0]].dump_json(record).decode()


def records(state: State) -> Iterator[object]:
    """All that is kept of a room."""
    yield state.door
    for one in (state.experiment, state.lesson):
        if one is not None:
            yield one
    for some in (state.members, state.questions, state.tasks, state.claims):
        yield from some.values()


def rows_of(state: State) -> dict[str, str]:
    """All rows of a room."""
    return {key_of(record): row_of(record) for record in records(state)}


def state_of(rows: Mapping[str, str], now: Now) -> State:
    """The room of some rows, as the server starts: nobody is connected yet.

    Raises:
        Unreadable: This program can't read them.
    """
    try:
        state = State(_DOOR.validate_json(rows[ROOM]))
        places: dict[str, dict[Any, Any]] = {
            "member": state.members,
            "question": state.questions,
            "task": state.tasks,
            "claim": state.claims,
        }
        for key in sorted(rows.keys() - {ROOM}, key=_in_order):
            kind = key.partition("/")[0]
            record = _KINDS[kind].validate_json(rows[key])
            if kind == EXPERIMENT:
                state.experiment = record
            elif kind == LESSON:
                state.lesson = record
            else:
                places[kind][record.number if kind == "member" else record.id] = record
    except (ValidationError, KeyError) as error:
        # Not from the error: it has names in it, and whoever logs it would log them.
        raise Unreadable(type(error).__name__) from None
    door = state.door
    if door.alone_since is None:
        door.alone_since = now.clock
    for member in state.members_in:
        state.presences[member.number] = Presence(
            away_since=now.wall, progress_at=now.clock, progress_wall=now.wall
        )
        if not member.came:
            state.coming[member.number] = now.clock
    return state


def _in_order(key: str) -> tuple[str, int, str]:
    kind, _, name = key.partition("/")
    return kind, int(name) if name.isdecimal() else 0, name
