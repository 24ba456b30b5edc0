"""What each role sees of a room, in the words of docs/protocol.md. Pure: made whenever it is sent.

A student sees the room and what is their own. A teacher sees all but how an open question is
answered. A projector sees no name unless names are shown. Nobody sees a secret or its digest.
"""

from collections.abc import Callable
from typing import Any

from app.classroom.state import Experiment, Member, Question, State, Task
from app.links import server_path

Json = dict[str, Any]


# -- a student's ----------------------------------------------------------------------------


def student_view(state: State, member: Member) -> Json:
    """The `room` of a student's page."""
    door = state.door
    task = state.tasks.get(door.task or 0)
    question = state.questions.get(door.question or 0)
    return {
        "type": "room",
        "room": door.id,
        "title": door.title,
        "member": member.number,
        "name": member.name,
        "hand": member.hand_at is not None,
        "held": state.held,
        "reduction": {"hide": door.hide, "lock": door.lock},
        "experiment": state.experiment and _students_experiment(state.experiment, member),
        "task": task and _students_task(state, task, member),
        "question": question and _students_question(question, member),
        "lesson": _students_lesson(state, member),
    }


def _students_experiment(experiment: Experiment, member: Member) -> Json:
    return {
        "number": experiment.number,
        "page": experiment.page,
        "seed": member.number if experiment.seeds == "own" else None,
        "playing": experiment.playing,
    }


def _students_task(state: State, task: Task, member: Member) -> Json:
    mark = member.marks.get(task.id)
    return {
        "id": task.id,
        "number": list(state.tasks).index(task.id) + 1,
        "title": task.title,
        "until": _conditions(task),
        "page": task.page,
        "edited": task.edited,
        "solved": mark is not None,
        "reported": mark is not None and mark.reported,
    }


def _students_question(question: Question, member: Member) -> Json:
    choice = member.answers.get(question.id)
    seen: Json = {
        "id": question.id,
        "text": question.text,
        "choices": question.choices,
        "answered": choice is not None,
        "choice": choice,
    }
    if question.counts is not None:
        seen["counts"], seen["right"] = question.counts, question.right
    return seen


def _students_lesson(state: State, member: Member) -> Json | None:
    lesson = state.lesson
    if lesson is None:
        return None
    mine = member.lesson == lesson.number
    return {
        "name": lesson.name,
        "title": lesson.title,
        "done": sorted(member.steps) if mine else [],
    }


# -- a teacher's ----------------------------------------------------------------------------


def teacher_view(state: State, *, whole: bool = True) -> Json:
    """The `room` of a teacher's page.

    Args:
        whole: Whether with all members; without, they are as they were.
    """
    door = state.door
    view: Json = {
        "type": "room",
        "role": "teacher",
        "id": door.id,
        "code": door.code,
        "title": door.title,
        "locked": door.locked,
        "names": door.names_shown,
        "held": state.held,
        "held_at": door.held_at,
        "opened_at": door.opened_wall,
        "reduction": {"hide": door.hide, "lock": door.lock},
        "experiment": state.experiment and _experiment(state.experiment),
        "question": door.question,
        "questions": [_teachers_question(state, each) for each in state.questions.values()],
        "task": door.task,
        "tasks": [_teachers_task(state, task) for task in state.tasks.values()],
        "lesson": _lesson(state),
        "spotlight": door.spotlight,
        "claims": [
            {"claim": claim.id, "member": claim.member, "name": state.members[claim.member].name}
            for claim in state.claims.values()
            if not claim.admitted
        ],
    }
    if whole:
        view["members"] = [_teachers_member(state, member) for member in state.members_in]
    return view


def teacher_member(state: State, number: int) -> Json:
    """The `member` message of a teacher's page; of one who is not in any more just that."""
    return _changed(state, number, _teachers_member)


def _changed(state: State, number: int, shown: Callable[[State, Member], Json]) -> Json:
    member = state.members.get(number)
    if member is None or member.standing != "in":
        return {"type": "member", "member": number, "gone": True}
    return {"type": "member", **shown(state, member)}


def _teachers_member(state: State, member: Member) -> Json:
    presence, lesson = state.presence(member.number), state.lesson
    here = presence.connection is not None
    mine = lesson is not None and member.lesson == lesson.number
    return {
        "member": member.number,
        "name": member.name,
        "here": here,
        "away_since": None if here else presence.away_since,
        "hand": member.hand_at,
        "experiment": presence.experiment,
        "progress_at": presence.progress_wall,
        "solved": sorted(member.marks),
        "reported": sorted(number for number, mark in member.marks.items() if mark.reported),
        "answered": state.door.question in member.answers,
        "step": member.step if mine else 0,
        "steps": sorted(member.steps) if mine else [],
        "link": link_of(member),
    }


