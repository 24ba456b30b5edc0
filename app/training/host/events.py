"""What a host says of a session: messages, frames, progress, checkpoints."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from app import wire
from app.conditions import Facts
from app.errors import Lost
from app.schemas import View
from app.training.checkpoints import NO_PLAN
from app.training.facts import setup_of
from app.training.host.hosted import INTERVAL, Hosted, Reader
from app.training.messages import (
    Checkpointed,
    Event,
    Frame,
    Glimpse,
    Look,
    Position,
    Progress,
    Status,
    Text,
)

DIAGNOSE_EVERY = 0.1
DIAGNOSING = 0.1
"""The share of a processor's time that one reader's frames with diagnostics may take."""


def configured(
    hosted: Hosted, *, resumed: bool, from_checkpoint: bool = False, setup: bool = False
) -> dict[str, object]:
    """All there is to know of a session before its frames."""
    session = hosted.configured
    description = session.description()
    return {
        **({"setup": setup_of(session)} if setup else {}),
        "type": "configured",
        "session": hosted.name,
        "resumed": resumed,
        "from_checkpoint": from_checkpoint,
        "iteration": session.iteration,
        "playing": hosted.plays,
        "held": hosted.held,
        "iterations_per_frame": hosted.iterations_per_frame,
        "data": description["data"],
        "runs": [
            {**described, "state": run.state}
            for described, run in zip(description["runs"], session.runs, strict=True)
        ],
    }


def state(hosted: Hosted) -> list[Event]:
    """Whether it trains, and how its runs are; said to every reader."""
    runs = hosted.session.runs if hosted.session else []
    hosted.said_to_have_ended = hosted.session.ended_runs if hosted.session else set()
    message = {
        "type": "state",
        "playing": hosted.plays,
        "held": hosted.held,
        "iteration": hosted.session.iteration if hosted.session else 0,
        "iterations_per_frame": hosted.iterations_per_frame,
        "runs": [run.state for run in runs],
    }
    return [Text.of(hosted.name, None, message)]


def over(hosted: Hosted) -> list[Event]:
    """Say that there is nothing left to train."""
    hosted.halt()
    hosted.everyone_wants()
    for reader in hosted.readers.values():
        reader.hears_end = True
    hosted.changed = True
    return state(hosted)


def ended(hosted: Hosted, reader: Reader) -> list[Event]:
    """Why nothing is left to train, for a reader that has the last frame and has not heard it.

    What began again meanwhile has not ended: then there is nothing to hear.
    """
    hears, reader.hears_end = reader.hears_end, False
    if not hears or hosted.configured.ended is None:
        return []
    reason, detail = hosted.configured.ended
    message = {
        "type": "ended",
        "iteration": hosted.configured.iteration,
        "reason": reason,
        "detail": detail,
    }
    return [Text.of(hosted.name, reader.name, message)]


def failed(
    hosted: Hosted, why: str = "the training of this session failed and was stopped"
) -> list[Event]:
    """Something is wrong with the program, not with what was asked; this session ends."""
    iteration = hosted.session.iteration if hosted.session else 0
    lost = Lost(f"{why}; configure it anew")
    hosted.session = hosted.look = None
    hosted.halt()
    return [
        Text.of(hosted.name, None, lost.message()),
        Progress(hosted.name, "failed", iteration, detail=lost.detail),
    ]


def progress(hosted: Hosted) -> Progress:
    """How far its first run is, as REST says it."""
    session = hosted.configured
    run = session.runs[0]
    diverged, stopped = run.trainer.diverged, run.trainer.stopped
    status: Status = "diverged" if diverged else "running" if session.left else "finished"
    score = run.score
    return Progress(
        hosted.name,
        status,
        session.iteration,
        score.train_cost,
        score.train_accuracy,
        score.test_cost,
        score.test_accuracy,
        score.train_confusion,
        score.test_confusion,
        detail=diverged.reason if diverged else stopped.detail if stopped else None,
    )


def frame(hosted: Hosted, reader: Reader, now: float, clock: Callable[[], float]) -> Frame:
    """The next frame for a reader.

    Args:
        clock: Says how long the diagnostics took.
    """
    session = hosted.configured
    position = reader.position
    moving = hosted.moving
    diagnostics = reader.view.diagnostics and not (moving and now < reader.next_diagnosis_at)
    data = wire.pack(
        session.frame(
            position.frame,
            position.costs,
            reader.view,
            diagnostics=diagnostics,
            still=not moving,
        ),
        reader.view.encoding,
        still=not moving,
    )
    if diagnostics:
        took = clock() - now
        reader.next_diagnosis_at = now + max(DIAGNOSE_EVERY, took / DIAGNOSING)
    reader.position = Position(session.iteration, position.frame + 1, position.acknowledged)
    reader.wants = False
    reader.next_frame_at = max(reader.next_frame_at, now - INTERVAL) + INTERVAL
    hosted.framed_at, hosted.unframed = now, 0
    return Frame(hosted.name, reader.name, position.frame, session.iteration, data)


def checkpointed(hosted: Hosted, now: float) -> Checkpointed:
    """A checkpoint, with the costs since the last one."""
    session = hosted.configured
    checkpoint = hosted.checkpoint(hosted.kept_costs)
    same_plan = hosted.kept_plan is session.plan
    if same_plan:
        checkpoint = replace(checkpoint, plan=NO_PLAN)
    hosted.kept_plan = session.plan
    hosted.kept_costs = checkpoint.iteration
    hosted.kept_at, hosted.changed = now, False
    return Checkpointed(hosted.name, checkpoint, same_plan)


def glimpse(hosted: Hosted, facts: Facts, look: Look | None = None) -> Glimpse:
    """How a session's first run is, and its picture if somebody looks and asks for one."""
    session, setup, boundary = hosted.configured, None, None
    if look is not None and look.resolution is not None:
        setup = setup_of(session)
        if (features := session.examples.features) is not None:
            network, scale = session.runs[0].network, session.examples.scale
            view = _glimpse_view(look.resolution)
            boundary = wire.pictures(network, view, features, scale)["boundary"]
    moving, experiment = hosted.moving, hosted.experiment
    return Glimpse(hosted.name, facts, moving, experiment, setup, boundary, at_once=look is None)


@lru_cache(maxsize=8)
def _glimpse_view(resolution: int) -> View:
    return View(resolution=resolution, encoding="differences")


def size_of(event: Event) -> int:
    """About how many bytes an event has."""
    match event:
        case Text():
            return len(event.json)
        case Frame():
            return len(event.data)
        case Checkpointed():
            return event.part.size
    return 0
