"""Questions: asked, answered, shown, closed.

Until the answers are shown there is no count of them in the room's state, so nobody can see one.
"""

from app.classroom.bounds import MOST_QUESTIONS
from app.classroom.errors import Closed, RoomFull, Shown, UnknownThing
from app.classroom.messages import Answer, Ask, Close, Reveal
from app.classroom.state import Member, Question
from app.classroom.turn import Turn
from app.errors import InvalidField


def ask(turn: Turn, connection: str, message: Ask) -> None:
    """A question is on. One that was on before is closed; its answers stay, unseen."""
    state, door = turn.state, turn.state.door
    if len(state.questions) >= MOST_QUESTIONS:
        raise RoomFull(f"{MOST_QUESTIONS} questions have been asked, as many as a room keeps.")
    if door.question is not None:
        _end(turn, state.questions[door.question])
    text, choices = message.line, message.lines
    before = next(
        (
            question
            for question in reversed(state.questions.values())
            if (question.text, question.choices) == (text, choices)
        ),
        None,
    )
    question = Question(door.next_question, text, choices, message.right, turn.now.wall)
    if before is not None:
        question.round, question.again = before.round + 1, before.id
    state.questions[question.id] = question
    door.question = question.id
    door.next_question += 1
    turn.keep(door, question)
    turn.everybody()
    _everyones_answers(turn)


def answer(turn: Turn, member: Member, message: Answer) -> None:
    """A choice; until the answers are shown another one may take its place."""
    question = _of(turn, message.question)
    if question.revealed_at is not None:
        raise Shown
    if not question.open:
        raise Closed
    if message.choice >= len(question.choices):
        raise InvalidField(
            f"choice must be from 0 to {len(question.choices) - 1}; got {message.choice}", "choice"
        )
    first = question.id not in member.answers
    if member.answers.get(question.id) == message.choice:
        return
    member.answers[question.id] = message.choice
    presence = turn.presence(member)
    presence.progress_at, presence.progress_wall = turn.now.clock, turn.now.wall
    turn.keep(member)
    turn.student(member)
    if first:
        turn.member(member)
        turn.staff()


def reveal(turn: Turn, connection: str, message: Reveal) -> None:
    """Everybody sees how the class has chosen, in this round and those before it."""
    question: Question | None = _of(turn, message.question)
    if question is not None and question.revealed_at is not None:
        return
    while question is not None:
        if question.revealed_at is None:
            question.counts = _counts(turn, question)
            question.answered = _answered(turn, question)
            question.revealed_at = turn.now.wall
            turn.keep(question)
        question = None if question.again is None else turn.state.questions[question.again]
    turn.everybody()


def close(turn: Turn, connection: str, message: Close) -> None:
    """The question goes from the pages. Answers that were not shown stay unseen."""
    question = _of(turn, message.question)
    if question.open:
        _end(turn, question)
        turn.everybody()
        _everyones_answers(turn)


def _of(turn: Turn, number: int) -> Question:
    question = turn.state.questions.get(number)
    if question is None:
        raise UnknownThing("There is no such question in this room.", "question")
    return question


def _end(turn: Turn, question: Question) -> None:
    door = turn.state.door
    question.open = False
    if question.counts is None:
        question.answered = _answered(turn, question)
    if door.question == question.id:
        door.question = None
    turn.keep(door, question)


def _counts(turn: Turn, question: Question) -> list[int]:
    counts = [0] * len(question.choices)
    for member in turn.state.members.values():
        if (choice := member.answers.get(question.id)) is not None:
            counts[choice] += 1
    return counts


def _answered(turn: Turn, question: Question) -> list[int]:
    """How many have answered, and of how many; once it is over, of those who were there then."""
    given, of = turn.state.answered(question.id)
    if question.answered is None:
        return [given, of]
    then, of_then = question.answered
    return [given, of_then - (then - given)]


def _everyones_answers(turn: Turn) -> None:
    """Whether each has answered is said anew where another question is on."""
    for member in turn.state.members_in:
        turn.member(member)
