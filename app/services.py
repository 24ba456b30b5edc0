"""What the routes work with: built once in `create_app`, reached through `Services`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.assets import Assets
from app.lessons import Lesson
from app.limits import Refusals
from app.settings import Settings
from app.store import Store
from app.training.backend import TrainingBackend
from app.training.jobs import Jobs
from app.training.learners import Learners


@dataclass(frozen=True)
class AllServices:
    """Everything a route may need."""

    settings: Settings
    backend: TrainingBackend
    learners: Learners
    jobs: Jobs
    store: Store
    assets: Assets
    lessons: Mapping[str, Lesson]
    refusals: Refusals


def _services(connection: HTTPConnection) -> AllServices:
    return cast("AllServices", connection.app.state.services)


Services = Annotated[AllServices, Depends(_services)]
