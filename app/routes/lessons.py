"""The lessons."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.errors import NotFound
from app.services import Services

router = APIRouter(prefix="/lessons", tags=["lecture"])


class Summary(BaseModel):
    """A lesson in the list of lessons."""

    name: str
    title: str
    part: str
    minutes: int
    steps: int
    start: dict[str, Any] = Field(
        description="what its picture is made of: its data, or some of its own points, and layers"
    )


class Unread(BaseModel):
    """A file that is no lesson, and why."""

    file: str
    detail: str


class Lessons(BaseModel):
    """All lessons, in their order, and the files that can't be read."""

    lessons: list[Summary]
    unread: list[Unread]


@router.get("", summary="The lessons")
async def list_lessons(services: Services) -> Lessons:
    """Name, title, part of the lecture, minutes and number of steps of each, in their order."""
    return Lessons(
        lessons=[Summary(**lesson.summary()) for lesson in services.lessons.values()],
        unread=[Unread(file=file.file, detail=file.detail) for file in services.lessons.unread],
    )


@router.get("/{name}", summary="A lesson")
async def show_lesson(services: Services, name: str) -> dict[str, Any]:
    """All of one lesson: what it sets up, its steps, and the conditions that end them."""
    lesson = services.lessons.get(name)
    if lesson is None:
        raise NotFound(f"there is no lesson {name!r:.80}; GET /lessons lists them")
    return lesson.as_json()
