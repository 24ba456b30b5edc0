"""The results of a room as a table: a row for each member and task, question or predicted step.

An answer is in it once it is shown to the class; before that nobody sees how anybody chose.
"""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from app.classroom.state import Mark, Member, Question, State

COLUMNS = (
    "member",
    "name",
    "kind",
    "what",
    "answer",
    "solved",
    "at",
    "iteration",
    "cost",
    "train_accuracy",
    "test_accuracy",
    "link",
)
Cell = str | float | None


def results_csv(state: State, link: Callable[[Member], str | None] = lambda member: None) -> str:
    """The table as text.

    Args:
        link: Where a member's network can be seen, if it was kept.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for member in state.members.values():
        # Who is not in and has not come either has done nothing; who was removed is not named.
        if member.standing == "removed" or (member.standing == "left" and not member.came):
            continue
        address = link(member)
        for row in _rows(state, member):
            cells = [member.number, member.name, *row, address]
            table.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _rows(state: State, member: Member) -> Iterator[list[Cell]]:
    """What, answer, whether solved, when, and how the run was."""
    for task in state.tasks.values():
        mark = member.marks.get(task.id)
        how = "reported" if mark and mark.reported else "yes" if mark else "no"
        yield ["task", task.title, None, how, *_numbers(mark)]
    for question in state.questions.values():
        again = f" (round {question.round})" if question.round > 1 else ""
        answer, right = _answer(question, member)
        yield ["question", f"{question.text}{again}", answer, right, *_numbers(None)]
    lesson = state.lesson
    if lesson is None or member.lesson != lesson.number:
        return
    for number, choice in sorted(member.predictions.items()):
        what = f"{lesson.title}, step {number}"
        yield ["prediction", what, str(choice + 1), None, *_numbers(member.steps.get(number))]


def _answer(question: Question, member: Member) -> tuple[str | None, str | None]:
    """What was chosen, and whether it is right; neither before it is shown."""
    choice = member.answers.get(question.id)
    if choice is None or question.counts is None:
        return None, None
    right = None if question.right is None else "yes" if choice == question.right else "no"
    return question.choices[choice], right


def _numbers(mark: Mark | None) -> list[Cell]:
    if mark is None:
        return [None] * 5
    at = datetime.fromtimestamp(mark.at, UTC).isoformat(timespec="seconds")
    return [at, mark.iteration, mark.cost, mark.train_accuracy, mark.test_accuracy]


def _harmless(cell: Cell) -> Cell:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@") else cell
