"""Experiments worth seeing: those that work, and those that fail for an instructive reason.

They are in `lessons/presets.toml`. A test trains every one and checks its sentence.
"""

import tomllib
from dataclasses import asdict, dataclass
from typing import Any

from app.content.assets import ROOT
from app.schemas import TrainRequest, check_plan


@dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        name: Short and stable, for addresses.
        title: A few words.
        look_for: One plain sentence.
        works: Whether it learns what it should.
        run: A part of a `POST /train` body.
        iterations_per_frame: How fast it is best seen.

    Raises:
        ValueError: such a run can't be started.
    """

    name: str
    title: str
    look_for: str
    works: bool
    run: dict[str, Any]
    iterations_per_frame: float = 5

    def __post_init__(self) -> None:
        check_plan(self.request.plan(), one_run=True)

    @property
    def request(self) -> TrainRequest:
        """The run, with everything that is left out."""
        return TrainRequest.model_validate(self.run)

    def words(self) -> dict[str, Any]:
        """For the catalogue: the run's own words beside the name, the title and the sentence."""
        words = asdict(self)
        return {**words.pop("run"), **words}


PRESETS = tuple(
    Preset(**words)
    for words in tomllib.loads((ROOT / "lessons" / "presets.toml").read_text("utf-8"))["preset"]
)
