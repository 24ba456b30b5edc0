"""What a teacher does with the class: eyes here, an experiment, fewer parts, a lesson."""

from app.classroom.doors import part_with_labs
from app.classroom.errors import GivenParameters, UnknownThing
from app.classroom.events import Holding, Watched
from app.classroom.messages import Hold, Names, Push, Reduce, Spotlight, TakeLesson, Watch
from app.classroom.state import Experiment, Lesson, Member, Step
from app.classroom.turn import Turn
from app.content.lessons import parts_of_the_page
from app.errors import InvalidField
from app.schemas import Plan


def hold(turn: Turn, connection: str, message: Hold) -> None:
    """Every page pauses and is locked, or goes on."""
    if turn.state.held != message.held:
        _hold(turn, message.held)


def let_go(turn: Turn) -> None:
    """Everything that waited goes on."""
    _hold(turn, False)


def _hold(turn: Turn, held: bool) -> None:
    turn.state.door.held_at = turn.now.wall if held else None
    turn.keep(turn.state.door)
    turn.send(Holding(held))
    for member in turn.state.members.values():
        part_with_labs(turn, member)
    turn.everybody()


def push(turn: Turn, connection: str, message: Push) -> None:
    """An experiment for everybody, now and later."""
    state, door = turn.state, turn.state.door
    given = any(run.network.parameters is not None for run in message.plan.runs)
    if message.seeds == "own" and given:
        raise GivenParameters
    door.experiments += 1
    state.experiment = Experiment(
        door.experiments, message.page, message.plan, message.seeds, message.playing, turn.now.wall
    )
    for presence in state.presences.values():
        presence.best, presence.progress_at = None, turn.now.clock
        presence.progress_wall = turn.now.wall
    turn.keep(door, state.experiment)
    turn.everybody()


def plan_for(experiment: Experiment, member: Member) -> Plan:
    """The plan that is to be set up for a member: as it was sent, or with a seed of their own.

    Their number seeds the weights alone; points, split and batches are the same for all.
    """
    if experiment.seeds == "same":
        return experiment.plan
    runs = []
    for run in experiment.plan.runs:
        seeded = run.network.initialization.model_copy(update={"seed": member.number})
        network = run.network.model_copy(update={"initialization": seeded})
        runs.append(run.model_copy(update={"network": network}))
    return Plan(data=experiment.plan.data, runs=runs)


def reduce(turn: Turn, connection: str, message: Reduce) -> None:
    """Parts of every page are not there, or can't be changed."""
    door, parts = turn.state.door, parts_of_the_page()
    for field in ("hide", "lock"):
        for index, name in enumerate(getattr(message, field)):
            if name not in parts:
                raise InvalidField(
                    f"{field}.{index}: {name!r} is no part of the page", f"{field}.{index}"
                )
    hide, lock = (list(dict.fromkeys(names)) for names in (message.hide, message.lock))
    if (hide, lock) != (door.hide, door.lock):
        door.hide, door.lock = hide, lock
        turn.keep(door)
        turn.everybody()


def names(turn: Turn, connection: str, message: Names) -> None:
    """Whether the projector shows names."""
    if turn.state.door.names_shown != message.shown:
        turn.state.door.names_shown = message.shown
        turn.keep(turn.state.door)
        turn.staff()


def lesson(turn: Turn, connection: str, message: TakeLesson) -> None:
    """A lesson begins for everybody, or ends."""
    state, door = turn.state, turn.state.door
    if message.name is None:
        if state.lesson is not None:
            turn.drop(state.lesson)
            state.lesson = None
            turn.everybody()
        return
    found = turn.around.lessons.get(message.name)
    if found is None:
        raise UnknownThing("There is no such lesson on this server.", "name")
    door.lessons += 1
    steps = [
        Step(step.words.kind, len(step.words.choices), list(step.words.until))
        for step in found.steps
    ]
    state.lesson = Lesson(door.lessons, found.name, found.front.title, steps, turn.now.wall)
    turn.keep(door, state.lesson)
    turn.everybody()


def spotlight(turn: Turn, connection: str, message: Spotlight) -> None:
    """One to four networks for everybody to look at; none ends it."""
    for number in message.members:
        turn.somebody_in(number)
    if turn.state.door.spotlight != message.members:
        turn.state.door.spotlight = list(message.members)
        turn.keep(turn.state.door)
        turn.staff()


def watch(turn: Turn, connection: str, message: Watch) -> None:
    """Tiles are opened on one page; nobody else is concerned."""
    for number in message.members:
        turn.somebody_in(number)
    page = turn.state.pages[connection]
    page.watching = tuple(dict.fromkeys(message.members))
    turn.send(Watched(connection, page.watching))
