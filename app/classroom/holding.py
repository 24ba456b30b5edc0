"""Eyes here, for the sessions: which messages of a member's stream wait, and which do not.

A host pauses the sessions of a held room without forgetting which of them played. What only looks
goes on (`LOOKING`); what trains or changes is refused with `held`; a sweep waits, as it is no more
than work that is put off. The one thing that changes is what the teacher sent: it is set up, and
held. A host refuses by the same table, so that nothing trains that was under way.
"""

from app.classroom.state import State
from app.errors import Held
from app.schemas import Configure, Message
from app.training.messages import LOOKING


def sent(state: State, message: Message) -> int | None:
    """The number of what was sent, if that is what a message sets up."""
    if state.experiment is None or not isinstance(message, Configure):
        return None
    number = state.experiment.number
    return number if message.experiment == number else None


def refusal(state: State, message: Message) -> Held | None:
    """Why a message for a member's session has to be refused now; None if it has not."""
    if not state.held or isinstance(message, LOOKING) or sent(state, message) is not None:
        return None
    return Held()