def link_of(member: Member) -> str | None:
    """Where a member's network can be seen, if it was kept."""
    return None if member.link is None else server_path(f"/r/{member.link}")


def _experiment(experiment: Experiment) -> Json:
    return {
        "number": experiment.number,
        "page": experiment.page,
        "seeds": experiment.seeds,
        "playing": experiment.playing,
        "at": experiment.at,
    }


def _teachers_question(state: State, question: Question) -> Json:
    return {
        **_question(state, question),
        "right": question.right,
        "open": question.open,
        "asked_at": question.asked_at,
        "revealed_at": question.revealed_at,
    }


def _teachers_task(state: State, task: Task) -> Json:
    return {
        "id": task.id,
        "title": task.title,
        "until": _conditions(task),
        "page": task.page,
        "edited": task.edited,
        "any_data": task.points is None,
        "set_at": task.set_at,
        "solved": _solved(state, task),
    }


# -- a projector's --------------------------------------------------------------------------


def screen_view(state: State, *, whole: bool = True) -> Json:
    """The `room` of a projector's page: no names unless they are shown, no counts before time.

    Args:
        whole: Whether with all members; without, they are as they were.
    """
    door = state.door
    question = state.questions.get(door.question or 0)
    task = state.tasks.get(door.task or 0)
    members = state.members_in
    view: Json = {
        "type": "room",
        "role": "screen",
        "id": door.id,
        "code": door.code,
        "title": door.title,
        "locked": door.locked,
        "names": door.names_shown,
        "held": state.held,
        "in": len(members),
        "experiment": state.experiment and _experiment(state.experiment),
        "question": question and _screens_question(state, question),
        "task": task
        and {
            "id": task.id,
            "number": list(state.tasks).index(task.id) + 1,
            "of": len(state.tasks),
            "title": task.title,
            "solved": _solved(state, task),
        },
        "lesson": _lesson(state),
        "spotlight": [
            {"member": number, **_shown_name(state, state.members[number])}
            for number in door.spotlight
        ],
    }
    if whole:
        view["members"] = [_screens_member(state, member) for member in members]
    return view


def screen_member(state: State, number: int) -> Json:
    """The `member` message of a projector's page."""
    return _changed(state, number, _screens_member)


def _screens_member(state: State, member: Member) -> Json:
    return {
        "member": member.number,
        **_shown_name(state, member),
        "here": state.presence(member.number).connection is not None,
        "solved": sorted(member.marks),
    }


def _screens_question(state: State, question: Question) -> Json:
    """With the right choice, once the answers are shown."""
    right = {} if question.counts is None else {"right": question.right}
    return {**_question(state, question), **right}


def _shown_name(state: State, member: Member) -> Json:
    return {"name": member.name} if state.door.names_shown else {}


# -- of several -----------------------------------------------------------------------------


def _question(state: State, question: Question) -> Json:
    """With how many have answered, and how they chose once that is shown; earlier rounds too."""
    answered, of = question.answered or state.answered(question.id)
    seen: Json = {
        "id": question.id,
        "round": question.round,
        "again": question.again,
        "text": question.text,
        "choices": question.choices,
        "answered": answered,
        "of": of,
    }
    if question.counts is not None:
        seen["counts"] = question.counts
        seen["before"] = _counts_before(state, question)
    return seen


def _counts_before(state: State, question: Question) -> list[list[int]]:
    """The counts of earlier rounds, the first round first."""
    counts: list[list[int]] = []
    while question.again is not None:
        question = state.questions[question.again]
        if question.counts is not None:
            counts.insert(0, question.counts)
    return counts


def _solved(state: State, task: Task) -> int:
    return sum(task.id in member.marks for member in state.members_in)


def _lesson(state: State) -> Json | None:
    lesson = state.lesson
    if lesson is None:
        return None
    return {
        "name": lesson.name,
        "title": lesson.title,
        "steps": [step.kind for step in lesson.steps],
    }


def _conditions(task: Task) -> list[Json]:
    return [condition.model_dump(exclude_none=True, warnings=False) for condition in task.until]
