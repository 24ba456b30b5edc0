"""Eyes here, for the sessions: which messages of a member's stream wait, and which do not.

A host pauses the sessions of a held room without forgetting which of them played. What only looks
goes on; what trains or changes is refused with `held`; a sweep waits, as it is no more than work
that is put off. The one thing that changes is what the teacher sent: it is set up, and held.
"""

from app.classroom.errors import Held
from app.classroom.state import State
from app.schemas import Ack, Cancel, Check, Configure, Inspect, Message, Sweep, View

LOOKING: tuple[type[Message], ...] = (View, Ack, Inspect, Check, Cancel, Sweep)
"""What a held session takes; a new kind of message is not among them by itself."""


def refusal(state: State, message: Message, experiment: int | None = None) -> Held | None:
    """Why a message for a member's session has to be refused now; None if it has not.

    Args:
        experiment: The number that a `configure` carries.
    """
    if not state.held or isinstance(message, LOOKING):
        return None
    sent = state.experiment
    if isinstance(message, Configure) and sent is not None and experiment == sent.number:
        return None
    return Held()
