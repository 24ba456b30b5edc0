"""Experiments worth seeing: those that work, and those that fail for an instructive reason.

They are in `lessons/presets.toml`. A test trains every one and checks its sentence.
"""

from typing import Any

from app.content.lessons import LESSONS, check_run, words_of
from app.schemas import IterationsPerFrame, Schema, TrainRequest


class Preset(Schema):
    """One experiment.

    Attributes:
        name: Short and stable, for addresses.
        title: A few words.
        look_for: One plain sentence.
        works: Whether it learns what it should.
        iterations_per_frame: How fast it is best seen.
        run: A part of a `POST /train` body.
    """

    name: str
    title: str
    look_for: str
    works: bool
    iterations_per_frame: IterationsPerFrame = 5
    run: TrainRequest

    def words(self) -> dict[str, Any]:
        """For the catalogue: the run's own words beside the name, the title and the sentence."""
        run = self.run.model_dump(exclude_unset=True, warnings=False)
        return {**run, **self.model_dump(exclude={"run"}, warnings=False)}


class Presets(Schema):
    """All of them, as they stand in their file."""

    preset: list[Preset]


def presets_of(toml: str) -> list[Preset]:
    """The presets of a file.

    Raises:
        LessonError: something in it is not right.
    """
    presets = words_of(Presets, toml, "presets.toml").preset
    for preset in presets:
        check_run(preset.run, f"presets.toml: {preset.name}: run")
    return presets


PRESETS = presets_of((LESSONS / "presets.toml").read_text("utf-8"))
