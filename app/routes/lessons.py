"""The lessons."""

from typing import Any

from fastapi import APIRouter

from app.errors import NotFound
from app.services import Services

router = APIRouter(prefix="/lessons", tags=["lecture"])


@router.get("", summary="The lessons")
async def list_lessons(services: Services) -> dict[str, Any]:
    """Name, title, part of the lecture, minutes and number of steps of each, in their order."""
    return {"lessons": [lesson.summary() for lesson in services.lessons.values()]}


@router.get("/{name}", summary="A lesson")
async def show_lesson(services: Services, name: str) -> dict[str, Any]:
    """All of one lesson: what it sets up, its steps, and the conditions that end them."""
    lesson = services.lessons.get(name)
    if lesson is None:
        raise NotFound(f"there is no lesson {name!r:.80}; GET /lessons lists them")
    return lesson.told()
