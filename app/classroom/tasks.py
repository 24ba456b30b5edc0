"""Tasks and lessons: what is asked of a run the server sees, the rest is reported by the page."""

from collections.abc import Iterable, Sequence

from app.classroom.bounds import BETTER, MOST_TASKS, PROGRESS_SECONDS
from app.classroom.commands import Measured
from app.classroom.errors import CheckedHere, RoomFull, UnknownThing
from app.classroom.messages import Report, SetTask
from app.classroom.state import Lesson, Mark, Member, Task
from app.classroom.turn import Turn
from app.conditions import Condition, Facts, met
from app.errors import InvalidField


def set_task(turn: Turn, connection: str, message: SetTask) -> None:
    """Something to reach is on; those that were set before count on."""
    state, door = turn.state, turn.state.door
    if not message.is_new:
        if message.task is not None and message.task not in state.tasks:
            raise UnknownThing("There is no such task in this room.", "task")
        if door.task != message.task:
            door.task = message.task
            turn.keep(door)
            turn.everybody()
        return
    if len(state.tasks) >= MOST_TASKS:
        raise RoomFull(f"{MOST_TASKS} tasks have been set, as many as a room keeps.")
    sent = state.experiment
    plan = message.plan or (sent.plan if sent else None)
    points = None if message.any_data or plan is None else plan.points_key
    task = Task(
        door.next_task,
        message.line,
        list(message.until),
        message.page,
        points,
        message.edited,
        turn.now.wall,
    )
    state.tasks[task.id] = task
    door.task, door.next_task = task.id, door.next_task + 1
    turn.keep(door, task)
    turn.everybody()
    for member in state.members_in:
        _judge(turn, member)


def counts_on(task: Task, facts: Facts) -> bool:
    """Whether a run is one that the task was set with: its points, and nothing put in by hand."""
    mine = task.points is None or task.points == facts.points
    return mine and (task.edited or not (facts.edited or facts.given))


def watched(tasks: Iterable[Task], lesson: Lesson | None, member: Member) -> list[list[Condition]]:
    """What a host is to look at for a member: each task, and the step, that is not reached yet.

    Of each what the server can see; it is reached when all of that holds at once.
    """
    asked = [task.until for task in tasks if task.id not in member.marks]
    if lesson is not None and member.lesson == lesson.number and member.step not in member.steps:
        asked += [lesson.steps[member.step - 1].until] if member.step else []
    seen = [[each for each in until if not each.is_the_pages] for until in asked]
    return [until for until in seen if until]


def measured(turn: Turn, command: Measured) -> None:
    """How a member's run is. Whoever is not in any more is passed over."""
    member = turn.state.members.get(command.member)
    if member is None or member.standing != "in":
        return
    presence, facts = turn.presence(member), command.facts
    set_up = presence.experiment != command.experiment
    presence.facts, presence.playing = facts, command.playing
    presence.experiment = command.experiment
    cost = facts.train_cost
    if cost is not None and (presence.best is None or cost <= presence.best * BETTER):
        first = presence.best is None
        presence.best = cost
        if not first:
            presence.progress_at, presence.progress_wall = turn.now.clock, turn.now.wall
    _judge(turn, member)
    if set_up or presence.progress_at - presence.told_at >= PROGRESS_SECONDS:
        presence.told_at = presence.progress_at
        turn.member(member)


def report(turn: Turn, member: Member, message: Report) -> None:
    """What only the page knows."""
    if message.lesson is not None and message.step is not None:
        _report_step(turn, member, message.lesson, message.step, message)
        return
    task = turn.state.tasks.get(message.task or 0)
    if task is None:
        raise UnknownThing("There is no such task in this room.", "task")
    if not any(condition.is_the_pages for condition in task.until):
        raise CheckedHere
    reported = turn.presence(member).reported
    (reported.add if message.done else reported.discard)(task.id)
    _judge(turn, member)


def _report_step(turn: Turn, member: Member, name: str, number: int, message: Report) -> None:
    lesson = turn.state.lesson
    if lesson is None or lesson.name != name:
        raise UnknownThing("The class is not in this lesson.", "lesson")
    if number > len(lesson.steps):
        raise InvalidField(f"step must be from 1 to {len(lesson.steps)}; got {number}", "step")
    step = lesson.steps[number - 1]
    if message.choice is not None and message.choice >= step.choices:
        raise InvalidField(f"step {number} has {step.choices} choices", "choice")
    if member.lesson != lesson.number:
        member.lesson, member.step = lesson.number, 0
        member.steps, member.predictions = {}, {}
        turn.keep(member)
    reported = turn.presence(member).reported
    if member.step != number:
        member.step = number
        turn.keep(member)
        turn.member(member)
        reported -= {one for one in reported if one < 0}
    if step.kind == "run":
        (reported.add if message.done else reported.discard)(-number)
        _judge(turn, member)
        return
    if message.choice is not None and member.predictions.get(number) != message.choice:
        member.predictions[number] = message.choice
        turn.keep(member)
        turn.member(member)
    predicted = step.kind != "predict" or number in member.predictions
    if message.done and predicted and number not in member.steps:
        member.steps[number] = Mark(turn.now.wall, reported=True)
        _went_forward(turn, member)


def _judge(turn: Turn, member: Member) -> None:
    """Mark what is reached now and was not before; what is reached stays so."""
    presence, lesson = turn.presence(member), turn.state.lesson
    facts, reported = presence.facts, presence.reported
    for task in turn.state.tasks.values():
        if task.id in member.marks or (facts is not None and not counts_on(task, facts)):
            continue
        if (mark := _mark(turn, task.until, facts, task.id in reported)) is not None:
            member.marks[task.id] = mark
            _went_forward(turn, member)
    if lesson is None or member.lesson != lesson.number or not member.step:
        return
    step = lesson.steps[member.step - 1]
    if step.kind != "run" or member.step in member.steps:
        return
    if (mark := _mark(turn, step.until, facts, -member.step in reported)) is not None:
        member.steps[member.step] = mark
        _went_forward(turn, member)


def _mark(
    turn: Turn, until: Sequence[Condition], facts: Facts | None, reported: bool
) -> Mark | None:
    """A mark, if all of it is so at once: what the server sees, and what the page reports."""
    pages = [condition for condition in until if condition.is_the_pages]
    if pages and not reported:
        return None
    if len(pages) < len(until) and (facts is None or not met(until, facts)):
        return None
    if facts is None:
        return Mark(turn.now.wall, reported=True)
    return Mark(
        turn.now.wall,
        facts.iteration,
        facts.train_cost,
        facts.train_accuracy,
        facts.test_accuracy,
        bool(pages),
    )


def _went_forward(turn: Turn, member: Member) -> None:
    presence = turn.presence(member)
    presence.progress_at, presence.progress_wall = turn.now.clock, turn.now.wall
    presence.told_at = turn.now.clock
    turn.keep(member)
    turn.student(member)
    turn.member(member)
    turn.staff()
