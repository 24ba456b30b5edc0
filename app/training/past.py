"""What is still known of a run on the way to where it is: how large its gradients were.

Frames have that only while somebody asks for it; whoever asks later gets it from the states that
the session keeps to seek from, at most 64 of them. What if the network is large: fewer of them,
evenly spread, so that it never takes longer than one inspection.
"""

import math
from typing import Any

import nncore
from app.schemas import Recall
from app.training.session import Session

MOST_WORK = 50_000_000
"""states × (parameters + units) × examples: about 0.1 s."""


def recalled(session: Session, message: Recall) -> dict[str, Any]:
    """The `recalled` message."""
    examples = session.examples
    X, Y = (of[:, examples.train] for of in (examples.X, examples.Y))
    past = session.past(message.run)
    network = session.runs[message.run].initial
    work = (network.parameter_count + sum(network.layer_sizes)) * examples.train.size
    every = math.ceil(len(past) / max(1, MOST_WORK // work))
    # Counted from the end: where the run is now is among them.
    chosen = past[::-1][::every][::-1]
    return {
        "type": "recalled",
        "run": message.run,
        "iterations": [iteration for iteration, _ in chosen],
        "gradient_norms": [
            [look.gradient_norm for look in nncore.diagnose(network, X, Y)] for _, network in chosen
        ],
    }
